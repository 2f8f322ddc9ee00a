"""Apps that register themselves, keys at an address, and clients and accounts that are shut out."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import orjson
import pytest
from auth_flow import App, Backend
from joserfc.jwk import ECKey

from hie.auth.accounts import disable_account
from hie.auth.clients import approve_client, clients, create_client, disable_client
from hie.auth.remote_keys import fetch_keys
from hie.auth.tokens import introspect
from hie.kit.db import Database
from hie.kit.egress import Unreachable

METADATA: dict[str, Any] = {
    "client_name": "血糖助手",
    "redirect_uris": ["https://app.example/callback"],
    "scope": "openid fhirUser launch/patient patient/Observation.rs offline_access",
    "token_endpoint_auth_method": "none",
    "grant_types": ["authorization_code", "refresh_token"],
}


async def register(http: httpx.AsyncClient, **changes: Any) -> httpx.Response:
    metadata = {k: v for k, v in {**METADATA, **changes}.items() if v is not None}
    return await http.post("/oauth/register", json=metadata)


async def test_a_registered_app_waits_for_approval(app: App, populated: Database) -> None:
    answer = await register(app.http)
    assert answer.status_code == 201, answer.text
    app.client_id = answer.json()["client_id"]
    assert (await app.authorize()).status_code == 400
    async with populated.connection() as conn:
        assert [c.id for c in await clients(conn, status="pending")] == [app.client_id]
        assert await approve_client(conn, app.client_id)
        assert not await approve_client(conn, "nobody")
        assert await clients(conn, status="pending") == []
    tokens = await app.tokens("resident", "launch/patient patient/*.rs offline_access")
    assert tokens["scope"] == "launch/patient offline_access patient/Observation.rs"


async def test_a_secret_is_given_once(http: httpx.AsyncClient) -> None:
    answer = await register(http, token_endpoint_auth_method=None)
    found = answer.json()
    assert len(found["client_secret"]) >= 32
    assert answer.headers["cache-control"] == "no-store"


async def test_an_app_brings_its_keys(http: httpx.AsyncClient) -> None:
    key = ECKey.generate_key("P-384", {"kid": "one"})
    keys = {"keys": [key.as_dict(private=False)]}
    good = await register(http, token_endpoint_auth_method="private_key_jwt", jwks=keys)
    assert good.status_code == 201, good.text


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"redirect_uris": None}, "invalid_redirect_uri"),
        ({"redirect_uris": []}, "invalid_redirect_uri"),
        ({"redirect_uris": ["http://app.example/callback"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["https://user@app.example/callback"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["https://app.example/#x"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["https://*.example/"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["javascript:alert(1)"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["myapp:callback"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["https://a.example;script-src/"]}, "invalid_client_metadata"),
        ({"redirect_uris": ["https://健康.example/"]}, "invalid_client_metadata"),
        ({"redirect_uris": [5]}, "invalid_redirect_uri"),
        ({"scope": None}, "invalid_client_metadata"),
        ({"scope": "system/*.rs"}, "invalid_client_metadata"),
        ({"scope": "nonsense"}, "invalid_client_metadata"),
        ({"grant_types": ["client_credentials"]}, "invalid_client_metadata"),
        ({"grant_types": ["implicit"]}, "invalid_client_metadata"),
        ({"response_types": ["token"]}, "invalid_client_metadata"),
        ({"client_name": None}, "invalid_client_metadata"),
        ({"client_name": "x" * 200}, "invalid_client_metadata"),
        ({"client_name": "a\u202eb"}, "invalid_client_metadata"),
        ({"token_endpoint_auth_method": "tls_client_auth"}, "invalid_client_metadata"),
        ({"token_endpoint_auth_method": "private_key_jwt"}, "invalid_client_metadata"),
        ({"jwks_uri": "http://169.254.169.254/keys"}, "invalid_client_metadata"),
        ({"jwks": {"keys": "x"}}, "invalid_client_metadata"),
    ],
)
async def test_registrations_that_are_refused(
    http: httpx.AsyncClient, populated: Database, changes: dict[str, Any], error: str
) -> None:
    answer = await register(http, **changes)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"] == error
    async with populated.connection() as conn:
        assert await clients(conn, status="pending") == []


async def test_native_and_local_apps_may_register(http: httpx.AsyncClient) -> None:
    uris = ["com.example.app:/callback", "http://127.0.0.1:3000/callback", "http://localhost/x"]
    assert (await register(http, redirect_uris=uris)).status_code == 201
    assert (await http.post("/oauth/register", content=b"[]")).status_code == 400


async def test_a_disabled_client_loses_its_tokens(app: App, populated: Database) -> None:
    tokens = await app.tokens("resident", "launch/patient patient/*.rs offline_access")
    async with populated.connection() as conn:
        assert await disable_client(conn, "app")
        assert not await disable_client(conn, "nobody")
        assert await introspect(conn, tokens["access_token"]) is None
        assert await approve_client(conn, "app")
    assert (await app.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"


async def test_a_disabled_account_loses_everything(app: App, populated: Database) -> None:
    tokens = await app.tokens("resident", "launch/patient patient/*.rs offline_access")
    async with populated.connection() as conn:
        assert await disable_account(conn, "resident")
        assert not await disable_account(conn, "nobody")
        assert await introspect(conn, tokens["access_token"]) is None
    assert "/oauth/login" in (await app.authorize()).text
    assert (await app.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"


@asynccontextmanager
async def serving(answer: Callable[[], bytes]) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A real little HTTP server on a loopback port; the list collects the requests."""
    requests: list[bytes] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer())
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}/keys", requests


def http_answer(body: bytes, status: str = "200 OK", headers: str = "") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}Connection: close\r\n\r\n"
    return head.encode() + body


async def test_keys_at_an_address(http: httpx.AsyncClient, populated: Database) -> None:
    first = ECKey.generate_key("P-384", {"kid": "first"})
    second = ECKey.generate_key("P-384", {"kid": "second"})
    published = [first]

    def answer() -> bytes:
        keys = [key.as_dict(private=False) for key in published]
        return http_answer(orjson.dumps({"keys": keys}))

    async with serving(answer) as (uri, requests):
        async with populated.connection() as conn:
            await create_client(
                conn,
                client_id="station",
                name="社区站",
                kind="asymmetric",
                scopes="system/*.cruds",
                institution=2,
                jwks_uri=uri,
            )
        station = Backend(http, "station", first, "ES384")
        assert (await station.token()).status_code == 200
        assert (await station.token()).status_code == 200
        assert len(requests) == 1, "what was found is kept"
        published.append(second)
        rotated = Backend(http, "station", second, "ES384")
        assert (await rotated.token()).status_code == 401, "not asked again within ten seconds"
        async with populated.connection() as conn:
            await conn.execute(
                "UPDATE auth.client SET jwks_asked_at = now() - interval '11 seconds'"
            )
        assert (await rotated.token()).status_code == 200
        assert len(requests) == 2
    assert (await rotated.token()).status_code == 200, "also while the address does not answer"


@pytest.mark.parametrize(
    "answer",
    [
        http_answer(b"", "302 Found", "Location: http://127.0.0.1:1/\r\n"),
        http_answer(b"not JSON"),
        http_answer(b"[]"),
        http_answer(b'{"keys": 5}'),
        http_answer(b"x" * 70_000),
        http_answer(b"", "404 Not Found"),
    ],
)
async def test_answers_that_are_no_key_sets(answer: bytes) -> None:
    async with serving(lambda: answer) as (uri, requests):
        with pytest.raises(Unreachable):
            await fetch_keys(uri)
        assert len(requests) == 1


@pytest.mark.parametrize(
    "uri",
    [
        "https://169.254.169.254/latest/meta-data",
        "https://[::ffff:169.254.169.254]/",
        "https://0.0.0.0/",
        "https://224.0.0.1/",
        "http://192.0.2.1/keys",
        "file:///etc/passwd",
        "https:///keys",
        "https://user:password@127.0.0.1/keys",
    ],
)
async def test_addresses_that_are_never_called(uri: str) -> None:
    with pytest.raises(Unreachable, match=r"address|https"):
        await fetch_keys(uri)
