"""`$ihe-pix`: the failure table of ITI-83 and what each caller may learn.

https://profiles.ihe.net/ITI/PIXm/ITI-83.html#2383422-message-semantics
"""

from typing import Any

import orjson
import pytest
from tests_rest_samples import patient

from hie.demo.population import check_character
from hie.fhir.validation import validate
from hie.mpi.people import person_of

NATIONAL = "urn:oid:2.16.156.10011.1.3"
CARD = "99010119900307001"
CARD += check_character(CARD)
BASE = "http://127.0.0.1:8080/fhir"
CLINICIAN: dict[str, Any] = {
    "institution": "A",
    "scopes": "user/Patient.rs",
    "account": "li.jing",
    "roles": ("clinician",),
}


def number(institution: str) -> str:
    return f"urn:hie:institution:{institution}:patient"


@pytest.fixture
async def golden(client, exchange) -> str:
    """A resident at A (number 11) and at B (number 22)."""
    for code, own in (("a", "11"), ("b", "22")):
        sender = await client("institution", institution=code.upper())
        body = patient(code, "欧阳明远", institution=code.upper(), number=own, card=CARD)
        assert (await sender.put(f"/Patient/{code}", content=body)).status_code == 201
    other = await client("institution", institution="C")
    await other.put("/Patient/c", content=patient("c", "王芳", institution="C", number="33"))
    async with exchange.store.database.connection() as connection:
        people = await person_of(connection, ["a", "b"])
    assert people["a"] == people["b"]
    return people["a"]


async def ask(caller, source: str | None, *targets: str):
    query = [("targetSystem", target) for target in targets]
    if source is not None:
        query.append(("sourceIdentifier", source))
    return await caller.get("/Patient/$ihe-pix", params=query)


def told(answer) -> tuple[set[str], set[str]]:
    body = answer.json()
    assert validate(body) == []
    given = body.get("parameter", [])
    identifiers = {
        f"{p['valueIdentifier']['system']}|{p['valueIdentifier']['value']}"
        for p in given
        if p["name"] == "targetIdentifier"
    }
    return identifiers, {p["valueReference"]["reference"] for p in given if p["name"] == "targetId"}


@pytest.mark.parametrize(
    ("source", "target", "status", "code", "diagnostics"),
    [
        (f"{number('A')}|nobody", None, 404, "not-found",
         "sourceIdentifier Patient Identifier not found"),
        (f"{NATIONAL}|nobody", None, 404, "not-found",
         "sourceIdentifier Patient Identifier not found"),
        (f"{BASE}|Patient/nobody", None, 404, "not-found",
         "sourceIdentifier Patient Identifier not found"),
        ("urn:oid:1.2.3.4.5|11", None, 400, "code-invalid",
         "sourceIdentifier Assigning Authority not found"),
        (f"{NATIONAL}|{CARD}", "urn:oid:1.2.3.4.5", 403, "code-invalid",
         "targetSystem not found"),
        (CARD, None, 400, "invalid", None),
        (f"{NATIONAL}|", None, 400, "invalid", None),
        (None, None, 400, "required", None),
    ],
)  # fmt: skip
async def test_the_failures_of_iti_83(
    client, golden, source, target, status, code, diagnostics
) -> None:
    clinician = await client("staff", **CLINICIAN)
    answer = await ask(clinician, source, *([target] if target else []))
    assert answer.status_code == status
    issue = answer.json()["issue"][0]
    assert (issue["severity"], issue["code"]) == ("error", code)
    assert diagnostics is None or issue["diagnostics"] == diagnostics


async def test_a_clinician_learns_all_but_what_was_asked(client, golden) -> None:
    clinician = await client("staff", **CLINICIAN)
    identifiers, ids = told(await ask(clinician, f"{NATIONAL}|{CARD}"))
    assert identifiers == {f"{number('A')}|11", f"{number('B')}|22"}
    assert ids == {f"Patient/{golden}"}
    identifiers, ids = told(await ask(clinician, f"{number('A')}|11", number("B")))
    assert identifiers == {f"{number('B')}|22"}
    assert ids == {f"Patient/{golden}"}
    identifiers, ids = told(await ask(clinician, f"{BASE}|Patient/{golden}", NATIONAL, number("A")))
    assert identifiers == {f"{NATIONAL}|{CARD}", f"{number('A')}|11"}
    assert ids == set()


async def test_an_institution_learns_the_golden_id_and_its_own(client, golden) -> None:
    ours = await client("institution", institution="A")
    identifiers, ids = told(await ask(ours, f"{number('A')}|11"))
    assert identifiers == {f"{NATIONAL}|{CARD}"}
    assert ids == {f"Patient/{golden}", "Patient/a"}
    for theirs in (f"{number('B')}|22", f"{BASE}|Patient/b", f"{BASE}|Patient/{golden}"):
        assert (await ask(ours, theirs)).status_code == 404
    elsewhere = await client("institution", institution="C")
    assert (await ask(elsewhere, f"{NATIONAL}|{CARD}")).status_code == 404


async def test_several_persons_are_no_answer(client, golden) -> None:
    other = await client("institution", institution="C")
    shared = patient("d", "李四", institution="A", number="11")
    await other.put("/Patient/d", content=shared)
    clinician = await client("staff", **CLINICIAN)
    assert (await ask(clinician, f"{number('A')}|11")).status_code == 409


async def test_who_may_not_search_patients_may_not_ask(client, exchange, golden) -> None:
    staff = await client("staff", **{**CLINICIAN, "scopes": "user/Observation.rs"})
    assert (await ask(staff, f"{NATIONAL}|{CARD}")).status_code == 403
    anybody = await client()
    assert (await ask(anybody, f"{NATIONAL}|{CARD}")).status_code == 401
    resident = await client("resident", scopes="patient/*.rs", patient="somebody")
    assert (await ask(resident, f"{NATIONAL}|{CARD}")).status_code == 404
    clinician = await client("staff", **CLINICIAN)
    await ask(clinician, f"{NATIONAL}|{CARD}")
    twice = [("sourceIdentifier", f"{NATIONAL}|1"), ("sourceIdentifier", f"{NATIONAL}|2")]
    assert (await clinician.get("/Patient/$ihe-pix", params=twice)).status_code == 400
    assert (await clinician.get("/Patient/$ihe-pix?fuzzy=1")).status_code == 400
    async with exchange.store.database.connection() as connection:
        cursor = await connection.execute(
            "SELECT patient, account FROM audit.event WHERE interaction = 'ihe-pix'"
        )
        assert await cursor.fetchall() == [(golden, "li.jing")]


async def test_a_merged_patient_is_not_told_and_not_known(client, golden) -> None:
    """Post Merge/Delete: https://profiles.ihe.net/ITI/PIXm/ITI-83.html#238342225-post-mergedelete"""
    ours = await client("institution", institution="A")
    old = orjson.loads(patient("old", "欧阳明远", institution="A", number="10"))
    assert (await ours.put("/Patient/old", content=orjson.dumps(old))).status_code == 201
    assert (await ask(ours, f"{BASE}|Patient/old")).status_code == 200
    replaced = {
        **old,
        "active": False,
        "link": [{"other": {"reference": "Patient/a"}, "type": "replaced-by"}],
    }
    assert (await ours.put("/Patient/old", content=orjson.dumps(replaced))).status_code == 200
    gone = await ask(ours, f"{BASE}|Patient/old")
    assert gone.status_code == 404
    issue = gone.json()["issue"][0]
    assert (issue["code"], issue["diagnostics"]) == (
        "not-found", "sourceIdentifier Patient Identifier not found",
    )  # fmt: skip
    _, ids = told(await ask(ours, f"{number('A')}|11"))
    assert ids == {f"Patient/{golden}", "Patient/a"}
    _, ids = told(await ask(ours, f"{number('A')}|10"))  # the old number still leads to the person
    assert ids == {f"Patient/{golden}", "Patient/a"}
