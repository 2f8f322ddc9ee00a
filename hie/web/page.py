"""Rendering pages, with the headers that keep them private.

Content Security Policy: https://www.w3.org/TR/CSP3/ - no inline script or style, nothing from elsewhere.
"""

from collections.abc import Mapping
from functools import lru_cache
from hashlib import blake2b
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from hie.errors import Text
from hie.web.language import language_of
from hie.web.local_path import place_of
from hie.web.wording import WORDING

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; "
    "img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}

_environment = Environment(
    loader=PackageLoader("hie.web"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


@lru_cache
def asset(name: str) -> str:
    """The address of a static file, which changes when its content does."""
    content = files("hie.web").joinpath("static", name).read_bytes()
    return f"/static/{name}?v={blake2b(content, digest_size=6).hexdigest()}"


def render(
    request: Request, template: str, content: Mapping[str, Any], status: int = 200
) -> HTMLResponse:
    """The page made from a template. In it, `t(key)` is our wording and `say(text)` a `Text`'s."""
    language = language_of(request)

    def wording(key: str, **values: object) -> str:
        return WORDING[key].format(**values).in_language(language)

    def say(text: Text) -> str:
        return text.in_language(language)

    html = _environment.get_template(template).render(
        content, t=wording, say=say, asset=asset, language=language, here=place_of(request)
    )
    return HTMLResponse(html, status, headers={**HEADERS, "Vary": "Cookie, Accept-Language"})


def redirect(location: str) -> Response:
    """See Other, so that the browser follows with GET whatever the request was."""
    return RedirectResponse(location, 303, headers=HEADERS)
