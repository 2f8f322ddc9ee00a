"""Tokens at the FHIR API: what is remembered of them never outlives them, and DPoP is understood.

https://www.rfc-editor.org/rfc/rfc6750#section-3.1 and https://www.rfc-editor.org/rfc/rfc9449#section-7
"""

import time
from base64 import urlsafe_b64encode
from hashlib import sha256

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey
from tests_rest_samples import patient

from hie.access.caller import Caller, Unconfirmed
from hie.auth import scopes
from hie.auth.secret import digest
from hie.auth.tokens import insert_token
from hie.errors import Problem
from hie.kit.ids import new_id
from hie.records.fetch import fetch

REVOKE = "UPDATE auth.token SET revoked_at = now() WHERE hash = %s"
EXPIRE = "UPDATE auth.token SET expires_at = now() WHERE hash = %s"
READS = ("/Patient/p1", "/Patient/nobody", "/Patient/p1/_history/1", "/Patient?_id=p1")


def token_of(client: httpx.AsyncClient) -> str:
    return client.headers["authorization"].removeprefix("Bearer ")


@pytest.mark.parametrize("end", [REVOKE, EXPIRE])
async def test_a_remembered_token_ends_with_the_next_request(client, exchange, end: str) -> None:
    a = await client("institution", institution="A")
    assert (await a.put("/Patient/p1", content=patient("p1", "张伟"))).status_code == 201
    assert (await a.get("/Patient/p1")).status_code == 200
    assert exchange.callers.recall(a.headers["authorization"]) is not None
    async with exchange.store.database.connection() as connection:
        await connection.execute(end, (digest(token_of(a)),))
    for path in READS:
        answer = await a.get(path)
        assert answer.status_code == 401, path
        assert "p1" not in answer.text


async def test_an_unconfirmed_caller_reads_nothing_without_the_token(client, exchange) -> None:
    a = await client("institution", institution="A")
    await a.put("/Patient/p1", content=patient("p1", "张伟"))
    with pytest.raises(Problem) as refused:
        await fetch(
            exchange, Unconfirmed(Caller.operator(), digest("never issued")), "Patient", "p1"
        )
    assert refused.value.status == 401


async def test_schemes_are_named_and_others_refused(client) -> None:
    nobody = await client()
    for authorization in ("", "Bearer", "Bearer ", "Basic YTpi", "Bearer short", "DPoP", "DPoP x"):
        answer = await nobody.get("/Patient/p1", headers={"authorization": authorization})
        assert answer.status_code == 401
        challenge = answer.headers["www-authenticate"]
        assert challenge.startswith('Bearer realm="fhir", DPoP realm="fhir", algs="')


async def test_a_bound_token_reads_with_its_proof(client, exchange) -> None:
    a = await client("institution", institution="A")
    await a.put("/Patient/p1", content=patient("p1", "张伟"))
    key = ECKey.generate_key("P-256")
    async with exchange.store.database.transaction() as connection:
        token = await insert_token(
            connection,
            kind="access",
            client_id="bound",
            holder="operator",
            scopes=scopes.parse("system/*.rs"),
            seconds=300,
            key_thumbprint=key.thumbprint(),
        )

    def proof(path: str, *, signer: ECKey = key, method: str = "GET") -> dict[str, str]:
        public = signer.as_dict(private=False)
        ath = urlsafe_b64encode(sha256(token.encode()).digest()).rstrip(b"=").decode()
        address = f"{exchange.settings.fhir_base}{path}"
        claims = {"htm": method, "htu": address, "iat": int(time.time()), "jti": new_id()}
        header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": public}
        return {
            "authorization": f"DPoP {token}",
            "dpop": jwt.encode(header, {**claims, "ath": ath}, signer, algorithms=["ES256"]),
        }

    anybody = await client()
    for path in ("/Patient/p1", "/Patient/p1/$everything", "/Patient/p1/_history"):
        assert (await anybody.get(path, headers=proof(path))).status_code == 200, path
    once = proof("/Patient/p1")
    assert (await anybody.get("/Patient/p1?_format=json", headers=once)).status_code == 200
    for headers in (
        once,
        proof("/Patient/p2"),
        proof("/Patient/p1", method="POST"),
        proof("/Patient/p1", signer=ECKey.generate_key("P-256")),
        {"authorization": f"DPoP {token}"},
        {"authorization": f"Bearer {token}"},
        {
            **proof("/Patient/p1"),
            "authorization": a.headers["authorization"].replace("Bearer", "DPoP"),
        },
    ):
        assert (await anybody.get("/Patient/p1", headers=headers)).status_code == 401
