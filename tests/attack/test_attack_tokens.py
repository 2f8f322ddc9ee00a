"""Probes of the FHIR API with tokens that are none, or are not meant for it.

https://www.rfc-editor.org/rfc/rfc6750#section-5
"""

import time

import httpx
import pytest
from attack_district import victim
from attack_workers import two_workers
from attack_world import OFFLINE, READ, World
from auth_flow import form_token_of
from joserfc import jwt
from joserfc.jwk import RSAKey

from hie.auth.accounts import disable_account
from hie.auth.clients import create_client, disable_client


def refused(answer: httpx.Response) -> None:
    """401, a challenge, and nothing of any record."""
    assert answer.status_code == 401, answer.text
    assert "www-authenticate" in answer.headers
    assert "张建国" not in answer.text


def own(world: World, person: str = "zhang") -> str:
    return f"/Patient/{world.people[person]}"


@pytest.mark.parametrize("kind", ["refresh_token", "id_token"])
async def test_only_an_access_token_opens_the_records(world: World, kind: str) -> None:
    tokens = await world.app().tokens("zhang", OFFLINE)
    refused(await world.bearer(tokens[kind]).get(own(world)))


async def test_a_code_opens_nothing(world: World) -> None:
    refused(await world.bearer(await world.app().code("zhang", READ)).get(own(world)))


async def test_a_session_cookie_opens_nothing(world: World) -> None:
    browser = await world.signed_in("zhang")
    refused(await browser.get(f"/fhir{own(world)}"))
    refused(await world.bearer(browser.cookies["hie_login"]).get(own(world)))


@pytest.mark.parametrize("algorithm", ["RS256", "none"])
async def test_a_token_of_another_issuer_opens_nothing(world: World, algorithm: str) -> None:
    claims = {"iss": world.base, "sub": "zhang", "aud": world.fhir, "scope": "patient/*.rs",
              "patient": world.people["zhang"], "exp": int(time.time()) + 300}  # fmt: skip
    key = RSAKey.generate_key(2048)
    forged = jwt.encode({"alg": "RS256", "kid": "x"}, claims, key)
    if algorithm == "none":
        forged = ".".join(["eyJhbGciOiJub25lIn0", forged.split(".")[1], ""])
    refused(await world.bearer(forged).get(own(world)))


@pytest.mark.parametrize("name", ["access_token", "token", "Authorization"])
async def test_a_token_in_the_address_is_not_looked_at(world: World, name: str) -> None:
    token = await world.token("zhang")
    refused(await world.browser().get(f"/fhir{own(world)}", params={name: token}))


async def test_a_token_in_a_form_is_not_looked_at(world: World) -> None:
    form = {"access_token": await world.token("zhang"), "_id": world.people["zhang"]}
    refused(await world.browser().post("/fhir/Patient/_search", data=form))


@pytest.mark.parametrize(
    "header", ["Basic {}", "Token {}", "Bearer", "{}", "Bearer {}x", "Bearer x{}"]
)
async def test_no_other_way_to_write_the_header(world: World, header: str) -> None:
    value = header.format(await world.token("zhang"))
    refused(await world.browser().get(f"/fhir{own(world)}", headers={"authorization": value}))


async def test_two_authorization_headers_are_one_too_many(world: World) -> None:
    headers = [
        ("authorization", f"Bearer {await world.token('wang')}"),
        ("authorization", f"Bearer {await world.token('zhang')}"),
    ]
    answer = await world.browser().get(f"/fhir{own(world)}", headers=headers)
    assert answer.status_code in (400, 401, 404)
    assert "张建国" not in answer.text


async def test_an_expired_token_opens_nothing(world: World) -> None:
    token = (await world.app().tokens("wang", "launch/patient patient/Patient.rs"))["access_token"]
    fhir = world.bearer(token)
    assert (await fhir.get(own(world, "wang"))).status_code == 200
    async with world.database.connection() as conn:
        await conn.execute(
            "UPDATE auth.token SET expires_at = now() WHERE account = 'wang' AND scopes = %s",
            ("launch/patient patient/Patient.rs",),
        )
    refused(await fhir.get(own(world, "wang")))


async def test_a_revoked_token_is_over_on_the_other_worker_with_the_next_request(
    world: World,
) -> None:
    app = world.app()
    tokens = await app.tokens("zhang", OFFLINE)
    headers = {"authorization": f"Bearer {tokens['access_token']}"}
    async with two_workers(world) as (first, second):
        for http in (first, second):
            answer = await http.get(f"/fhir{own(world)}", headers=headers)
            assert answer.status_code == 200
        form = {"client_id": "diary", "token": tokens["access_token"]}
        assert (await first.post("/oauth/revoke", data=form)).status_code == 200
        for http in (second, first):
            refused(await http.get(f"/fhir{own(world)}", headers=headers))


async def test_another_app_revokes_nothing(world: World) -> None:
    token = await world.token("zhang")
    form = {"client_id": "foreign", "token": token}
    await world.browser().post("/oauth/revoke", data=form)
    assert (await world.bearer(token).get(own(world))).status_code == 200


async def test_a_disabled_account_is_out_at_once(world: World) -> None:
    login = await victim(world, "leaver")
    tokens = await world.app().tokens(login, "user/*.rs offline_access")
    fhir = world.bearer(tokens["access_token"])
    assert (await fhir.get("/Practitioner")).status_code == 200
    async with world.database.transaction() as conn:
        await disable_account(conn, login)
    refused(await fhir.get("/Practitioner"))
    assert (await world.app().refresh(tokens["refresh_token"])).status_code == 400


async def test_a_disabled_app_is_out_at_once(world: World) -> None:
    redirect = "https://gone.example/callback"
    async with world.database.transaction() as conn:
        await create_client(
            conn, client_id="gone", name="gone", kind="public", scopes=READ,
            redirect_uris=[redirect],
        )  # fmt: skip
    app = world.app()
    app.client_id, app.redirect = "gone", redirect
    token = (await app.tokens("zhang", READ))["access_token"]
    assert (await world.bearer(token).get(own(world))).status_code == 200
    async with world.database.transaction() as conn:
        await disable_client(conn, "gone")
    refused(await world.bearer(token).get(own(world)))
    assert (await world.app().authorize(client_id="gone")).status_code == 400


async def test_ending_an_app_on_ones_page_ends_its_tokens(world: World) -> None:
    app = world.app("foreign")
    tokens = await app.tokens("zhang", OFFLINE)
    page = await app.http.get("/oauth/account")
    entry = page.text.partition('name="application" value="')[2].partition('"')[0]
    form = {"form_token": form_token_of(page), "application": entry}
    assert (await app.http.post("/oauth/account", data=form)).status_code == 303
    refused(await world.bearer(tokens["access_token"]).get(own(world)))
    assert (await app.refresh(tokens["refresh_token"])).status_code == 400


async def test_access_tokens_are_short_lived(world: World) -> None:
    assert (await world.app().tokens("zhang", READ))["expires_in"] <= 3600
    assert (await world.backend().token()).json()["expires_in"] <= 300
