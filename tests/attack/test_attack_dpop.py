"""Probes of the FHIR API with tokens that are bound to a key.

https://www.rfc-editor.org/rfc/rfc9449#section-11
"""

import time
from typing import Any

import httpx
import pytest
from attack_workers import two_workers
from attack_world import READ, World
from auth_flow import Holder


def refused(answer: httpx.Response) -> None:
    """401, and a challenge that names the scheme."""
    assert answer.status_code == 401, answer.text
    assert "DPoP" in answer.headers["www-authenticate"]


class Bound:
    """A token that is bound to a key, and who holds both."""

    def __init__(self, world: World, token: str, holder: Holder) -> None:
        self.world, self.token, self.holder = world, token, holder

    @property
    def address(self) -> str:
        return f"{self.world.fhir}/Patient/{self.world.people['zhang']}"

    def proof(self, holder: Holder | None = None, **changes: Any) -> str:
        return (holder or self.holder).proof("GET", self.address, self.token, **changes)

    async def get(self, *proofs: str, scheme: str = "DPoP") -> httpx.Response:
        headers = [("authorization", f"{scheme} {self.token}")]
        headers += [("dpop", proof) for proof in proofs]
        return await self.world.browser().get(self.address, headers=headers)


async def bound(world: World) -> Bound:
    app, holder = world.app(), Holder()
    code = await app.code("zhang", READ)
    app.http.headers["dpop"] = holder.proof(address=f"{world.base}/oauth/token")
    answer = await app.redeem(code)
    assert answer.json()["token_type"] == "DPoP"
    return Bound(world, answer.json()["access_token"], holder)


async def test_a_bound_token_works_with_its_key_and_as_plain_bearer_not(world: World) -> None:
    token = await bound(world)
    assert (await token.get(token.proof())).status_code == 200
    refused(await token.get(token.proof(), scheme="Bearer"))
    refused(await token.get(scheme="Bearer"))


async def test_a_proof_works_once_on_whichever_worker(world: World) -> None:
    token = await bound(world)
    proof = token.proof()
    headers = {"authorization": f"DPoP {token.token}", "dpop": proof}
    async with two_workers(world) as (first, second):
        answers = [await http.get(token.address, headers=headers) for http in (first, second)]
    assert [a.status_code for a in answers] == [200, 401]


@pytest.mark.parametrize(
    "changes",
    [
        {"htm": "POST"},
        {"htu": "https://other.example/fhir/Patient/1"},
        {"ath": "x" * 43},
        {"ath": None},
        {"iat": int(time.time()) - 3600},
        {"iat": int(time.time()) + 3600},
        {"jti": None},
    ],
)
async def test_a_proof_for_something_else_is_refused(world: World, changes: dict[str, Any]) -> None:
    token = await bound(world)
    refused(await token.get(token.proof(**changes)))


async def test_a_proof_by_another_key_is_refused(world: World) -> None:
    token = await bound(world)
    refused(await token.get(token.proof(Holder())))


async def test_two_proofs_or_none_are_refused(world: World) -> None:
    token = await bound(world)
    refused(await token.get())
    refused(await token.get(token.proof(), token.proof()))


async def test_an_unbound_token_is_not_taken_with_a_proof(world: World) -> None:
    token = Bound(world, await world.token("zhang"), Holder())
    refused(await token.get(token.proof()))


async def test_a_key_that_is_not_public_is_refused_in_a_proof(world: World) -> None:
    token = await bound(world)
    leaked = token.holder.key.as_dict(private=True)
    refused(await token.get(token.proof(header={"jwk": leaked})))
