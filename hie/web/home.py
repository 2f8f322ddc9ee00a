"""The start page, the choice of language, and the page for addresses that lead nowhere."""

from starlette.requests import Request
from starlette.responses import Response

from hie.web.language import COOKIE, LANGUAGES, ONE_YEAR
from hie.web.local_path import local_path
from hie.web.page import asset, redirect, render


async def home(request: Request) -> Response:
    """What this is, and its two doors."""
    return render(request, "home.html", {})


async def choose_language(request: Request) -> Response:
    """Remember the language and go back to the page that asked."""
    response = redirect(local_path(request.query_params.get("to", "")) or "/")
    if (chosen := request.path_params["language"]) in LANGUAGES:
        response.set_cookie(
            COOKIE, chosen, max_age=ONE_YEAR, httponly=True, samesite="lax", path="/"
        )
    return response


async def icon(_: Request) -> Response:
    """For browsers that ask by themselves."""
    return redirect(asset("mark.svg"))


async def missing(request: Request) -> Response:
    """No such page."""
    return render(request, "missing.html", {}, 404)
