"""Tokens afterwards: what is kept of them, rotation, ends, and clearing up."""

import asyncio
import re

import pytest
from auth_flow import SECRET, App, Backend, form_token_of

from hie.auth.keys import current_key, public_keys, rotate_key
from hie.auth.purge import purge
from hie.auth.scopes import UnknownScope
from hie.auth.tokens import introspect, mint
from hie.kit.db import Connection, Database
from hie.settings import Settings

OFFLINE = "launch/patient patient/*.rs offline_access"
ONLINE = "launch/patient patient/*.rs online_access"


async def in_force(database: Database, token: str) -> bool:
    async with database.connection() as conn:
        return await introspect(conn, token) is not None


async def everything_kept(conn: Connection) -> str:
    """All rows of the schema as text, hashes in hexadecimal."""
    cursor = await conn.execute(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'auth'"
    )
    texts = []
    for (name,) in await cursor.fetchall():
        rows = await conn.execute(f"SELECT t::text FROM auth.{name} t")
        texts += [row[0] for row in await rows.fetchall()]
    return "\n".join(texts)


async def test_only_hashes_are_kept(app: App, backend: Backend, populated: Database) -> None:
    code = await app.code("resident", OFFLINE)
    tokens = (await app.redeem(code)).json()
    system = (await backend.token()).json()["access_token"]
    async with populated.connection() as conn:
        operator = await mint(conn, client_id="loader", scopes="system/*.cruds")
        kept = await everything_kept(conn)
    assert "golden-1" in kept
    secrets = {
        "code": code,
        "access token": tokens["access_token"],
        "refresh token": tokens["refresh_token"],
        "backend token": system,
        "operator token": operator,
        "cookie": app.http.cookies["hie_login"],
        "client secret": SECRET,
        "password": "correct horse battery staple",
    }
    for name, secret in secrets.items():
        assert secret not in kept, name
        assert secret.encode().hex() not in kept, name
    assert re.search(r"\$argon2id\$", kept)


async def test_tokens_that_are_not_access_tokens(app: App, populated: Database) -> None:
    tokens = await app.tokens("resident", f"openid {OFFLINE}")
    assert await in_force(populated, tokens["access_token"])
    for other in (
        tokens["refresh_token"],
        tokens["id_token"],
        "",
        "x" * 43,
        "é" * 43,
        "\ud800" * 43,
    ):
        assert not await in_force(populated, other)


async def test_access_tokens_expire(app: App, populated: Database) -> None:
    tokens = await app.tokens()
    async with populated.connection() as conn:
        await conn.execute("UPDATE auth.token SET expires_at = now()")
    assert not await in_force(populated, tokens["access_token"])


async def test_refresh_tokens_rotate(app: App, populated: Database) -> None:
    first = await app.tokens("resident", OFFLINE)
    second = (await app.refresh(first["refresh_token"])).json()
    assert second["refresh_token"] != first["refresh_token"]
    assert second["patient"] == "golden-1"
    assert second["scope"] == first["scope"]
    assert await in_force(populated, second["access_token"])
    third = (await app.refresh(second["refresh_token"])).json()
    assert await in_force(populated, third["access_token"])

    reused = await app.refresh(first["refresh_token"])
    assert reused.json()["error"] == "invalid_grant"
    for tokens in (first, second, third):
        assert not await in_force(populated, tokens["access_token"])
    assert (await app.refresh(third["refresh_token"])).status_code == 400


async def test_of_twenty_refreshes_at_once_one_succeeds(app: App) -> None:
    tokens = await app.tokens("resident", OFFLINE)
    answers = await asyncio.gather(*(app.refresh(tokens["refresh_token"]) for _ in range(20)))
    assert sorted(a.status_code for a in answers) == [200] + [400] * 19


async def test_refreshing_narrows_and_never_widens(app: App) -> None:
    tokens = await app.tokens("resident", OFFLINE)
    wider = await app.refresh(tokens["refresh_token"], scope="patient/*.cruds")
    assert wider.json()["error"] == "invalid_scope"
    unknown = await app.refresh(tokens["refresh_token"], scope="nonsense")
    assert unknown.json()["error"] == "invalid_scope"
    narrow = (await app.refresh(tokens["refresh_token"], scope="patient/Condition.r")).json()
    assert narrow["scope"] == "patient/Condition.r"
    full = (await app.refresh(narrow["refresh_token"])).json()
    assert full["scope"] == tokens["scope"]


async def test_a_refresh_token_is_its_clients_own(app: App) -> None:
    tokens = await app.tokens("resident", OFFLINE)
    foreign = await app.refresh(tokens["refresh_token"], client_id="foreign")
    assert foreign.json()["error"] == "invalid_grant"
    access = await app.refresh(tokens["access_token"])
    assert access.json()["error"] == "invalid_grant"
    assert (await app.refresh(tokens["refresh_token"])).status_code == 200


async def test_online_access_ends_with_the_session(app: App, populated: Database) -> None:
    online = await app.tokens("resident", ONLINE)
    offline = await app.tokens("resident", OFFLINE)
    assert (await app.refresh(online["refresh_token"])).status_code == 200
    page = await app.http.get("/oauth/logout")
    await app.http.post("/oauth/logout", data={"form_token": form_token_of(page)})
    assert not await in_force(populated, online["access_token"])
    assert await in_force(populated, offline["access_token"])
    assert (await app.refresh(offline["refresh_token"])).status_code == 200


async def test_a_disabled_account_is_not_renewed(app: App, populated: Database) -> None:
    tokens = await app.tokens("resident", OFFLINE)
    async with populated.connection() as conn:
        await conn.execute("UPDATE auth.account SET disabled = true")
    assert (await app.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"


async def test_operator_token(database: Database) -> None:
    async with database.connection() as conn:
        token = await mint(conn, client_id="loader", scopes="system/*.cruds")
        grant = await introspect(conn, token)
        assert grant is not None
        assert (grant.kind, grant.client_id, grant.institution) == ("operator", "loader", None)
        with pytest.raises(UnknownScope):
            await mint(conn, client_id="loader", scopes="everything")


async def test_purge_removes_what_is_over_and_nothing_else(app: App, populated: Database) -> None:
    tokens = await app.tokens("resident", OFFLINE)
    async with populated.connection() as conn:
        assert await purge(conn) == 0
        await conn.execute("UPDATE auth.session SET expires_at = now()")
        await conn.execute("UPDATE auth.token SET expires_at = now() WHERE kind = 'refresh'")
        assert await purge(conn) == 2
    assert await in_force(populated, tokens["access_token"])


async def test_keys_are_made_once_and_rotate(populated: Database) -> None:
    async def first_key() -> str:
        async with populated.connection() as conn:
            return (await current_key(conn, Settings()))[0]

    kids = await asyncio.gather(*(first_key() for _ in range(6)))
    assert len(set(kids)) == 1
    async with populated.connection() as conn:
        new = await rotate_key(conn, Settings())
        published = await public_keys(conn, Settings())
        assert (await current_key(conn, Settings()))[0] == new != kids[0]
    assert {key["kid"] for key in published["keys"]} == {new, kids[0]}
    assert all("d" not in key for key in published["keys"])
