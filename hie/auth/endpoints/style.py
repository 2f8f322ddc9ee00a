"""The style sheet of the pages; a strict content policy allows no inline style."""

from functools import cache
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response

PATH = "/oauth/style.css"


@cache
def _content() -> bytes:
    return files("hie.auth").joinpath("templates/style.css").read_bytes()


async def style(_: Request) -> Response:
    """The style sheet."""
    return Response(
        _content(),
        media_type="text/css",
        headers={"cache-control": "public, max-age=3600", "x-content-type-options": "nosniff"},
    )
