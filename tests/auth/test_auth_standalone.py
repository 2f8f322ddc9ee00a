"""Standalone launch of an app: the whole way, and every wrong turn of it."""

import asyncio
from collections.abc import Callable

import httpx
import pytest
from auth_flow import BASE, FHIR, REDIRECT, SECRET, App, boxes_of, form_token_of, parameters_of
from joserfc import jwt
from joserfc.jwk import KeySet

from hie.auth.tokens import introspect
from hie.kit.db import Database


async def grant_of(database: Database, token: str):  # type: ignore[no-untyped-def]
    async with database.connection() as conn:
        return await introspect(conn, token)


async def test_resident_allows_an_app(app: App, populated: Database) -> None:
    page = await app.authorize("openid fhirUser launch/patient patient/*.read", nonce="n1")
    assert "Sign in" in page.text
    signed_in = await app.sign_in(page, "resident")
    assert signed_in.status_code == 303
    approval = await app.http.get(signed_in.headers["location"])
    assert "See your whole health record" in approval.text
    assert "https://app.example" in approval.text
    answer = await app.approve(approval)
    assert answer.headers["location"].startswith(REDIRECT + "?")
    returned = parameters_of(answer.headers["location"])
    assert returned["state"] == "a state"
    assert returned["iss"] == BASE

    response = await app.redeem(returned["code"])
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["access-control-allow-origin"] == "*"
    tokens = response.json()
    assert tokens["token_type"] == "Bearer"
    assert tokens["patient"] == "golden-1"
    assert tokens["scope"] == "fhirUser launch/patient openid patient/*.rs"
    assert tokens["expires_in"] == 3600
    assert "refresh_token" not in tokens

    grant = await grant_of(populated, tokens["access_token"])
    assert grant is not None
    assert (grant.client_id, grant.kind, grant.user) == ("app", "resident", "Patient/golden-1")
    assert (grant.account, grant.patient, grant.institution) == ("resident", "golden-1", None)
    assert [str(scope) for scope in grant.scopes] == ["patient/*.rs"]

    keys = KeySet.import_key_set((await app.http.get("/oauth/jwks")).json())
    claims = jwt.decode(tokens["id_token"], keys, algorithms=["RS256"]).claims
    assert claims["iss"] == BASE
    assert claims["aud"] == "app"
    assert claims["nonce"] == "n1"
    assert claims["fhirUser"] == f"{FHIR}/Patient/golden-1"
    assert "d" not in keys.as_dict()["keys"][0]
    assert await grant_of(populated, tokens["id_token"]) is None


async def test_staff_has_no_launch_patient(app: App, populated: Database) -> None:
    tokens = await app.tokens("doctor", "openid fhirUser user/*.rs patient/*.rs")
    assert "patient" not in tokens
    grant = await grant_of(populated, tokens["access_token"])
    assert (grant.kind, grant.user, grant.institution) == ("staff", "Practitioner/li", 1)
    assert [str(scope) for scope in grant.scopes] == ["user/*.rs"]


async def test_staff_asked_for_a_launch_patient_is_told_what_to_do(app: App) -> None:
    page = await app.approval_page("doctor", "launch/patient patient/*.rs")
    assert page.status_code == 400
    assert "clinician" in page.text


async def test_resident_unticks_and_narrows(app: App) -> None:
    page = await app.approval_page("resident", "launch/patient patient/*.rs offline_access")
    assert boxes_of(page) == ["patient/*.rs", "offline_access"]
    assert "patient/Immunization.rs" in boxes_of(page, ticked=False)
    answer = await app.approve(page, ["patient/Immunization.rs"])
    tokens = (await app.redeem(parameters_of(answer.headers["location"])["code"])).json()
    assert tokens["scope"] == "launch/patient patient/Immunization.rs"
    assert "refresh_token" not in tokens


async def test_a_tampered_form_never_widens(app: App) -> None:
    page = await app.approval_page("resident", "launch/patient patient/Observation.rs")
    answer = await app.approve(page, ["patient/*.cruds", "user/*.cruds", "system/*.cruds"])
    tokens = (await app.redeem(parameters_of(answer.headers["location"])["code"])).json()
    assert tokens["scope"] == "launch/patient patient/Observation.rs"


async def test_nothing_ticked_asks_again(app: App) -> None:
    page = await app.approval_page("resident", "launch/patient patient/*.rs")
    answer = await app.approve(page, [])
    assert answer.status_code == 400
    assert "Nothing is ticked" in answer.text


async def test_refusal_goes_back_to_the_app(app: App) -> None:
    page = await app.approval_page("resident", "launch/patient patient/*.rs")
    answer = await app.approve(page, decision="refuse")
    returned = parameters_of(answer.headers["location"])
    assert (returned["error"], returned["state"]) == ("access_denied", "a state")
    assert returned["iss"] == BASE


async def test_never_more_than_registered(app: App, populated: Database) -> None:
    async with populated.connection() as conn:
        await conn.execute(
            "UPDATE auth.client SET scopes = 'launch/patient patient/Condition.rs' WHERE id = 'app'"
        )
    tokens = await app.tokens("resident", "launch/patient patient/*.cruds")
    assert tokens["scope"] == "launch/patient patient/Condition.rs"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"aud": None}, "invalid_request"),
        ({"aud": "https://evil.example/fhir"}, "invalid_request"),
        ({"resource": "https://evil.example/fhir"}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"state": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"scope": None}, "invalid_request"),
        ({"scope": "patient/*.rs patient/Nonsense.rs"}, "invalid_scope"),
        ({"scope": "system/*.rs"}, "invalid_scope"),
        ({"scope": "launch patient/*.rs"}, "invalid_request"),
        ({"launch": "something"}, "invalid_request"),
        ({"request": "a.b.c"}, "request_not_supported"),
        ({"prompt": "none"}, "login_required"),
    ],
)
async def test_faults_are_sent_to_the_verified_address(
    app: App, changes: dict[str, str | None], error: str
) -> None:
    answer = await app.http.get(
        "/oauth/authorize",
        params={**app.query(), **changes}
        if None not in changes.values()
        else {k: v for k, v in {**app.query(), **changes}.items() if v is not None},
    )
    assert answer.status_code == 303
    assert answer.headers["location"].startswith(REDIRECT + "?")
    assert parameters_of(answer.headers["location"])["error"] == error


@pytest.mark.parametrize(
    "changes",
    [
        {"redirect_uri": "https://app.example/callback/"},
        {"redirect_uri": "https://app.example/callback?x=1"},
        {"redirect_uri": "https://app.example.evil.example/callback"},
        {"redirect_uri": "HTTPS://app.example/callback"},
        {"redirect_uri": None},
        {"client_id": "nobody"},
        {"client_id": None},
        {"client_id": "hospital"},
    ],
)
async def test_unverified_addresses_are_never_called(
    app: App, changes: dict[str, str | None]
) -> None:
    answer = await app.authorize(**changes)
    assert answer.status_code == 400
    assert "location" not in answer.headers
    assert "This did not work" in answer.text


async def test_a_parameter_given_twice_is_refused(app: App) -> None:
    pairs = [*app.query().items(), ("redirect_uri", "https://evil.example/")]
    answer = await app.http.get("/oauth/authorize", params=pairs)
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "changes",
    [
        {"code_verifier": None},
        {"code_verifier": "x" * 43},
        {"redirect_uri": None},
        {"redirect_uri": "https://app.example/other"},
    ],
)
async def test_a_code_does_not_fit_another_request(
    app: App, changes: dict[str, str | None]
) -> None:
    code = await app.code()
    answer = await app.redeem(code, **changes)
    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_grant"
    spent = await app.redeem(code)
    assert spent.status_code == 400, "it was tried with a wrong proof"
    assert (await app.redeem("nonsense")).json()["error"] == "invalid_grant"


async def test_the_challenge_itself_is_no_verifier(app: App) -> None:
    code = await app.code()
    challenge = app.query()["code_challenge"]
    assert (await app.redeem(code, code_verifier=challenge)).status_code == 400


async def test_another_client_can_neither_use_nor_spoil_a_code(app: App) -> None:
    code = await app.code()
    foreign = await app.redeem(code, client_id="foreign")
    assert foreign.json()["error"] == "invalid_grant"
    assert (await app.redeem(code)).status_code == 200


async def test_an_expired_code_is_refused(app: App, populated: Database) -> None:
    code = await app.code()
    async with populated.connection() as conn:
        cursor = await conn.execute(
            "SELECT max(expires_at) <= now() + interval '60 s' FROM auth.code"
        )
        assert await cursor.fetchone() == (True,)
        await conn.execute("UPDATE auth.code SET expires_at = now()")
    assert (await app.redeem(code)).json()["error"] == "invalid_grant"


async def test_a_code_used_twice_ends_what_it_gave(app: App, populated: Database) -> None:
    code = await app.code("resident", "launch/patient patient/*.rs offline_access")
    tokens = (await app.redeem(code)).json()
    assert await grant_of(populated, tokens["access_token"]) is not None
    assert (await app.redeem(code)).json()["error"] == "invalid_grant"
    assert await grant_of(populated, tokens["access_token"]) is None
    assert (await app.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"


async def test_of_twenty_redemptions_at_once_one_succeeds(app: App) -> None:
    code = await app.code()
    answers = await asyncio.gather(*(app.redeem(code) for _ in range(20)))
    assert sorted(a.status_code for a in answers) == [200] + [400] * 19


async def test_confidential_client(app: App) -> None:
    app.client_id = "portal"
    page = await app.sign_in(await app.authorize(), "resident")
    answer = await app.http.get(page.headers["location"])
    assert answer.status_code == 303, "a trusted client needs no approval"
    code = parameters_of(answer.headers["location"])["code"]
    for attempt in (
        await app.redeem(code),
        await app.redeem(code, client_secret="x" * 40),
        await app.http.post(
            "/oauth/token",
            data={"grant_type": "authorization_code", "code": code},
            auth=("portal", "x" * 40),
        ),
        await app.redeem(code, client_id="hospital", client_secret=SECRET),
        await app.redeem(code, client_id="app", client_secret=SECRET),
    ):
        assert attempt.status_code == 401
        assert attempt.json()["error"] == "invalid_client"
    good = await app.redeem(code, client_secret=SECRET)
    assert good.status_code == 200, good.text

    again = await app.http.get("/oauth/authorize", params=app.query(prompt="none"))
    code = parameters_of(again.headers["location"])["code"]
    basic = await app.http.post(
        "/oauth/token",
        data={
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": REDIRECT,
            "code_verifier": app.verifier,
        },
        auth=("portal", SECRET),
    )
    assert basic.status_code == 200, basic.text


async def test_two_proofs_at_once_are_refused(app: App) -> None:
    answer = await app.http.post(
        "/oauth/token",
        data={"grant_type": "authorization_code", "client_secret": SECRET, "client_id": "portal"},
        auth=("portal", SECRET),
    )
    assert answer.status_code == 400


async def test_an_app_for_residents_turns_staff_away(app: App) -> None:
    app.client_id = "portal"
    page = await app.approval_page("doctor", "user/*.rs")
    assert page.status_code == 403
    assert "another" in page.text


async def test_another_account_can_be_used(app: App) -> None:
    page = await app.approval_page("resident", "launch/patient patient/*.rs")
    answer = await app.http.post(
        f"/oauth/logout?{page.request.url.query.decode()}", data={"form_token": form_token_of(page)}
    )
    assert answer.headers["location"].startswith("/oauth/authorize?")
    assert "/oauth/login" in (await app.http.get(answer.headers["location"])).text


async def test_token_request_parameters_only_in_a_form_body(app: App) -> None:
    code = await app.code()
    query = await app.http.post(f"/oauth/token?code={code}", data={"grant_type": "x"})
    assert query.status_code == 400
    wrong = await app.http.post("/oauth/token", json={"grant_type": "authorization_code"})
    assert wrong.json()["error"] == "invalid_request"
    large = await app.http.post("/oauth/token", data={"code": "x" * 70_000})
    assert large.status_code == 413


async def test_prompt_login_signs_in_anew(app: App) -> None:
    await app.tokens()
    page = await app.authorize(prompt="login")
    assert "/oauth/login" in page.text
    answer = await app.sign_in(page, "resident")
    onward = answer.headers["location"]
    assert "Allow" in (await app.http.get(onward)).text
    app.http.cookies.clear()
    assert "/oauth/login" in (await app.http.get(onward)).text
    forged = await app.authorize(prompt="login", signed_in="0" * 32)
    assert "/oauth/login" in forged.text


async def test_max_age_is_obeyed(app: App, populated: Database) -> None:
    await app.tokens()
    assert "Allow" in (await app.authorize(max_age="60")).text
    async with populated.connection() as conn:
        await conn.execute("UPDATE auth.session SET signed_in_at = now() - interval '5 min'")
    assert "/oauth/login" in (await app.authorize(max_age="60")).text
    silent = await app.authorize(max_age="60", prompt="none")
    assert parameters_of(silent.headers["location"])["error"] == "login_required"
    wrong = await app.authorize(max_age="soon")
    assert parameters_of(wrong.headers["location"])["error"] == "invalid_request"


async def test_the_request_may_be_posted(app: App) -> None:
    posted = await app.http.post("/oauth/authorize", data=app.query())
    assert posted.status_code == 303
    assert "/oauth/login" in (await app.http.get(posted.headers["location"])).text


async def test_discovery_is_true(http: httpx.AsyncClient, browser: Callable[[], object]) -> None:
    document = (await http.get("/fhir/.well-known/smart-configuration")).json()
    assert document == (await http.get("/.well-known/smart-configuration")).json()
    assert document["issuer"] == BASE
    assert document["code_challenge_methods_supported"] == ["S256"]
    for name, address in document.items():
        if name.endswith(("_endpoint", "jwks_uri")):
            answer = await http.get(address.removeprefix(BASE))
            assert answer.status_code != 404, name


async def test_a_resident_shares_laboratory_results_only(app: App) -> None:
    page = await app.approval_page("resident", "launch/patient patient/Observation.rs")
    assert "laboratory results" in page.text
    laboratory = next(box for box in boxes_of(page, ticked=False) if "laboratory" in box)
    answer = await app.approve(page, [laboratory])
    tokens = (await app.redeem(parameters_of(answer.headers["location"])["code"])).json()
    assert tokens["scope"] == f"launch/patient {laboratory}"
    assert "?category=http://terminology.hl7.org/CodeSystem/observation-category|lab" in laboratory
