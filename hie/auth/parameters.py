"""Request parameters as OAuth wants them: each at most once, and only as many as one can read.

https://www.rfc-editor.org/rfc/rfc6749#section-3.1
"""

from collections.abc import Collection, Iterable
from urllib.parse import parse_qsl, unquote_plus

from starlette.requests import ClientDisconnect, Request

from hie.auth.failures import OAuthError

LARGEST_BODY = 64 * 1024
MOST_FIELDS = 200
LONGEST_NAME = 60
"""So much of a parameter's name stands in what is said of it."""
FORM_TYPE = "application/x-www-form-urlencoded"

Pairs = list[tuple[str, str]]


def read_pairs(text: str) -> Pairs:
    """The pairs of a query string or form. `OAuthError` if it is malformed or too long."""
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict")
    except UnicodeDecodeError as error:
        name = _not_utf_8(text)
        raise OAuthError(
            "invalid_request",
            f"The parameter {name!a} is not UTF-8.",
            f"参数 {name!a} 不是 UTF-8 文本。",
        ) from error
    except ValueError as error:
        raise OAuthError(
            "invalid_request",
            f"There are more than {MOST_FIELDS} parameters.",
            f"参数超过 {MOST_FIELDS} 个。",
        ) from error
    for name, value in pairs:
        if "\0" in name or "\0" in value:
            raise OAuthError(
                "invalid_request",
                f"The parameter {name[:LONGEST_NAME]!a} holds a NUL.",
                f"参数 {name[:LONGEST_NAME]!a} 中含有空字符。",
            )
    return pairs


def _not_utf_8(text: str) -> str:
    """The name, as it stands there, of the first parameter whose text cannot be decoded."""
    for pair in text.split("&"):
        try:
            unquote_plus(pair, errors="strict")
        except UnicodeDecodeError:
            return pair.partition("=")[0][:LONGEST_NAME]
    return ""


async def read_body(request: Request) -> bytes:
    """The body. `OAuthError` if it is too large or breaks off."""
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > LARGEST_BODY:
                raise OAuthError("invalid_request", "The body is too large.", "请求体过大。", 413)
    except ClientDisconnect as error:
        raise OAuthError(
            "invalid_request", "The body ended early.", "请求体未传完即中断。"
        ) from error
    return bytes(body)


async def read_form(request: Request) -> Pairs:
    """The pairs of a form body. `OAuthError` if it is something else or too large."""
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != FORM_TYPE:
        raise OAuthError(
            "invalid_request", f"The body has to be {FORM_TYPE}.", f"请求体必须是 {FORM_TYPE}。"
        )
    body = await read_body(request)
    try:
        return read_pairs(body.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise OAuthError(
            "invalid_request",
            f"The body is not UTF-8 from its byte {error.start} on.",
            f"请求体自第 {error.start} 字节起不是 UTF-8 文本。",
        ) from error


def once(pairs: Iterable[tuple[str, str]], *, repeatable: Collection[str] = ()) -> dict[str, str]:
    """The parameters by name; empty ones count as absent. `OAuthError` if one is given twice."""
    found: dict[str, str] = {}
    for name, value in pairs:
        if name in repeatable:
            continue
        if name in found:
            raise OAuthError(
                "invalid_request",
                f"The parameter {name[:LONGEST_NAME]!a} is given more than once.",
                f"参数 {name[:LONGEST_NAME]!a} 重复。",
            )
        found[name] = value
    return {name: value for name, value in found.items() if value}
