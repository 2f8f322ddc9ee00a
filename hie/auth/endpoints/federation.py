"""Signing in with the region's identity provider. https://openid.net/specs/openid-connect-core-1_0.html"""

from starlette.requests import Request
from starlette.responses import Response

from hie.auth.accounts import find_account
from hie.auth.endpoints.login import onward
from hie.auth.exchange import database_of, people_of, settings_of
from hie.auth.failures import PageError
from hie.auth.federation import CALLBACK, FederationFailed, begin, keep_account, redeem, take
from hie.auth.limits import check_rate
from hie.auth.occurrences import note
from hie.auth.pages import for_people, is_secure, see_other, set_cookie
from hie.auth.parameters import once, read_pairs
from hie.auth.secret import new_secret
from hie.auth.sessions import begin_session

PATH = "/oauth/federation"
__all__ = ["CALLBACK", "PATH", "callback", "depart"]


def _cookie_name(request: Request) -> str:
    return "__Host-hie_federation" if is_secure(request) else "hie_federation"


def _failed() -> PageError:
    return PageError(
        403,
        "Signing in over there did not work. Please go back and try again.",
        "在身份认证平台的登录未成功，请返回重试。",
    )


def _unknown() -> PageError:
    return PageError(
        403,
        "The exchange has no record, or no single one, for your identity number. Please ask at one "
        "of your institutions.",
        "平台没有与您身份证号唯一对应的档案，请向就诊机构咨询。",
    )


@for_people
async def depart(request: Request) -> Response:
    """Send the browser to the provider; the app's request in the query waits here."""
    check_rate(request, "sign-in")
    settings = settings_of(request)
    if settings.identity_provider is None:
        raise PageError(404, "There is no such way to sign in.", "没有此登录方式。")
    cookie = new_secret()
    try:
        address = await begin(database_of(request), settings, cookie, request.url.query)
    except FederationFailed as error:
        raise _failed() from error
    response = see_other(address)
    response.set_cookie(
        _cookie_name(request), cookie, path="/", secure=is_secure(request), httponly=True,
        samesite="lax",
    )  # fmt: skip
    return response


@for_people
async def callback(request: Request) -> Response:
    """Take the provider's answer and begin a session for whom it vouches."""
    settings = settings_of(request)
    cookie = request.cookies.get(_cookie_name(request), "")
    database = database_of(request)
    answered = once(read_pairs(request.url.query))
    async with database.connection() as conn:
        begun = await take(conn, cookie, answered.get("state", ""))
    if begun is None or settings.identity_provider is None:
        raise _failed()
    try:
        person = await redeem(settings, begun, answered)
    except FederationFailed as error:
        raise _failed() from error
    patient = await people_of(request).by_identity_number(person.number)
    if patient is None:
        raise _unknown()
    async with database.connection() as conn:
        login = await keep_account(conn, settings, person, patient)
        account = None if login is None else await find_account(conn, login)
        if account is None:
            raise _failed()
        session = await begin_session(
            conn, settings, account, request.headers.get("user-agent", "")
        )
        await note(conn, request, "signed-in", account=account.login)
    response = onward(begun.query, session)
    response.delete_cookie(_cookie_name(request), path="/", secure=is_secure(request))
    set_cookie(request, response, session)
    return response
