"""Consents over HTTP: who may give one, and that what it hides is hidden on every read path.

Each path is asked before the resident's Consent, while it is in force, and after it was ended; what
is hidden has to be answered exactly like what is not there.
"""

from dataclasses import dataclass
from typing import Any

import httpx
import orjson
import pytest
from tests_rest_samples import patient

from hie.demo.population import check_character
from hie.mpi.people import person_of

CARD = "99010119900307001"
SCOPE = "http://terminology.hl7.org/CodeSystem/consentscope"
TYPES = "http://hl7.org/fhir/resource-types"
SECRET = "5671-3"
RESIDENT_SCOPES = "patient/*.rs patient/Consent.cruds patient/Observation.cruds"


def observation(id_: str, code: str, subject: str, encounter: str) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": id_,
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
        "subject": {"reference": subject},
        "encounter": {"reference": encounter},
        "effectiveDateTime": "2026-01-02",
        "valueString": f"value of {id_}",
        "contained": [{"resourceType": "Practitioner", "id": f"by-{id_}", "active": True}],
        "performer": [{"reference": f"#by-{id_}"}],
    }


def consent(person: str, provision: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
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


@dataclass
class World:
    sender: httpx.AsyncClient
    resident: httpx.AsyncClient
    clinician: httpx.AsyncClient
    person: str
    other: str

    async def give(self, provision: dict[str, Any], **more: Any) -> str:
        made = await self.resident.post(
            "/Consent", content=orjson.dumps(consent(self.person, provision, **more))
        )
        assert made.status_code == 201, made.text
        return str(made.json()["id"])


@pytest.fixture
async def world(client, exchange) -> World:
    card = CARD + check_character(CARD)
    sender = await client("institution", institution="A")
    other_sender = await client("institution", institution="B")
    await sender.put("/Patient/p", content=patient("p", "张伟", card=card))
    await other_sender.put("/Patient/q", content=patient("q", "王芳", institution="B", number="8"))
    for number, code in ((1, "4548-4"), (2, SECRET)):
        visit = {
            "resourceType": "Encounter",
            "id": f"v{number}",
            "status": "finished",
            "class": {"code": "AMB"},
            "subject": {"reference": "Patient/p"},
            "period": {"start": "2026-01-02"},
        }
        await sender.put(f"/Encounter/v{number}", content=orjson.dumps(visit))
        for status in ("preliminary", "final"):
            result = observation(f"o{number}", code, "Patient/p", f"Encounter/v{number}")
            result["status"] = status
            stored = await sender.put(f"/Observation/o{number}", content=orjson.dumps(result))
            assert stored.status_code in (200, 201)
    async with exchange.store.database.connection() as connection:
        people = await person_of(connection, ["p", "q"])
    resident = await client("resident", scopes=RESIDENT_SCOPES, patient=people["p"])
    clinician = await client(
        "staff",
        institution="A",
        scopes="user/*.rs",
        account="li.jing",
        fhir_user="Practitioner/li",
        roles=["clinician"],
    )
    opening = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "reason", "valueCode": "ETREAT"},
            {"name": "note", "valueString": "急诊"},
        ],
    }
    opened = await clinician.post(
        f"/Patient/{people['p']}/$open-record", content=orjson.dumps(opening)
    )
    assert opened.status_code == 200, opened.text
    return World(sender, resident, clinician, people["p"], people["q"])


# Each asks for o2 or v2 and, by `absent`, for something that does not exist in just the same way.
PATHS = {
    "read": ("/Observation/o2", "/Observation/o9"),
    "vread": ("/Observation/o2/_history/2", "/Observation/o9/_history/2"),
    "vread of an older version": ("/Observation/o2/_history/1", "/Observation/o9/_history/1"),
    "history": ("/Observation/o2/_history", "/Observation/o9/_history"),
    "read of the visit": ("/Encounter/v2", "/Encounter/v9"),
}
SEARCHES = (
    f"/Observation?code={SECRET}",
    f"/Observation?code=http://loinc.org|{SECRET}&_summary=count",
    f"/Observation?code={SECRET}&_count=0",
    f"/Observation?code={SECRET}&_total=accurate",
    "/Observation?_id=o2",
    "/Observation?encounter=Encounter/v2",
    "/Observation?encounter:Encounter.date=ge2026-01-01&_id=o2",
    "/Observation?_sort=-date&_id=o2",
    "/Encounter?_id=v2&_revinclude=Observation:encounter",
    "/Practitioner?_id=by-o2&_contained=true",
    "/Practitioner?_id=by-o2&_contained=both&_containedType=contained&_count=0",
    "/Encounter?_has:Observation:encounter:_id=o2",
    f"/Encounter?_has:Observation:encounter:code={SECRET}",
    f"/Patient?_has:Observation:patient:code={SECRET}",
    f"/Patient?_has:Observation:patient:encounter.date=ge2026-01-01&_has:Observation:patient:code={SECRET}",
)


def total(answer: httpx.Response) -> int:
    body = answer.json()
    assert answer.status_code == 200, answer.text
    return max(int(body.get("total", 0)), len(body.get("entry", ())))


VISIT = {
    "type": "deny",
    "data": [{"meaning": "related", "reference": {"reference": "Encounter/v2"}}],
}


async def test_a_hidden_visit_is_hidden_on_every_path_and_comes_back(world: World) -> None:
    reader = world.clinician
    for path, _ in PATHS.values():
        assert (await reader.get(path)).status_code == 200, path
    for path in SEARCHES:
        assert total(await reader.get(path)) > 0, path
    everything = f"/Patient/{world.person}/$everything"
    assert '"o2"' in (await reader.get(everything)).text

    given = await world.give(VISIT)
    for path, absent in PATHS.values():
        hidden, missing = await reader.get(path), await reader.get(absent)
        assert hidden.status_code == missing.status_code == 404, path
        assert hidden.text.replace("o2", "o9").replace("v2", "v9") == missing.text
    for path in SEARCHES:
        assert total(await reader.get(path)) == 0, path
    text = (await reader.get(everything)).text
    assert '"o2"' not in text
    assert '"v2"' not in text
    assert '"o1"' in text
    batch = {
        "resourceType": "Bundle",
        "type": "batch",
        "entry": [
            {"request": {"method": "GET", "url": url}}
            for url in ("Observation/o2", "Observation/o1", f"Observation?code={SECRET}")
        ],
    }
    answers = (await reader.post("", content=orjson.dumps(batch))).json()["entry"]
    assert [a["response"]["status"][:3] for a in answers] == ["404", "200", "200"]
    assert "o2" not in answers[2]["resource"].get("entry", [{"fullUrl": ""}])[0].get("fullUrl", "")
    # The resident and the institution that wrote it go on seeing it.
    assert (await world.resident.get("/Observation/o2")).status_code == 200
    assert (await world.sender.get("/Observation/o2")).status_code == 200

    ended = consent(world.person, VISIT, id=given, status="inactive")
    assert (
        await world.resident.put(f"/Consent/{given}", content=orjson.dumps(ended))
    ).status_code == 200
    for path, _ in PATHS.values():
        assert (await reader.get(path)).status_code == 200, path


async def test_a_hidden_visit_is_in_no_history_and_no_operation(world: World) -> None:
    reader = world.clinician
    ways = (
        "/_history",
        "/_history?_at=2126",
        "/Observation/_history",
        "/Observation/_history?_since=2020-01-01T00:00:00Z",
        "/Encounter/_history?_summary=true",
        f"/Observation/$lastn?patient={world.person}&code={SECRET}",
        f"/Patient/{world.person}/$everything?start=2026-01-01&end=2026-02-01",
    )
    for path in ways[2:]:
        assert '2"' in (await reader.get(path)).text, path
    assert (await reader.get("/Encounter/v2/$everything")).status_code == 200
    assert (await reader.get("/Observation/o2/$meta")).status_code == 200
    await world.give(VISIT)
    for path in ways:
        answer = await reader.get(path)
        assert answer.status_code == 200, answer.text
        assert not any(name in answer.text for name in ('"o2"', '"v2"', "/o2", "/v2")), path
    for path in ("/Encounter/v2/$everything", "/Observation/o2/$meta"):
        assert (await reader.get(path)).status_code == 404
    assert "/o2" in (await world.resident.get("/Observation/_history")).text


PROVISIONS = {
    "category": {
        "type": "deny",
        "code": [{"coding": [{"system": "http://loinc.org", "code": SECRET}]}],
    },
    "institution": {
        "type": "deny",
        "actor": [
            {
                "role": {"coding": [{
                    "system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType",
                    "code": "IRCP"}]},
                "reference": {"identifier": {"system": "urn:hie:institution", "value": "A"}},
            }
        ],
    },
    "person": {
        "type": "deny",
        "actor": [
            {
                "role": {"coding": [{
                    "system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType",
                    "code": "IRCP"}]},
                "reference": {"reference": "Practitioner/li"},
            }
        ],
    },
    "period": {"type": "deny", "dataPeriod": {"start": "2026-01-01", "end": "2026-01-31"}},
    "purpose": {
        "type": "deny",
        "purpose": [
            {"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "TREAT"}
        ],
    },
    "type": {"type": "deny", "class": [{"system": TYPES, "code": "Observation"}]},
    "document": {
        "type": "deny",
        "data": [{"meaning": "instance", "reference": {"reference": "Observation/o2"}}],
    },
    "everything but the rest": {
        "type": "deny",
        "provision": [
            {
                "type": "permit",
                "data": [{"meaning": "related", "reference": {"reference": "Encounter/v1"}}],
            }
        ],
    },
}  # fmt: skip
NOT_CONCERNED = {
    "another institution": {
        **PROVISIONS["institution"],
        "actor": [
            {
                **PROVISIONS["institution"]["actor"][0],
                "reference": {"identifier": {"system": "urn:hie:institution", "value": "B"}},
            }
        ],
    },
    "another purpose": {
        "type": "deny",
        "purpose": [
            {"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HRESCH"}
        ],
    },
    "another period": {"type": "deny", "dataPeriod": {"end": "2025"}},
    "not yet": {"type": "deny", "period": {"start": "2090"}},
    "no longer": {"type": "deny", "period": {"end": "2025"}},
}


@pytest.mark.parametrize("name", PROVISIONS)
async def test_what_a_resident_may_restrict(world: World, name: str) -> None:
    given = await world.give(PROVISIONS[name])
    assert (await world.clinician.get("/Observation/o2")).status_code == 404
    assert total(await world.clinician.get(f"/Observation?code={SECRET}&_count=0")) == 0
    if name == "everything but the rest":
        assert (await world.clinician.get("/Observation/o1")).status_code == 200
    # who the resident is stays findable: treating the wrong person is the greater harm
    assert (await world.clinician.get(f"/Patient/{world.person}")).status_code == 200
    assert (await world.resident.delete(f"/Consent/{given}")).status_code == 204
    assert (await world.clinician.get("/Observation/o2")).status_code == 200


@pytest.mark.parametrize("name", NOT_CONCERNED)
async def test_what_a_restriction_does_not_concern(world: World, name: str) -> None:
    await world.give(NOT_CONCERNED[name])
    assert (await world.clinician.get("/Observation/o2")).status_code == 200


async def test_staff_see_neither_consents_nor_that_there_are_any(world: World) -> None:
    given = await world.give(VISIT)
    assert (await world.clinician.get(f"/Consent/{given}")).status_code == 404
    assert total(await world.clinician.get("/Consent")) == 0
    assert total(await world.clinician.get("/Patient?_has:Consent:patient:status=active")) == 0
    assert "Consent" not in (await world.clinician.get(f"/Patient/{world.person}/$everything")).text


async def test_nobody_consents_in_anothers_name(world: World, client) -> None:
    foreign = orjson.dumps(consent(world.other, {"type": "deny"}))
    assert (await world.resident.post("/Consent", content=foreign)).status_code == 403
    source = orjson.dumps(consent("p", {"type": "deny"}))
    assert (await world.resident.post("/Consent", content=source)).status_code == 403
    performed = consent(world.person, {"type": "deny"})
    performed["performer"] = [{"reference": f"Patient/{world.other}"}]
    assert (
        await world.resident.post("/Consent", content=orjson.dumps(performed))
    ).status_code == 403
    given = await world.give(VISIT)
    stranger = await client("resident", scopes=RESIDENT_SCOPES, patient=world.other)
    mine = orjson.dumps(consent(world.other, {"type": "deny"}, id=given))
    assert (await stranger.put(f"/Consent/{given}", content=mine)).status_code == 404
    assert (await stranger.delete(f"/Consent/{given}")).status_code == 404
    assert (await stranger.get(f"/Consent/{given}")).status_code == 404
    assert (await world.clinician.get("/Observation/o2")).status_code == 404


async def test_what_residents_do_not_write(world: World, client) -> None:
    reader = await client("resident", scopes="patient/*.rs", patient=world.person)
    body = orjson.dumps(consent(world.person, {"type": "deny"}))
    assert (await reader.post("/Consent", content=body)).status_code == 403
    wide = await client("resident", scopes="patient/*.cruds", patient=world.person)
    visit = {
        "resourceType": "Encounter",
        "status": "finished",
        "class": {"code": "AMB"},
        "subject": {"reference": f"Patient/{world.person}"},
    }
    assert (await wide.post("/Encounter", content=orjson.dumps(visit))).status_code == 403
    assert (await wide.delete(f"/Patient/{world.person}")).status_code == 403
    # An institution's result is not the resident's to change, nor is an id theirs to choose.
    result = observation("o1", "4548-4", f"Patient/{world.person}", "Encounter/v1")
    assert (await wide.put("/Observation/o1", content=orjson.dumps(result))).status_code == 404
    assert (await wide.delete("/Observation/o1")).status_code == 404
    new = {**result, "id": "mine"}
    assert (await wide.put("/Observation/mine", content=orjson.dumps(new))).status_code == 404
    patch = [{"op": "replace", "path": "/status", "value": "inactive"}]
    given = await world.give(VISIT)
    answer = await wide.patch(
        f"/Consent/{given}",
        content=orjson.dumps(patch),
        headers={"content-type": "application/json-patch+json"},
    )
    assert answer.status_code == 403


async def test_a_home_measurement_is_marked_as_the_residents(world: World) -> None:
    weight = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
        "subject": {"reference": f"Patient/{world.person}"},
        "performer": [{"reference": f"Patient/{world.person}"}],
        "effectiveDateTime": "2026-02-01T07:00:00+08:00",
        "valueQuantity": {"value": 70.10, "unit": "kg"},
    }
    made = await world.resident.post("/Observation", content=orjson.dumps(weight))
    assert made.status_code == 201
    tags = {(t["system"], t["code"]) for t in made.json()["meta"]["tag"]}
    assert ("urn:hie:contribution", "resident") in tags
    assert ("urn:hie:institution", "exchange") in tags
    found = await world.clinician.get("/Observation?_tag=urn:hie:contribution|resident")
    assert total(found) == 1
    performed = {**weight, "performer": [{"reference": "Practitioner/li"}]}
    refused = await world.resident.post("/Observation", content=orjson.dumps(performed))
    assert refused.status_code == 403


async def test_an_institution_cannot_pass_its_entries_off_as_the_residents(world: World) -> None:
    forged = observation("o5", "x", "Patient/p", "Encounter/v1")
    forged["meta"] = {"tag": [{"system": "urn:hie:contribution", "code": "resident"}]}
    made = await world.sender.put("/Observation/o5", content=orjson.dumps(forged))
    assert "urn:hie:contribution" not in made.text
    # and a consent that it keeps on file does not hide what others sent
    filed = {**consent("p", {"type": "deny"}), "id": "paper"}
    assert (
        await world.sender.put("/Consent/paper", content=orjson.dumps(filed))
    ).status_code == 201
    assert (await world.clinician.get("/Observation/o2")).status_code == 200


async def test_a_consent_states_which_notice_was_shown(world: World) -> None:
    without = consent(world.person, {"type": "deny"}, policy=[{"uri": "urn:some:other"}])
    answer = await world.resident.post("/Consent", content=orjson.dumps(without))
    assert answer.status_code == 422
    assert answer.json()["issue"][0]["expression"] == ["Consent.policy.uri"]
    assert total(await world.resident.get("/Consent")) == 0  # refused as a whole


async def test_a_probe_for_anothers_records_learns_nothing(world: World, client) -> None:
    stranger = await client("resident", scopes=RESIDENT_SCOPES, patient=world.other)
    answers = []
    for name in ("Observation/o2", "Observation/nothing"):
        provision = {
            "type": "deny",
            "data": [{"meaning": "instance", "reference": {"reference": name}}],
        }
        body = orjson.dumps(consent(world.other, provision))
        answers.append(await stranger.post("/Consent", content=body))
    assert answers[0].status_code == answers[1].status_code == 422
    assert answers[0].text.replace("o2", "nothing") == answers[1].text


async def test_a_note_or_a_request_to_correct_is_the_residents_own(world: World, client) -> None:
    writer = await client(
        "resident", scopes="patient/*.rs patient/Communication.cruds", patient=world.person
    )
    request = {
        "resourceType": "Communication",
        "status": "completed",
        "category": [{"text": "更正申请"}],
        "subject": {"reference": f"Patient/{world.person}"},
        "about": [{"reference": "Observation/o1"}],
        "payload": [{"contentString": "化验日期有误"}],
    }
    made = await writer.post("/Communication", content=orjson.dumps(request))
    assert made.status_code == 201
    assert "urn:hie:contribution" in made.text
    foreign = request | {"subject": {"reference": f"Patient/{world.other}"}}
    assert (await writer.post("/Communication", content=orjson.dumps(foreign))).status_code == 403
    sent = request | {"sender": {"reference": "Practitioner/li"}}
    assert (await writer.post("/Communication", content=orjson.dumps(sent))).status_code == 403
    # the entry that it is about stays as its institution wrote it
    assert (await world.resident.get("/Observation/o1")).json()["meta"]["versionId"] == "2"


async def test_what_was_hidden_stays_hidden_after_a_merge_and_after_its_undoing(
    world: World, client
) -> None:
    await world.give(VISIT)
    steward = await client(
        "staff",
        institution="A",
        scopes="user/*.cruds",
        account="gao.jie",
        fhir_user="Practitioner/gao",
        roles=["steward"],
    )

    def stated(**more: str) -> bytes:
        given = [{"name": name, "valueString": value} for name, value in more.items()]
        other = {"name": "other", "valueReference": {"reference": f"Patient/{world.person}"}}
        return orjson.dumps({"resourceType": "Parameters", "parameter": [other, *given]})

    there = f"/Patient/{world.other}"
    merged = await steward.post(f"{there}/$merge", content=stated(reason="one person"))
    assert merged.status_code == 200, merged.text
    assert (await world.clinician.get("/Observation/o1")).status_code == 200
    assert (await world.clinician.get("/Observation/o2")).status_code == 404
    assert total(await world.clinician.get(f"/Observation?code={SECRET}&_count=0")) == 0
    undone = await steward.post(f"{there}/$unmerge", content=stated(reason="two after all"))
    assert undone.status_code == 200, undone.text
    assert (await world.clinician.get("/Observation/o1")).status_code == 200
    assert (await world.clinician.get("/Observation/o2")).status_code == 404
