"""Opening a record: treatment relationships, codes, emergencies with notice and review, labels."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import orjson
import pytest
from tests_rest_samples import patient

from hie.access.sensitive import classes_of
from hie.demo.population import check_character
from hie.mpi.people import person_of

CARD = "99010119900307001"
ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
ICD = "http://hl7.org/fhir/sid/icd-10"
LOINC = "http://loinc.org"


def parameters(**values: object) -> bytes:
    kinds = {"hours": "valueInteger", "number": "valueInteger", "reason": "valueCode"}
    given = [{"name": n, kinds.get(n, "valueString"): v} for n, v in values.items()]
    return orjson.dumps({"resourceType": "Parameters", **({"parameter": given} if given else {})})


def values(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    return {
        one["name"]: next((v for n, v in one.items() if n.startswith("value")), one)
        for one in answer.json().get("parameter", ())
    }


def day(ago: int) -> str:
    return (datetime.now(UTC) - timedelta(days=ago)).strftime("%Y-%m-%d")


def encounter(id_: str, subject: str, ago: int, status: str = "finished") -> dict[str, Any]:
    return {
        "resourceType": "Encounter",
        "id": id_,
        "status": status,
        "class": {"system": ACT_CODE, "code": "AMB"},
        "subject": {"reference": subject},
        "period": {"start": day(ago), "end": day(ago)},
    }


@dataclass
class World:
    """A sends about the resident; `doctor` works at A, `stranger` at B."""

    a: httpx.AsyncClient
    b: httpx.AsyncClient
    doctor: httpx.AsyncClient
    stranger: httpx.AsyncClient
    resident: httpx.AsyncClient
    auditor: httpx.AsyncClient
    reviewer: httpx.AsyncClient
    person: str

    async def open(self, reader: httpx.AsyncClient, **stated: object) -> httpx.Response:
        return await reader.post(
            f"/Patient/{self.person}/$open-record", content=parameters(**stated)
        )


@pytest.fixture
async def world(client, exchange) -> World:
    card = CARD + check_character(CARD)
    a, b = [await client("institution", institution=code) for code in "AB"]
    await a.put("/Patient/p", content=patient("p", "张伟", card=card))
    await b.put("/Patient/pb", content=patient("pb", "张伟", institution="B", card=card))
    await a.put("/Encounter/v", content=orjson.dumps(encounter("v", "Patient/p", 30)))
    async with exchange.store.database.connection() as connection:
        people = await person_of(connection, ["p", "pb"])
    assert people["p"] == people["pb"]

    async def staff(login: str, institution: str, role: str) -> httpx.AsyncClient:
        return await client(
            "staff",
            institution=institution,
            scopes="user/*.rs",
            account=login,
            fhir_user=f"Practitioner/{login}",
            roles=[role],
        )

    return World(
        a,
        b,
        await staff("doctor", "A", "clinician"),
        await staff("stranger", "B", "clinician"),
        await client("resident", scopes="patient/*.rs", patient=people["p"]),
        await staff("auditor", "A", "auditor"),
        await staff("reviewer", "A", "reviewer"),
        people["p"],
    )


async def test_who_treats_opens_and_who_does_not_is_refused(world: World) -> None:
    opened = values(await world.open(world.doctor, reason="TREAT", note="visit"))
    assert opened["basis"] == "encounter"
    assert (await world.doctor.get("/Encounter/v")).status_code == 200
    for reason in ("TREAT", "COC"):
        refused = await world.open(world.stranger, reason=reason, note="curious")
        assert refused.status_code == 403
    assert (await world.stranger.get("/Encounter/v")).status_code == 404


@pytest.mark.parametrize(
    ("ago", "status", "treats"),
    [
        (300, "finished", True),
        (400, "finished", False),
        (1, "cancelled", False),
        (1, "planned", False),
    ],
)
async def test_an_encounter_counts_for_a_while_and_only_if_it_took_place(
    world: World, ago: int, status: str, treats: bool
) -> None:
    visit = encounter("w", "Patient/pb", ago, status)
    await world.b.put("/Encounter/w", content=orjson.dumps(visit))
    answer = await world.open(world.stranger, reason="TREAT", note="x")
    assert answer.status_code == (200 if treats else 403)


async def test_another_institutions_encounter_is_no_relationship(world: World) -> None:
    """B may not make itself a relationship out of what A sent, whatever it calls the provider."""
    visit = encounter("w", "Patient/p", 1) | {"serviceProvider": {"display": "B"}}
    await world.a.put("/Encounter/w", content=orjson.dumps(visit))
    assert (await world.open(world.stranger, reason="TREAT", note="x")).status_code == 403


async def test_a_family_doctors_contract_is_a_relationship(world: World) -> None:
    contract = {
        "resourceType": "EpisodeOfCare",
        "id": "e",
        "status": "active",
        "patient": {"reference": "Patient/pb"},
        "managingOrganization": {"display": "B"},
        "period": {"start": day(700)},
    }
    await world.b.put("/EpisodeOfCare/e", content=orjson.dumps(contract))
    opened = values(await world.open(world.stranger, reason="COC", note="x"))
    assert opened["basis"] == "contract"
    ended = {**contract, "period": {"start": day(700), "end": day(3)}}
    await world.b.put("/EpisodeOfCare/e", content=orjson.dumps(ended))
    assert (await world.open(world.stranger, reason="COC", note="x")).status_code == 403


async def test_a_referral_is_a_relationship(world: World) -> None:
    organization = {"resourceType": "Organization", "id": "ob", "name": "B"}
    await world.b.put("/Organization/ob", content=orjson.dumps(organization))
    referral = {
        "resourceType": "ServiceRequest",
        "id": "r",
        "status": "active",
        "intent": "order",
        "subject": {"reference": "Patient/p"},
        "authoredOn": day(2),
        "performer": [{"reference": "Organization/ob"}],
    }
    await world.a.put("/ServiceRequest/r", content=orjson.dumps(referral))
    opened = values(await world.open(world.stranger, reason="TREAT", note="referred"))
    assert opened["basis"] == "referral"


async def test_a_resident_who_is_present_says_a_code(world: World) -> None:
    code = values(await world.resident.post("/Patient/$visit-code", content=parameters()))["code"]
    wrong = f"{(int(code) + 1) % 1_000_000:06d}"
    stated = {"reason": "TREAT", "note": "here"}
    assert (await world.open(world.stranger, **stated, code=wrong)).status_code == 403
    opened = values(await world.open(world.stranger, **stated, code=code))
    assert opened["basis"] == "authorisation"
    # used up, but the clinician may go on today
    assert (await world.open(world.doctor, **stated, code=code)).status_code == 403
    assert (await world.open(world.stranger, **stated)).status_code == 200


async def test_a_code_cannot_be_guessed(world: World) -> None:
    code = values(await world.resident.post("/Patient/$visit-code", content=parameters()))["code"]
    stated = {"reason": "TREAT", "note": "here"}
    for number in range(5):
        wrong = f"{(int(code) + 1 + number) % 1_000_000:06d}"
        assert (await world.open(world.stranger, **stated, code=wrong)).status_code == 403
    assert (await world.open(world.stranger, **stated, code=code)).status_code == 403
    for reader in (world.doctor, world.auditor, world.a):
        answer = await reader.post("/Patient/$visit-code", content=parameters())
        assert answer.status_code == 403


async def test_an_emergency_is_told_and_reviewed(world: World) -> None:
    assert (await world.open(world.stranger, reason="ETREAT", note=" ")).status_code == 422
    for hours in (0, 121):
        refused = await world.open(world.stranger, reason="ETREAT", note="coma", hours=hours)
        assert refused.status_code == 422
    assert (await world.open(world.doctor, reason="TREAT", note="x", hours=5)).status_code == 422
    opened = values(await world.open(world.stranger, reason="ETREAT", note="coma", hours=120))
    until = datetime.fromisoformat(opened["until"])
    assert timedelta(hours=119) < until - datetime.now(UTC) <= timedelta(hours=120)
    assert (await world.stranger.get("/Encounter/v")).status_code == 200

    notice = (await world.resident.get("/Patient/$emergencies")).json()["parameter"][0]["part"]
    told = {p["name"]: p.get("valueString") or p.get("valueInteger") for p in notice}
    assert told["note"] == "coma"
    assert told["institution"] == "B"
    assert "seen" not in told

    waiting = (await world.reviewer.get("/Patient/$emergencies")).json()["parameter"]
    assert len(waiting) == 1
    number = told["number"]
    review = {"number": number, "verdict": "unjustified", "remark": "not in the hospital"}
    for reader in (world.stranger, world.doctor, world.resident, world.a, world.auditor):
        answer = await reader.post("/Patient/$review-emergency", content=parameters(**review))
        assert answer.status_code == 403
    reads = f"/Patient/$emergency-reads?number={number}"
    for reader in (world.stranger, world.doctor, world.resident, world.a, world.auditor):
        assert (await reader.get(reads)).status_code == 403
    empty = parameters(**(review | {"remark": " "}))
    assert (
        await world.reviewer.post("/Patient/$review-emergency", content=empty)
    ).status_code == 422
    done = await world.reviewer.post("/Patient/$review-emergency", content=parameters(**review))
    assert done.status_code == 200
    again = await world.reviewer.post("/Patient/$review-emergency", content=parameters(**review))
    assert again.status_code == 404
    # what was not justified ends at once, and the resident reads the verdict
    assert (await world.stranger.get("/Encounter/v")).status_code == 404
    assert "unjustified" in (await world.resident.get("/Patient/$emergencies")).text


async def test_a_reviewer_sees_what_was_done_and_nothing_of_the_content(world: World) -> None:
    await world.doctor.get("/Encounter/v")
    await world.open(world.stranger, reason="ETREAT", note="coma")
    await world.stranger.get("/Encounter/v")
    await world.stranger.get(f"/Encounter?patient={world.person}")
    await world.open(world.doctor, reason="TREAT", note="visit")
    await world.doctor.get("/Encounter/v")
    (one,) = (await world.reviewer.get("/Patient/$emergencies")).json()["parameter"]
    number = next(p["valueInteger"] for p in one["part"] if p["name"] == "number")
    answer = await world.reviewer.get(f"/Patient/$emergency-reads?number={number}")
    assert answer.status_code == 200, answer.text
    found = answer.json()["parameter"]
    assert [p["valueString"] for p in found if p["name"] == "person"] == ["张伟"]
    reads = [
        {part["name"]: next(v for k, v in part.items() if k != "name") for part in p["part"]}
        for p in found
        if p["name"] == "read"
    ]
    kinds = [one["interaction"] for one in reads]
    assert kinds == ["open-record-emergency", "read", "search-type"], (
        "the stranger's, not the doctor's"
    )
    assert reads[1]["entry"] == {"reference": "Encounter/v"}
    assert reads[2]["query"].startswith("Encounter?patient=")
    assert {one["client"] for one in reads} == {"test-B"}
    log = (await world.resident.get("/AuditEvent?_count=100")).text
    assert "$emergency-reads" in log, "the resident sees that it was looked at"
    assert (await world.reviewer.get("/Encounter/v")).status_code == 404
    assert (await world.reviewer.get("/AuditEvent")).status_code in (403, 404) or (
        await world.reviewer.get("/AuditEvent")
    ).json().get("entry") is None
    for wrong in ("", "0", "x", "-1", str(number + 1), "9" * 12):
        missing = await world.reviewer.get(f"/Patient/$emergency-reads?number={wrong}")
        assert missing.status_code == 404


async def test_nobody_reviews_what_they_did_themselves(world: World, client) -> None:
    await world.open(world.stranger, reason="ETREAT", note="coma")
    (one,) = (await world.reviewer.get("/Patient/$emergencies")).json()["parameter"]
    number = next(p["valueInteger"] for p in one["part"] if p["name"] == "number")
    same = await client(
        "staff", institution="B", scopes="user/*.rs", account="stranger", roles=["reviewer"]
    )
    review = {"number": number, "verdict": "justified", "remark": "I know"}
    refused = await same.post("/Patient/$review-emergency", content=parameters(**review))
    assert refused.status_code == 404
    assert (await same.get(f"/Patient/$emergency-reads?number={number}")).status_code == 404


async def test_an_opening_ends_by_itself_and_on_closing(world: World, exchange) -> None:
    await world.open(world.doctor, reason="TREAT", note="x")
    assert (await world.doctor.get("/Encounter/v")).status_code == 200
    closed = await world.doctor.post(f"/Patient/{world.person}/$close-record", content=parameters())
    assert closed.status_code == 200
    assert (await world.doctor.get("/Encounter/v")).status_code == 404
    await world.open(world.doctor, reason="ETREAT", note="x")
    assert (await world.doctor.get("/Encounter/v")).status_code == 200
    async with exchange.store.database.connection() as connection:
        await connection.execute("UPDATE access.opened_record SET until = now()")
    assert (await world.doctor.get("/Encounter/v")).status_code == 404


@pytest.mark.parametrize("who", ["auditor", "resident", "a"])
async def test_only_clinicians_open_records(world: World, who: str) -> None:
    answer = await world.open(getattr(world, who), reason="ETREAT", note="x")
    assert answer.status_code == 403


@pytest.mark.parametrize("role", ["administrator", "security-officer"])
async def test_who_runs_the_exchange_does_not_see_who_its_residents_are(
    world: World, client, role: str
) -> None:
    reader = await client("staff", institution="A", scopes="user/*.rs", account=role, roles=[role])
    assert (await reader.get(f"/Patient/{world.person}")).status_code == 404
    assert (await reader.get("/Patient?_summary=count")).json()["total"] == 0
    assert (await world.open(reader, reason="ETREAT", note="x")).status_code == 403


def condition(id_: str, code: str, **more: object) -> bytes:
    return orjson.dumps(
        {
            "resourceType": "Condition",
            "id": id_,
            "code": {"coding": [{"system": ICD, "code": code}]},
            "subject": {"reference": "Patient/p"},
            **more,
        }
    )


async def test_sensitive_entries_need_a_second_confirmation(world: World) -> None:
    inside = {
        "contained": [{"resourceType": "Practitioner", "id": "dr", "active": True}],
        "recorder": {"reference": "#dr"},
    }
    hiv = await world.a.put("/Condition/c1", content=condition("c1", "B20.901", **inside))
    assert {"system": ACT_CODE, "code": "HIV", "display": "HIV and AIDS"} in hiv.json()["meta"][
        "security"
    ]
    await world.a.put("/Condition/c2", content=condition("c2", "I10"))
    await world.open(world.doctor, reason="TREAT", note="visit")
    count = "/Condition?_summary=count"
    contained = "/Practitioner?_contained=true&_summary=count"
    assert (await world.a.get(contained)).json()["total"] == 1
    assert (await world.doctor.get(contained)).json()["total"] == 0
    for path in ("/Condition/c1", "/Condition/c1/_history", "/Condition/c1/_history/1"):
        assert (await world.doctor.get(path)).status_code == 404
    assert (await world.doctor.get(count)).json()["total"] == 1
    assert (await world.doctor.get("/Condition?code=B20.901&_count=0")).json()["total"] == 0
    assert '"c1"' not in (await world.doctor.get(f"/Patient/{world.person}/$everything")).text
    assert (await world.resident.get("/Condition/c1")).status_code == 200
    assert (await world.a.get("/Condition/c1")).status_code == 200

    there = f"/Patient/{world.person}/$confirm-sensitive"
    assert (await world.doctor.post(there, content=parameters(note=" "))).status_code == 422
    assert (await world.stranger.post(there, content=parameters(note="x"))).status_code == 403
    assert (await world.auditor.post(there, content=parameters(note="x"))).status_code == 403
    assert (await world.doctor.post(there, content=parameters(note="drugs"))).status_code == 200
    assert (await world.doctor.get("/Condition/c1")).status_code == 200
    assert (await world.doctor.get(count)).json()["total"] == 2
    assert (await world.doctor.get(contained)).json()["total"] == 1
    # a confirmation belongs to one clinician and one record
    await world.open(world.stranger, reason="ETREAT", note="coma")
    assert (await world.stranger.get("/Condition/c1")).status_code == 404


async def test_a_sender_cannot_strip_a_label(world: World) -> None:
    await world.a.put("/Condition/c1", content=condition("c1", "F32.9"))
    await world.a.put(
        "/Condition/c1", content=condition("c1", "Z00.0", meta={"profile": ["http://x.y/z"]})
    )
    await world.open(world.doctor, reason="TREAT", note="visit")
    for version in ("", "/_history/1", "/_history/2"):
        assert (await world.doctor.get(f"/Condition/c1{version}")).status_code == 404
    marked = condition("c3", "I10", meta={"security": [{"system": ACT_CODE, "code": "ETH"}]})
    await world.a.put("/Condition/c3", content=marked)
    assert (await world.doctor.get("/Condition/c3")).status_code == 404
    await world.a.delete("/Condition/c3")
    assert (await world.doctor.get("/Condition/c3")).status_code == 404
    await world.a.put("/Condition/c3", content=condition("c3", "I10"))
    assert (await world.doctor.get("/Condition/c3")).status_code == 404


@pytest.mark.parametrize(
    ("system", "code", "expected"),
    [
        (ICD, "B24", {"HIV"}),
        ("urn:oid:2.16.156.10011.2.3.3.11", "Z21.x00", {"HIV"}),
        (ICD, "F32.901", {"PSY"}),
        (ICD, "F17.200", set()),
        (ICD, "F10.2", {"SUD"}),
        (ICD, "O04.9", {"SEX"}),
        (ICD, "N97.9", {"SEX"}),
        (ICD, "Q90.9", {"GDIS"}),
        (ICD, "T74.1", {"SDV"}),
        (ICD, "I10", set()),
        ("http://hl7.org/fhir/sid/icd-10-cm", "B20", {"HIV"}),
        ("urn:local:beds", "B20", set()),
        (LOINC, "56888-1", {"HIV"}),
        (LOINC, "44261-6", {"PSY"}),
        (LOINC, "4548-4", set()),
        (ACT_CODE, "PSY", {"PSY"}),
        ("http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "V", {"R"}),
        ("http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "N", set()),
    ],
)
def test_what_is_sensitive(system: str, code: str, expected: set[str]) -> None:
    coding = {"system": system, "code": code}
    place = "meta" if "v3-" in system else "code"
    content = {"security": [coding]} if place == "meta" else {"coding": [coding]}
    assert classes_of(orjson.dumps({"resourceType": "Condition", place: content})) == expected
