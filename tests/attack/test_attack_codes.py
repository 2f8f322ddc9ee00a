"""Probes of the token endpoint: stolen codes and refresh tokens, forged clients.

https://www.rfc-editor.org/rfc/rfc9700#section-4
"""

import hmac
import time
from base64 import urlsafe_b64encode
from typing import Any

import httpx
import orjson
import pytest
from attack_workers import two_workers
from attack_world import OFFLINE, READ, SECRET, World
from auth_flow import ASSERTION_TYPE, App
from joserfc.jwk import ECKey, RSAKey

from hie.auth.secret import digest


def refused(answer: httpx.Response, error: str = "invalid_grant") -> None:
    """No token, and the error that the specification names."""
    assert answer.status_code in (400, 401), answer.text
    assert answer.json()["error"] == error
    assert "access_token" not in answer.text


async def works(world: World, token: str, person: str = "zhang") -> bool:
    answer = await world.bearer(token).get(f"/Patient/{world.people[person]}")
    assert answer.status_code in (200, 401)
    return answer.status_code == 200


async def test_a_code_works_once_and_its_theft_ends_what_came_of_it(world: World) -> None:
    app = world.app()
    code = await app.code("zhang", OFFLINE)
    tokens = (await app.redeem(code)).json()
    refused(await app.redeem(code))
    assert not await works(world, tokens["access_token"])
    refused(await app.refresh(tokens["refresh_token"]))


async def test_of_twenty_redemptions_at_once_one_at_most_succeeds(world: World) -> None:
    app = world.app()
    code = await app.code("zhang", READ)
    async with two_workers(world) as (first, second):
        racers = [
            App(http, "diary", app.verifier, world.fhir, app.redirect)
            for http in (first, second)
            for _ in range(10)
        ]
        answers = await world.at_once(*(racer.redeem(code) for racer in racers))
    granted = [a.json()["access_token"] for a in answers if a.status_code == 200]
    assert len(granted) <= 1
    for token in granted:
        assert not await works(world, token)


async def test_another_app_cannot_redeem_a_code(world: World) -> None:
    app = world.app()
    code = await app.code("zhang", READ)
    refused(await app.redeem(code, client_id="foreign"))
    assert (await app.redeem(code)).status_code == 200  # nor spoil it


@pytest.mark.parametrize(
    "changes",
    [
        {"code_verifier": None},
        {"code_verifier": "x" * 43},
        {"redirect_uri": None},
        {"redirect_uri": "https://foreign.example/callback"},
        {"code": "x" * 43},
    ],
)
async def test_a_stolen_code_is_worth_nothing_without_the_rest(
    world: World, changes: dict[str, str | None]
) -> None:
    app = world.app()
    code = await app.code("zhang", READ)
    refused(await app.redeem(**{"code": code, **changes}))


async def test_a_code_is_over_after_a_minute(world: World) -> None:
    app = world.app()
    code = await app.code("zhang", READ)
    async with world.database.connection() as conn:
        cursor = await conn.execute(
            "SELECT expires_at - now() <= interval '60 seconds' FROM auth.code WHERE hash = %s",
            (digest(code),),
        )
        assert (await cursor.fetchone())[0]  # type: ignore[index]
        await conn.execute("UPDATE auth.code SET expires_at = now()")
    refused(await app.redeem(code))


async def test_a_code_in_the_address_is_not_read(world: World) -> None:
    app = world.app()
    code = await app.code("zhang", READ)
    answer = await app.http.post(
        f"/oauth/token?code={code}",
        data={"grant_type": "authorization_code", "client_id": "diary"},
    )
    refused(answer, "invalid_request")


async def test_a_refresh_token_used_twice_ends_everything(world: World) -> None:
    app = world.app()
    first = await app.tokens("zhang", OFFLINE)
    second = (await app.refresh(first["refresh_token"])).json()
    refused(await app.refresh(first["refresh_token"]))
    refused(await app.refresh(second["refresh_token"]))
    assert not await works(world, second["access_token"])


async def test_a_refresh_token_raced_on_both_workers_works_once(world: World) -> None:
    app = world.app()
    tokens = await app.tokens("zhang", OFFLINE)
    async with two_workers(world) as (first, second):
        racers = [world.app(http=http) for http in (first, second) for _ in range(5)]
        answers = await world.at_once(*(one.refresh(tokens["refresh_token"]) for one in racers))
    assert sum(a.status_code == 200 for a in answers) <= 1


async def test_another_app_cannot_use_a_refresh_token(world: World) -> None:
    app = world.app()
    tokens = await app.tokens("zhang", OFFLINE)
    refused(await app.refresh(tokens["refresh_token"], client_id="foreign"))
    assert (await app.refresh(tokens["refresh_token"])).status_code == 200


@pytest.mark.parametrize("scope", ["patient/*.cruds", "user/*.rs", "system/*.rs", "launch"])
async def test_a_refresh_never_widens(world: World, scope: str) -> None:
    app = world.app()
    tokens = await app.tokens("zhang", "launch/patient patient/Observation.rs offline_access")
    refused(await app.refresh(tokens["refresh_token"], scope=scope), "invalid_scope")


async def test_an_access_token_is_no_refresh_token(world: World) -> None:
    app = world.app()
    tokens = await app.tokens("zhang", OFFLINE)
    refused(await app.refresh(tokens["access_token"]))


ASSERTIONS: dict[str, dict[str, Any]] = {
    "expired": {"exp": int(time.time()) - 10},
    "valid for an hour": {"exp": int(time.time()) + 3600},
    "without an end": {"exp": None},
    "without a jti": {"jti": None},
    "for another server": {"aud": "https://other.example/oauth/token"},
    "for the FHIR base": {"aud": "http://127.0.0.1/fhir"},
    "by another issuer": {"iss": "hospital-b"},
    "about another client": {"sub": "hospital-b"},
    "from the future": {"iat": int(time.time()) + 3600},
}


@pytest.mark.parametrize("kind", ASSERTIONS)
async def test_an_assertion_that_is_not_right_is_refused(world: World, kind: str) -> None:
    backend = world.backend()
    refused(await backend.token(backend.assertion(**ASSERTIONS[kind])), "invalid_client")


async def test_an_unsigned_assertion_is_refused(world: World) -> None:
    backend = world.backend()
    signed = backend.assertion()
    for algorithm in ("none", "None", "NONE"):
        head = _part({"alg": algorithm, "kid": "a"})
        body = signed.split(".")[1]
        for tail in ("", signed.split(".")[2]):
            refused(await backend.token(f"{head}.{body}.{tail}"), "invalid_client")


def _part(content: dict[str, Any]) -> str:
    return urlsafe_b64encode(orjson.dumps(content)).rstrip(b"=").decode()


async def test_the_public_key_is_no_shared_secret(world: World) -> None:
    backend = world.backend()
    public = world.keys["hospital-a"].as_pem(private=False)
    signed = f"{_part({'alg': 'HS256', 'kid': 'a'})}.{_part(backend.claims())}"
    # By hand: libraries refuse to use a PEM as a secret, an attacker does not.
    tail = urlsafe_b64encode(hmac.digest(public, signed.encode(), "sha256")).rstrip(b"=").decode()
    refused(await backend.token(f"{signed}.{tail}"), "invalid_client")


@pytest.mark.parametrize("header", [{"kid": "unknown"}, {"kid": "b"}, {"kid": "../../dev/null"}])
async def test_an_assertion_with_the_wrong_kid_is_refused(
    world: World, header: dict[str, str]
) -> None:
    backend = world.backend()
    refused(await backend.token(backend.assertion(header)), "invalid_client")


async def test_an_assertion_by_another_hospitals_key_is_refused(world: World) -> None:
    backend = world.backend()
    backend.key = RSAKey.generate_key(2048, {"kid": "a"})
    refused(await backend.token(), "invalid_client")


@pytest.mark.parametrize("name", ["jwk", "jku", "x5u"])
async def test_a_key_that_the_assertion_brings_is_not_used(world: World, name: str) -> None:
    own = RSAKey.generate_key(2048, {"kid": "a"})
    address = f"{world.base}/oauth/jwks"
    value: Any = own.as_dict(private=False) if name == "jwk" else address
    header = _part({"alg": "RS384", "kid": "a", name: value})
    backend = world.backend()
    backend.key = own
    body, tail = backend.assertion().split(".")[1:]
    refused(await backend.token(f"{header}.{body}.{tail}"), "invalid_client")


async def test_an_assertion_works_once_on_whichever_worker(world: World) -> None:
    assertion = world.backend().assertion()
    async with two_workers(world) as (first, second):
        answers = [
            await world.backend(http=http).token(assertion) for http in (first, second, first)
        ]
    assert [a.status_code for a in answers] == [200, 401, 401]


async def test_an_assertion_raced_on_both_workers_works_once(world: World) -> None:
    assertion = world.backend().assertion()
    async with two_workers(world) as (first, second):
        racers = [world.backend(http=http) for http in (first, second) for _ in range(5)]
        answers = await world.at_once(*(one.token(assertion) for one in racers))
    assert sum(a.status_code == 200 for a in answers) == 1


async def test_a_backend_gets_no_scopes_of_people(world: World) -> None:
    refused(await world.backend().token(scope="patient/*.rs user/*.rs"), "invalid_scope")


async def test_an_app_cannot_act_as_a_backend(world: World) -> None:
    answer = await world.browser().post(
        "/oauth/token",
        data={"grant_type": "client_credentials", "client_id": "diary", "scope": "system/*.rs"},
    )
    refused(answer, "unauthorized_client")


async def test_passwords_are_no_grant(world: World) -> None:
    answer = await world.browser().post(
        "/oauth/token", data={"grant_type": "password", "client_id": "diary", "username": "zhang"}
    )
    refused(answer, "unsupported_grant_type")


@pytest.mark.parametrize("secret", ["", "x", SECRET[:-1], SECRET + "l"])
async def test_a_wrong_secret_is_refused(world: World, secret: str) -> None:
    app = world.app("ledger")
    code = await app.code("zhang", READ)
    answer = await app.http.post(
        "/oauth/token",
        data={"grant_type": "authorization_code", "code": code, "code_verifier": app.verifier,
              "redirect_uri": app.redirect},
        auth=("ledger", secret),
    )  # fmt: skip
    refused(answer, "invalid_client")


async def test_a_confidential_app_cannot_pass_for_a_public_one(world: World) -> None:
    app = world.app("ledger")
    refused(await app.redeem(await app.code("zhang", READ)), "invalid_client")


async def test_two_proofs_of_one_client_are_one_too_many(world: World) -> None:
    backend = world.backend()
    answer = await backend.http.post(
        "/oauth/token",
        data={
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": backend.assertion(),
            "client_secret": SECRET,
        },
    )
    refused(answer, "invalid_request")


async def test_an_elliptic_key_of_another_curve_is_refused(world: World) -> None:
    backend = world.backend("hospital-b")
    backend.key = ECKey.generate_key("P-256", {"kid": "b"})
    backend.algorithm = "ES256"
    refused(await backend.token(), "invalid_client")


async def test_a_confidential_apps_refresh_token_needs_its_secret(world: World) -> None:
    app = world.app("ledger")
    code = await app.code("zhang", OFFLINE)
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "code_verifier": app.verifier,
        "redirect_uri": app.redirect,
    }
    answer = await app.http.post("/oauth/token", data=form, auth=("ledger", SECRET))
    token = answer.json()["refresh_token"]
    stolen = {"grant_type": "refresh_token", "refresh_token": token}
    for more in ({}, {"client_id": "ledger"}, {"client_id": "diary"}):
        answer = await app.http.post("/oauth/token", data={**stolen, **more})
        assert answer.status_code in (400, 401)
        assert "access_token" not in answer.text
