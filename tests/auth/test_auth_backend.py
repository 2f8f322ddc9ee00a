"""Backend services: signed assertions, and all the ways in which they may be wrong."""

import asyncio
import hmac
import time
from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import Any

import pytest
from auth_flow import BASE, Backend
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from hie.auth.clients import create_client
from hie.auth.tokens import introspect
from hie.kit.db import Database


@pytest.mark.parametrize("kind", ["rsa", "elliptic"])
async def test_an_institution_gets_a_short_token(
    kind: str, backend: Backend, elliptic_backend: Backend, populated: Database
) -> None:
    signer = backend if kind == "rsa" else elliptic_backend
    answer = await signer.token(scope="system/*.rs system/Patient.c openid")
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert answer.headers["cache-control"] == "no-store"
    assert found["expires_in"] == 300
    assert found["scope"] == "system/*.rs system/Patient.c"
    assert "refresh_token" not in found
    async with populated.connection() as conn:
        grant = await introspect(conn, found["access_token"])
    assert grant is not None
    assert (grant.client_id, grant.kind, grant.institution) == ("hospital", "institution", 1)
    assert (grant.user, grant.account, grant.patient) == (None, None, None)


def encoded(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()


async def refused(backend: Backend, assertion: str, error: str = "invalid_client") -> None:
    answer = await backend.token(assertion)
    assert answer.status_code == 401, answer.text
    assert answer.json()["error"] == error


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "nobody"},
        {"iss": None},
        {"sub": "somebody"},
        {"aud": "https://evil.example/token"},
        {"aud": None},
        {"aud": f"{BASE}/fhir"},
        {"exp": int(time.time()) - 1},
        {"exp": int(time.time()) + 86400},
        {"exp": None},
        {"exp": "soon"},
        {"exp": True},
        {"nbf": int(time.time()) + 3600},
        {"jti": None},
        {"jti": ""},
        {"jti": 5},
        {"jti": "x" * 300},
        {"iss": "app", "sub": "app"},
    ],
)
async def test_wrong_claims(backend: Backend, changes: dict[str, Any]) -> None:
    await refused(backend, backend.assertion(**changes))


@pytest.mark.parametrize(
    "header",
    [{"kid": "unknown"}, {"alg": "RS256"}, {"alg": "PS384"}, {"alg": "RS512"}, {"kid": "ec"}],
)
async def test_wrong_header(backend: Backend, header: dict[str, Any]) -> None:
    await refused(backend, backend.assertion(header))


async def test_without_kid(backend: Backend) -> None:
    unnamed = jwt.encode({"alg": "RS384"}, backend.claims(), backend.key, algorithms=["RS384"])
    await refused(backend, unnamed)


async def test_unsigned(backend: Backend) -> None:
    good = backend.assertion()
    claims = good.split(".")[1]
    none = encoded(b'{"alg":"none","kid":"rsa"}')
    await refused(backend, f"{none}.{claims}.")
    await refused(backend, f"{none}.{claims}.{good.split('.')[2]}")
    await refused(backend, "nonsense")
    await refused(backend, "é.è.à")
    await refused(backend, "x" * 10_000)


async def test_signed_with_the_public_key_as_a_secret(backend: Backend) -> None:
    public = backend.key.as_pem(private=False)
    claims = backend.assertion().split(".")[1]
    header = encoded(b'{"alg":"HS256","kid":"rsa"}')
    mac = hmac.new(public, f"{header}.{claims}".encode(), sha256).digest()
    forged = f"{header}.{claims}.{encoded(mac)}"
    await refused(backend, forged)


async def test_signed_by_somebody_else(backend: Backend) -> None:
    theirs = Backend(backend.http, "hospital", RSAKey.generate_key(2048, {"kid": "rsa"}), "RS384")
    await refused(backend, theirs.assertion())
    brought = {"jwk": theirs.key.as_dict(private=False)}
    await refused(backend, theirs.assertion(brought))
    await refused(backend, theirs.assertion({"jku": "https://evil.example/jwks"}))


async def test_an_assertion_works_once(backend: Backend) -> None:
    assertion = backend.assertion()
    answers = await asyncio.gather(*(backend.token(assertion) for _ in range(10)))
    assert sorted(a.status_code for a in answers) == [200] + [401] * 9


async def test_assertion_type_is_required(backend: Backend) -> None:
    answer = await backend.token(client_assertion_type="something")
    assert answer.status_code == 401


@pytest.mark.parametrize("scope", ["patient/*.rs", "user/*.rs", "openid", "", "system/Nonsense.rs"])
async def test_only_system_scopes(backend: Backend, scope: str) -> None:
    answer = await backend.token(scope=scope)
    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_scope"


async def test_a_backend_cannot_use_other_grants(backend: Backend) -> None:
    answer = await backend.token(grant_type="authorization_code")
    assert answer.json()["error"] == "unauthorized_client"
    answer = await backend.token(grant_type="password")
    assert answer.json()["error"] == "unsupported_grant_type"


async def test_a_disabled_client_is_unknown(backend: Backend, populated: Database) -> None:
    async with populated.connection() as conn:
        await conn.execute("UPDATE auth.client SET status = 'disabled' WHERE id = 'hospital'")
    await refused(backend, backend.assertion())


@pytest.mark.parametrize(
    "registration",
    [
        {"kind": "public", "scopes": "system/*.rs", "institution": 1},
        {"kind": "symmetric", "scopes": "system/*.rs", "institution": 1, "secret": "s" * 40},
        {"kind": "public", "scopes": "user/*.rs", "redirect_uris": ["https://a.example/#x"]},
        {"kind": "public", "scopes": "user/*.rs", "redirect_uris": ["/relative"]},
        {"kind": "public", "scopes": "user/*.rs", "redirect_uris": ["javascript:alert(1)"]},
        {"kind": "symmetric", "scopes": "user/*.rs", "redirect_uris": ["https://a.example/"]},
        {
            "kind": "symmetric",
            "scopes": "user/*.rs",
            "redirect_uris": ["https://a.example/"],
            "secret": "short",
        },
        {"kind": "public", "scopes": "nonsense", "redirect_uris": ["https://a.example/"]},
    ],
)
async def test_unsafe_registrations_are_refused(
    database: Database, registration: dict[str, Any]
) -> None:
    async with database.connection() as conn:
        with pytest.raises(ValueError):  # noqa: PT011 - each has words of its own
            await create_client(conn, client_id="x", name="x", **registration)


async def test_weak_or_private_keys_are_refused(database: Database) -> None:
    weak = {"kty": "RSA", "kid": "weak", "e": "AQAB", "n": encoded(b"\xc1" * 128)}
    private = RSAKey.generate_key(2048, {"kid": "private"}).as_dict(private=True)
    unnamed = RSAKey.generate_key(2048).as_dict(private=False)
    async with database.connection() as conn:
        for jwk in (weak, private, unnamed, OctKey.generate_key(256, {"kid": "o"}).as_dict()):
            with pytest.raises(ValueError):  # noqa: PT011 - each has words of its own
                await create_client(
                    conn,
                    client_id="x",
                    name="x",
                    kind="asymmetric",
                    scopes="system/*.rs",
                    institution=1,
                    jwks={"keys": [jwk]},
                )
