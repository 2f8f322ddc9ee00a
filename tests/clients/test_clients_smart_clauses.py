"""SMART App Launch 2.2, clause by clause, over HTTP against a running server.

https://hl7.org/fhir/smart-app-launch/STU2.2/ — the name of each row says what the text demands.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from auth_flow import App, Backend, parameters_of
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet
from smart_district import District

from hie.auth.clients import create_client
from hie.auth.launch import begin_launch
from hie.kit.db import Database

ORIGIN = "https://clauses.example"
REDIRECT = f"{ORIGIN}/callback"
STANDALONE = "openid fhirUser launch/patient patient/*.rs offline_access"
CONTEXT: dict[str, Any] = {
    "encounter": "smart-e",
    "fhirContext": [{"reference": "Observation/smart-o"}],
    "need_patient_banner": False,
    "intent": "summary",
    "tenant": "t1",
}
KEY = ECKey.generate_key("P-384", {"kid": "clauses"})
FLOOR = {"launch-standalone", "launch-ehr", "client-public", "client-confidential-symmetric"}
FLOOR |= {"client-confidential-asymmetric", "sso-openid-connect", "authorize-post"}
FLOOR |= {"context-banner", "context-ehr-patient", "context-ehr-encounter"}
FLOOR |= {"context-standalone-patient", "permission-offline", "permission-online"}
FLOOR |= {"permission-patient", "permission-user", "permission-v1", "permission-v2"}


class Smart:
    """An app of the tests, its tokens, and the server as anybody reaches it."""

    def __init__(self, district: District, http: httpx.AsyncClient) -> None:
        self.district, self.http = district, http
        self.discovered = f"{district.fhir}/.well-known/smart-configuration"
        self.standalone: dict[str, Any] = {}
        self.launched: dict[str, Any] = {}

    def app(self) -> App:
        """The app in a browser without cookies."""
        client = httpx.AsyncClient(base_url=self.district.base, headers={"accept-language": "en"})
        return App(client, "clauses", fhir=self.district.fhir, redirect=REDIRECT)

    async def configuration(self) -> dict[str, Any]:
        found: dict[str, Any] = (await self.http.get(self.discovered)).json()
        return found

    async def tokens(self, scope: str, login: str, **changes: str | None) -> dict[str, Any]:
        app = self.app()
        async with app.http:
            return await app.tokens(login, scope, **changes)

    async def refused(self, **changes: str | None) -> dict[str, str]:
        """How an authorization request with these changes is refused, at the app's own address."""
        app = self.app()
        async with app.http:
            answer = await app.authorize(**{"scope": STANDALONE, **changes})  # type: ignore[arg-type]
        assert answer.headers["location"].startswith(REDIRECT)
        said = parameters_of(answer.headers["location"])
        assert said["state"] == "a state"
        return said

    async def post(
        self, path: str, headers: dict[str, str] | None = None, **form: str
    ) -> httpx.Response:
        return await self.http.post(f"{self.district.base}{path}", data=form, headers=headers)

    def backend(self) -> Backend:
        audience = f"{self.district.base}/oauth/token"
        return Backend(self.http, "clauses-backend", KEY, "ES384", audience)

    async def backend_token(self) -> str:
        backend = self.backend()
        answer = await self.post(
            "/oauth/token",
            grant_type="client_credentials",
            scope="system/*.rs",
            client_assertion_type="urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            client_assertion=backend.assertion(),
        )
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    async def described(self, token: str) -> dict[str, Any]:
        """What a backend learns of a token."""
        bearer = {"authorization": f"Bearer {await self.backend_token()}"}
        answer = await self.post("/oauth/introspect", bearer, token=token)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


@pytest.fixture(scope="session")
async def smart(district: District) -> AsyncIterator[Smart]:
    async with Database(district.conninfo, size=1) as database, database.transaction() as conn:
        await create_client(
            conn, client_id="clauses", name="clauses", kind="public", redirect_uris=[REDIRECT],
            scopes="openid fhirUser profile launch launch/patient offline_access patient/*.rs user/*.rs",
        )  # fmt: skip
        await create_client(
            conn, client_id="clauses-backend", name="backend", kind="asymmetric",
            scopes="system/*.rs", institution=district.institution,
            jwks={"keys": [KEY.as_dict(private=False)]},
        )  # fmt: skip
        begun = await begin_launch(
            conn, client_id="clauses", account=district.clinician, patient=district.patient,
            parameters=CONTEXT,
        )  # fmt: skip
    async with httpx.AsyncClient() as http:
        made = Smart(district, http)
        made.standalone = await made.tokens(STANDALONE, district.login, nonce="n")
        scope = "openid fhirUser launch launch/patient patient/*.rs"
        made.launched = await made.tokens(scope, district.clinician, launch=begun)
        yield made


Clause = Callable[[Smart], Awaitable[None]]
CLAUSES: list[Clause] = []


def clause(check: Clause) -> Clause:
    CLAUSES.append(check)
    return check


@clause
async def configuration_is_json_whatever_is_accepted(smart: Smart) -> None:
    for accept in ("application/json", "text/html", "application/fhir+xml"):
        answer = await smart.http.get(smart.discovered, headers={"accept": accept})
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("application/json")


@clause
async def configuration_has_what_is_required_and_recommended(smart: Smart) -> None:
    found = await smart.configuration()
    for name in (
        *("issuer", "jwks_uri", "authorization_endpoint", "token_endpoint", "scopes_supported"),
        *("grant_types_supported", "response_types_supported", "management_endpoint"),
        *("introspection_endpoint", "revocation_endpoint", "registration_endpoint"),
        *("token_endpoint_auth_methods_supported", "code_challenge_methods_supported"),
    ):
        assert found[name], name
    assert set(found["capabilities"]) >= FLOOR
    assert {"RS384", "ES384"} <= set(found["token_endpoint_auth_signing_alg_values_supported"])


@clause
async def pkce_by_s256_and_never_plain(smart: Smart) -> None:
    assert (await smart.configuration())["code_challenge_methods_supported"] == ["S256"]
    for changes in ({"code_challenge_method": "plain"}, {"code_challenge": None}):
        assert (await smart.refused(**changes))["error"] == "invalid_request"


@clause
async def discovery_is_open_to_any_origin(smart: Smart) -> None:
    for address in (smart.discovered, f"{smart.district.fhir}/metadata"):
        answer = await smart.http.get(address, headers={"origin": "https://anywhere.example"})
        assert answer.headers["access-control-allow-origin"] == "*"


@clause
async def token_endpoint_and_records_are_open_to_registered_origins(smart: Smart) -> None:
    bearer = {"authorization": f"Bearer {smart.standalone['access_token']}", "origin": ORIGIN}
    read = await smart.http.get(f"{smart.district.fhir}/Observation", headers=bearer)
    assert read.headers["access-control-allow-origin"] == ORIGIN
    asked = {
        "origin": ORIGIN,
        "access-control-request-method": "GET",
        "access-control-request-headers": "authorization",
    }
    preflight = await smart.http.options(f"{smart.district.fhir}/Observation", headers=asked)
    assert "authorization" in preflight.headers["access-control-allow-headers"]
    stranger = {**bearer, "origin": "https://stranger.example"}
    other = await smart.http.get(f"{smart.district.fhir}/Observation", headers=stranger)
    assert "access-control-allow-origin" not in other.headers
    token = await smart.post(
        "/oauth/token", {"origin": ORIGIN}, grant_type="x", client_id="clauses"
    )
    assert token.headers["access-control-allow-origin"] in ("*", ORIGIN)


@clause
async def aud_is_required_and_this_server(smart: Smart) -> None:
    for aud in (None, "https://evil.example/fhir"):
        assert (await smart.refused(aud=aud))["error"] == "invalid_request"


@clause
async def authorization_errors_have_the_codes_of_rfc_6749(smart: Smart) -> None:
    assert (await smart.refused(response_type="token"))["error"] == "unsupported_response_type"
    assert (await smart.refused(scope="patient/Observation.dus"))["error"] == "invalid_scope"
    assert (await smart.refused(scope="everything"))["error"] == "invalid_scope"


@clause
async def redirect_addresses_match_exactly(smart: Smart) -> None:
    app = smart.app()
    async with app.http:
        for address in (f"{REDIRECT}/", f"{REDIRECT}?x=1", "https://evil.example/callback"):
            answer = await app.authorize(STANDALONE, redirect_uri=address)
            assert answer.status_code == 400
            assert "location" not in answer.headers


@clause
async def the_authorization_request_may_be_posted(smart: Smart) -> None:
    app = smart.app()
    async with app.http:
        answer = await app.http.post("/oauth/authorize", data=app.query(STANDALONE))
        page = await app.http.get(answer.headers["location"])
    assert answer.status_code == 303
    assert 'name="password"' in page.text


@clause
async def a_person_may_refuse(smart: Smart) -> None:
    app = smart.app()
    async with app.http:
        page = await app.approval_page(smart.district.login, STANDALONE)
        answer = await app.approve(page, decision="refuse")
    said = parameters_of(answer.headers["location"])
    assert (said["error"], said["state"]) == ("access_denied", "a state")
    assert said["iss"] == smart.district.base, "RFC 9207"


@clause
async def the_token_response_is_complete_and_lives_an_hour_at_most(smart: Smart) -> None:
    found = smart.standalone
    assert found["token_type"] == "Bearer"
    assert 0 < found["expires_in"] <= 3600
    assert set(found["scope"].split()) == set(STANDALONE.split())
    assert found["patient"] == smart.district.patient
    assert isinstance(found["refresh_token"], str)


@clause
async def answers_of_the_token_endpoint_are_never_stored(smart: Smart) -> None:
    app = smart.app()
    async with app.http:
        good = await app.redeem(await app.code(smart.district.login, STANDALONE))
        again = await app.redeem("x" * 43)
    for answer, status in ((good, 200), (again, 400)):
        assert answer.status_code == status
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["pragma"] == "no-cache"
        assert answer.headers["content-type"].startswith("application/json")


@clause
async def token_errors_have_the_codes_of_rfc_6749(smart: Smart) -> None:
    code = {"grant_type": "authorization_code", "code": "x" * 43, "redirect_uri": REDIRECT}
    known = {"client_id": "clauses"}
    for form, status, error in (
        ({**code, **known, "code_verifier": "v" * 43}, 400, "invalid_grant"),
        ({"grant_type": "password", **known}, 400, "unsupported_grant_type"),
        (
            {"grant_type": "client_credentials", "scope": "system/*.rs", **known},
            400,
            "unauthorized_client",
        ),
        ({**code, "client_id": "nobody"}, 401, "invalid_client"),
    ):
        answer = await smart.post("/oauth/token", **form)
        assert (answer.status_code, answer.json()["error"]) == (status, error)
    basic = httpx.BasicAuth("nobody", "wrong")
    failed = await smart.http.post(f"{smart.district.base}/oauth/token", data=code, auth=basic)
    assert failed.status_code == 401
    assert failed.headers["www-authenticate"].startswith("Basic")


@clause
async def the_id_token_is_signed_and_names_who_and_for_whom(smart: Smart) -> None:
    found = await smart.configuration()
    keys = KeySet.import_key_set((await smart.http.get(found["jwks_uri"])).json())
    token = jwt.decode(smart.standalone["id_token"], keys, algorithms=["RS256"])
    assert token.header["kid"]
    claims = token.claims
    assert (claims["iss"], claims["aud"]) == (found["issuer"], "clauses")
    assert claims["nonce"] == "n"
    assert claims["exp"] > claims["iat"]
    assert claims["sub"]
    assert claims["fhirUser"] == f"{smart.district.fhir}/Patient/{smart.district.patient}"


@clause
async def fhir_user_can_be_read(smart: Smart) -> None:
    address = f"{smart.district.fhir}/Patient/{smart.district.patient}"
    bearer = {"authorization": f"Bearer {smart.standalone['access_token']}"}
    assert (await smart.http.get(address, headers=bearer)).json()["resourceType"] == "Patient"


@clause
async def an_ehr_launch_brings_its_context_with_the_token(smart: Smart) -> None:
    assert smart.launched["patient"] == smart.district.patient
    assert {name: smart.launched[name] for name in CONTEXT} == CONTEXT


@clause
async def introspection_tells_scope_client_end_and_person(smart: Smart) -> None:
    found = await smart.described(smart.standalone["access_token"])
    assert found["active"] is True
    assert set(found["scope"].split()) == set(smart.standalone["scope"].split())
    assert found["client_id"] == "clauses"
    assert isinstance(found["exp"], int)
    keys = KeySet.import_key_set(
        (await smart.http.get((await smart.configuration())["jwks_uri"])).json()
    )
    claims = jwt.decode(smart.standalone["id_token"], keys, algorithms=["RS256"]).claims
    assert {n: found[n] for n in ("iss", "sub", "fhirUser")} == {
        n: claims[n] for n in ("iss", "sub", "fhirUser")
    }


@clause
async def introspection_tells_the_launch_context(smart: Smart) -> None:
    found = await smart.described(smart.launched["access_token"])
    assert found["patient"] == smart.district.patient
    assert {name: found[name] for name in CONTEXT} == CONTEXT


@clause
async def introspection_is_for_backends_by_their_token_and_not_for_apps(smart: Smart) -> None:
    for token in (smart.standalone["access_token"], "x" * 43):
        bearer = {"authorization": f"Bearer {token}"}
        answer = await smart.post("/oauth/introspect", bearer, token=smart.launched["access_token"])
        assert answer.status_code == 401
    assert await smart.described("x" * 43) == {"active": False}
    assert await smart.described(smart.standalone["refresh_token"]) == {"active": False}


@clause
async def a_public_app_refreshes_to_the_same_or_less_in_the_same_context(smart: Smart) -> None:
    mine = await smart.tokens(STANDALONE, smart.district.login)
    form = {"grant_type": "refresh_token", "client_id": "clauses"}
    first = await smart.post("/oauth/token", **form, refresh_token=mine["refresh_token"])
    assert set(first.json()["scope"].split()) == set(mine["scope"].split())
    assert first.json()["patient"] == smart.district.patient
    second = await smart.post(
        "/oauth/token", **form, refresh_token=first.json()["refresh_token"],
        scope="patient/Observation.rs",
    )  # fmt: skip
    assert second.json()["scope"] == "patient/Observation.rs"
    wider = await smart.post(
        "/oauth/token", **form, refresh_token=second.json().get("refresh_token", ""),
        scope="patient/*.cruds",
    )  # fmt: skip
    assert wider.json()["error"] in ("invalid_scope", "invalid_grant")


@clause
async def a_revoked_token_is_over_and_an_unknown_one_is_no_error(smart: Smart) -> None:
    mine = await smart.tokens(STANDALONE, smart.district.login)
    for token in (mine["refresh_token"], "x" * 43):
        answer = await smart.post("/oauth/revoke", token=token, client_id="clauses")
        assert answer.status_code == 200
    bearer = {"authorization": f"Bearer {mine['access_token']}"}
    read = await smart.http.get(f"{smart.district.fhir}/Observation", headers=bearer)
    assert read.status_code == 401
    assert read.headers["www-authenticate"].startswith("Bearer")


@clause
async def version_1_scopes_mean_what_they_mean_in_version_2(smart: Smart) -> None:
    mine = await smart.tokens("launch/patient patient/Observation.read", smart.district.login)
    assert set(mine["scope"].split()) == {"launch/patient", "patient/Observation.rs"}
    bearer = {"authorization": f"Bearer {mine['access_token']}"}
    seen = await smart.http.get(f"{smart.district.fhir}/Observation", headers=bearer)
    assert seen.json()["resourceType"] == "Bundle"
    other = await smart.http.get(f"{smart.district.fhir}/Condition", headers=bearer)
    assert other.status_code == 403


@clause
async def every_endpoint_that_is_named_is_there(smart: Smart) -> None:
    for name, address in (await smart.configuration()).items():
        if name.endswith(("_endpoint", "_uri", "_bundle")) and isinstance(address, str):
            assert urlsplit(address).scheme in ("http", "https")
            assert (await smart.http.get(address)).status_code != 404, name


@pytest.mark.parametrize("check", CLAUSES, ids=lambda check: check.__name__.replace("_", "-"))
async def test_smart_app_launch_demands(smart: Smart, check: Clause) -> None:
    await check(smart)
