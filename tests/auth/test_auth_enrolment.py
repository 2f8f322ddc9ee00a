"""A second factor is forced on staff where the setting says so, and nothing leads past it."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from types import SimpleNamespace

import httpx
import pyotp
import pytest
from auth_flow import BASE, PASSWORD, App, form_token_of, parameters_of
from starlette.applications import Starlette

from hie.auth.routes import routes
from hie.auth.second_factor import give_second_factor
from hie.auth.tokens import introspect
from hie.kit.db import Database
from hie.kit.rates import Rates
from hie.records.acquaintances import Acquaintances
from hie.settings import Settings

SCOPE = "user/*.rs"
PATH = "/oauth/login/enrol"


@pytest.fixture
async def strict(populated: Database) -> AsyncIterator[Callable[[], App]]:
    """Makes browsers with an app, at a server that requires a second factor of staff."""
    application = Starlette(routes=routes)
    store = SimpleNamespace(database=populated)
    application.state.exchange = SimpleNamespace(
        store=store,
        people=Acquaintances(store),  # type: ignore[arg-type]
        settings=Settings(public_base_url=BASE, sign_ins_per_minute=1000, staff_apps="any"),
        rates=Rates(),
    )
    async with AsyncExitStack() as stack:

        def make() -> App:
            transport = httpx.ASGITransport(application)
            headers = {"accept-language": "en"}
            client = httpx.AsyncClient(transport=transport, base_url=BASE, headers=headers)
            stack.push_async_callback(client.aclose)
            return App(client)

        yield make


def secret_of(page: httpx.Response) -> str:
    found = re.search(r'id="secret">([A-Z2-7]{32})<', page.text)
    assert found, page.text
    return found[1]


def code_of(secret: str) -> str:
    return pyotp.TOTP(secret).at(int(time.time()))


def wrong_code(secret: str) -> str:
    near = {pyotp.TOTP(secret).at(int(time.time()) + step) for step in (-60, -30, 0, 30, 60)}
    return next(code for code in map("{:06d}".format, range(9)) if code not in near)


async def give(app: App, page: httpx.Response, code: str, path: str = PATH) -> httpx.Response:
    return await app.http.post(
        path, params=app.query(SCOPE), data={"form_token": form_token_of(page), "code": code}
    )


async def kept(database: Database) -> object:
    async with database.connection() as conn:
        cursor = await conn.execute("SELECT totp_secret FROM auth.account WHERE login = 'doctor'")
        row = await cursor.fetchone()
    return row and row[0]


async def test_staff_is_led_through_enrolment(
    strict: Callable[[], App], populated: Database
) -> None:
    app = strict()
    page = await app.approval_page("doctor", SCOPE)
    secret = secret_of(page)
    assert f"otpauth://totp/hie:doctor?secret={secret}&amp;issuer=hie" in page.text
    assert page.headers["cache-control"] == "no-store"
    assert secret_of(await app.authorize(SCOPE)) == secret, "reloading shows the same"
    refused = await give(app, page, wrong_code(secret))
    assert refused.status_code == 401
    assert secret_of(refused) == secret
    assert await kept(populated) is None
    done = await give(app, page, code_of(secret))
    assert done.status_code == 303
    approval = await app.http.get(done.headers["location"])
    assert "code" in parameters_of((await app.approve(approval)).headers["location"])
    assert secret not in approval.text
    again = strict()
    page = await again.approval_page("doctor", SCOPE)
    assert "One-time code" in page.text
    assert "otpauth" not in page.text
    async with populated.connection() as conn:
        cursor = await conn.execute(
            "SELECT what FROM auth.occurrence WHERE account = 'doctor' ORDER BY number LIMIT 3"
        )
        noted = [row[0] for row in await cursor.fetchall()]
    assert noted == ["second-factor-refused", "second-factor-set", "signed-in"]


async def test_the_page_is_in_chinese_too(strict: Callable[[], App]) -> None:
    app = strict()
    await app.approval_page("doctor", SCOPE)
    page = await app.http.get(f"{PATH}?lang=zh")
    assert "设置动态验证码" in page.text
    assert secret_of(page)


async def test_enrolment_cannot_be_passed_by(
    strict: Callable[[], App], populated: Database
) -> None:
    app = strict()
    page = await app.approval_page("doctor", SCOPE)
    token, secret = form_token_of(page), secret_of(page)
    query = app.query(SCOPE)
    approve = {"form_token": token, "decision": "approve", "scope": SCOPE}
    change = {"form_token": token, "old": PASSWORD, "new": "another battery staple", "password": ""}
    http = app.http
    answers = [
        await http.get("/oauth/authorize", params=query),
        await http.post("/oauth/authorize", params=query, data=approve),
        await http.get("/oauth/authorize", params={**query, "signed_in": "x"}),
        await http.get("/oauth/authorize", params={**query, "prompt": "none"}),
        await http.get("/oauth/authorize", params={**query, "max_age": "1000"}),
        await http.get("/oauth/login", params=query),
        await http.get("/oauth/login/code", params=query),
        await give(app, page, code_of(secret), "/oauth/login/code"),
        await give(app, page, ""),
        await give(app, page, "0"),
        await http.post(PATH, params=query, data={"form_token": token}),
        await http.get("/oauth/account"),
        await http.post("/oauth/account", data=change),
        await http.post("/oauth/account", data={"form_token": token, "application": "x"}),
    ]
    for answer in answers:
        location = answer.headers.get("location", "")
        assert "code" not in parameters_of(location), answer.request.url
        assert "Signed in" not in answer.text, answer.request.url
    assert parameters_of(answers[3].headers["location"])["error"] == "login_required"
    assert await kept(populated) is None
    async with populated.connection() as conn:
        cursor = await conn.execute("SELECT count(*) FROM auth.code")
        assert await cursor.fetchone() == (0,)
        cursor = await conn.execute("SELECT bool_or(verified) FROM auth.session")
        assert await cursor.fetchone() == (False,)


async def test_forms_without_their_token_enrol_nobody(
    strict: Callable[[], App], populated: Database
) -> None:
    app = strict()
    secret = secret_of(await app.approval_page("doctor", SCOPE))
    answer = await app.http.post(PATH, data={"code": code_of(secret), "form_token": "0" * 64})
    assert answer.status_code == 403
    stranger = strict()
    page = await stranger.authorize(SCOPE)
    assert "otpauth" not in (await give(stranger, page, code_of(secret))).text
    assert await kept(populated) is None


async def test_a_session_from_before_the_rule_has_to_enrol(
    strict: Callable[[], App], app: App, populated: Database
) -> None:
    tokens = await app.tokens("doctor", SCOPE)  # while it was only offered
    newer = strict()
    newer.http.cookies = app.http.cookies
    page = await newer.authorize(SCOPE)
    secret = secret_of(page)
    assert "otpauth" in (await newer.http.get("/oauth/account")).text
    other = strict()
    theirs = await other.approval_page("doctor", SCOPE)
    assert secret_of(theirs) != secret, "each session has its own"
    assert (await give(other, theirs, code_of(secret))).status_code == 401
    assert (await give(newer, page, code_of(secret))).status_code == 303
    assert "/oauth/login" in (await other.authorize(SCOPE)).text, "the other session has ended"
    async with populated.connection() as conn:
        assert await introspect(conn, tokens["access_token"]) is None


async def test_a_password_alone_never_replaces_a_second_factor(
    strict: Callable[[], App], populated: Database
) -> None:
    first, second = strict(), strict()
    pages = [await one.approval_page("doctor", SCOPE) for one in (first, second)]
    answers = await asyncio.gather(
        *(
            give(one, page, code_of(secret_of(page)))
            for one, page in zip((first, second), pages, strict=True)
        )
    )
    assert await kept(populated) is not None
    assert sum(one.status_code == 303 for one in answers) == 1, "one secret is bound, not two"
    before = await kept(populated)
    third = strict()
    page = await third.approval_page("doctor", SCOPE)
    assert "otpauth" not in page.text
    for code in [code_of(secret_of(one)) for one in pages]:
        answer = await give(third, page, code)
        assert "code" not in parameters_of(answer.headers.get("location", ""))
    assert await kept(populated) == before
    assert "One-time code" in (await third.authorize(SCOPE)).text


async def test_guessing_codes_locks(strict: Callable[[], App], populated: Database) -> None:
    app = strict()
    page = await app.approval_page("doctor", SCOPE)
    secret = secret_of(page)
    for _ in range(5):
        assert (await give(app, page, wrong_code(secret))).status_code == 401
    assert (await give(app, page, code_of(secret))).status_code == 401, "right, but locked"
    assert await kept(populated) is None


async def test_who_is_not_asked(strict: Callable[[], App], app: App, populated: Database) -> None:
    resident = await strict().approval_page("resident", "launch/patient patient/*.rs")
    assert "Allow" in resident.text
    assert "Allow" in (await app.approval_page("doctor", SCOPE)).text, "only offered there"
    async with populated.connection() as conn:
        await give_second_factor(conn, Settings(), "doctor", pyotp.random_base32())
    assert "otpauth" not in (await strict().approval_page("doctor", SCOPE)).text


async def test_a_refresh_token_from_before_the_rule_gives_nothing(
    strict: Callable[[], App], app: App
) -> None:
    tokens = await app.tokens("doctor", f"{SCOPE} offline_access")
    refused = await strict().refresh(tokens["refresh_token"])
    assert refused.status_code == 400
    assert refused.json()["error"] == "invalid_grant"
    assert (await app.refresh(tokens["refresh_token"])).status_code == 200, "only offered there"
