"""Probes of the authorization endpoint and its pages.

https://www.rfc-editor.org/rfc/rfc9700 and https://hl7.org/fhir/smart-app-launch/STU2.2/best-practices.html
"""

import httpx
import pytest
from attack_world import OFFLINE, READ, REDIRECTS, World
from auth_flow import boxes_of, form_token_of, parameters_of

HOME = REDIRECTS["diary"]

WRONG_REDIRECTS = {
    "another host": "https://evil.example/callback",
    "a longer path": f"{HOME}/more",
    "a path that climbs": f"{HOME}/../evil",
    "a trailing slash": f"{HOME}/",
    "a query": f"{HOME}?next=https://evil.example",
    "a fragment": f"{HOME}#x",
    "a user before the host": "https://diary.example@evil.example/callback",
    "plain http": HOME.replace("https", "http"),
    "another case": HOME.upper(),
    "a subdomain": HOME.replace("diary.", "x.diary."),
    "a line break": f"{HOME}\r\nlocation: https://evil.example",
    "another app's": REDIRECTS["foreign"],
    "a script": "javascript:alert(1)",
}


def refused_here(answer: httpx.Response) -> None:
    """The person sees an error page; nothing goes to the address that was given."""
    assert answer.status_code == 400
    assert "location" not in answer.headers


def sent_back(answer: httpx.Response, error: str) -> None:
    """The app's own address gets an error and no code."""
    assert answer.status_code == 303, answer.text
    location = answer.headers["location"]
    assert location.startswith(HOME)
    found = parameters_of(location)
    assert found["error"] == error
    assert "code" not in found


@pytest.mark.parametrize("kind", WRONG_REDIRECTS)
async def test_a_code_never_goes_to_an_address_that_is_not_registered(
    world: World, kind: str
) -> None:
    refused_here(await world.app().authorize(redirect_uri=WRONG_REDIRECTS[kind]))


async def test_an_unknown_app_is_not_redirected(world: World) -> None:
    refused_here(await world.app().authorize(client_id="nobody"))


@pytest.mark.parametrize("name", ["client_id", "redirect_uri", "scope", "state"])
async def test_a_parameter_given_twice_is_refused(world: World, name: str) -> None:
    pairs = [*world.app().query().items()]
    pairs.append((name, "evil"))
    refused_here(await world.browser().get("/oauth/authorize", params=pairs))


@pytest.mark.parametrize(
    "changes",
    [
        {"code_challenge": None},
        {"code_challenge": None, "code_challenge_method": None},
        {"code_challenge_method": "plain"},
        {"code_challenge_method": None},
        {"code_challenge": "short"},
    ],
)
async def test_no_code_without_pkce_by_sha256(world: World, changes: dict[str, None]) -> None:
    sent_back(await world.app().authorize(**changes), "invalid_request")


@pytest.mark.parametrize(
    "aud", [None, "https://evil.example/fhir", "{base}/fhir2", "{base}", "{base}/fhir/../evil"]
)
async def test_no_code_for_another_server(world: World, aud: str | None) -> None:
    named = aud and aud.format(base=world.base)
    sent_back(await world.app().authorize(aud=named), "invalid_request")


async def test_no_code_if_the_resource_differs_from_aud(world: World) -> None:
    answer = await world.app().authorize(resource="https://evil.example/fhir")
    sent_back(answer, "invalid_request")


async def test_no_request_without_state(world: World) -> None:
    sent_back(await world.app().authorize(state=None), "invalid_request")


@pytest.mark.parametrize("kind", ["token", "id_token", "code token", "code id_token", "none"])
async def test_no_token_in_the_address(world: World, kind: str) -> None:
    answer = await world.app().authorize(response_type=kind)
    sent_back(answer, "unsupported_response_type")


async def test_no_code_in_a_fragment(world: World) -> None:
    sent_back(await world.app().authorize(response_mode="fragment"), "invalid_request")


@pytest.mark.parametrize("name", ["request", "request_uri"])
async def test_a_request_object_is_neither_read_nor_fetched(world: World, name: str) -> None:
    answer = await world.app().authorize(**{name: "https://evil.example/request"})
    assert "code=" not in answer.headers.get("location", "")
    assert answer.status_code in (303, 400)


@pytest.mark.parametrize("scope", ["patient/*.read patient/Nonsense.rs", "root", "patient/*.sr"])
async def test_an_unknown_scope_is_an_error(world: World, scope: str) -> None:
    sent_back(await world.app().authorize(scope), "invalid_scope")


async def test_an_app_gets_no_system_scope_from_a_person(world: World) -> None:
    sent_back(await world.app().authorize("system/*.cruds"), "invalid_scope")


async def test_an_app_gets_no_more_than_it_is_registered_for(world: World) -> None:
    tokens = await world.app("narrow").tokens("zhang", "launch/patient patient/*.cruds")
    assert tokens["scope"].split() == ["launch/patient", "patient/Observation.rs"]


async def test_ticking_what_was_not_offered_grants_nothing(world: World) -> None:
    app = world.app("narrow")
    page = await app.approval_page("zhang", "launch/patient patient/Observation.rs")
    answer = await app.approve(page, [*boxes_of(page), "patient/*.cruds", "user/*.cruds"])
    code = parameters_of(answer.headers["location"])["code"]
    granted = (await app.redeem(code)).json()["scope"]
    assert granted.split() == ["launch/patient", "patient/Observation.rs"]


async def test_a_changed_query_on_the_way_is_checked_again(world: World) -> None:
    app = world.app()
    page = await app.approval_page("zhang", READ)
    query = app.query(READ, redirect_uri="https://evil.example/")
    form = {"form_token": form_token_of(page), "decision": "approve", "scope": boxes_of(page)}
    refused_here(await app.http.post("/oauth/authorize", params=query, data=form))


async def test_the_answer_names_its_issuer(world: World) -> None:
    app = world.app()
    answer = await app.approve(await app.approval_page("zhang", READ))
    assert parameters_of(answer.headers["location"])["iss"] == world.base
    assert parameters_of(answer.headers["location"])["state"] == "a state"


async def test_approval_without_the_forms_token_is_refused(world: World) -> None:
    app = world.app()
    await app.approval_page("zhang", READ)
    answer = await app.http.post(
        "/oauth/authorize", params=app.query(READ), data={"decision": "approve", "scope": READ}
    )
    assert answer.status_code == 403


async def test_approval_with_another_browsers_form_is_refused(world: World) -> None:
    mine, theirs = world.app(), world.app()
    page = await mine.approval_page("wang", READ)
    await theirs.approval_page("zhang", READ)
    form = {"form_token": form_token_of(page), "decision": "approve", "scope": boxes_of(page)}
    answer = await theirs.http.post("/oauth/authorize", params=theirs.query(READ), data=form)
    assert answer.status_code == 403


async def test_nobody_approves_without_being_signed_in(world: World) -> None:
    app = world.app()
    page = await app.authorize(READ)
    form = {"form_token": form_token_of(page), "decision": "approve", "scope": READ}
    answer = await app.http.post("/oauth/authorize", params=app.query(READ), data=form)
    assert "code=" not in answer.headers.get("location", "")


async def test_silent_sign_in_needs_an_approval(world: World) -> None:
    app = world.app()
    await app.approval_page("zhang", READ)
    sent_back(await app.authorize(READ, prompt="none"), "consent_required")


@pytest.mark.parametrize("name", ["client_id", "state", "scope", "login_hint", "lang"])
async def test_what_an_address_says_is_never_markup(world: World, name: str) -> None:
    answer = await world.app().authorize(**{name: "\"><script>alert('x')</script>"})
    assert "<script" not in answer.text


async def test_pages_run_no_scripts_and_stand_in_no_frame(world: World) -> None:
    page = await world.app().authorize(READ)
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "script-src" not in policy
    assert "unsafe" not in policy
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["cache-control"] == "no-store"


async def test_an_address_pushed_by_one_app_is_of_no_use_to_another(world: World) -> None:
    app = world.app()
    pushed = await app.http.post("/oauth/par", data=app.query(READ))
    query = {"client_id": "foreign", "request_uri": pushed.json()["request_uri"]}
    refused_here(await world.browser().get("/oauth/authorize", params=query))


async def test_a_pushed_request_works_once(world: World) -> None:
    app = world.app()
    pushed = await app.http.post("/oauth/par", data=app.query(READ))
    query = {"client_id": "diary", "request_uri": pushed.json()["request_uri"]}
    browser = await world.signed_in("zhang")
    page = await browser.get("/oauth/authorize", params=query)
    form = {"form_token": form_token_of(page), "decision": "approve", "scope": boxes_of(page)}
    answer = await browser.post("/oauth/authorize", params=query, data=form)
    assert "code=" in answer.headers["location"]
    refused_here(await browser.get("/oauth/authorize", params=query))


async def test_what_was_pushed_cannot_be_changed_in_the_browser(world: World) -> None:
    app = world.app("narrow")
    asked = app.query("launch/patient patient/Observation.r")
    pushed = await app.http.post("/oauth/par", data=asked)
    query = {
        "client_id": "narrow",
        "request_uri": pushed.json()["request_uri"],
        "scope": "launch/patient patient/Observation.rs",
        "redirect_uri": "https://evil.example/",
    }
    page = await (await world.signed_in("zhang")).get("/oauth/authorize", params=query)
    assert boxes_of(page) == ["patient/Observation.r"]


async def test_an_offline_app_asks_for_it_first(world: World) -> None:
    app = world.app()
    page = await app.approval_page("zhang", OFFLINE)
    answer = await app.approve(page, [box for box in boxes_of(page) if box != "offline_access"])
    tokens = (await app.redeem(parameters_of(answer.headers["location"])["code"])).json()
    assert "refresh_token" not in tokens
