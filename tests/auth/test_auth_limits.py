"""An address that asks too often is told to wait, in words and with Retry-After."""

import asyncio
from types import SimpleNamespace

import httpx
import pytest
from auth_flow import BASE, App, form_token_of
from starlette.applications import Starlette

from hie.auth.purge import purging
from hie.auth.routes import routes
from hie.kit.db import Connection, Database
from hie.kit.rates import Rates
from hie.settings import Settings


@pytest.fixture
def limited(populated: Database) -> httpx.AsyncClient:
    application = Starlette(routes=routes)
    application.state.exchange = SimpleNamespace(
        store=SimpleNamespace(database=populated),
        settings=Settings(public_base_url=BASE, sign_ins_per_minute=3, oauth_requests_per_minute=3),
        rates=Rates(),
    )
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(application), base_url=BASE, headers={"accept-language": "zh"}
    )


async def test_signing_in(limited: httpx.AsyncClient) -> None:
    async with limited as http:
        page = await http.get("/oauth/login")
        answers = []
        for login in ("a", "b", "c", "resident"):
            form = {"form_token": form_token_of(page), "login": login, "password": "x"}
            answers.append(await http.post("/oauth/login", data=form))
        assert [one.status_code for one in answers] == [401, 401, 401, 429]
        assert 0 < int(answers[-1].headers["retry-after"]) <= 20
        assert "尝试次数过多" in answers[-1].text
        assert (await http.get("/oauth/login")).status_code == 200


@pytest.mark.parametrize("path", ["token", "par", "revoke", "introspect", "register"])
async def test_endpoints_for_apps(limited: httpx.AsyncClient, path: str) -> None:
    async with limited as http:
        app = App(http)
        for _ in range(3):
            assert (await app.redeem("x")).status_code == 400
        answer = await http.post(f"/oauth/{path}", data={"client_id": "app"})
        assert answer.status_code == 429
        assert answer.json()["error"] == "slow_down"
        assert "retry-after" in answer.headers


async def test_what_is_over_is_removed_by_the_worker(populated: Database) -> None:
    async with populated.connection() as conn:
        await conn.execute("INSERT INTO auth.used_identifier VALUES ('x', now())")
    purger = purging(populated, interval=0.01)
    purger.start()
    try:
        async with populated.connection() as conn, asyncio.timeout(20):
            while await left(conn):  # noqa: ASYNC110 - nobody tells when it is done
                await asyncio.sleep(0)
    finally:
        await purger.stop()


async def left(conn: Connection) -> int:
    cursor = await conn.execute("SELECT count(*) FROM auth.used_identifier")
    row = await cursor.fetchone()
    assert row is not None
    return int(row[0])
