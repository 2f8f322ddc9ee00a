"""Probes of what the server calls, shows and writes down: SSRF, markup in records, leaks into logs.

https://cheatsheetseries.owasp.org/cheatsheets/Server_Side_Request_Forgery_Prevention_Cheat_Sheet.html
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import orjson
import pytest
from attack_district import RESIDENTS
from attack_world import OFFLINE, READ, SECRET, World, marker
from auth_flow import PASSWORD, action_of, form_token_of

from hie.auth.clients import create_client

METADATA = {
    "client_name": "probe",
    "redirect_uris": ["https://probe.example/callback"],
    "scope": "patient/*.rs",
    "token_endpoint_auth_method": "none",
}


@asynccontextmanager
async def trap() -> AsyncIterator[tuple[str, list[bytes]]]:
    """An address inside, and what was sent to it."""
    caught: list[bytes] = []

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        caught.append(await reader.read(4096))
        writer.write(b"HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", caught


@pytest.mark.parametrize(
    "name", ["jwks_uri", "logo_uri", "client_uri", "policy_uri", "tos_uri", "sector_identifier_uri"]
)
async def test_registering_an_app_makes_the_server_call_nobody(world: World, name: str) -> None:
    async with trap() as (address, caught):
        body = orjson.dumps({**METADATA, name: f"{address}/x"})
        answer = await world.browser().post("/oauth/register", content=body)
        assert answer.status_code in (201, 400)
        assert name == "jwks_uri" or answer.status_code == 201
        assert address not in answer.text
    assert caught == []


@pytest.mark.parametrize(
    "changes",
    [
        {"redirect_uris": ["javascript:alert(1)"]},
        {"redirect_uris": ["data:text/html,x"]},
        {"redirect_uris": ["http://probe.example/callback"]},
        {"redirect_uris": ["https://*.example/callback"]},
        {"redirect_uris": ["https://user@probe.example/callback"]},
        {"redirect_uris": ["https://probe.example/callback#x"]},
        {"redirect_uris": []},
        {"scope": "system/*.cruds"},
        {"grant_types": ["client_credentials"]},
        {"response_types": ["token"]},
    ],
)
async def test_an_app_that_may_not_be_registered(world: World, changes: dict[str, Any]) -> None:
    body = orjson.dumps({**METADATA, **changes})
    assert (await world.browser().post("/oauth/register", content=body)).status_code == 400


async def test_a_registered_app_waits_for_approval(world: World) -> None:
    answer = await world.browser().post("/oauth/register", content=orjson.dumps(METADATA))
    app = world.app()
    app.client_id, app.redirect = answer.json()["client_id"], METADATA["redirect_uris"][0]  # type: ignore[assignment]
    assert (await app.authorize(READ)).status_code == 400


@pytest.mark.parametrize(
    "address",
    ["http://169.254.169.254/latest/meta-data", "https://169.254.169.254/", "file:///etc/passwd",
     "gopher://127.0.0.1:5432/", "http://user@127.0.0.1/", "https://[fe80::1]/", "https://0.0.0.0/"],
)  # fmt: skip
async def test_keys_are_not_fetched_from_where_no_keys_are(world: World, address: str) -> None:
    async with world.database.transaction() as conn:
        await create_client(
            conn, client_id="remote", name="remote", kind="asymmetric", scopes="system/*.rs",
            institution=1, jwks_uri=address,
        )  # fmt: skip
    world.keys["remote"] = world.keys["hospital-a"]
    answer = await world.backend("remote").token()
    assert answer.status_code == 401
    assert answer.json()["error"] == "invalid_client"


async def test_keys_are_fetched_without_following_redirects(world: World) -> None:
    async with trap() as (address, caught):
        async with world.database.transaction() as conn:
            await create_client(
                conn, client_id="remote", name="remote", kind="asymmetric", scopes="system/*.rs",
                institution=1, jwks_uri=f"{address}/jwks",
            )  # fmt: skip
        world.keys["remote"] = world.keys["hospital-a"]
        assert (await world.backend("remote").token()).status_code == 401
    assert len(caught) == 1
    assert b"authorization" not in caught[0].lower()


async def test_nothing_that_a_record_names_is_called(world: World) -> None:
    fhir = await world.as_institution("hospital-a")
    async with trap() as (address, caught):
        document = {
            "resourceType": "DocumentReference",
            "meta": {"profile": [f"{address}/profile"]},
            "implicitRules": f"{address}/rules",
            "status": "current",
            "subject": {"reference": f"{address}/fhir/Patient/1"},
            "content": [{"attachment": {"url": f"{address}/file", "contentType": "text/plain"}}],
        }
        await fhir.post("/DocumentReference", content=orjson.dumps(document))
        await fhir.get(f"/Observation?subject={address}/fhir/Patient/1")
        await fhir.get("/Observation", params={"code:in": f"{address}/ValueSet/x"})
    assert caught == []


async def test_an_xml_entity_is_not_resolved(world: World) -> None:
    fhir = await world.as_institution("hospital-a")
    fhir.headers["content-type"] = "application/fhir+xml"
    async with trap() as (address, caught):
        for entity in (f'SYSTEM "{address}/x"', 'SYSTEM "file:///etc/hostname"', '"boom"'):
            body = (
                f'<?xml version="1.0"?><!DOCTYPE p [<!ENTITY e {entity}>]>'
                '<Patient xmlns="http://hl7.org/fhir"><name><text value="&e;"/></name></Patient>'
            )
            answer = await fhir.post("/Patient", content=body)
            assert answer.status_code in (400, 415, 422), answer.text
    assert caught == []


async def test_an_xml_bomb_is_refused(world: World) -> None:
    fhir = await world.as_institution("hospital-a")
    fhir.headers["content-type"] = "application/fhir+xml"
    lines = ['<!ENTITY a0 "ha">'] + [f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12)]
    body = (
        f"<!DOCTYPE p [{''.join(lines)}]>"
        '<Patient xmlns="http://hl7.org/fhir"><name><text value="&a11;"/></name></Patient>'
    )
    answer = await fhir.post("/Patient", content=body)
    assert answer.status_code in (400, 413, 415, 422)


MARKUP = "<img src=x onerror=alert(1)><script>alert(2)</script>"


async def in_portal(world: World, portal: str, login: str) -> httpx.AsyncClient:
    """A browser in which this person has come through the portal's sign-in."""
    browser = world.browser(follow_redirects=True)
    page = await browser.get(f"/{portal}/login")
    form = {"form_token": form_token_of(page), "login": login, "password": PASSWORD}
    page = await browser.post(action_of(page, "/oauth/login"), data=form)
    assert page.status_code == 200, page.text
    return browser


@pytest.mark.parametrize("where", ["", "/results", "/about"])
async def test_markup_in_records_stays_text(world: World, where: str) -> None:
    fhir = await world.as_institution("hospital-a")
    narrative = f'<div xmlns="http://www.w3.org/1999/xhtml">{MARKUP}</div>'
    coded = {"text": MARKUP, "coding": [{"system": "urn:x", "code": "x", "display": MARKUP}]}
    for resource in (
        {"resourceType": "Condition", "id": "markup-c", "code": coded, "subject": {"reference": "Patient/a-xin"}},
        {"resourceType": "Observation", "id": "markup-o", "status": "final", "code": coded, "subject": {"reference": "Patient/a-xin"},
         "effectiveDateTime": "2026-05-01", "valueQuantity": {"value": 1, "unit": MARKUP}},
        {"resourceType": "Observation", "id": "markup-n", "status": "final", "code": coded, "subject": {"reference": "Patient/a-xin"},
         "text": {"status": "generated", "div": narrative}, "valueString": MARKUP, "effectiveDateTime": "2026-05-02"},
    ):  # fmt: skip
        path = f"/{resource['resourceType']}/{resource['id']}"
        answer = await fhir.put(path, content=orjson.dumps(resource))
        assert answer.status_code in (200, 201, 422), answer.text
    browser = await in_portal(world, "resident", "xin")
    page = await browser.get(f"/resident{where}")
    assert page.status_code == 200
    assert "<script>alert" not in page.text
    assert "<img src=x" not in page.text
    policy = page.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy or "default-src 'self'" in policy


async def test_a_record_is_never_answered_as_a_page(world: World) -> None:
    fhir = await world.as_person("zhang")
    for accept in ("text/html", "text/html,application/xhtml+xml,*/*;q=0.8"):
        answer = await fhir.get("/Observation", headers={"accept": accept})
        assert not answer.headers["content-type"].startswith("text/html")
        assert answer.headers["x-content-type-options"] == "nosniff"


async def test_an_app_of_one_kind_of_person_is_refused_to_the_other(world: World) -> None:
    browser = world.browser(follow_redirects=True)
    page = await browser.get("/clinician/login")
    form = {"form_token": form_token_of(page), "login": "zhang", "password": PASSWORD}
    page = await browser.post(action_of(page, "/oauth/login"), data=form)
    assert page.status_code == 403


async def test_the_log_tells_no_secrets_and_names_nobody(world: World) -> None:
    """After all the noise that a server may be made to write."""
    app = world.app()
    tokens = await app.tokens("zhang", OFFLINE)
    card, name = RESIDENTS["wang"]["card"], RESIDENTS["wang"]["name"]
    secrets = [
        tokens["access_token"],
        tokens["refresh_token"],
        tokens["id_token"],
        PASSWORD,
        SECRET,
    ]
    fhir = world.bearer(tokens["access_token"])
    owner = await world.as_institution("hospital-b")
    for path in (f"/Patient?identifier={card}", f"/Patient?name={name}", "/%ff%fe", f"/{card}/x"):
        await fhir.get(path)
        await owner.get(path)
    await fhir.get("/Observation", params={"access_token": tokens["access_token"]})
    await owner.post(
        "/Patient", content=b'{"resourceType": "Patient", "identifier": "' + card.encode()
    )
    await owner.post(
        "/",
        content=orjson.dumps(
            {"resourceType": "Bundle", "type": "transaction", "entry": [{"resource": {"id": card}}]}
        ),
    )
    for data in (
        {"code": "\0"},
        {"client_assertion": tokens["id_token"]},
        {"client_id": "ledger", "client_secret": SECRET},
    ):
        await app.http.post("/oauth/token", data={"grant_type": "authorization_code", **data})
    page = await app.http.get("/oauth/login?client_id=diary&state=" + tokens["access_token"])
    await app.http.post(
        "/oauth/login",
        data={
            "form_token": form_token_of(page) if "form_token" in page.text else "",
            "login": card,
            "password": PASSWORD,
        },
    )
    assert world.log is not None
    written = world.log.read_text(errors="replace")
    assert "worker" in written  # it is the right file
    known = {
        *secrets,
        *world.tokens.values(),
        card,
        name,
        marker("wang"),
        app.http.cookies["hie_login"],
    }
    assert [one for one in known if one in written] == []


@pytest.mark.parametrize(
    "path", ["/", "/fhir/metadata", "/fhir/Patient/1", "/oauth/login", "/no", "/oauth/token"]
)
async def test_every_answer_carries_the_protective_headers(world: World, path: str) -> None:
    headers = (await world.browser().get(path)).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] in ("no-referrer", "same-origin")
    assert headers["x-frame-options"] == "DENY"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    software = ("granian", "uvicorn", "python", "starlette", "fastapi")
    assert not any(name in str(headers).lower() for name in software)


@pytest.mark.parametrize("method", ["TRACE", "TRACK", "CONNECT", "FOO"])
async def test_an_odd_method_is_refused(world: World, method: str) -> None:
    answer = await world.browser().request(method, "/fhir/Patient/b-wang")
    assert answer.status_code in (400, 401, 404, 405, 501)
    assert marker("wang") not in answer.text


@pytest.mark.parametrize("path", ["/static/../hie/settings.py", "/static/%2e%2e/%2e%2e/pyproject.toml",
                                  "/static/..%2f..%2fsettings.py", "/oauth/../.git/config"])  # fmt: skip
async def test_no_file_beside_the_public_ones_is_served(world: World, path: str) -> None:
    answer = await world.browser().get(path)
    assert answer.status_code == 404


async def test_a_page_of_another_site_gets_no_record_with_the_cookies_of_this_one(
    world: World,
) -> None:
    browser = await in_portal(world, "resident", "zhang")
    answer = await browser.get("/fhir/Observation", headers={"origin": "https://evil.example"})
    assert answer.status_code == 401
    assert answer.headers.get("access-control-allow-credentials") is None
