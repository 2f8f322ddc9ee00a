"""Reading a request's body within bounds. https://www.rfc-editor.org/rfc/rfc9110#section-15.5.14"""

from starlette.requests import ClientDisconnect, Request

from hie.errors import problem
from hie.rest.negotiate import XML_TYPES, media_type
from hie.rest.xml import from_xml

LARGEST_RESOURCE = 16 * 1024 * 1024
LARGEST_BUNDLE = 256 * 1024 * 1024


async def read_body(request: Request, largest: int) -> bytes:
    """The whole body, XML as JSON text.

    Problem 400 if it breaks off; 413 once it is known to exceed `largest` bytes; 415 if it is
    compressed, because a few bytes could then stand for any number.
    """
    encoding = request.headers.get("content-encoding", "identity")
    if encoding != "identity":
        raise problem(
            415,
            "not-supported",
            f"The body is sent as {encoding[:40]}; send it uncompressed",
            f"请求体使用了 {encoding[:40]} 编码，请不要压缩",
            "Content-Encoding",
        )
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > largest:
        raise _too_large(largest)
    try:
        body = await _whole(request, largest)
    except ClientDisconnect as error:
        raise problem(
            400,
            "incomplete",
            "The body ended before all of it had come; send it again",
            "请求体未传完即中断，请重新发送",
        ) from error
    sent = media_type(request.headers.get("content-type", ""))
    return from_xml(body) if sent in XML_TYPES else body


async def _whole(request: Request, largest: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > largest:
            raise _too_large(largest)
        parts.append(part)
    return b"".join(parts)


def _too_large(largest: int) -> Exception:
    kibibytes = largest // 1024
    limit = f"{kibibytes} KiB" if kibibytes < 1024 else f"{kibibytes // 1024} MiB"
    return problem(
        413,
        "too-long",
        f"The body is larger than {limit}; send it in parts",
        f"请求体超过 {limit}，请分批发送",
    )
