"""Large answers compressed, if the caller takes it. https://www.rfc-editor.org/rfc/rfc9110#section-12.5.3

Only below the FHIR base: pages that hold a secret beside what somebody else wrote must not be
compressed (https://www.breachattack.com/), and small answers gain nothing.
"""

from starlette.types import ASGIApp, Receive, Scope, Send
from starlette_compress import CompressMiddleware, add_compress_type

from hie.rest.negotiate import FHIR_JSON, FHIR_XML

SMALLEST = 4096
# Levels that a slow link gains from without holding up the other requests of the process.
ZSTD_LEVEL = 3
GZIP_LEVEL = 4

for _kind in (FHIR_JSON, FHIR_XML, "application/fhir+ndjson"):
    add_compress_type(_kind)


class Compression:
    """zstd or gzip for answers of at least `SMALLEST` bytes."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._compressing = CompressMiddleware(
            app,
            minimum_size=SMALLEST,
            brotli=False,
            zstd_level=ZSTD_LEVEL,
            gzip_level=GZIP_LEVEL,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on."""
        below = scope.get("path", "").startswith("/fhir")
        await (self._compressing if below else self._app)(scope, receive, send)
