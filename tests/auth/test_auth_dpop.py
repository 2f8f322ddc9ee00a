"""Tokens bound to a key: stolen copies, replayed proofs and downgrades are worth nothing."""

import asyncio
import time
from typing import Any

import httpx
import pytest
from auth_flow import BASE, FHIR, App, Backend, Holder
from joserfc.jwk import ECKey, RSAKey

from hie.auth.presented import grant_of
from hie.auth.tokens import Grant
from hie.kit.db import Database

OFFLINE = "openid launch/patient patient/*.rs offline_access"
TOKEN = f"{BASE}/oauth/token"
READ = f"{FHIR}/Patient/golden-1"


async def redeem(app: App, code: str, *proofs: str) -> httpx.Response:
    app.http.headers.pop("dpop", None)
    fields = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": "https://app.example/callback",
        "client_id": "app",
        "code_verifier": app.verifier,
    }
    return await app.http.post(
        "/oauth/token", data=fields, headers=[("dpop", proof) for proof in proofs]
    )


async def presented(
    database: Database, scheme: str, token: str, *proofs: str, method: str = "GET"
) -> Grant | None:
    return await grant_of(
        database,
        authorization=f"{scheme} {token}",
        proofs=list(proofs),
        method=method,
        address=READ,
    )


async def test_a_bound_token_needs_its_key(app: App, populated: Database) -> None:
    holder, thief = Holder(), Holder()
    answer = await redeem(app, await app.code("resident", OFFLINE), holder.proof())
    assert answer.status_code == 200, answer.text
    tokens = answer.json()
    assert tokens["token_type"] == "DPoP"
    token = tokens["access_token"]
    proof = holder.proof("GET", READ, token)
    assert await presented(populated, "DPoP", token, proof) is not None
    assert await presented(populated, "DPoP", token, proof) is None, "a proof works once"
    assert await presented(populated, "Bearer", token) is None, "no downgrade"
    assert await presented(populated, "DPoP", token) is None
    assert await presented(populated, "DPoP", token, thief.proof("GET", READ, token)) is None
    assert await presented(populated, "DPoP", token, holder.proof("GET", READ)) is None, "no ath"
    two = (holder.proof("GET", READ, token), holder.proof("GET", READ, token))
    assert await presented(populated, "DPoP", token, *two) is None
    for wrong in (
        holder.proof("POST", READ, token),
        holder.proof("GET", f"{FHIR}/Patient/golden-2", token),
        holder.proof("GET", "https://evil.example/fhir/Patient/golden-1", token),
        holder.proof("GET", READ, token, iat=int(time.time()) - 120),
        holder.proof("GET", READ, token, iat=int(time.time()) + 60),
        holder.proof("GET", READ, token, jti=None),
        holder.proof("GET", READ, "another token"),
    ):
        assert await presented(populated, "DPoP", token, wrong) is None
    query = holder.proof("GET", f"{READ}?_format=json", token)
    assert await presented(populated, "DPoP", token, query) is not None


async def test_an_unbound_token_is_not_taken_as_bound(app: App, populated: Database) -> None:
    token = (await app.tokens())["access_token"]
    proof = Holder().proof("GET", READ, token)
    assert await presented(populated, "DPoP", token, proof) is None
    assert await presented(populated, "Bearer", token) is not None
    assert await presented(populated, "Basic", token) is None


async def test_refreshing_needs_the_same_key(app: App) -> None:
    holder = Holder()
    first = (await redeem(app, await app.code("resident", OFFLINE), holder.proof())).json()

    async def refresh(*proofs: str) -> httpx.Response:
        return await app.http.post(
            "/oauth/token",
            data={
                "grant_type": "refresh_token",
                "client_id": "app",
                "refresh_token": first["refresh_token"],
            },
            headers=[("dpop", proof) for proof in proofs],
        )

    assert (await refresh()).json()["error"] == "invalid_grant"
    assert (await refresh(Holder().proof())).json()["error"] == "invalid_grant"
    good = await refresh(holder.proof())
    assert good.status_code == 200
    assert good.json()["token_type"] == "DPoP"


@pytest.mark.parametrize(
    "changes",
    [
        {"header": {"typ": "JWT"}},
        {"header": {"alg": "ES256", "jwk": None}},
        {"header": {"jwk": ECKey.generate_key("P-256").as_dict(private=False)}},
        {"header": {"jwk": RSAKey.generate_key(2048).as_dict(private=False)}},
        {"htm": "GET"},
        {"htu": f"{BASE}/oauth/par"},
        {"htu": None},
        {"iat": None},
        {"iat": "now"},
        {"jti": ""},
    ],
)
async def test_wrong_proofs(app: App, changes: dict[str, Any]) -> None:
    header = changes.pop("header", None)
    if header is not None and header.get("jwk", "") is None:
        header = {"jwk": {"kty": "EC"}}
    answer = await redeem(app, await app.code(), Holder().proof(header=header, **changes))
    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_dpop_proof"


async def test_a_private_key_in_a_proof_is_refused(app: App) -> None:
    holder = Holder()
    answer = await redeem(
        app, await app.code(), holder.proof(header={"jwk": holder.key.as_dict(private=True)})
    )
    assert answer.json()["error"] == "invalid_dpop_proof"


async def test_two_proofs_are_refused(app: App) -> None:
    holder = Holder()
    answer = await redeem(app, await app.code(), holder.proof(), holder.proof())
    assert answer.status_code == 400


async def test_a_code_can_be_bound_to_a_key_beforehand(app: App) -> None:
    holder = Holder()
    bound = {"dpop_jkt": holder.key.thumbprint()}
    assert (await redeem(app, await app.code(**bound))).json()["error"] == "invalid_grant"
    other = await redeem(app, await app.code(**bound), Holder().proof())
    assert other.json()["error"] == "invalid_grant"
    good = await redeem(app, await app.code(**bound), holder.proof())
    assert good.json()["token_type"] == "DPoP"


async def test_of_ten_requests_with_one_proof_one_succeeds(
    backend: Backend, populated: Database
) -> None:
    holder = Holder()
    backend.http.headers["dpop"] = holder.proof()
    answers = await asyncio.gather(*(backend.token() for _ in range(10)))
    assert sorted(a.status_code for a in answers) == [200] + [400] * 9
    (good,) = [a.json() for a in answers if a.status_code == 200]
    assert good["token_type"] == "DPoP"
    proof = holder.proof("GET", READ, good["access_token"])
    assert await presented(populated, "DPoP", good["access_token"], proof) is not None
