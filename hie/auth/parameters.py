"""Request parameters as OAuth wants them: each at most once, and only as many as one can read.

https://www.rfc-editor.org/rfc/rfc6749#section-3.1
"""

from collections.abc import Collection, Iterable
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request

from hie.auth.failures import OAuthError

LARGEST_BODY = 64 * 1024
MOST_FIELDS = 200
FORM_TYPE = "application/x-www-form-urlencoded"

Pairs = list[tuple[str, str]]


def read_pairs(text: str) -> Pairs:
    """The pairs of a query string or form. `OAuthError` if it is malformed or too long."""
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict")
    except ValueError as error:
        raise OAuthError(
            "invalid_request", "The parameters cannot be read.", "无法读取请求参数。"
        ) from error
    if any("\0" in name or "\0" in value for name, value in pairs):
        raise OAuthError("invalid_request", "NUL is not allowed.", "参数中不允许有空字符。")
    return pairs


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
            "invalid_request", "The body has to be UTF-8.", "请求体必须是 UTF-8。"
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
                f"The parameter {name[:60]!a} is given more than once.",
                f"参数 {name[:60]!a} 重复。",
            )
        found[name] = value
    return {name: value for name, value in found.items() if value}
