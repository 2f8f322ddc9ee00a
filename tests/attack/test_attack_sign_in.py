"""Probes of signing in: guessing, fixation, forgery, the second factor.

https://cheatsheetseries.owasp.org/cheatsheets/Authentication_Cheat_Sheet.html
"""

import httpx
import pyotp
import pytest
from attack_district import TOTP, victim
from attack_world import READ, World
from auth_flow import PASSWORD, form_token_of

from hie.auth.accounts import ATTEMPTS_BEFORE_LOCK


async def guess(world: World, login: str, password: str) -> httpx.Response:
    browser = world.browser()
    page = await browser.get("/oauth/login")
    form = {"form_token": form_token_of(page), "login": login, "password": password}
    return await browser.post("/oauth/login", data=form)


async def test_after_some_failures_the_right_password_is_refused(world: World) -> None:
    login = await victim(world, "guessed")
    for _ in range(ATTEMPTS_BEFORE_LOCK):
        assert (await guess(world, login, "wrong")).status_code == 401
    assert (await guess(world, login, PASSWORD)).status_code == 401


async def test_many_guesses_at_once_are_no_more_than_a_few(world: World) -> None:
    login = await victim(world, "raced")
    guesses = [guess(world, login, f"wrong {n}") for n in range(12)]
    await world.at_once(*guesses)
    assert (await guess(world, login, PASSWORD)).status_code == 401


async def test_the_lock_of_one_account_does_not_touch_another(world: World) -> None:
    login = await victim(world, "locked")
    for _ in range(ATTEMPTS_BEFORE_LOCK + 1):
        await guess(world, login, "wrong")
    assert (await guess(world, "doctor", PASSWORD)).status_code == 303


async def test_an_unknown_name_looks_like_a_wrong_password(world: World) -> None:
    await victim(world, "present")
    known = await guess(world, "present", "wrong")
    unknown = await guess(world, "missing", "wrong")
    assert known.status_code == unknown.status_code == 401
    blank = form_token_of(known)
    assert (
        known.text.replace("present", "missing").replace(blank, form_token_of(unknown))
        == unknown.text
    )


async def test_a_planted_cookie_does_not_become_a_session(world: World) -> None:
    browser = world.browser()
    await browser.get("/oauth/login")
    planted = browser.cookies["hie_login"]
    page = await browser.get("/oauth/login")
    form = {"form_token": form_token_of(page), "login": "zhang", "password": PASSWORD}
    await browser.post("/oauth/login", data=form)
    assert browser.cookies["hie_login"] != planted
    thief = world.browser(cookies={"hie_login": planted})
    assert 'action="/oauth/login' in (await thief.get("/oauth/account")).text


async def test_signing_in_by_another_site_is_refused(world: World) -> None:
    answer = await world.browser().post(
        "/oauth/login", data={"login": "zhang", "password": PASSWORD}
    )
    assert answer.status_code == 403


@pytest.mark.parametrize("path", ["/oauth/account", "/oauth/logout"])
async def test_a_form_of_another_site_changes_nothing(world: World, path: str) -> None:
    browser = await world.signed_in("zhang")
    answer = await browser.post(path, data={"application": "x", "form_token": "0" * 64})
    assert answer.status_code == 403
    assert "Signed in as" in (await browser.get("/oauth/account")).text


async def test_the_cookie_is_out_of_reach_of_scripts_and_of_other_sites(world: World) -> None:
    answer = await world.browser().get("/oauth/login")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "domain" not in cookie


async def test_without_the_second_factor_nothing_is_granted(world: World) -> None:
    browser = await world.signed_in("nurse")
    app = world.app(http=browser)
    page = await app.authorize("user/*.rs")
    assert 'name="code"' in page.text
    form = {"form_token": form_token_of(page), "decision": "approve", "scope": "user/*.rs"}
    answer = await browser.post("/oauth/authorize", params=app.query("user/*.rs"), data=form)
    assert "code=" not in answer.headers.get("location", "")
    assert 'name="code"' in (await browser.get("/oauth/account")).text


async def test_a_one_time_code_works_once(world: World) -> None:
    login = await victim(world, "second", second_factor=TOTP)
    code = pyotp.TOTP(TOTP).now()
    answers = []
    for _ in range(2):
        browser = await world.signed_in(login)
        page = await browser.get("/oauth/account")
        form = {"form_token": form_token_of(page), "code": code}
        answers.append((await browser.post("/oauth/login/code", data=form)).status_code)
    assert answers == [303, 401]


async def test_guessing_one_time_codes_locks(world: World) -> None:
    login = await victim(world, "codes", second_factor=TOTP)
    browser = await world.signed_in(login)
    page = await browser.get("/oauth/account")
    right = pyotp.TOTP(TOTP)
    wrong = "000000" if right.now() != "000000" else "000001"
    for code in [wrong] * ATTEMPTS_BEFORE_LOCK + [right.now()]:
        form = {"form_token": form_token_of(page), "code": code}
        assert (await browser.post("/oauth/login/code", data=form)).status_code == 401


async def test_a_session_ends_when_nobody_uses_it(world: World) -> None:
    browser = await world.signed_in("zhang")
    async with world.database.connection() as conn:
        await conn.execute("UPDATE auth.session SET idle_until = now() WHERE account = 'zhang'")
    assert 'action="/oauth/login' in (await browser.get("/oauth/account")).text


async def test_signing_out_ends_the_session_on_the_server(world: World) -> None:
    browser = await world.signed_in("wang")
    stolen = dict(browser.cookies)
    page = await browser.get("/oauth/account")
    await browser.post("/oauth/logout", data={"form_token": form_token_of(page)})
    thief = world.browser(cookies=stolen)
    assert 'action="/oauth/login' in (await thief.get("/oauth/account")).text


async def test_signing_out_ends_what_was_allowed_for_the_session_only(world: World) -> None:
    app = world.app()
    token = (await app.tokens("wang", READ))["access_token"]
    assert (await world.bearer(token).get(f"/Patient/{world.people['wang']}")).status_code == 200
    page = await app.http.get("/oauth/account")
    await app.http.post("/oauth/logout", data={"form_token": form_token_of(page)})
    assert (await world.bearer(token).get(f"/Patient/{world.people['wang']}")).status_code == 401


async def test_nobody_ends_another_persons_session_or_app(world: World) -> None:
    mine = await world.signed_in("zhang")
    app = world.app()
    await app.tokens("wang", READ)
    theirs = await app.http.get("/oauth/account")
    entry = theirs.text.partition('name="application" value="')[2].partition('"')[0]
    page = await mine.get("/oauth/account")
    form = {"form_token": form_token_of(page), "application": entry}
    assert (await mine.post("/oauth/account", data=form)).status_code == 404
    assert entry in (await app.http.get("/oauth/account")).text


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example", "/\\evil.example"])
async def test_signing_in_leads_nowhere_else(world: World, target: str) -> None:
    for name in ("to", "next", "redirect", "return_to"):
        answer = await world.browser().get(f"/resident/login?{name}={target}")
        assert answer.headers.get("location", "").startswith((world.base, "/"))
        assert not answer.headers["location"].startswith("//")
