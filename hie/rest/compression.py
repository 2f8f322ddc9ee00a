"""Large answers compressed, if the caller takes it. https://www.rfc-editor.org/rfc/rfc9110#section-12.5.3

Only those of the FHIR interface: pages that hold a secret beside what somebody else wrote must not be
compressed (https://www.breachattack.com/), and small answers gain nothing.
"""

from collections.abc import Awaitable

from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send
from starlette_compress import CompressMiddleware, add_compress_type

from hie.rest.negotiate import FHIR_JSON, FHIR_XML, GENERIC_TYPES

SMALLEST = 4096
# Levels that a slow link gains from without holding up the other requests of the process.
ZSTD_LEVEL = 3
GZIP_LEVEL = 4

for _kind in (FHIR_JSON, FHIR_XML, "application/fhir+ndjson", *GENERIC_TYPES):
    add_compress_type(_kind)


async def _answered(scope: Scope, receive: Receive, send: Send) -> None:
    response: Response = scope["response"]
    await response(scope, receive, send)


_compressing = CompressMiddleware(
    _answered, minimum_size=SMALLEST, brotli=False, zstd_level=ZSTD_LEVEL, gzip_level=GZIP_LEVEL
)


def compressed(response: Response, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
    """Send the response, by zstd or gzip if it has at least `SMALLEST` bytes."""
    if not isinstance(response, StreamingResponse) and len(response.body) < SMALLEST:
        return response(scope, receive, send)
    scope["response"] = response
    return _compressing(scope, receive, send)
