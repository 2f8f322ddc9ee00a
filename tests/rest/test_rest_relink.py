"""Stewards' operations over HTTP: who may, what changes at once, what is never touched."""

from typing import Any

import orjson
import pytest
from tests_rest_samples import observation, patient

from hie.mpi.people import person_of

STEWARD: dict[str, Any] = {
    "scopes": "user/Patient.rus user/Provenance.rs",
    "account": "gao.jie",
    "fhir_user": "Practitioner/gao-jie",
    "roles": ("steward",),
}
CLINICAL = """
SELECT array_agg(row(r.xmin::text, r.change, r.key, r.version, r.id) ORDER BY r.key)::text
FROM store.resource r WHERE r.type = %s
"""
ACTS = ("link", "unlink", "merge", "unmerge", "not-duplicate")


def parameters(**values: str) -> bytes:
    def one(name: str, value: str) -> dict[str, Any]:
        if name == "reason":
            return {"name": name, "valueString": value}
        return {"name": name, "valueReference": {"reference": f"Patient/{value}"}}

    given = [one(name, value) for name, value in values.items()]
    return orjson.dumps({"resourceType": "Parameters", "parameter": given})


@pytest.fixture
async def people(client, exchange) -> dict[str, str]:
    """Two residents, one at each of two institutions, with an observation each: a, b."""
    for code, name in (("a", "张伟"), ("b", "李静雯")):
        sender = await client("institution", institution=code.upper())
        body = patient(code, name, institution=code.upper())
        assert (await sender.put(f"/Patient/{code}", content=body)).status_code == 201
        await sender.post("/Observation", content=observation(f"Patient/{code}", f"of {code}"))
    async with exchange.store.database.connection() as connection:
        return await person_of(connection, ["a", "b"])


async def rows(exchange, type_number: int) -> object:
    async with exchange.store.database.connection() as connection:
        return await (await connection.execute(CLINICAL, (type_number,))).fetchone()


async def codes(client, query: str) -> set[str]:
    answer = await client.get(f"/Observation?{query}")
    assert answer.status_code == 200, answer.text
    return {e["resource"]["code"]["text"] for e in answer.json().get("entry", [])}


async def test_a_relink_changes_the_next_search_and_no_clinical_row(
    client, exchange, people
) -> None:
    from hie.fhir.definitions import type_number

    a, b = people["a"], people["b"]
    steward = await client("staff", institution="A", **STEWARD)
    resident = await client("resident", scopes="patient/*.rs", patient=a)
    other = await client("resident", scopes="patient/*.rs", patient=b)
    clinician = await client(
        "staff", institution="A", scopes="user/*.rs", account="li.jing", roles=("clinician",)
    )
    opening = orjson.dumps(
        {
            "resourceType": "Parameters",
            "parameter": [
                {"name": "reason", "valueCode": "ETREAT"},
                {"name": "note", "valueString": "visit"},
            ],
        }
    )
    assert (await clinician.post(f"/Patient/{a}/$open-record", content=opening)).status_code == 200
    before = await rows(exchange, type_number("Observation"))

    async def seen() -> tuple[set[str], set[str], set[str], set[str]]:
        return (
            await codes(resident, ""),
            await codes(resident, f"patient={a}"),
            await codes(clinician, f"patient={a}"),
            await codes(other, ""),
        )

    apart = ({"of a"}, {"of a"}, {"of a"}, {"of b"})
    assert await seen() == apart
    golden = (await resident.get(f"/Patient/{a}")).json()
    sent = parameters(other=b, reason="one person, checked by phone")
    merged = await steward.post(f"/Patient/{a}/$merge", content=sent)
    assert merged.status_code == 200, merged.text
    both = {"of a", "of b"}
    assert await seen() == (both, both, both, both)
    gone = (await other.get(f"/Patient/{b}")).json()
    assert gone["active"] is False
    assert gone["link"] == [{"other": {"reference": f"Patient/{a}"}, "type": "replaced-by"}]
    assert (await other.get(f"/Patient/{a}")).json()["name"]
    undone = await steward.post(f"/Patient/{a}/$unmerge", content=sent)
    assert undone.status_code == 200, undone.text
    assert await seen() == apart
    restored = (await resident.get(f"/Patient/{a}")).json()
    assert {**restored, "meta": None} == {**golden, "meta": None}
    assert (await other.get(f"/Patient/{a}")).status_code == 404

    moved = await steward.post(
        f"/Patient/{a}/$link", content=parameters(patient="b", reason="hers")
    )
    assert moved.status_code == 200, moved.text
    assert await seen() == (both, both, both, set())
    out = await steward.post(
        f"/Patient/{a}/$unlink", content=parameters(patient="b", reason="not hers")
    )
    fresh = out.json()["parameter"][1]["valueReference"]["reference"].removeprefix("Patient/")
    assert fresh not in (a, b)
    assert await seen() == ({"of a"}, {"of a"}, {"of a"}, set())
    third = await client("resident", scopes="patient/*.rs", patient=fresh)
    assert await codes(third, "") == {"of b"}
    assert await rows(exchange, type_number("Observation")) == before


@pytest.mark.parametrize("survivor", ["a", "b"])
async def test_what_a_resident_hid_stays_hidden_through_merges(
    client, people, survivor: str
) -> None:
    """A consent goes with its person, whichever id goes on; an unmerge gives both back as before."""
    gone = "b" if survivor == "a" else "a"
    steward = await client("staff", institution="A", **STEWARD)
    clinician = await client(
        "staff", institution="A", scopes="user/*.rs", account="li.jing", roles=("clinician",)
    )
    for person in people.values():
        reason = [
            {"name": "reason", "valueCode": "ETREAT"},
            {"name": "note", "valueString": "visit"},
        ]
        opening = orjson.dumps({"resourceType": "Parameters", "parameter": reason})
        opened = await clinician.post(f"/Patient/{person}/$open-record", content=opening)
        assert opened.status_code == 200
    owner = await client(
        "resident", scopes="patient/*.rs patient/Consent.cruds", patient=people["b"]
    )
    scope = "http://terminology.hl7.org/CodeSystem/consentscope"
    consent = {
        "resourceType": "Consent",
        "status": "active",
        "scope": {"coding": [{"system": scope, "code": "patient-privacy"}]},
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "patient": {"reference": f"Patient/{people['b']}"},
        "dateTime": "2026-01-01T00:00:00Z",
        "policy": [{"uri": "urn:hie:notice:consent:1"}],
        "provision": {"type": "deny"},
    }
    given = await owner.post("/Consent", content=orjson.dumps(consent))
    assert given.status_code == 201, given.text

    async def seen() -> tuple[set[str], set[str]]:
        return (
            await codes(clinician, f"patient={people['a']}"),
            await codes(clinician, f"patient={people['b']}"),
        )

    apart = ({"of a"}, set())
    assert await seen() == apart
    sent = parameters(other=people[gone], reason="one person")
    path = f"/Patient/{people[survivor]}"
    assert (await steward.post(f"{path}/$merge", content=sent)).status_code == 200
    assert await seen() == (set(), set())
    assert await codes(owner, "") == {"of a", "of b"}
    assert (await steward.post(f"{path}/$unmerge", content=sent)).status_code == 200
    assert await seen() == apart


async def test_every_act_leaves_provenance_audit_and_history(client, exchange, people) -> None:
    a, b = people["a"], people["b"]
    steward = await client("staff", institution="A", **STEWARD)
    sent = parameters(other=b, reason="checked by phone")
    await steward.post(f"/Patient/{a}/$merge", content=sent)
    await steward.post(f"/Patient/{a}/$unmerge", content=sent)
    again = await steward.post(f"/Patient/{a}/$not-duplicate", content=sent)
    assert again.status_code == 200
    resident = await client("resident", scopes="patient/*.rs", patient=a)
    made = (await resident.get("/Provenance")).json()["entry"]
    said = [
        (p["resource"]["activity"]["text"], p["resource"]["agent"][0]["who"]["reference"])
        for p in made
    ]
    assert sorted(said) == [
        ("merge", "Practitioner/gao-jie"),
        ("unmerge", "Practitioner/gao-jie"),
    ]
    assert all(b not in orjson.dumps(p).decode() for p in made)
    async with exchange.store.database.connection() as connection:
        cursor = await connection.execute(
            "SELECT interaction, patient, account, reason FROM audit.event "
            "WHERE interaction = ANY(%s) ORDER BY number",
            (list(ACTS),),
        )
        found = await cursor.fetchall()
    assert {(kind, person) for kind, person, *_ in found} == {
        ("merge", a),
        ("merge", b),
        ("unmerge", a),
        ("unmerge", b),
        ("not-duplicate", a),
    }
    assert {(who, why) for *_, who, why in found} == {("gao.jie", "checked by phone")}
    history = (await steward.get(f"/Patient/{a}/$link-history")).json()["parameter"]
    kinds = [next(p["valueCode"] for p in h["part"] if p["name"] == "kind") for h in history]
    assert kinds == ["link", "merge", "unmerge", "not-duplicate"]


@pytest.mark.parametrize("act", ACTS)
async def test_only_stewards_relink(client, people, act: str) -> None:
    a, b = people["a"], people["b"]
    given = {"patient": "b"} if act in ("link", "unlink") else {"other": b}
    sent = parameters(**given, reason="because")
    staff = {**STEWARD, "institution": "A"}
    callers = [
        await client("staff", **{**staff, "roles": ("clinician",)}),
        await client("staff", **{**staff, "scopes": "user/Patient.rs"}),
        await client("staff", **{**staff, "scopes": "user/Observation.cruds"}),
        await client("institution", institution="A"),
        await client("operator"),
        await client("resident", scopes="patient/*.cruds", patient=a),
    ]
    for caller in callers:
        assert (await caller.post(f"/Patient/{a}/${act}", content=sent)).status_code == 403
    anybody = await client()
    assert (await anybody.post(f"/Patient/{a}/${act}", content=sent)).status_code == 401


@pytest.mark.parametrize(
    ("path", "sent", "status"),
    [
        ("a/$merge", {"other": "nobody", "reason": "x"}, 404),
        ("a/$merge", {"other": "a", "reason": "x"}, 422),
        ("a/$merge", {"other": "b"}, 422),
        ("a/$merge", {"reason": "x"}, 400),
        ("a/$merge", {"other": "b", "reason": " "}, 422),
        ("a/$merge", {"other": "b", "reason": "x" * 501}, 422),
        ("a/$merge", {"patient": "b", "reason": "x"}, 400),
        ("a/$unmerge", {"other": "b", "reason": "x"}, 404),
        ("a/$link", {"patient": "nobody", "reason": "x"}, 404),
        ("a/$unlink", {"patient": "source-b", "reason": "x"}, 404),
        ("a/$unlink", {"patient": "source-a", "reason": "x"}, 422),
        ("a/$link", {"patient": "source-a", "reason": "x"}, 409),
        ("nobody/$link", {"patient": "source-a", "reason": "x"}, 404),
        ("a/$not-duplicate", {"other": "a", "reason": "x"}, 422),
    ],
)
async def test_what_cannot_be_done_is_said(client, people, path, sent, status) -> None:
    steward = await client("staff", institution="A", **STEWARD)
    golden, _, act = path.partition("/")
    values = {
        name: people.get(value, value.removeprefix("source-")) if name != "reason" else value
        for name, value in sent.items()
    }
    url = f"/Patient/{people.get(golden, golden)}/{act}"
    answer = await steward.post(url, content=parameters(**values))
    assert answer.status_code == status, answer.text
    assert answer.json()["resourceType"] == "OperationOutcome"


async def test_history_is_for_stewards(client, people) -> None:
    resident = await client("resident", scopes="patient/*.rs", patient=people["a"])
    assert (await resident.get(f"/Patient/{people['a']}/$link-history")).status_code == 403
    steward = await client("staff", institution="A", **STEWARD)
    assert (await steward.get("/Patient/nobody/$link-history")).status_code == 404
