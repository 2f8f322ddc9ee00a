"""Signing in: forged forms, guessed passwords, second factor, idle sessions, languages."""

import asyncio
import time
from collections.abc import Callable

import httpx
import pyotp
import pytest
from auth_flow import PASSWORD, App, action_of, form_token_of

from hie.auth.second_factor import give_second_factor
from hie.kit.db import Database
from hie.settings import Settings


async def test_cookies_and_headers(app: App) -> None:
    page = await app.authorize()
    cookie = page.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "form-action 'self' https://app.example" in policy
    assert "unsafe" not in policy
    assert page.headers["cache-control"] == "no-store"
    assert "<script" not in page.text
    assert "style=" not in page.text
    assert (await app.http.get("/oauth/style.css")).headers["content-type"].startswith("text/css")


async def test_head_is_like_get(http: httpx.AsyncClient) -> None:
    for path in ("/oauth/login", "/oauth/logout", "/oauth/login/code", "/oauth/account"):
        assert (await http.head(path)).status_code == 200


async def test_signing_in_changes_the_cookie(app: App) -> None:
    page = await app.authorize()
    before = app.http.cookies["hie_login"]
    await app.sign_in(page, "resident")
    assert app.http.cookies["hie_login"] != before


@pytest.mark.parametrize("token", [None, "", "0" * 64])
async def test_forms_without_their_token_are_refused(app: App, token: str | None) -> None:
    page = await app.authorize()
    fields = {"login": "resident", "password": PASSWORD}
    if token is not None:
        fields["form_token"] = token
    answer = await app.http.post(action_of(page, "/oauth/login"), data=fields)
    assert answer.status_code == 403
    approval = await app.approval_page("resident", "launch/patient patient/*.rs")
    answer = await app.http.post(
        action_of(approval, "/oauth/authorize"),
        data={
            "decision": "approve",
            "scope": "patient/*.rs",
            **({"form_token": token} if token else {}),
        },
    )
    assert answer.status_code == 403


async def test_the_form_token_of_another_browser_is_refused(
    app: App, browser: Callable[[], httpx.AsyncClient]
) -> None:
    theirs = form_token_of(await App(browser()).authorize())
    page = await app.authorize()
    answer = await app.http.post(
        action_of(page, "/oauth/login"),
        data={"login": "resident", "password": PASSWORD, "form_token": theirs},
    )
    assert answer.status_code == 403


async def test_failures_look_the_same(app: App) -> None:
    page = await app.authorize()
    texts = []
    for login in ("resident", "no such person"):
        answer = await app.sign_in(page, login, "wrong")
        assert answer.status_code == 401
        texts.append(answer.text.replace(login, ""))
    assert texts[0] == texts[1]


async def test_repeated_failures_lock_for_a_time(app: App, populated: Database) -> None:
    page = await app.authorize()
    for _ in range(5):
        assert (await app.sign_in(page, "resident", "wrong")).status_code == 401
    assert (await app.sign_in(page, "resident")).status_code == 401, "right, but locked"
    assert (await app.sign_in(page, "other")).status_code == 303, "others are not locked"
    async with populated.connection() as conn:
        await conn.execute("UPDATE auth.account SET locked_until = now() WHERE login = 'resident'")
    assert (await app.sign_in(await app.authorize(prompt="login"), "resident")).status_code == 303


async def test_many_guesses_at_once_do_not_pass_the_limit(app: App, populated: Database) -> None:
    page = await app.authorize()
    await asyncio.gather(*(app.sign_in(page, "resident", f"guess {n}") for n in range(12)))
    async with populated.connection() as conn:
        cursor = await conn.execute(
            "SELECT failed_attempts FROM auth.account WHERE login = 'resident'"
        )
        assert await cursor.fetchone() == (5,)


async def test_success_forgets_failures(app: App, populated: Database) -> None:
    page = await app.authorize()
    for _ in range(4):
        await app.sign_in(page, "resident", "wrong")
    await app.sign_in(page, "resident")
    async with populated.connection() as conn:
        cursor = await conn.execute(
            "SELECT failed_attempts, locked_until FROM auth.account WHERE login = 'resident'"
        )
        assert await cursor.fetchone() == (0, None)


async def test_one_time_code_of_staff(app: App, populated: Database) -> None:
    secret = pyotp.random_base32()
    async with populated.connection() as conn:
        await give_second_factor(conn, Settings(), "doctor", secret)
    page = await app.authorize("user/*.rs")
    answer = await app.sign_in(page, "doctor")
    page = await app.http.get(answer.headers["location"])
    assert "One-time code" in page.text, "the password alone opens nothing"
    assert (await app.http.get("/oauth/login")).status_code == 200

    async def give(code: str) -> httpx.Response:
        return await app.http.post(
            action_of(page, "/oauth/login/code"),
            data={"form_token": form_token_of(page), "code": code},
        )

    code = pyotp.TOTP(secret).at(int(time.time()))
    wrong = f"{(int(code) + 1) % 1_000_000:06d}"
    near = {pyotp.TOTP(secret).at(int(time.time()) + step) for step in (-60, -30, 0, 30, 60)}
    while wrong in near:
        wrong = f"{(int(wrong) + 1) % 1_000_000:06d}"
    assert (await give(wrong)).status_code == 401
    assert (await give(code)).status_code == 303
    assert (await give(code)).status_code == 401, "a code works once"
    assert "Allow" in (await app.authorize("user/*.rs")).text


async def test_an_idle_session_is_over(app: App, populated: Database) -> None:
    await app.approval_page("resident", "launch/patient patient/*.rs")
    async with populated.connection() as conn:
        await conn.execute("UPDATE auth.session SET idle_until = now()")
    assert "/oauth/login" in (await app.authorize()).text


async def test_a_disabled_account_is_over_at_once(app: App, populated: Database) -> None:
    page = await app.approval_page("resident", "launch/patient patient/*.rs")
    async with populated.connection() as conn:
        await conn.execute("UPDATE auth.account SET disabled = true WHERE login = 'resident'")
    answer = await app.approve(page)
    assert answer.headers["location"].startswith("/oauth/authorize?")
    assert (await app.sign_in(await app.authorize(), "resident")).status_code == 401


async def test_languages(app: App) -> None:
    english = await app.authorize()
    assert 'lang="en"' in english.text
    chinese = await app.http.get("/oauth/login?lang=zh")
    assert 'lang="zh-CN"' in chinese.text
    assert "登录" in chinese.text
    kept = await app.http.get("/oauth/login")
    assert 'lang="zh-CN"' in kept.text, "the choice is kept in a cookie"
    page = await app.approval_page("resident", "launch/patient patient/*.rs offline_access")
    assert "查看您的全部健康档案" in page.text
    assert "血压日记" in page.text


async def test_signing_out(app: App) -> None:
    await app.approval_page("resident", "launch/patient patient/*.rs")
    page = await app.http.get("/oauth/logout")
    await app.http.post("/oauth/logout", data={"form_token": form_token_of(page)})
    assert "/oauth/login" in (await app.authorize()).text


async def test_what_people_type_is_escaped(app: App) -> None:
    page = await app.authorize()
    answer = await app.sign_in(page, '"><script>alert(1)</script>', "wrong")
    assert "<script" not in answer.text
    page = await app.http.get('/oauth/login?lang=en&x="><script>alert(1)</script>')
    assert "<script" not in page.text
