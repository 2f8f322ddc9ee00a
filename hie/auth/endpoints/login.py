"""Signing in and out. The query of the authorization request travels along, so that it can go on.

https://cheatsheetseries.owasp.org/cheatsheets/Authentication_Cheat_Sheet.html
"""

import hmac
from hashlib import sha256
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import Response

from hie.auth.accounts import authenticate
from hie.auth.authorization_request import AuthorizationRequest, read_authorization_request
from hie.auth.enrolment import enrol, offered_secret, otpauth_address
from hie.auth.exchange import database_of, settings_of
from hie.auth.limits import check_rate
from hie.auth.occurrences import note
from hie.auth.pages import (
    check_form_token,
    cookie_of,
    for_people,
    form_target,
    render,
    see_other,
    set_cookie,
)
from hie.auth.parameters import once, read_form, read_pairs
from hie.auth.second_factor import check_code
from hie.auth.secret import new_secret
from hie.auth.sessions import (
    Session,
    begin_session,
    end_session,
    find_session,
    must_enrol,
    verify_session,
)
from hie.kit.db import Connection

PATH = "/oauth/login"
CODE_PATH = "/oauth/login/code"
ENROLMENT_PATH = "/oauth/login/enrol"
LOGOUT_PATH = "/oauth/logout"
ACCOUNT_PATH = "/oauth/account"
"""Where people go who sign in without an app that waits."""
_AUTHORIZE_PATH = "/oauth/authorize"
_MARK = "signed_in"


def _provider(request: Request, asked: AuthorizationRequest | None) -> str | None:
    """What residents call the region's own sign-in, if there is one and the app is for them."""
    settings = settings_of(request)
    for_residents = asked is None or "resident" in asked.client.account_kinds
    return settings.identity_provider_name if settings.identity_provider and for_residents else None


def login_page(
    request: Request, asked: AuthorizationRequest | None, *, failed: bool = False, login: str = ""
) -> Response:
    """The form for name and password; `asked` is the app that waits."""
    return render(
        request,
        "login.html",
        {
            "client": asked and asked.client,
            "failed": failed,
            "login": login,
            "provider": _provider(request, asked),
        },
        status=401 if failed else 200,
        form_targets=() if asked is None else (form_target(asked.redirect_uri),),
    )


def next_factor_page(
    request: Request,
    asked: AuthorizationRequest | None,
    session: Session,
    *,
    failed: bool = False,
) -> Response:
    """The form for the one-time code; before it, where that is required, how to come by codes."""
    values: dict[str, object] = {"failed": failed}
    enrolling = must_enrol(settings_of(request), session.account)
    if enrolling:
        secret = offered_secret(settings_of(request), session)
        values.update(secret=secret, address=otpauth_address(secret, session.account.login))
    return render(
        request,
        "enrol.html" if enrolling else "code.html",
        values,
        status=401 if failed else 200,
        form_targets=() if asked is None else (form_target(asked.redirect_uri),),
    )


async def _fields(request: Request) -> dict[str, str]:
    """What the form says. Read before a connection is held: a body may come slowly, or never."""
    return once(await read_form(request)) if request.method == "POST" else {}


async def _asked(conn: Connection, request: Request) -> AuthorizationRequest | None:
    pairs = read_pairs(request.url.query)
    if not any(name == "client_id" for name, _ in pairs):
        return None
    return await read_authorization_request(conn, pairs, settings_of(request))


def _mark(cookie: str) -> str:
    return hmac.new(cookie.encode(), b"signed in", sha256).hexdigest()[:32]


def signed_in_for_this(request: Request) -> bool:
    """Whether the person signed in on the way of this very request, as `prompt=login` wants."""
    cookie, mark = cookie_of(request), request.query_params.get(_MARK, "")
    return cookie is not None and hmac.compare_digest(_mark(cookie).encode(), mark.encode())


def onward(query: str, cookie: str | None = None) -> Response:
    """Back to the authorization request that waits; `cookie` is the one of a new session."""
    pairs = parse_qsl(query, keep_blank_values=True)
    if not any(name == "client_id" for name, _ in pairs):
        return see_other(ACCOUNT_PATH)
    if cookie is not None:
        pairs = [*((name, value) for name, value in pairs if name != _MARK), (_MARK, _mark(cookie))]
    return see_other(f"{_AUTHORIZE_PATH}?{urlencode(pairs)}")


@for_people
async def login(request: Request) -> Response:
    """GET shows the form unless somebody is signed in, POST checks name and password."""
    if request.method == "POST":
        check_rate(request, "sign-in")
    fields = await _fields(request)
    async with database_of(request).connection() as conn:
        asked = await _asked(conn, request)
        if request.method != "POST":
            session = await find_session(conn, settings_of(request), cookie_of(request))
            if session is None or not session.verified:
                return login_page(request, asked)
            return onward(request.url.query)
        check_form_token(request, fields.get("form_token"))
        name = fields.get("login", "").strip()
        account = await authenticate(conn, name, fields.get("password", ""))
        if account is None:
            await note(conn, request, "sign-in-refused", account=name)
            return login_page(request, asked, failed=True, login=name)
        cookie = await begin_session(
            conn, settings_of(request), account, request.headers.get("user-agent", "")
        )
        if not (account.has_second_factor or must_enrol(settings_of(request), account)):
            await note(conn, request, "signed-in", account=account.login)
    response = onward(request.url.query, cookie)
    set_cookie(request, response, cookie)
    return response


@for_people
async def second_factor(request: Request) -> Response:
    """POST checks the one-time code of the session that waits for it."""
    if request.method == "POST":
        check_rate(request, "sign-in")
    fields = await _fields(request)
    async with database_of(request).connection() as conn:
        asked = await _asked(conn, request)
        session = await find_session(conn, settings_of(request), cookie_of(request))
        if session is None or request.method != "POST":
            return (
                login_page(request, asked)
                if session is None
                else next_factor_page(request, asked, session)
            )
        check_form_token(request, fields.get("form_token"))
        code = fields.get("code", "").replace(" ", "")
        if not await check_code(conn, settings_of(request), session.account.login, code):
            await note(conn, request, "second-factor-refused", account=session.account.login)
            return next_factor_page(request, asked, session, failed=True)
        await verify_session(conn, session)
        await note(conn, request, "signed-in", account=session.account.login)
    return onward(request.url.query)


@for_people
async def enrolment(request: Request) -> Response:
    """POST checks the first code of the second factor that the session was offered."""
    if request.method == "POST":
        check_rate(request, "sign-in")
    fields, settings = await _fields(request), settings_of(request)
    async with database_of(request).connection() as conn:
        asked = await _asked(conn, request)
        session = await find_session(conn, settings, cookie_of(request))
        if session is None:
            return login_page(request, asked)
        if not must_enrol(settings, session.account):
            return onward(request.url.query)
        if request.method != "POST":
            return next_factor_page(request, asked, session)
        check_form_token(request, fields.get("form_token"))
        code = fields.get("code", "").replace(" ", "")
        if not await enrol(conn, settings, session, code):
            await note(conn, request, "second-factor-refused", account=session.account.login)
            return next_factor_page(request, asked, session, failed=True)
        await note(conn, request, "second-factor-set", account=session.account.login)
        await note(conn, request, "signed-in", account=session.account.login)
    return onward(request.url.query)


@for_people
async def logout(request: Request) -> Response:
    """GET asks, POST ends the session; with an authorization request in the query, sign in anew."""
    if request.method != "POST":
        return render(request, "logout.html")
    fields = once(await read_form(request))
    check_form_token(request, fields.get("form_token"))
    cookie = cookie_of(request)
    async with database_of(request).connection() as conn:
        session = await find_session(conn, settings_of(request), cookie)
        if session is not None:
            await note(conn, request, "signed-out", account=session.account.login)
        if cookie is not None:
            await end_session(conn, cookie)
    pairs = read_pairs(request.url.query)
    if any(name == "client_id" for name, _ in pairs):
        response = onward(request.url.query)
    else:
        response = render(request, "signed_out.html")
    set_cookie(request, response, new_secret())
    return response
