"""Pages that people see: language, cookies, forgery protection and headers.

Pages work without JavaScript and none is allowed. The form token is derived from the cookie, which
another site can send but not read.
https://cheatsheetseries.owasp.org/cheatsheets/Cross-Site_Request_Forgery_Prevention_Cheat_Sheet.html
"""

import hmac
from collections.abc import Callable, Mapping
from functools import cache
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from hie.auth.answers import Endpoint
from hie.auth.exchange import settings_of
from hie.auth.failures import OAuthError, PageError, RedirectedError, TooManyRequests
from hie.auth.secret import new_secret
from hie.errors import Text

LANGUAGE_COOKIE = "lang"
_YEAR = 365 * 86400


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("hie.auth"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def language_of(request: Request) -> str:
    """`zh` or `en`: what was chosen, else what the browser prefers, else Chinese."""
    for chosen in (request.query_params.get("lang"), request.cookies.get(LANGUAGE_COOKIE)):
        if chosen in ("zh", "en"):
            return chosen
    for preferred in request.headers.get("accept-language", "").lower().split(","):
        if preferred.strip().startswith(("zh", "en")):
            return preferred.strip()[:2]
    return "zh"


def is_secure(request: Request) -> bool:
    """Whether people reach the exchange by https."""
    return settings_of(request).public_base_url.startswith("https://")


def cookie_name(request: Request) -> str:
    """`__Host-` keeps other hosts of the domain from planting the cookie; it needs https."""
    return "__Host-hie_login" if is_secure(request) else "hie_login"


def cookie_of(request: Request) -> str | None:
    """The browser's cookie, of a session or of somebody who has not signed in yet."""
    return request.cookies.get(cookie_name(request))


def form_token(cookie: str) -> str:
    """The token that a form of this browser carries."""
    return hmac.new(cookie.encode(), b"form", sha256).hexdigest()


def check_form_token(request: Request, given: str | None) -> None:
    """Raise `PageError` unless the form was shown to this browser by this server."""
    cookie = cookie_of(request)
    # As bytes: of text, what is not ASCII cannot be compared.
    if not (cookie and given and hmac.compare_digest(form_token(cookie).encode(), given.encode())):
        raise PageError(
            403,
            "This form is not valid any more. Please go back, reload the page and try again.",
            "表单已失效，请返回并刷新页面后重试。",
        )


def set_cookie(request: Request, response: Response, value: str) -> None:
    """Give the browser its cookie; it ends with the browser, the server decides earlier."""
    response.set_cookie(
        cookie_name(request),
        value,
        path="/",
        secure=is_secure(request),
        httponly=True,
        samesite="lax",
    )


def _policy(form_targets: tuple[str, ...]) -> str:
    # A form's redirects count as its targets, too, so the app's address has to be named.
    targets = " ".join(("'self'", *form_targets))
    return (
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; "
        f"frame-ancestors 'none'; form-action {targets}"
    )


def form_target(redirect_uri: str) -> str:
    """The source expression of a redirect address. https://www.w3.org/TR/CSP3/#source-lists"""
    parts = urlsplit(redirect_uri)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else f"{parts.scheme}:"


def _other_language(request: Request, language: str) -> str:
    pairs = [(n, v) for n, v in parse_qsl(request.url.query) if n != "lang"]
    return "?" + urlencode([*pairs, ("lang", "en" if language == "zh" else "zh")])


def render(
    request: Request,
    template: str,
    values: Mapping[str, Any] | None = None,
    *,
    status: int = 200,
    form_targets: tuple[str, ...] = (),
) -> Response:
    """A page of `hie/auth/templates` in the person's language, with its headers and cookies."""
    language = language_of(request)
    cookie = cookie_of(request) or new_secret()

    def say(en: str | Text, zh: str = "") -> str:
        text = en if isinstance(en, Text) else Text(en, zh)
        return text.in_language(language)

    say_function: Callable[..., str] = say
    html = (
        _environment()
        .get_template(template)
        .render(
            {
                "say": say_function,
                "language": language,
                "other_language": _other_language(request, language),
                "query": request.url.query,
                "form_token": form_token(cookie),
                **(values or {}),
            }
        )
    )
    response = HTMLResponse(html, status)
    response.headers.update(
        {
            "cache-control": "no-store",
            "content-security-policy": _policy(form_targets),
            "content-language": "zh-CN" if language == "zh" else "en",
            "referrer-policy": "no-referrer",
            "x-content-type-options": "nosniff",
            "x-frame-options": "DENY",
        }
    )
    if cookie_of(request) is None:
        set_cookie(request, response, cookie)
    if request.query_params.get("lang") == language:
        response.set_cookie(
            LANGUAGE_COOKIE,
            language,
            max_age=_YEAR,
            path="/",
            secure=is_secure(request),
            httponly=True,
            samesite="lax",
        )
    return response


def see_other(target: str) -> Response:
    """Go there with GET; nothing of this step is kept."""
    return RedirectResponse(
        target, 303, headers={"cache-control": "no-store", "referrer-policy": "no-referrer"}
    )


def with_parameters(uri: str, parameters: Mapping[str, str | None]) -> str:
    """`uri` with these parameters added to its query."""
    added = urlencode({name: value for name, value in parameters.items() if value is not None})
    return f"{uri}{'&' if urlsplit(uri).query else '?'}{added}"


def for_people(endpoint: Endpoint) -> Endpoint:
    """An endpoint in the browser: refusals become a page, or go back to the app that asked."""

    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except RedirectedError as error:
            return see_other(
                with_parameters(
                    error.redirect_uri,
                    {
                        "error": error.cause.error,
                        "error_description": error.cause.text.en,
                        "state": error.state,
                        "iss": settings_of(request).public_base_url,
                    },
                )
            )
        except PageError as error:
            return render(request, "problem.html", {"message": error.text}, status=error.status)
        except OAuthError as error:
            response = render(request, "problem.html", {"message": error.text}, status=error.status)
            if isinstance(error, TooManyRequests):
                response.headers["retry-after"] = str(error.seconds)
            return response

    return answer
