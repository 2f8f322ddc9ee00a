"""Revocation, introspection, and the page on which people end what they allowed."""

import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from auth_flow import ASSERTION_TYPE, BASE, FHIR, PASSWORD, SECRET, App, Backend, form_token_of

from hie.auth.tokens import introspect
from hie.kit.db import Database

OFFLINE = "openid fhirUser launch/patient patient/*.rs offline_access"


async def in_force(database: Database, token: str) -> bool:
    async with database.connection() as conn:
        return await introspect(conn, token) is not None


async def revoke(app: App, token: str, **changes: str) -> httpx.Response:
    return await app.http.post(
        "/oauth/revoke", data={"client_id": app.client_id, "token": token, **changes}
    )


async def ask(backend: Backend, token: str, **changes: str) -> dict[str, Any]:
    answer = await backend.http.post(
        "/oauth/introspect",
        data={
            "token": token,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": backend.assertion(aud=f"{BASE}/oauth/introspect"),
            **changes,
        },
    )
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    found: dict[str, Any] = answer.json()
    return found


async def test_an_access_token_ends_alone(app: App, populated: Database) -> None:
    tokens = await app.tokens("resident", OFFLINE)
    assert (await revoke(app, tokens["access_token"])).status_code == 200
    assert not await in_force(populated, tokens["access_token"])
    assert (await app.refresh(tokens["refresh_token"])).status_code == 200


async def test_a_refresh_token_takes_its_family_along(app: App, populated: Database) -> None:
    tokens = await app.tokens("resident", OFFLINE)
    assert (await revoke(app, tokens["refresh_token"])).status_code == 200
    assert not await in_force(populated, tokens["access_token"])
    assert (await app.refresh(tokens["refresh_token"])).status_code == 400


async def test_nobody_ends_another_clients_tokens(app: App, populated: Database) -> None:
    tokens = await app.tokens("resident", OFFLINE)
    assert (await revoke(app, tokens["refresh_token"], client_id="foreign")).status_code == 200
    assert (await revoke(app, "unknown")).status_code == 200
    assert (await revoke(app, tokens["access_token"], client_id="portal")).status_code == 401
    assert (await revoke(app, "")).status_code == 400
    assert await in_force(populated, tokens["access_token"])


async def test_introspection(app: App, backend: Backend) -> None:
    tokens = await app.tokens("resident", OFFLINE)
    found = await ask(backend, tokens["access_token"])
    assert found["active"] is True
    assert found["client_id"] == "app"
    assert found["scope"] == tokens["scope"]
    assert found["patient"] == "golden-1"
    assert found["fhirUser"] == f"{FHIR}/Patient/golden-1"
    assert found["exp"] - found["iat"] == 3600
    assert found["sub"] not in {"resident", "golden-1"}
    assert await ask(backend, tokens["refresh_token"]) == {"active": False}
    assert await ask(backend, tokens["id_token"]) == {"active": False}
    assert await ask(backend, "unknown") == {"active": False}
    await revoke(app, tokens["access_token"])
    assert await ask(backend, tokens["access_token"]) == {"active": False}


async def test_an_app_asks_about_its_own_tokens_only(app: App) -> None:
    theirs = await app.tokens("resident", OFFLINE)
    public = await app.http.post(
        "/oauth/introspect", data={"client_id": "app", "token": theirs["access_token"]}
    )
    assert public.status_code == 401
    other = await app.http.post(
        "/oauth/introspect", data={"token": theirs["access_token"]}, auth=("portal", SECRET)
    )
    assert other.json() == {"active": False}


async def test_an_assertion_for_one_endpoint_is_not_good_for_another(backend: Backend) -> None:
    answer = await backend.http.post(
        "/oauth/introspect",
        data={
            "token": "x",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": backend.assertion(),
        },
    )
    assert answer.status_code == 401


async def test_people_see_and_end_what_they_allowed(app: App, populated: Database) -> None:
    tokens = await app.tokens("resident", OFFLINE)
    page = await app.http.get("/oauth/account")
    assert "血压日记" in page.text
    assert "See your whole health record" in page.text
    found = re.search(r'name="application" value="([^"]+)"', page.text)
    assert found
    unsafe = await app.http.post("/oauth/account", data={"application": found[1]})
    assert unsafe.status_code == 403
    assert await in_force(populated, tokens["access_token"])
    ended = await app.http.post(
        "/oauth/account", data={"form_token": form_token_of(page), "application": found[1]}
    )
    assert ended.status_code == 303
    assert not await in_force(populated, tokens["access_token"])
    assert (await app.refresh(tokens["refresh_token"])).status_code == 400
    assert "No app has access" in (await app.http.get("/oauth/account")).text


async def test_nobody_sees_or_ends_what_another_allowed(
    app: App, browser: Callable[[], httpx.AsyncClient], populated: Database
) -> None:
    tokens = await app.tokens("resident", OFFLINE)
    mine = await app.http.get("/oauth/account")
    family = re.search(r'name="application" value="([^"]+)"', mine.text)
    assert family
    other = App(browser())
    await other.approval_page("other", OFFLINE)
    page = await other.http.get("/oauth/account")
    assert "No app has access" in page.text
    page = await other.http.get("/oauth/logout")
    async with populated.connection() as conn:
        cursor = await conn.execute(
            "SELECT encode(hash, 'hex') FROM auth.session WHERE account = 'resident'"
        )
        (session,) = await cursor.fetchone() or ()
    for fields in ({"application": family[1]}, {"browser": session}):
        answer = await other.http.post(
            "/oauth/account", data={"form_token": form_token_of(page), **fields}
        )
        assert answer.status_code == 404
    damaged = await other.http.post(
        "/oauth/account", data={"form_token": form_token_of(page), "application": "x"}
    )
    assert damaged.status_code == 400
    assert await in_force(populated, tokens["access_token"])
    assert "血压日记" in (await app.http.get("/oauth/account")).text


async def test_a_lost_browser_is_signed_out_from_another(
    app: App, browser: Callable[[], httpx.AsyncClient]
) -> None:
    lost = App(browser())
    await lost.approval_page("resident", OFFLINE)
    page = await app.sign_in(await app.http.get("/oauth/account"), "resident")
    assert page.headers["location"] == "/oauth/account"
    page = await app.http.get("/oauth/account")
    (other,) = re.findall(r'name="browser" value="([0-9a-f]+)"', page.text)
    await app.http.post(
        "/oauth/account", data={"form_token": form_token_of(page), "browser": other}
    )
    assert "/oauth/login" in (await lost.http.get("/oauth/account")).text
    assert "/oauth/login" not in (await app.http.get("/oauth/account")).text


async def test_people_see_what_happened_to_their_account(
    app: App, browser: Callable[[], httpx.AsyncClient], populated: Database
) -> None:
    stranger = App(browser())
    page = await stranger.authorize()
    await stranger.sign_in(page, "resident", "guessed")
    await stranger.sign_in(page, "my secret typed into the wrong field", "guessed")
    code = await app.code("resident", OFFLINE)
    await app.redeem(code)
    await app.redeem(code)
    shown = (await app.http.get("/oauth/account")).text.partition("What happened lately")[2]
    texts = ("used twice", "Allowed an app: 血压日记", "Signed in", "Wrong password")
    places = [shown.index(text) for text in texts]
    assert places[1:] == sorted(places[1:])
    assert shown.count("used twice") == 1
    async with populated.connection() as conn:
        cursor = await conn.execute("SELECT string_agg(o::text, '') FROM auth.occurrence o")
        (kept,) = await cursor.fetchone() or ("",)
    assert "typed" not in kept
    assert "guessed" not in kept


NEW = "a horse that nobody rides"


async def change(http: httpx.AsyncClient, old: str, new: str) -> httpx.Response:
    page = await http.get("/oauth/account")
    form = {"form_token": form_token_of(page), "old_password": old, "new_password": new}
    return await http.post("/oauth/account", data=form)


async def test_people_change_their_password_and_other_browsers_are_signed_out(
    app: App, browser: Callable[[], httpx.AsyncClient]
) -> None:
    elsewhere = App(browser())
    for one in (app, elsewhere):
        await one.approval_page("resident", OFFLINE)
    assert (await change(app.http, PASSWORD, NEW)).status_code == 303
    assert "Changed the password" in (await app.http.get("/oauth/account")).text
    assert 'action="/oauth/login' in (await elsewhere.http.get("/oauth/account")).text
    anew = App(browser())
    page = await anew.authorize()
    assert (await anew.sign_in(page, "resident", PASSWORD)).status_code == 401
    assert (await anew.sign_in(page, "resident", NEW)).status_code == 303


@pytest.mark.parametrize(
    "new", ["short", "x" * 40, "resident resident", "123456789012", "p" * 1025, "passwordpassword"]
)
async def test_a_password_that_is_easy_to_guess_is_refused(app: App, new: str) -> None:
    await app.approval_page("resident", OFFLINE)
    assert (await change(app.http, PASSWORD, new)).status_code == 422


async def test_the_old_password_is_needed_and_guessing_it_locks(app: App) -> None:
    await app.approval_page("resident", OFFLINE)
    for _ in range(5):
        assert (await change(app.http, "wrong", NEW)).status_code == 403
    assert (await change(app.http, PASSWORD, NEW)).status_code == 403
