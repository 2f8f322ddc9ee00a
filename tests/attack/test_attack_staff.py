"""Probes of the channels of staff: what their apps must bring, and a second factor before anything.

OWASP ASVS 5.0 level 3: 10.3.5, 10.4.13, 10.4.14, 10.4.16, 6.3.2. In `strict` they are in force.
"""

import time
from functools import cache
from typing import Any, Literal

import httpx
import pyotp
import pytest
from attack_district import SCOPES, victim
from attack_world import READ, SECRET, World
from auth_flow import (
    ASSERTION_TYPE,
    PASSWORD,
    App,
    Backend,
    Holder,
    action_of,
    form_token_of,
    parameters_of,
)
from joserfc.jwk import ECKey

from hie.auth.accounts import find_account
from hie.auth.clients import create_client
from hie.auth.families import begin_family
from hie.auth.scopes import parse
from hie.auth.sessions import Session
from hie.auth.tokens import insert_token
from hie.kit.clock import now

REDIRECT = "https://desk.example/callback"
SCOPE = "openid fhirUser user/*.rs"
SEED = "KRSXG5CTMVRXEZLUKRSXG5CTMVRXEZLU"
Kind = Literal["public", "symmetric", "asymmetric"]


@cache
def key() -> ECKey:
    return ECKey.generate_key("P-384", {"kid": "desk"})


class Desk:
    """An app on a ward, and the clinician in front of it."""

    def __init__(self, world: World, client_id: str, kind: Kind) -> None:
        self.world, self.client_id, self.kind = world, client_id, kind
        self.http = world.browser()
        self.app = App(self.http, client_id, fhir=world.fhir, redirect=REDIRECT)

    def credentials(self, path: str) -> dict[str, str]:
        if self.kind == "public":
            return {"client_id": self.client_id}
        if self.kind == "symmetric":
            return {"client_id": self.client_id, "client_secret": SECRET}
        signer = Backend(self.http, self.client_id, key(), "ES384", self.world.base + path)
        return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": signer.assertion()}

    async def push(self) -> httpx.Response:
        sent = {**self.app.query(SCOPE), **self.credentials("/oauth/par")}
        return await self.http.post("/oauth/par", data=sent)

    async def pushed(self) -> dict[str, str]:
        answer = await self.push()
        assert answer.status_code == 201, answer.text
        return {"client_id": self.client_id, "request_uri": answer.json()["request_uri"]}

    async def arrive(self, login: str, query: dict[str, str]) -> httpx.Response:
        """What the clinician meets after both factors."""
        page = await self.http.get("/oauth/authorize", params=query)
        if page.status_code != 200:
            return page
        answer = await self.app.sign_in(page, login)
        page = await self.http.get(answer.headers["location"])
        code = {"form_token": form_token_of(page), "code": pyotp.TOTP(SEED).at(int(time.time()))}
        answer = await self.http.post(action_of(page, "/oauth/login/code"), data=code)
        return await self.http.get(answer.headers["location"])

    async def code(self, login: str) -> str:
        page = await self.arrive(login, await self.pushed())
        answer = await self.app.approve(page)
        assert answer.status_code == 303, answer.text
        return parameters_of(answer.headers["location"])["code"]

    async def redeem(self, code: str, holder: Holder | None) -> httpx.Response:
        return await self._ask(
            holder, grant_type="authorization_code", code=code, redirect_uri=REDIRECT,
            code_verifier=self.app.verifier,
        )  # fmt: skip

    async def refresh(self, token: str, holder: Holder | None) -> httpx.Response:
        return await self._ask(holder, grant_type="refresh_token", refresh_token=token)

    async def _ask(self, holder: Holder | None, **fields: str) -> httpx.Response:
        address = f"{self.world.base}/oauth/token"
        proof = {} if holder is None else {"dpop": holder.proof(address=address)}
        sent = {**fields, **self.credentials("/oauth/token")}
        return await self.http.post("/oauth/token", data=sent, headers=proof)


async def desk(
    world: World, kind: Kind = "asymmetric", kinds: tuple[str, ...] = ("staff",)
) -> Desk:
    """An app of this kind for these people."""
    client_id = f"desk-{kind}-{'-'.join(kinds)}"
    more: dict[str, Any] = {}
    if kind == "asymmetric":
        more["jwks"] = {"keys": [key().as_dict(private=False)]}
    if kind == "symmetric":
        more["secret"] = SECRET
    async with world.database.transaction() as conn:
        await create_client(
            conn, client_id=client_id, name=client_id, kind=kind, scopes=SCOPES,
            redirect_uris=[REDIRECT], account_kinds=kinds,  # type: ignore[arg-type]
            **more,
        )  # fmt: skip
    return Desk(world, client_id, kind)


async def clinician(world: World, login: str) -> str:
    """A clinician of the probe's own, with a second factor: a code works once."""
    return await victim(world, login, second_factor=SEED)


def refused(answer: httpx.Response, error: str, names: str) -> None:
    """Sent back to the app with this error, and told what is missing."""
    assert answer.status_code == 303, answer.text
    assert answer.headers["location"].startswith(REDIRECT)
    said = parameters_of(answer.headers["location"])
    assert said["error"] == error
    assert names in said["error_description"]


async def test_a_protected_app_serves_a_clinician_and_its_token_nobody_else(strict: World) -> None:
    app, holder = await desk(strict), Holder()
    answer = await app.redeem(await app.code(await clinician(strict, "guarded")), holder)
    assert answer.status_code == 200, answer.text
    token = answer.json()["access_token"]
    assert answer.json()["token_type"] == "DPoP"
    fhir = strict.bearer(token, "DPoP")
    fhir.headers["dpop"] = holder.proof("GET", f"{strict.fhir}/Practitioner", token)
    assert (await fhir.get("/Practitioner")).status_code == 200
    assert (await strict.bearer(token).get("/Practitioner")).status_code == 401


@pytest.mark.parametrize("kinds", [("staff",), ("resident", "staff")])
async def test_an_app_for_staff_that_does_not_push_is_refused(
    strict: World, kinds: tuple[str, ...]
) -> None:
    app = await desk(strict, kinds=kinds)
    login = await clinician(strict, f"unpushed-{len(kinds)}")
    answer = await app.arrive(login, app.app.query(SCOPE))
    refused(answer, "invalid_request", "request_uri")


@pytest.mark.parametrize("kind", ["public", "symmetric"])
async def test_an_app_for_staff_that_does_not_sign_cannot_push(strict: World, kind: Kind) -> None:
    answer = await (await desk(strict, kind)).push()
    assert answer.status_code == 400
    assert answer.json()["error"] == "unauthorized_client"
    assert "private_key_jwt" in answer.json()["error_description"]


async def test_an_app_for_anybody_that_does_not_sign_gets_nothing_of_staff(strict: World) -> None:
    app = await desk(strict, "public", ("resident", "staff"))
    answer = await app.arrive(await clinician(strict, "unsigned"), await app.pushed())
    refused(answer, "unauthorized_client", "private_key_jwt")


async def test_a_code_of_staff_gives_no_plain_token(strict: World) -> None:
    app, holder = await desk(strict), Holder()
    code = await app.code(await clinician(strict, "unbound"))
    answer = await app.redeem(code, None)
    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_dpop_proof"
    assert "DPoP" in answer.json()["error_description"]
    assert (await app.redeem(code, holder)).status_code == 200, "the code was not spent"


async def test_what_was_granted_before_is_not_refreshed_to_a_plain_token(strict: World) -> None:
    app, login = await desk(strict), await clinician(strict, "earlier")
    async with strict.database.transaction() as conn:
        session = await _session(strict, login)
        family = await begin_family(
            conn, client_id=app.client_id, session=session, patient=None, context={},
            scopes=parse("user/*.rs offline_access"),
        )  # fmt: skip
        token = await insert_token(
            conn, kind="refresh", client_id=app.client_id, holder="staff", family=family,
            scopes=parse("user/*.rs offline_access"), seconds=3600,
        )  # fmt: skip
    answer = await app.refresh(token, None)
    assert answer.json()["error"] == "invalid_dpop_proof"
    bound = await app.refresh(token, Holder())
    assert bound.json()["token_type"] == "DPoP"


async def _session(world: World, login: str) -> Session:
    async with world.database.connection() as conn:
        account = await find_account(conn, login)
    assert account is not None
    return Session(b"earlier", account, True, now())


async def test_residents_keep_their_apps(strict: World) -> None:
    assert (await strict.app().tokens("zhang", READ))["token_type"] == "Bearer"


async def test_a_first_sign_in_leads_nowhere_but_to_a_second_factor(strict: World) -> None:
    login, browser = await victim(strict, "newcomer"), strict.browser()
    page = await browser.get("/oauth/login")
    form = {"form_token": form_token_of(page), "login": login, "password": PASSWORD}
    answer = await browser.post("/oauth/login", data=form)
    account = await browser.get(answer.headers["location"], follow_redirects=True)
    assert "/oauth/login/enrol" in account.text
    app = App(browser, "diary", fhir=strict.fhir, redirect="https://diary.example/callback")
    page = await app.authorize(SCOPE)
    assert 'name="decision"' not in page.text
