"""Pages for people who are signed in: no session leads to the sign-in, and back to the same place."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlsplit

from authlib.integrations.base_client import OAuthError
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from hie.auth.pages import cookie_of
from hie.auth.sessions import end_session
from hie.records.exchange import Exchange
from hie.web import session, sign_in
from hie.web.fhir_client import FhirClient, Refused, oauth_client
from hie.web.form import Form, UnreadableForm, form_of
from hie.web.language import language_of
from hie.web.local_path import place_of
from hie.web.page import redirect, render
from hie.web.portal import Portal
from hie.web.record.moment import CHINA
from hie.web.record.outcome import messages
from hie.web.session import Session


@dataclass(frozen=True, slots=True)
class Reader:
    """The person at the browser: the request, the session, and the FHIR API under their token."""

    request: Request
    portal: Portal
    session: Session
    fhir: FhirClient

    async def form(self) -> Form:
        """The form that was posted. Raises `UnreadableForm`, which becomes a page."""
        return await form_of(self.request)

    @property
    def patient(self) -> str:
        """The golden Patient id of whom the portal shows."""
        return str(self.session.content["patient"])

    @property
    def own(self) -> str:
        """The golden Patient id of the resident who signed in."""
        return str(self.session.content["user"]).rpartition("Patient/")[2]

    @property
    def acting(self) -> bool:
        """Whether a resident looks at the record of somebody else, for whom they act."""
        return self.portal.name == "resident" and self.own != self.patient

    async def keep_session(self) -> None:
        """Store what was changed in the session's content."""
        exchange: Exchange = self.request.app.state.exchange
        async with exchange.store.database.connection() as connection:
            await session.keep(connection, self.session)

    def page(self, template: str, content: dict[str, Any], status: int = 200) -> HTMLResponse:
        """A page of this portal; templates find the session's owner in `reader`."""
        common = {"portal": self.portal, "reader": self, "today": datetime.now(CHINA).date()}
        return render(self.request, template, {**common, **content}, status)


Page = Callable[[Reader], Awaitable[Response]]


def from_own_pages(request: Request) -> bool:
    """Whether a form comes from this site: a second guard beside the SameSite cookie.

    https://cheatsheetseries.owasp.org/cheatsheets/Cross-Site_Request_Forgery_Prevention_Cheat_Sheet.html
    """
    if site := request.headers.get("sec-fetch-site"):
        return site == "same-origin"
    try:
        return urlsplit(request.headers.get("origin", "")).netloc == request.headers.get("host")
    except ValueError:
        return False


async def _session(request: Request, portal: Portal) -> Session | None:
    exchange: Exchange = request.app.state.exchange
    cookie = request.cookies.get(portal.cookie, "")
    async with exchange.store.database.connection() as connection:
        return await session.find(connection, f"{portal.name}:signed-in", cookie)


def _to_sign_in(request: Request, portal: Portal) -> Response:
    place = place_of(request) if request.method == "GET" else portal.home
    return redirect(f"{portal.home}/login?to={quote(place, safe='')}")


def _refusal(request: Request, portal: Portal, status: int, said: list[str]) -> Response:
    if status == 401:
        return _to_sign_in(request, portal)
    content = {"portal": portal, "status": status, "messages": said}
    return render(request, "refused.html", content, status if status < 500 else 502)


def signed_in(portal: Portal, page: Page) -> sign_in.Endpoint:
    """An endpoint that shows `page` to whoever is signed in to the portal."""

    async def endpoint(request: Request) -> Response:
        if request.method == "POST" and not from_own_pages(request):
            return render(request, "forbidden.html", {"portal": portal}, 403)
        found = await _session(request, portal)
        if found is None:
            return _to_sign_in(request, portal)
        exchange: Exchange = request.app.state.exchange
        language = language_of(request)
        try:
            async with oauth_client(request, portal, found.content["token"]) as client:
                fhir = FhirClient(client, exchange.settings.fhir_base, language)
                return await page(Reader(request, portal, found, fhir))
        except OAuthError:
            return _to_sign_in(request, portal)
        except UnreadableForm as error:
            status, said = error.status, [error.text.in_language(language)]
        except Refused as error:
            status, said = error.status, messages(error.outcome, language)
        return _refusal(request, portal, status, said)

    return endpoint


async def sign_out(reader: Reader) -> Response:
    """End the session here and at the authorization server."""
    exchange: Exchange = reader.request.app.state.exchange
    async with exchange.store.database.connection() as connection:
        await session.end(connection, reader.session)
        if (cookie := cookie_of(reader.request)) is not None:
            await end_session(connection, cookie)
    await sign_in.revoke(reader.request, reader.portal, reader.session.content["token"])
    response = redirect("/")
    response.delete_cookie(reader.portal.cookie, path=reader.portal.home)
    return response
