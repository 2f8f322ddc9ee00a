"""Paths a browser may be sent to: of this site only, so that no link of ours leads elsewhere."""

from urllib.parse import urlsplit

from starlette.requests import Request


def local_path(text: str, within: str = "/") -> str | None:
    """`text` if it is a path of this site at or below `within`, else None.

    Backslashes and control characters are refused: browsers read `/\\host` as another site.
    """
    if not text.startswith("/") or text.startswith("//") or "\\" in text or not text.isprintable():
        return None
    path = urlsplit(text).path
    inside = path == within or path.startswith(within.rstrip("/") + "/")
    return text if inside and ".." not in path.split("/") else None


def place_of(request: Request) -> str:
    """The path and query of this request, to come back to."""
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")
