"""Probes of consents, sensitive labels, codes, representation and the resident's log.

What a resident has hidden stays hidden on every path and on every worker; nobody hides, shows, codes
or reads logs in somebody else's name.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx
import orjson
import pytest
from attack_district import victim
from attack_workers import two_workers
from attack_world import READ, World

from hie.access.representation import appoint_guardian
from hie.auth.tokens import mint
from hie.kit.clock import now
from hie.kit.ids import new_id

WRITE = f"{READ} patient/Consent.cruds patient/Observation.cruds"
SCOPE = "http://terminology.hl7.org/CodeSystem/consentscope"
TYPES = "http://hl7.org/fhir/resource-types"
HIDDEN = {"type": "deny", "class": [{"system": TYPES, "code": "Observation"}]}
RESULT = "/Observation/a-zhang-observation"

PATHS = {
    "a read": RESULT,
    "a version": f"{RESULT}/_history/1",
    "a history": f"{RESULT}/_history",
    "a search by id": "/Observation?_id=a-zhang-observation",
    "a search by code": "/Observation?code=4548-4",
    "a count": "/Observation?code=4548-4&_summary=count",
    "a total": "/Observation?code=4548-4&_total=accurate&_count=0",
    "a sorted search": "/Observation?_sort=-date&_count=5",
    "a filter": "/Observation?_filter=code eq 4548-4",
    "an include": "/DiagnosticReport?_id=a-zhang-diagnosticreport&_include=DiagnosticReport:result",
    "a reverse include": "/Encounter?_id=a-zhang-encounter&_revinclude=Observation:encounter",
    "a reverse chain": "/Encounter?_has:Observation:encounter:code=4548-4",
    "a reverse chain on people": "/Patient?_id={zhang}&_has:Observation:patient:code=4548-4",
    "a nested reverse chain": "/Patient?_id={zhang}&_has:Encounter:patient:_has:Observation:encounter:code=4548-4",
    "a chain": "/DiagnosticReport?result.code=4548-4",
    "the compartment": "/Patient/{zhang}/Observation",
    "several types": "/?_type=Observation,Condition&code=4548-4",
    "everything": "/Patient/{zhang}/$everything",
    "everything of a visit": "/Encounter/a-zhang-encounter/$everything",
    "the newest": "/Observation/$lastn?patient={zhang}&category=laboratory",
    "the history of the type": "/Observation/_history?_count=1000",
    "a batch": "",
    "GraphQL": "/Patient/{zhang}/$graphql?query={ObservationList(_reference: patient){id}}",
}


def parameters(**values: str) -> bytes:
    given = [{"name": name, "valueString": value} for name, value in values.items()]
    return orjson.dumps({"resourceType": "Parameters", **({"parameter": given} if given else {})})


def consent(person: str, provision: dict[str, Any], **more: Any) -> bytes:
    return orjson.dumps(
        {
            "resourceType": "Consent",
            "status": "active",
            "scope": {"coding": [{"system": SCOPE, "code": "patient-privacy"}]},
            "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
            "patient": {"reference": f"Patient/{person}"},
            "policy": [{"uri": "urn:hie:notice:consent:1"}],
            "provision": provision,
            **more,
        }
    )


async def clear(world: World, login: str) -> None:
    """Leave no rule behind, not even when the guard that ends them was off."""
    async with world.database.connection() as connection:
        await connection.execute(
            "DELETE FROM access.consent WHERE person = %s", (world.people[login],)
        )


@asynccontextmanager
async def given(world: World, login: str, provision: dict[str, Any]) -> AsyncIterator[str]:
    """A Consent of this resident, ended afterwards."""
    own = await world.as_person(login, WRITE)
    made = await own.post("/Consent", content=consent(world.people[login], provision))
    assert made.status_code == 201, made.text
    try:
        yield str(made.json()["id"])
    finally:
        await own.delete(f"/Consent/{made.json()['id']}")
        await clear(world, login)


async def reading(world: World, person: str) -> httpx.AsyncClient:
    """A clinician of hospital A with an account of the probe's own, who has opened the record."""
    login = await victim(world, f"reader-{new_id()}")
    fhir = await world.as_person(login, "user/*.rs")
    opened = await fhir.post(
        f"/Patient/{world.people[person]}/$open-record",
        content=parameters(reason="ETREAT", note="unconscious"),
    )
    assert opened.status_code == 200, opened.text
    return fhir


async def seen(fhir: httpx.AsyncClient, path: str, world: World) -> bool:
    """Whether the answer tells of the result: its id, or a number above none."""
    if not path:
        batch = {
            "resourceType": "Bundle",
            "type": "batch",
            "entry": [{"request": {"method": "GET", "url": RESULT[1:]}}],
        }
        answer = await fhir.post("/", content=orjson.dumps(batch))
    else:
        answer = await fhir.get(path.replace("{zhang}", world.people["zhang"]))
    assert answer.status_code in (200, 404), answer.text
    if answer.status_code == 404:
        return False
    told = answer.json()
    if path in (PATHS["a count"], PATHS["a total"]):
        return bool(told["total"])
    if path.startswith(("/Encounter?_has", "/Patient?", "/DiagnosticReport?result.")):
        return bool(told.get("entry"))
    entries = [entry.get("resource", {}) for entry in told.get("entry", ())]
    of_type = [r for r in entries if r.get("resourceType") == "Observation"]
    return bool(of_type) or (not entries and '"a-zhang-observation"' in answer.text)


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS.keys())
async def test_what_is_hidden_is_hidden_on_every_path(world: World, path: str) -> None:
    fhir = await reading(world, "zhang")
    assert await seen(fhir, path, world)
    async with given(world, "zhang", HIDDEN):
        assert not await seen(fhir, path, world)
    assert await seen(fhir, path, world)


async def test_a_consent_counts_with_the_next_request_on_every_worker(world: World) -> None:
    fhir = await reading(world, "zhang")
    own = await world.as_person("zhang", WRITE)
    headers = dict(fhir.headers)
    writing = dict(own.headers)
    body = consent(world.people["zhang"], HIDDEN)
    async with two_workers(world) as (one, other):
        for writer, reader in ((one, other), (other, one)) * 3:
            made = await writer.post(f"{world.fhir}/Consent", content=body, headers=writing)
            hidden = await reader.get(f"{world.fhir}{RESULT}", headers=headers)
            id_ = made.json()["id"]
            await writer.delete(f"{world.fhir}/Consent/{id_}", headers=writing)
            shown = await reader.get(f"{world.fhir}{RESULT}", headers=headers)
            await clear(world, "zhang")
            assert (hidden.status_code, shown.status_code) == (404, 200)


async def test_nobody_consents_in_anothers_name(world: World) -> None:
    wang = await world.as_person("wang", WRITE)
    zhang = world.people["zhang"]
    for person in (zhang, "a-zhang"):
        made = await wang.post("/Consent", content=consent(person, HIDDEN))
        assert made.status_code == 403
    for element in ("performer", "sourceReference"):
        named: Any = {"reference": f"Patient/{zhang}"}
        more = {element: [named] if element == "performer" else named}
        body = consent(world.people["wang"], HIDDEN, **more)
        assert (await wang.post("/Consent", content=body)).status_code in (403, 422)


async def test_nobody_ends_anothers_restriction(world: World) -> None:
    async with given(world, "zhang", HIDDEN) as id_:
        wang = await world.as_person("wang", WRITE)
        body = consent(world.people["wang"], HIDDEN, id=id_, status="inactive")
        assert (await wang.put(f"/Consent/{id_}", content=body)).status_code == 404
        assert (await wang.delete(f"/Consent/{id_}")).status_code == 404
        system = await world.as_institution("hospital-a")
        body = consent("a-zhang", HIDDEN, id=id_, status="inactive")
        assert (await system.put(f"/Consent/{id_}", content=body)).status_code == 403
        assert (await system.delete(f"/Consent/{id_}")).status_code == 404
        fhir = await reading(world, "zhang")
        assert not await seen(fhir, RESULT, world)


async def test_staff_do_not_learn_that_something_is_hidden(world: World) -> None:
    async with given(world, "zhang", HIDDEN) as id_:
        fhir = await reading(world, "zhang")
        assert (await fhir.get(f"/Consent/{id_}")).status_code == 404
        assert not (await fhir.get("/Consent")).json().get("entry")
        assert (
            not (await fhir.get("/Patient?_has:Consent:patient:status=active")).json().get("entry")
        )


async def test_an_institutions_paper_hides_nothing_from_others(world: World) -> None:
    system = await world.as_institution("hospital-a")
    id_ = f"paper-{new_id()}"
    filed = await system.put(f"/Consent/{id_}", content=consent("a-zhang", HIDDEN, id=id_))
    assert filed.status_code == 201
    try:
        assert await seen(await reading(world, "zhang"), RESULT, world)
    finally:
        await system.delete(f"/Consent/{id_}")


@asynccontextmanager
async def sensitive(world: World) -> AsyncIterator[str]:
    """A diagnosis of HIV, sent by hospital A about zhang."""
    system = await world.as_institution("hospital-a")
    id_ = f"hiv-{new_id()}"
    coding = {"system": "http://hl7.org/fhir/sid/icd-10", "code": "B20"}
    resource = {
        "resourceType": "Condition",
        "id": id_,
        "code": {"coding": [coding]},
        "subject": {"reference": "Patient/a-zhang"},
    }
    try:
        sent = await system.put(f"/Condition/{id_}", content=orjson.dumps(resource))
        assert sent.status_code == 201
        stripped = resource | {
            "code": {"text": "cold"},
            "meta": {"profile": ["http://x.example/p"]},
        }
        again = await system.put(f"/Condition/{id_}", content=orjson.dumps(stripped))
        assert again.status_code == 200
        yield id_
    finally:
        await system.delete(f"/Condition/{id_}")


async def test_a_sender_cannot_strip_the_label_of_a_sensitive_entry(world: World) -> None:
    async with sensitive(world) as id_:
        fhir = await reading(world, "zhang")
        for path in ("", "/_history/1", "/_history/2", "/_history"):
            assert (await fhir.get(f"/Condition/{id_}{path}")).status_code == 404
        assert (await fhir.get(f"/Condition?_id={id_}&_count=0")).json()["total"] == 0


async def test_one_clinicians_confirmation_shows_nothing_to_another(world: World) -> None:
    async with sensitive(world) as id_:
        one, other = await reading(world, "zhang"), await reading(world, "zhang")
        there = f"/Patient/{world.people['zhang']}/$confirm-sensitive"
        assert (await one.post(there, content=parameters(note="drugs"))).status_code == 200
        assert (await one.get(f"/Condition/{id_}")).status_code == 200
        assert (await other.get(f"/Condition/{id_}")).status_code == 404


async def test_a_code_for_one_record_opens_no_other_and_is_not_guessed(world: World) -> None:
    zhang = await world.as_person("zhang")
    answer = await zhang.post("/Patient/$visit-code", content=parameters())
    code = answer.json()["parameter"][0]["valueString"]
    login = await victim(world, f"reader-{new_id()}")
    fhir = await world.as_person(login, "user/*.rs")
    # wang was never at hospital A, where this clinician works
    there = f"/Patient/{world.people['wang']}/$open-record"
    for said in (code, "000000" if code != "000000" else "000001"):
        body = parameters(reason="TREAT", note="x", code=said)
        assert (await fhir.post(there, content=body)).status_code == 403


async def test_nobody_reads_anothers_log(world: World) -> None:
    await reading(world, "zhang")
    zhang = world.people["zhang"]
    wang = await world.as_person("wang")
    assert (await wang.get(f"/AuditEvent?patient={zhang}")).status_code == 403
    own = (await wang.get("/AuditEvent?_count=200")).json().get("entry", [])
    concerned = [
        entity["what"].get("reference")
        for entry in own
        for entity in entry["resource"].get("entity", ())
        if "what" in entity
    ]
    assert f"Patient/{zhang}" not in concerned
    number = (await (await world.as_person("zhang")).get("/AuditEvent")).json()["entry"][0][
        "resource"
    ]["id"]
    assert (await wang.get(f"/AuditEvent/{number}")).status_code == 404
    there = f"/Patient/{zhang}/$explain-access?resource=Observation/a-zhang-observation"
    for who in ("wang", "doctor", "steward"):
        scope = READ if who == "wang" else "user/*.rs"
        assert (await (await world.as_person(who, scope)).get(there)).status_code == 403


async def test_nobody_reviews_an_emergency_of_others_without_being_a_reviewer(
    world: World,
) -> None:
    fhir = await reading(world, "zhang")
    body = parameters(verdict="justified", remark="mine")
    for reader in (
        fhir,
        await world.as_person("zhang"),
        await world.as_person("steward", "user/*.rs"),
        await world.as_person("auditor", "user/*.rs"),
    ):
        answer = await reader.post("/Patient/$review-emergency", content=body)
        assert answer.status_code == 403
        assert (await reader.get("/Patient/$emergency-reads?number=1")).status_code == 403


async def test_a_teenager_hides_a_visit_from_the_guardian(world: World) -> None:
    xin, liu = world.people["xin"], world.people["liu"]
    async with world.database.transaction() as connection:
        await connection.execute("DELETE FROM access.representative WHERE person = %s", (xin,))
        await appoint_guardian(
            connection,
            person=xin,
            guardian=liu,
            born=(now() - timedelta(days=15.4 * 365)).date(),
            basis="household register",
            by="probe",
        )
        token = await _token_for(connection, account="liu", person=xin, user=liu)
    fhir = world.bearer(token)
    visit = "/Encounter/a-xin-encounter"
    assert (await fhir.get(visit)).status_code == 200
    role = {
        "coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-RoleCode", "code": "GUARD"}]
    }
    provision = {
        "type": "deny",
        "actor": [{"role": role, "reference": {"display": "监护人"}}],
        "data": [{"meaning": "related", "reference": {"reference": visit[1:]}}],
    }
    async with given(world, "xin", provision) as id_:
        assert (await fhir.get(visit)).status_code == 404
        assert (await fhir.get("/Observation/a-xin-observation")).status_code == 404
        # The guardian neither learns of the restriction nor lifts it, nor reads the log.
        assert (await fhir.get(f"/Consent/{id_}")).status_code == 404
        assert (await fhir.delete(f"/Consent/{id_}")).status_code == 403
        assert (await fhir.get("/AuditEvent")).status_code == 403
    async with world.database.transaction() as connection:
        await connection.execute("UPDATE access.representative SET ended = now()")
    assert (await fhir.get(visit)).status_code == 404


async def _token_for(connection: Any, *, account: str, person: str, user: str) -> str:
    return await mint(
        connection,
        client_id="portal-resident",
        scopes="patient/*.rs patient/Consent.cruds",
        holder="resident",
        account=account,
        patient=person,
        fhir_user=f"Patient/{user}",
    )
