"""Probes of apps launched on a patient, of opening records, and of consents.

https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html#launch-app-ehr-launch and `docs/access.md`
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import orjson
import pytest
from attack_workers import two_workers
from attack_world import World, marker
from auth_flow import PASSWORD, action_of, form_token_of, parameters_of

from hie.auth.launch import begin_launch

LAUNCH = "launch patient/*.rs"
RESULT = "/Observation/b-wang-observation"
SCOPE = "http://terminology.hl7.org/CodeSystem/consentscope"

PATHS = {
    "read": RESULT,
    "version": f"{RESULT}/_history/1",
    "history": f"{RESULT}/_history",
    "search": "/Observation?_id=b-wang-observation",
    "by patient": "/Observation?patient=b-wang",
    "count": "/Observation?patient=b-wang&_summary=count",
    "total": "/Observation?patient=b-wang&_total=accurate&_count=0",
    "include": "/DiagnosticReport?patient=b-wang&_include=DiagnosticReport:result",
    "reverse include": "/Encounter?patient=b-wang&_revinclude=Observation:encounter",
    "compartment": "/Patient/b-wang/Observation",
    "reverse chain": "/Encounter?patient=b-wang&_has:Observation:encounter:code=4548-4",
    "chain": "/DiagnosticReport?patient=b-wang&result.code=4548-4",
    "type history": "/Observation/_history?_count=1000",
}


def opening(**values: str) -> bytes:
    kinds = {"reason": "valueCode"}
    return orjson.dumps(
        {
            "resourceType": "Parameters",
            "parameter": [
                {"name": name, kinds.get(name, "valueString"): value}
                for name, value in values.items()
            ],
        }
    )


@asynccontextmanager
async def opened(world: World, who: str = "doctor") -> AsyncIterator[httpx.AsyncClient]:
    """A clinician with wang's record open as an emergency, until the end of the block."""
    fhir = await world.as_person(who, "user/*.rs")
    here = f"/Patient/{world.people['wang']}"
    body = opening(reason="ETREAT", note="unconscious")
    answer = await fhir.post(f"{here}/$open-record", content=body)
    assert answer.status_code == 200, answer.text
    try:
        yield fhir
    finally:
        await fhir.post(f"{here}/$close-record", content=opening())


async def launch(world: World, account: str = "doctor", app: str = "diary") -> str:
    async with world.database.connection() as conn:
        return await begin_launch(
            conn, client_id=app, account=account, patient=world.people["wang"]
        )


async def test_an_app_launched_on_a_patient_sees_no_more_than_the_clinician(world: World) -> None:
    tokens = await world.app().tokens("doctor", LAUNCH, launch=await launch(world))
    assert tokens["patient"] == world.people["wang"]
    fhir = world.bearer(tokens["access_token"])
    assert (await fhir.get(RESULT)).status_code == 404
    async with opened(world):
        assert marker("wang") in (await fhir.get(RESULT)).text
    assert (await fhir.get(RESULT)).status_code == 404
    assert marker("wang") not in (await fhir.get("/Observation")).text


async def test_a_launch_works_once(world: World) -> None:
    begun = await launch(world)
    await world.app().tokens("doctor", LAUNCH, launch=begun)
    page = await world.app().approval_page("doctor", LAUNCH, launch=begun)
    assert page.status_code == 400


@pytest.mark.parametrize(
    ("login", "client_id"), [("nurse", "diary"), ("wang", "diary"), ("doctor", "foreign")]
)
async def test_a_launch_is_of_no_use_to_another_person_or_app(
    world: World, login: str, client_id: str
) -> None:
    begun = await launch(world)
    app = world.app(client_id)
    page = await app.sign_in(await app.authorize(LAUNCH, launch=begun), login)
    page = await app.http.get(page.headers["location"])
    assert page.status_code == (200 if login == "nurse" else 400)  # the second factor is missing
    assert 'name="decision"' not in page.text


async def test_a_made_up_launch_names_nobody(world: World) -> None:
    for begun in ("x" * 43, "eyJwYXRpZW50IjoiYi13YW5nIn0", world.people["wang"]):
        page = await world.app().approval_page("doctor", LAUNCH, launch=begun)
        assert page.status_code == 400


@pytest.mark.parametrize("name", ["patient", "launch_patient", "context", "fhirUser"])
async def test_a_patient_named_in_the_request_is_not_looked_at(world: World, name: str) -> None:
    other = {name: world.people["wang"]}
    tokens = await world.app().tokens("zhang", "launch/patient patient/*.rs", **other)
    assert tokens["patient"] == world.people["zhang"]


@pytest.mark.parametrize("who", ["steward", "auditor", "zhang"])
async def test_only_a_clinician_opens_records(world: World, who: str) -> None:
    fhir = await world.as_person(who, "user/*.rs")
    answer = await fhir.post(
        f"/Patient/{world.people['wang']}/$open-record",
        content=opening(reason="ETREAT", note="curious"),
    )
    assert answer.status_code == 403


@pytest.mark.parametrize(
    "stated",
    [{}, {"reason": "CURIOUS"}, {"reason": "ETREAT"}, {"reason": "TREAT"}, {"reason": "COC"}],
)
async def test_no_record_opens_without_a_reason_that_holds(
    world: World, stated: dict[str, str]
) -> None:
    fhir = await world.as_person("doctor", "user/*.rs")
    path = f"/Patient/{world.people['wang']}/$open-record"
    answer = await fhir.post(path, content=opening(**stated))
    assert answer.status_code in (400, 403, 422)
    assert (await fhir.get(RESULT)).status_code == 404


async def test_an_opening_ends_by_itself_on_every_worker(world: World) -> None:
    async with opened(world) as fhir:
        headers = {"authorization": fhir.headers["authorization"]}
        async with two_workers(world) as workers:
            for http in workers:
                answer = await http.get(f"/fhir{RESULT}", headers=headers)
                assert answer.status_code == 200
            async with world.database.connection() as conn:
                await conn.execute("UPDATE access.opened_record SET until = now()")
            for http in workers:
                answer = await http.get(f"/fhir{RESULT}", headers=headers)
                assert answer.status_code == 404


async def test_the_opening_of_one_clinician_is_not_anothers(world: World) -> None:
    async with opened(world):
        steward = await world.as_person("steward", "user/*.rs")
        assert (await steward.get(RESULT)).status_code == 404


def consent(person: str, **more: Any) -> bytes:
    provision = {
        "type": "deny",
        "class": [{"code": "Observation", "system": "http://hl7.org/fhir/resource-types"}],
    }
    return orjson.dumps(
        {
            "resourceType": "Consent",
            "status": "active",
            "scope": {"coding": [{"system": SCOPE, "code": "patient-privacy"}]},
            "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
            "patient": {"reference": f"Patient/{person}"},
            "dateTime": "2026-01-01T00:00:00Z",
            "policy": [{"uri": "urn:hie:notice:consent:1"}],
            "provision": provision,
            **more,
        }
    )  # fmt: skip


CONSENTING = "launch/patient patient/*.rs patient/Consent.cruds"


@asynccontextmanager
async def denied(world: World) -> AsyncIterator[None]:
    """Wang has hidden her results, until the end of the block."""
    resident = await world.as_person("wang", CONSENTING)
    made = await resident.post("/Consent", content=consent(world.people["wang"]))
    assert made.status_code == 201, made.text
    try:
        yield
    finally:
        body = made.json() | {"status": "inactive"}
        ended = await resident.put(f"/Consent/{body['id']}", content=orjson.dumps(body))
        assert ended.status_code == 200, ended.text


@pytest.mark.parametrize("path", PATHS)
async def test_what_a_resident_denies_is_hidden_even_in_an_emergency(
    world: World, path: str
) -> None:
    async with opened(world) as fhir:
        before = await fhir.get(PATHS[path])
        async with denied(world):
            hidden = await fhir.get(PATHS[path])
            assert "b-wang-observation" not in _entries(hidden)
            if "total" in hidden.json():
                found = [e for e in hidden.json().get("entry", ()) if "Observation" in str(e)]
                assert hidden.json()["total"] == 0 or (found == [] and path == "type history")
        after = await fhir.get(PATHS[path])
        assert before.status_code == after.status_code == 200
        assert _entries(before) == _entries(after)


def _entries(answer: httpx.Response) -> str:
    """What was shown, and how many it was said to be."""
    if answer.status_code >= 400:
        return ""
    body = answer.json()
    bundle = body["resourceType"] == "Bundle"
    shown = [e.get("resource", {}) for e in body.get("entry", ())] if bundle else [body]
    return str([body.get("total"), *((r.get("resourceType"), r.get("id")) for r in shown)])


async def test_a_denial_counts_on_the_other_worker_with_the_next_request(world: World) -> None:
    async with opened(world) as fhir:
        headers = {"authorization": fhir.headers["authorization"]}
        async with two_workers(world) as workers:
            for http in workers:
                answer = await http.get(f"/fhir{RESULT}", headers=headers)
                assert answer.status_code == 200
            async with denied(world):
                for http in workers:
                    answer = await http.get(f"/fhir{RESULT}", headers=headers)
                    assert answer.status_code == 404


async def test_nobody_consents_in_anothers_name(world: World) -> None:
    fhir = await world.as_person("zhang", CONSENTING)
    answer = await fhir.post("/Consent", content=consent(world.people["wang"]))
    assert answer.status_code in (403, 422)
    clinician = await world.as_person("doctor", "user/*.cruds")
    permit = consent(world.people["wang"], provision={"type": "permit"})
    assert (await clinician.post("/Consent", content=permit)).status_code in (403, 422)


async def test_a_clinician_cannot_read_what_was_denied(world: World) -> None:
    async with opened(world) as fhir, denied(world):
        answer = await fhir.get(f"/Consent?patient={world.people['wang']}")
        assert answer.status_code == 403 or "entry" not in answer.json()


async def test_a_sender_cannot_strip_a_label(world: World) -> None:
    sender = await world.as_institution("hospital-b")
    hiv = {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10", "code": "B20"}], "text": "label"}
    sensitive = {
        "resourceType": "Condition",
        "id": "b-wang-hiv",
        "code": hiv,
        "subject": {"reference": "Patient/b-wang"},
        "meta": {"security": []},
    }
    sensitive.pop("meta")
    stored = await sender.put("/Condition/b-wang-hiv", content=orjson.dumps(sensitive))
    assert stored.status_code in (200, 201), stored.text
    async with opened(world) as fhir:
        assert (await fhir.get("/Condition/b-wang-hiv")).status_code == 404
        found = (await fhir.get("/Condition?patient=b-wang&_total=accurate")).json()
        assert "b-wang-hiv" not in str(found.get("entry"))
        path = f"/Patient/{world.people['wang']}/$confirm-sensitive"
        answer = await fhir.post(path, content=opening(note="dosing"))
        assert answer.status_code == 200, answer.text
        assert (await fhir.get("/Condition/b-wang-hiv")).status_code == 200
    async with opened(world) as fhir:  # opened anew, it has to be confirmed anew
        assert (await fhir.get("/Condition/b-wang-hiv")).status_code == 404


PICKING = "launch/patient patient/*.rs"


async def test_a_clinician_picks_among_the_records_that_are_open(world: World) -> None:
    page = await world.app().approval_page("doctor", PICKING)
    assert page.status_code == 400  # none is open
    async with opened(world):
        app = world.app()
        page = await app.approval_page("doctor", PICKING)
        assert f'name="patient" value="{world.people["wang"]}"' in page.text
        assert world.people["zhang"] not in page.text
        answer = await app.approve(page, patient=world.people["wang"])
        tokens = (await app.redeem(parameters_of(answer.headers["location"])["code"])).json()
        assert tokens["patient"] == world.people["wang"]
        assert marker("wang") in (await world.bearer(tokens["access_token"]).get(RESULT)).text


@pytest.mark.parametrize("picked", ["zhang", "nobody", ""])
async def test_picking_a_patient_who_was_not_offered_grants_nothing(
    world: World, picked: str
) -> None:
    async with opened(world):
        app = world.app()
        page = await app.approval_page("doctor", PICKING)
        answer = await app.approve(page, patient=world.people.get(picked, picked))
        assert answer.status_code == 400
        assert "location" not in answer.headers


async def in_portal(world: World) -> httpx.AsyncClient:
    """The doctor's browser, signed in to the portal."""
    browser = world.browser(follow_redirects=True)
    page = await browser.get("/clinician/login")
    form = {"form_token": form_token_of(page), "login": "doctor", "password": PASSWORD}
    page = await browser.post(action_of(page, "/oauth/login"), data=form)
    assert page.status_code == 200, page.text
    browser.follow_redirects = False
    return browser


async def test_an_app_starts_from_the_portal_on_an_open_record_only(world: World) -> None:
    async with world.database.transaction() as conn:
        await conn.execute(
            "UPDATE auth.client SET launch_uri = 'https://diary.example/launch' WHERE id = 'diary'"
        )
    browser = await in_portal(world)
    here = f"/clinician/patient/{world.people['wang']}"
    closed = await browser.get(f"{here}/apps/diary")
    assert "location" not in closed.headers
    form = {"reason": "ETREAT", "note": "unconscious"}
    own = {"origin": world.base}
    answer = await browser.post(f"{here}/open", data=form, headers=own)
    assert answer.status_code == 303, answer.text
    assert f"{here}/apps/diary" in (await browser.get(here)).text
    foreign = await browser.get(f"{here}/apps/diary", headers={"sec-fetch-site": "cross-site"})
    assert foreign.status_code == 403
    assert (await browser.get(f"{here}/apps/foreign")).status_code == 404
    started = await browser.get(f"{here}/apps/diary")
    assert started.headers["location"].startswith("https://diary.example/launch?")
    asked = parameters_of(started.headers["location"])
    assert asked["iss"] == world.fhir
    tokens = await world.app().tokens("doctor", LAUNCH, launch=asked["launch"])
    assert tokens["patient"] == world.people["wang"]
    assert tokens["need_patient_banner"] is True
    await browser.post(f"{here}/close", headers=own)


async def test_signing_out_of_a_portal_signs_out_of_everything(world: World) -> None:
    browser = await in_portal(world)
    stolen = dict(browser.cookies)
    answer = await browser.post("/clinician/logout", headers={"origin": world.base})
    assert answer.status_code == 303
    thief = world.browser(cookies=stolen)
    assert 'action="/oauth/login' in (await thief.get("/oauth/account")).text
