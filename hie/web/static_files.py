"""Style sheet, script and pictures. Their addresses change with their content (`page.asset`)."""

from collections.abc import MutableMapping
from typing import Any

from starlette.responses import Response
from starlette.staticfiles import StaticFiles

HEADERS = {
    "Cache-Control": "public, max-age=86400",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class PortalFiles(StaticFiles):
    """The package's own static files, with headers that keep them what they are."""

    def __init__(self) -> None:
        super().__init__(packages=[("hie.web", "static")])

    async def get_response(self, path: str, scope: MutableMapping[str, Any]) -> Response:
        response = await super().get_response(path, scope)
        response.headers.update(HEADERS)
        return response
