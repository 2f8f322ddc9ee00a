"""Launch from the EHR or the clinician's portal, and requests that were pushed beforehand."""

import asyncio
from typing import Any

import httpx
from auth_flow import REDIRECT, SECRET, App, parameters_of

from hie.auth.launch import begin_launch
from hie.auth.tokens import introspect
from hie.kit.db import Database

SCOPE = "openid fhirUser launch patient/*.rs"
CONTEXT = {"encounter": "enc-1", "need_patient_banner": True, "intent": "reconcile-medications"}


async def start(database: Database, **changes: Any) -> str:
    async with database.connection() as conn:
        return await begin_launch(
            conn,
            **{
                "client_id": "app",
                "account": "doctor",
                "patient": "golden-2",
                "parameters": CONTEXT,
                **changes,
            },
        )


async def test_a_clinician_starts_an_app_on_a_patient(app: App, populated: Database) -> None:
    launch = await start(populated)
    tokens = await app.tokens("doctor", SCOPE, launch=launch)
    assert tokens["patient"] == "golden-2"
    assert tokens["encounter"] == "enc-1"
    assert tokens["need_patient_banner"] is True
    assert tokens["intent"] == "reconcile-medications"
    async with populated.connection() as conn:
        grant = await introspect(conn, tokens["access_token"])
    assert grant is not None
    assert (grant.kind, grant.patient, grant.user) == ("staff", "golden-2", "Practitioner/li")
    assert [str(scope) for scope in grant.scopes] == ["patient/*.rs"]


async def test_a_launch_works_once(app: App, populated: Database) -> None:
    launch = await start(populated)
    first = await app.approval_page("doctor", SCOPE, launch=launch)
    second = await app.approval_page("doctor", SCOPE, launch=launch)
    answers = await asyncio.gather(app.approve(first), app.approve(second))
    returned = [parameters_of(a.headers["location"]) for a in answers if a.status_code == 303]
    assert sum("code" in one for one in returned) == 1
    again = await app.authorize(SCOPE, launch=launch)
    assert again.status_code == 400
    assert "over" in again.text


async def test_a_launch_is_for_one_app_and_one_person(app: App, populated: Database) -> None:
    for changes in ({"client_id": "foreign"}, {"account": "resident"}):
        launch = await start(populated, **changes)
        page = await app.approval_page("doctor", SCOPE, launch=launch)
        assert page.status_code == 400
    invented = await app.authorize(SCOPE, launch="invented")
    assert invented.status_code == 400


async def test_an_old_launch_is_over(app: App, populated: Database) -> None:
    launch = await start(populated)
    async with populated.connection() as conn:
        await conn.execute("UPDATE auth.launch SET expires_at = now()")
    assert (await app.approval_page("doctor", SCOPE, launch=launch)).status_code == 400


async def push(
    app: App, scope: str = "launch/patient patient/*.rs", **changes: str
) -> httpx.Response:
    return await app.http.post("/oauth/par", data={**app.query(scope), **changes})


async def test_a_pushed_request(app: App) -> None:
    pushed = await push(app)
    assert pushed.status_code == 201
    uri = pushed.json()["request_uri"]
    assert uri.startswith("urn:ietf:params:oauth:request_uri:")
    assert pushed.json()["expires_in"] <= 600
    short = {"client_id": "app", "request_uri": uri}
    # What travels through the browser beside it does not count.
    page = await app.http.get("/oauth/authorize", params={**short, "scope": "patient/*.cruds"})
    answer = await app.sign_in(page, "resident")
    approval = await app.http.get(answer.headers["location"])
    allowed = await app.approve(approval)
    returned = parameters_of(allowed.headers["location"])
    tokens = (await app.redeem(returned["code"])).json()
    assert tokens["scope"] == "launch/patient patient/*.rs"
    again = await app.http.get("/oauth/authorize", params=short)
    assert again.status_code == 400


async def test_a_pushed_request_is_its_clients_own(app: App) -> None:
    uri = (await push(app)).json()["request_uri"]
    foreign = await app.http.get(
        "/oauth/authorize", params={"client_id": "foreign", "request_uri": uri}
    )
    assert foreign.status_code == 400
    invented = await app.http.get(
        "/oauth/authorize", params={"client_id": "app", "request_uri": uri[:-1] + "~"}
    )
    assert invented.status_code == 400


async def test_faults_are_told_when_pushing(app: App) -> None:
    for changes, error in (
        ({"aud": "https://evil.example"}, "invalid_request"),
        ({"redirect_uri": "https://evil.example/"}, "invalid_request"),
        ({"scope": "nonsense"}, "invalid_scope"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"request_uri": "urn:x"}, "invalid_request"),
    ):
        answer = await push(app, **changes)
        assert answer.status_code == 400
        assert answer.json()["error"] == error
    assert (await push(app, client_id="portal")).status_code == 401
    app.client_id = "portal"
    assert (await push(app, client_secret=SECRET)).status_code == 201


async def test_signing_in_anew_for_a_pushed_request(app: App) -> None:
    await app.tokens()
    uri = (await push(app, prompt="login")).json()["request_uri"]
    page = await app.http.get("/oauth/authorize", params={"client_id": "app", "request_uri": uri})
    answer = await app.sign_in(page, "resident")
    approval = await app.http.get(answer.headers["location"])
    assert (await app.approve(approval)).headers["location"].startswith(REDIRECT)
