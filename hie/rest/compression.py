"""Large answers compressed, if the caller takes it. https://www.rfc-editor.org/rfc/rfc9110#section-12.5.3

Only those of the FHIR interface: pages that hold a secret beside what somebody else wrote must not be
compressed (https://www.breachattack.com/), and small answers gain nothing.
"""

from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send
from starlette_compress import CompressMiddleware, add_compress_type

from hie.rest.negotiate import FHIR_JSON, FHIR_XML

SMALLEST = 4096
# Levels that a slow link gains from without holding up the other requests of the process.
ZSTD_LEVEL = 3
GZIP_LEVEL = 4

for _kind in (FHIR_JSON, FHIR_XML, "application/fhir+ndjson"):
    add_compress_type(_kind)


async def _answered(scope: Scope, receive: Receive, send: Send) -> None:
    response: Response = scope["response"]
    await response(scope, receive, send)


_compressing = CompressMiddleware(
    _answered, minimum_size=SMALLEST, brotli=False, zstd_level=ZSTD_LEVEL, gzip_level=GZIP_LEVEL
)


async def compressed(response: Response, scope: Scope, receive: Receive, send: Send) -> None:
    """Send the response, by zstd or gzip if it has at least `SMALLEST` bytes."""
    if not isinstance(response, StreamingResponse) and len(response.body) < SMALLEST:
        await response(scope, receive, send)
        return
    scope["response"] = response
    await _compressing(scope, receive, send)
