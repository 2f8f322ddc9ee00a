"""The page on which people see and end the access that they gave: SMART's `management_endpoint`.

https://hl7.org/fhir/smart-app-launch/STU2.2/conformance.html#metadata
"""

from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from hie.auth.account_page import applications, browsers, end_application, owns_session
from hie.auth.accounts import change_password
from hie.auth.endpoints.login import ACCOUNT_PATH, login_page, next_factor_page
from hie.auth.exchange import database_of, settings_of
from hie.auth.failures import PageError
from hie.auth.limits import check_rate
from hie.auth.occurrences import note, recent
from hie.auth.pages import check_form_token, cookie_of, for_people, render, see_other
from hie.auth.parameters import once, read_form
from hie.auth.passwords import SHORTEST_PASSWORD
from hie.auth.sessions import Session, end_session_by_hash, find_session
from hie.kit.db import Connection

PATH = ACCOUNT_PATH


async def _change_password(
    conn: Connection, request: Request, session: Session, fields: dict[str, str]
) -> Response:
    check_rate(request, "sign-in")
    login = session.account.login
    try:
        changed = await change_password(
            conn,
            settings_of(request),
            session.account,
            fields.get("old_password", ""),
            fields["new_password"],
            session=session.hash,
        )
    except ValueError as error:
        raise PageError(
            422,
            f"Choose a password of at least {SHORTEST_PASSWORD} characters that is neither "
            "common nor close to your name.",
            f"请设置至少 {SHORTEST_PASSWORD} 个字符的密码，不得为常见密码或与您的姓名相近。",
        ) from error
    if not changed:
        await note(conn, request, "sign-in-refused", account=login)
        raise PageError(403, "The old password is not right.", "原密码不正确。")
    await note(conn, request, "password-changed", account=login)
    return see_other(PATH)


async def _end(
    conn: Connection, request: Request, session: Session, fields: dict[str, str]
) -> Response:
    check_form_token(request, fields.get("form_token"))
    account = session.account.login
    if "new_password" in fields:
        return await _change_password(conn, request, session, fields)
    done = False
    try:
        if "application" in fields:
            client_id = await end_application(conn, account, UUID(fields["application"]))
            done = client_id is not None
            if done:
                await note(conn, request, "app-ended", account=account, client_id=client_id)
        elif "browser" in fields:
            other = bytes.fromhex(fields["browser"])
            done = await owns_session(conn, account, other)
            if done:
                await end_session_by_hash(conn, other)
    except ValueError as error:
        raise PageError(400, "The form is damaged.", "表单内容有误。") from error
    if not done:
        raise PageError(404, "This entry does not exist any more.", "该条目已不存在。")
    return see_other(PATH)


@for_people
async def account(request: Request) -> Response:
    """GET lists, POST ends one approval or one browser's session."""
    # Before a connection is held: a body may come slowly, or never.
    fields = once(await read_form(request)) if request.method == "POST" else {}
    async with database_of(request).connection() as conn:
        session = await find_session(conn, settings_of(request), cookie_of(request))
        if session is None:
            return login_page(request, None)
        if not session.verified:
            return next_factor_page(request, None, session)
        if request.method == "POST":
            return await _end(conn, request, session, fields)
        return render(
            request,
            "account.html",
            {
                "account": session.account,
                "federated": "#" in session.account.login,
                "applications": await applications(conn, session.account.login),
                "occurrences": await recent(conn, session.account.login),
                "browsers": await browsers(conn, session.account.login, session.hash),
            },
        )
