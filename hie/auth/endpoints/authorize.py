"""The authorization endpoint: sign in, look at what the app asks for, approve or refuse.

https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html#obtain-authorization-code
Nothing is remembered between the steps but the query itself, which is read and checked each time.
"""

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from hie.auth.approval import Offer, chosen_scopes, grant, make_offer
from hie.auth.authorization_request import AuthorizationRequest, read_authorization_request
from hie.auth.endpoints.login import login_page, next_factor_page, signed_in_for_this
from hie.auth.exchange import database_of, people_of, settings_of
from hie.auth.explain import choices
from hie.auth.failures import OAuthError, RedirectedError
from hie.auth.occurrences import note
from hie.auth.pages import (
    check_form_token,
    cookie_of,
    for_people,
    form_target,
    render,
    see_other,
    with_parameters,
)
from hie.auth.parameters import Pairs, read_form, read_pairs
from hie.auth.scopes import ScopeSet
from hie.auth.sessions import Session, find_session
from hie.auth.staff_apps import check_request, only_for_staff
from hie.errors import Text
from hie.kit.clock import now
from hie.kit.db import Connection

PATH = "/oauth/authorize"


def _approval_page(
    request: Request,
    asked: AuthorizationRequest,
    session: Session,
    offer: Offer,
    warning: Text | None = None,
) -> Response:
    own = session.account.patient is not None and offer.context.patient == session.account.patient
    return render(
        request,
        "approve.html",
        {
            "client": asked.client,
            "host": form_target(asked.redirect_uri),
            "account": session.account,
            "choices": choices(offer.scopes, own=own),
            "patients": offer.patients,
            "warning": warning,
        },
        status=200 if warning is None else 400,
        form_targets=(form_target(asked.redirect_uri),),
    )


async def _granted(
    conn: Connection,
    request: Request,
    asked: AuthorizationRequest,
    session: Session,
    offer: Offer,
    *,
    scopes: ScopeSet,
) -> Response:
    code = await grant(conn, asked, session, offer, scopes)
    await note(
        conn, request, "app-allowed", account=session.account.login, client_id=asked.client.id
    )
    return see_other(
        with_parameters(
            asked.redirect_uri,
            {"code": code, "state": asked.state, "iss": settings_of(request).public_base_url},
        )
    )


def _recent(asked: AuthorizationRequest, session: Session) -> bool:
    """Whether the app is content with a session that began before it asked."""
    if "login" in asked.prompt:
        return False
    age = (now() - session.signed_in_at).total_seconds()
    return asked.max_age is None or age <= asked.max_age


async def _offer(
    conn: Connection, request: Request, asked: AuthorizationRequest, session: Session
) -> Offer:
    check_request(settings_of(request), asked.client, session.account.kind, asked.pushed)
    return await make_offer(conn, asked, session.account, people_of(request))


async def _show(conn: Connection, request: Request, asked: AuthorizationRequest) -> Response:
    if only_for_staff(asked.client):  # no need to sign in to learn that it will not do
        check_request(settings_of(request), asked.client, "staff", asked.pushed)
    session = await find_session(conn, settings_of(request), cookie_of(request))
    if "none" in asked.prompt:  # https://openid.net/specs/openid-connect-core-1_0.html#AuthRequest
        if session is None or not session.verified or not _recent(asked, session):
            raise OAuthError("login_required", "Nobody is signed in.", "尚未登录。")
        if not asked.client.trusted:
            raise OAuthError("consent_required", "Approval is needed.", "需要用户授权。")
    if session is None or not (_recent(asked, session) or signed_in_for_this(request)):
        return login_page(request, asked)
    if not session.verified:
        return next_factor_page(request, asked, session)
    offer = await _offer(conn, request, asked, session)
    if asked.client.trusted and not offer.patients and "consent" not in asked.prompt:
        return await _granted(conn, request, asked, session, offer, scopes=offer.scopes)
    return _approval_page(request, asked, session, offer)


async def _decide(
    conn: Connection, request: Request, asked: AuthorizationRequest, pairs: Pairs
) -> Response:
    fields = dict(pairs)
    check_form_token(request, fields.get("form_token"))
    session = await find_session(conn, settings_of(request), cookie_of(request))
    if session is None or not session.verified:
        return see_other(f"{PATH}?{request.url.query}")
    offer = await _offer(conn, request, asked, session)
    if fields.get("decision") != "approve":
        await note(
            conn, request, "app-refused", account=session.account.login, client_id=asked.client.id
        )
        raise OAuthError("access_denied", "The person refused.", "用户拒绝授权。")
    scopes = chosen_scopes(offer, [value for name, value in pairs if name == "scope"])
    if offer.scopes.resources and not scopes.resources:
        warning = Text(
            "Nothing is ticked. Tick at least one entry, or refuse.",
            "您未勾选任何内容。请至少勾选一项，或选择拒绝。",
        )
        return _approval_page(request, asked, session, offer, warning)
    picked = offer.on(fields.get("patient", ""))
    return await _granted(conn, request, asked, session, picked, scopes=scopes)


@for_people
async def authorize(request: Request) -> Response:
    """GET shows the next page of the flow; POST is the person's decision, or an app's request."""
    if request.method == "POST" and not request.url.query:
        # https://hl7.org/fhir/smart-app-launch/STU2.2/conformance.html (authorize-post)
        return see_other(f"{PATH}?{urlencode(await read_form(request))}")
    pairs = read_pairs(request.url.query)
    # Before a connection is held: a body may come slowly, or never.
    decision = await read_form(request) if request.method == "POST" else None
    async with database_of(request).connection() as conn:
        asked = await read_authorization_request(conn, pairs, settings_of(request))
        try:
            if decision is None:
                return await _show(conn, request, asked)
            return await _decide(conn, request, asked, decision)
        except OAuthError as error:
            raise RedirectedError(asked.redirect_uri, asked.state, error) from error
