"""Tokens of institutions that are bound to the certificate shown to a trusted proxy. RFC 8705"""

import time
from base64 import b64encode
from dataclasses import dataclass
from secrets import token_urlsafe
from typing import Any

import httpx
import pytest
from auth_flow import ASSERTION_TYPE, BASE
from fastapi import FastAPI
from joserfc import jwt
from joserfc.jwk import ECKey

from hie.app import application_on
from hie.auth.clients import create_client
from hie.kit.proxies import networks, thumbprint
from hie.records.exchange import Exchange
from hie.store.institutions import add_institution

KEY = ECKey.generate_key("P-384", {"kid": "k"})


def shown(certificate: bytes) -> dict[str, str]:
    """What a proxy adds: https://www.rfc-editor.org/rfc/rfc9440"""
    return {"client-cert": f":{b64encode(certificate).decode()}:"}


@dataclass
class World:
    app: FastAPI

    def from_(self, address: str) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(self.app, client=(address, 1))
        return httpx.AsyncClient(transport=transport, base_url=BASE)

    async def token(self, http: httpx.AsyncClient, headers: dict[str, str]) -> dict[str, Any]:
        claims = {
            "iss": "h", "sub": "h", "aud": f"{BASE}/oauth/token", "exp": int(time.time()) + 60,
            "jti": token_urlsafe(8),
        }  # fmt: skip
        assertion = jwt.encode({"alg": "ES384", "kid": "k"}, claims, KEY, algorithms=["ES384"])
        form = {
            "grant_type": "client_credentials", "scope": "system/*.rs",
            "client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion,
        }  # fmt: skip
        answer = await http.post("/oauth/token", data=form, headers=headers)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


@pytest.fixture
async def world(exchange: Exchange) -> World:
    changed = exchange.settings.model_copy(update={"trusted_proxies": "10.0.0.0/8"})
    object.__setattr__(exchange, "settings", changed)
    async with exchange.store.database.transaction() as conn:
        number = (await add_institution(conn, "H", "H")).number
        await create_client(
            conn, client_id="h", name="h", kind="asymmetric", scopes="system/*.rs",
            institution=number, jwks={"keys": [{**KEY.as_dict(private=False), "kid": "k"}]},
        )  # fmt: skip
    return World(application_on(exchange))


async def read(http: httpx.AsyncClient, token: str, headers: dict[str, str]) -> int:
    sent = {"authorization": f"Bearer {token}", **headers}
    return (await http.get("/fhir/Patient", headers=sent)).status_code


async def test_a_bound_token_is_worth_nothing_without_its_certificate(world: World) -> None:
    async with world.from_("10.1.2.3") as proxy, world.from_("192.0.2.1") as anybody:
        found = await world.token(proxy, shown(b"mine"))
        assert found["token_type"] == "Bearer"
        token = found["access_token"]
        for _ in range(2):
            assert await read(proxy, token, shown(b"mine")) == 200
            assert await read(proxy, token, shown(b"another")) == 401
            assert await read(proxy, token, {}) == 401
            assert await read(proxy, token, {"client-cert": "nonsense"}) == 401
            assert await read(anybody, token, shown(b"mine")) == 401


async def test_nobody_but_the_proxy_names_a_certificate(world: World) -> None:
    async with world.from_("192.0.2.1") as anybody, world.from_("10.1.2.3") as proxy:
        token = (await world.token(anybody, shown(b"made up")))["access_token"]
        assert await read(anybody, token, {}) == 200  # it was not bound
        assert await read(proxy, token, shown(b"any")) == 200


async def test_without_trusted_proxies_nothing_is_believed(exchange: Exchange) -> None:
    world = World(application_on(exchange))
    async with world.from_("10.1.2.3") as http:
        document = (await http.get("/.well-known/oauth-authorization-server")).json()
        assert document["tls_client_certificate_bound_access_tokens"] is False


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        (None, "10.0.0.1"),
        ("192.0.2.7", "192.0.2.7"),
        ("198.51.100.1, 192.0.2.7", "192.0.2.7"),
        ("192.0.2.7, 10.9.9.9", "192.0.2.7"),
        ("10.2.2.2, 10.9.9.9", "10.2.2.2"),
        ("nonsense", "nonsense"),
    ],
)
async def test_the_address_is_the_last_that_no_proxy_has(
    world: World, exchange: Exchange, forwarded: str | None, address: str
) -> None:
    headers = {} if forwarded is None else {"x-forwarded-for": forwarded}
    async with world.from_("10.0.0.1") as proxy:
        await proxy.post("/oauth/token", data={"client_id": "x"}, headers=headers)
    assert f"oauth {address}" in exchange.rates._full_at


def test_networks_and_thumbprints() -> None:
    assert [str(one) for one in networks("10.0.0.1, 2001:db8::/32")] == [
        "10.0.0.1/32",
        "2001:db8::/32",
    ]
    with pytest.raises(ValueError, match="bits"):
        networks("10.0.0.1/8")
    for header in (b"", b"::", b":x", b":***:", b"MIIB"):
        assert thumbprint(header) is None
