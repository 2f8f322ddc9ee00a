"""Who looked at my record: the resident's own log, auditors' search, explanations; nobody else's."""

from typing import Any

import httpx
import orjson
import pytest
from test_rest_break_glass import World, condition, parameters, values, world  # noqa: F401
from test_rest_consent import consent


def agents(event: dict[str, Any]) -> set[str]:
    return {
        text
        for agent in event["agent"]
        for text in (agent.get("name"), agent["who"].get("display"), agent.get("altId"))
        if text
    }


async def entries(reader: httpx.AsyncClient, path: str) -> list[dict[str, Any]]:
    answer = await reader.get(path)
    assert answer.status_code == 200, answer.text
    return [e["resource"] for e in answer.json().get("entry", ())]


async def test_a_resident_reads_who_looked_when_for_whom_and_why(world: World) -> None:  # noqa: F811
    await world.open(world.doctor, reason="TREAT", note="headache")
    await world.doctor.get("/Encounter/v")
    found = await entries(world.resident, "/AuditEvent?_sort=-date")
    opened = next(e for e in found if e["subtype"][0].get("display") == "$open-record")
    assert opened["purposeOfEvent"][0]["text"] == "headache"
    assert {"doctor", "A"} <= agents(opened)
    read = next(
        e
        for e in found
        if e["subtype"][0]["code"] == "read" and "Encounter" in orjson.dumps(e["entity"]).decode()
    )
    one = await world.resident.get(f"/AuditEvent/{read['id']}")
    assert one.status_code == 200
    assert one.json()["id"] == read["id"]
    for query in ("action=R", "altid=doctor", "date=ge2020-01-01", f"patient={world.person}"):
        assert await entries(world.resident, f"/AuditEvent?{query}"), query
    for query in ("altid=nobody", "date=lt2020-01-01", "action=D"):
        assert not await entries(world.resident, f"/AuditEvent?{query}"), query


async def test_the_log_is_read_in_pages(world: World) -> None:  # noqa: F811
    for _ in range(3):
        await world.open(world.doctor, reason="TREAT", note="x")
    seen: list[int] = []
    url = "/AuditEvent?_count=2&altid=doctor"
    while url:
        bundle = (await world.resident.get(url)).json()
        seen += [int(e["resource"]["id"]) for e in bundle.get("entry", ())]
        url = next((k["url"] for k in bundle["link"] if k["relation"] == "next"), "")
    assert seen == sorted(set(seen), reverse=True)
    assert len(seen) >= 3


async def test_nobody_else_reads_the_log(world: World, client) -> None:  # noqa: F811
    await world.open(world.doctor, reason="TREAT", note="x")
    own = await entries(world.resident, "/AuditEvent")
    number = own[0]["id"]
    other_person = await client("resident", scopes="patient/*.rs", patient="somebody-else")
    assert await entries(other_person, "/AuditEvent?altid=doctor") == []
    assert (await other_person.get(f"/AuditEvent/{number}")).status_code == 404
    foreign = await other_person.get(f"/AuditEvent?patient={world.person}")
    assert foreign.status_code == 403
    for reader in (world.doctor, world.a):
        assert await entries(reader, "/AuditEvent") == []
        assert (await reader.get(f"/AuditEvent/{number}")).status_code == 404
    narrow = await client("resident", scopes="patient/Observation.rs", patient=world.person)
    assert (await narrow.get("/AuditEvent")).status_code == 403
    assert (await (await client()).get("/AuditEvent")).status_code == 401


async def test_auditors_search_everybodys(world: World) -> None:  # noqa: F811
    await world.open(world.doctor, reason="TREAT", note="x")
    found = await entries(world.auditor, f"/AuditEvent?patient={world.person}&altid=doctor")
    assert found
    assert (await world.auditor.get(f"/AuditEvent/{found[0]['id']}")).status_code == 200
    # and looking at the log is on record, too
    again = await entries(world.resident, "/AuditEvent?altid=auditor")
    assert again


@pytest.mark.parametrize("query", ["_sort=date", "type=rest", "date=soon", "_count=x", "action=Q"])
async def test_what_the_log_cannot_be_asked_is_refused(world: World, query: str) -> None:  # noqa: F811
    assert (await world.resident.get(f"/AuditEvent?{query}")).status_code == 400


async def explained(reader: httpx.AsyncClient, person: str, **asked: str) -> dict[str, Any]:
    return values(await reader.get(f"/Patient/{person}/$explain-access", params=asked))


async def test_why_something_is_shown_or_hidden(world: World, client, exchange) -> None:  # noqa: F811
    async with exchange.store.database.connection() as connection:
        await connection.execute(
            """INSERT INTO auth.account (login, kind, password_hash, display_name, fhir_user,
                                         institution, roles)
               VALUES ('doctor', 'staff', 'x', 'Doctor', 'Practitioner/doctor',
                       (SELECT number FROM store.institution WHERE code = 'A'), '{clinician}')"""
        )
    await world.a.put("/Condition/c1", content=condition("c1", "B20"))
    asked = {"resource": "Condition/c1", "account": "doctor"}
    closed = await explained(world.resident, world.person, **asked)
    assert closed["shown"] is False
    assert "opening" not in closed
    await world.open(world.doctor, reason="TREAT", note="x")
    labelled = await explained(world.auditor, world.person, **asked)
    assert labelled["label"] == "HIV"
    assert (labelled["shown"], labelled["confirmed"]) == (False, False)
    await world.doctor.post(
        f"/Patient/{world.person}/$confirm-sensitive", content=parameters(note="x")
    )
    confirmed = await explained(world.resident, world.person, **asked)
    assert (confirmed["shown"], confirmed["confirmed"]) == (True, True)
    writer = await client("resident", scopes="patient/Consent.cruds", patient=world.person)
    hiding = consent(
        world.person,
        {
            "type": "deny",
            "class": [{"system": "http://hl7.org/fhir/resource-types", "code": "Condition"}],
        },
    )
    assert (await writer.post("/Consent", content=orjson.dumps(hiding))).status_code == 201
    hidden = await explained(world.resident, world.person, **asked)
    assert hidden["shown"] is False
    assert hidden["consent"]["part"][1]["valueString"] == "Consent.provision"
    anybody = await explained(world.resident, world.person, resource="Condition/c1")
    assert "consent" in anybody
    assert "shown" not in anybody


async def test_explanations_are_for_the_own_record_and_auditors(world: World, client) -> None:  # noqa: F811
    there = f"/Patient/{world.person}/$explain-access?resource=Encounter/v"
    other = await client("resident", scopes="patient/*.rs", patient="somebody-else")
    for reader in (other, world.doctor, world.stranger, world.a):
        assert (await reader.get(there)).status_code == 403
    assert (await world.resident.get(there)).status_code == 200
    foreign = f"/Patient/{world.person}/$explain-access?resource="
    for absent in ("Encounter/none", "Nothing/1", ""):
        assert (await world.resident.get(foreign + absent)).status_code == 404
