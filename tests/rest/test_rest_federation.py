"""Residents sign in with their region's identity provider; the identity number finds the person."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from secrets import token_urlsafe
from typing import Any

import httpx
import orjson
import pytest
from auth_flow import BASE, App, boxes_of, form_token_of, parameters_of
from fastapi import FastAPI
from identity_provider import Provider, provided
from joserfc.jwk import ECKey
from tests_rest_samples import patient

from hie.auth.accounts import disable_account
from hie.auth.clients import create_client
from hie.demo.population import check_character
from hie.mpi.people import person_of
from hie.records.exchange import Exchange

CARD = "99010119900307101"
NUMBER = CARD + check_character(CARD)
CHILD = "99010120150307102"
REDIRECT = "https://app.example/callback"


@pytest.fixture
def provider() -> Iterator[Provider]:
    with provided() as one:
        one.person = {"sub": "248289761001", "id_number": NUMBER, "name": "张伟"}
        yield one


@dataclass
class World:
    http: httpx.AsyncClient
    provider: Provider
    person: str

    async def depart(self, **query: str) -> str:
        answer = await self.http.get("/oauth/federation", params=query)
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]

    async def come_back(self, **query: str) -> httpx.Response:
        there = await self.depart(**query)
        assert there.startswith(f"{self.provider.base}/authorize?")
        back = self.provider.authorize(there.partition("?")[2])
        return await self.http.get(back.removeprefix(BASE))


@pytest.fixture
async def world(
    client: Any, app: FastAPI, exchange: Exchange, provider: Provider
) -> AsyncIterator[World]:
    changed = exchange.settings.model_copy(
        update={
            "identity_provider": provider.base,
            "identity_provider_name": "云溪通",
            "identity_provider_secret": "secret",
            "sign_ins_per_minute": 10**5,
        }
    )
    object.__setattr__(exchange, "settings", changed)
    sender = await client("institution", institution="A")
    await sender.put("/Patient/p", content=patient("p", "张伟", card=NUMBER))
    child = patient("q", "张明亮", number="9", card=NUMBER).replace(b"1990-03-07", b"2015-06-21")
    await sender.put("/Patient/q", content=child)
    async with exchange.store.database.connection() as conn:
        person = (await person_of(conn, ["p"]))["p"]
        await create_client(
            conn, client_id="app", name="app", kind="public", redirect_uris=[REDIRECT],
            scopes="openid fhirUser launch/patient patient/*.rs",
        )  # fmt: skip
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(
        transport=transport, base_url=BASE, headers={"accept-language": "en"}
    ) as http:
        yield World(http, provider, person)


async def test_the_page_names_the_provider(world: World) -> None:
    assert "云溪通" in (await world.http.get("/oauth/login")).text


async def test_from_an_app_over_there_and_back_to_the_app(world: World) -> None:
    app = App(world.http)
    query = app.query("openid fhirUser launch/patient patient/*.rs")
    answer = await world.come_back(**query)
    assert answer.status_code == 303, answer.text
    page = await world.http.get(answer.headers["location"])
    form = {"form_token": form_token_of(page), "decision": "approve", "scope": boxes_of(page)}
    answer = await world.http.post(str(page.url), data=form)
    tokens = (await app.redeem(parameters_of(answer.headers["location"])["code"])).json()
    assert tokens["patient"] == world.person
    headers = {"authorization": f"Bearer {tokens['access_token']}"}
    read = await world.http.get(f"/fhir/Patient/{world.person}", headers=headers)
    assert read.json()["name"][0]["text"] == "张伟"
    assert (await world.http.get("/fhir/Patient/q", headers=headers)).status_code == 404


async def refused(world: World) -> None:
    answer = await world.come_back()
    assert answer.status_code == 403, answer.text
    assert 'action="/oauth/login' in (await world.http.get("/oauth/account")).text


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "another"},
        {"iss": "https://evil.example"},
        {"nonce": "another"},
        {"nonce": None},
        {"exp": 1},
        {"id_number": None},
        {"id_number": "990101199003071999"},
        {"id_number": CHILD + check_character(CHILD)},
        {"id_number": "*"},
        {"sub": None},
    ],
)
async def test_a_statement_that_does_not_hold(world: World, changes: dict[str, Any]) -> None:
    world.provider.changes = changes
    await refused(world)


async def test_a_statement_that_somebody_else_signed(world: World) -> None:
    world.provider.signing = ECKey.generate_key("P-256", {"kid": "p"})
    await refused(world)


async def test_a_provider_that_calls_itself_something_else(world: World) -> None:
    world.provider.issuer = "https://evil.example"
    assert (await world.http.get("/oauth/federation")).status_code == 403


async def test_an_answer_works_once_and_in_its_own_browser(world: World, app: FastAPI) -> None:
    there = await world.depart()
    back = world.provider.authorize(there.partition("?")[2]).removeprefix(BASE)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url=BASE) as thief:
        assert (await thief.get(back)).status_code == 403
    forged = back.replace("state=", "state=x")
    assert (await world.http.get(forged)).status_code == 403
    assert (await world.http.get(back)).status_code == 303
    assert (await world.http.get(back)).status_code == 403


async def test_a_disabled_account_stays_out(world: World, exchange: Exchange) -> None:
    assert (await world.come_back()).status_code == 303
    async with exchange.store.database.transaction() as conn:
        assert await disable_account(conn, f"{world.provider.base}#248289761001")
    await refused(world)


async def test_such_an_account_has_no_password(world: World) -> None:
    assert (await world.come_back()).status_code == 303
    world.http.cookies.clear()
    page = await world.http.get("/oauth/login")
    for password in ("!", ""):
        form = {
            "form_token": form_token_of(page),
            "login": f"{world.provider.base}#248289761001",
            "password": password,
        }
        assert (await world.http.post("/oauth/login", data=form)).status_code == 401


async def test_without_a_provider_there_is_no_such_way(app: FastAPI) -> None:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url=BASE) as http:
        assert (await http.get("/oauth/federation")).status_code == 404
        assert (await http.get("/oauth/federation/callback?state=x")).status_code == 403
        assert "/oauth/federation" not in (await http.get("/oauth/login")).text


ODD = (b"", b"[]", b"5", b"null", b'"text"', b"{}", b"\xff\xfe", b"[" * 5000, b'{"keys":5}')
NO_ADDRESSES = (5, None, [], "", "https://[", "no address", "https://a:99999/")
CONFIGURATION = "/.well-known/openid-configuration"


async def test_a_provider_that_answers_with_anything(world: World) -> None:
    for path in (CONFIGURATION, "/token", "/jwks"):
        for content in ODD:
            there = await world.depart()
            world.provider.instead = {path: content}
            back = world.provider.authorize(there.partition("?")[2])
            answer = await world.http.get(back.removeprefix(BASE))
            assert answer.status_code == 403, (path, content, answer.text)
            assert "did not work" in answer.text
            world.provider.instead = {}


async def test_a_provider_whose_addresses_are_none(world: World) -> None:
    for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
        for endpoint in NO_ADDRESSES:
            there = await world.depart()
            changed = orjson.dumps({**world.provider.configuration(), name: endpoint})
            world.provider.instead = {CONFIGURATION: changed}
            back = world.provider.authorize(there.partition("?")[2])
            answer = await world.http.get(back.removeprefix(BASE))
            expected = 303 if name == "authorization_endpoint" else 403  # it is asked no more
            assert answer.status_code == expected, (name, endpoint, answer.text)
            assert (await world.http.get("/oauth/federation")).status_code in (303, 403)
            world.provider.instead = {}


async def test_claims_of_another_kind(world: World) -> None:
    for name in ("sub", "id_number", "name"):
        for value in ("\0", {}, [], 5, token_urlsafe(50_000)):
            world.provider.changes = {name: value}
            answer = await world.come_back()
            assert answer.status_code in (303, 403), (name, value, answer.text)
