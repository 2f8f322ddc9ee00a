"""Chains into contained resources. https://hl7.org/fhir/R4/search.html#contained

"A chained condition will be evaluated inside contained resources." Random chains equal a naive
evaluation over the resources in memory, whatever the caller may see and however many there are.
"""

import os
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from search_fixtures import Find, Load, Search, load_resources

from hie.search import held
from hie.search.hashes import code_alone, name_hash
from hie.search.restriction import EVERYTHING, Restriction, Rule
from hie.search.sql import Sql
from hie.store.open import Store

Resource = dict[str, Any]
Holds = Callable[[Resource], bool]
CODES = ("c0", "c1", "c2")
FAMILIES = ("ba", "bo", "ca")
PATIENTS = ("p0", "p1", "p2")


def observation(number: int, local_id: str) -> Resource:
    found: Resource = {
        "resourceType": "Observation",
        "id": local_id,
        "status": ("final", "amended")[number % 2],
        "code": {"coding": [{"system": "urn:x", "code": CODES[number % 3]}]},
        "valueQuantity": {"value": number % 5, "unit": "kg"},
        "subject": {"reference": f"Patient/{PATIENTS[number % 7 % 3]}"},
    }
    if number % 4:
        found["effectiveDateTime"] = f"202{number % 4}-01-0{number % 7 + 1}"
    return found


def report(number: int) -> Resource:
    """A report that refers to what it contains, to what stands for itself, to both, or to neither."""
    inside = [observation(number + n, f"i{n}") for n in range(number % 3)]
    results = [{"reference": "#i0"}] if inside and number % 4 else []
    results += [{"reference": f"Observation/o{number % 12}"}] if number % 2 else []
    return {
        "resourceType": "DiagnosticReport",
        "id": f"r{number}",
        "status": "final",
        "code": {"text": "report"},
        "subject": {"reference": f"Patient/{PATIENTS[number % 3]}"},
        **({"contained": inside} if inside else {}),
        **({"result": results} if results else {}),
    }


PEOPLE = [
    {"resourceType": "Patient", "id": who, "name": [{"family": FAMILIES[number]}]}
    for number, who in enumerate(PATIENTS)
]
OBSERVATIONS = [observation(number, f"o{number}") for number in range(12)]
REPORTS = [report(number) for number in range(60)]
PLACES = {f"{each['resourceType']}/{each['id']}": each for each in (*PEOPLE, *OBSERVATIONS)}


@pytest.fixture(scope="module")
async def stored(store: Store) -> None:
    await load_resources(store, [*PEOPLE, *OBSERVATIONS, *REPORTS])


def code_of(resource: Resource) -> str:
    code: str = resource["code"]["coding"][0]["code"]
    return code


@st.composite
def criteria(draw: st.DrawFn, sees: Holds) -> tuple[str, str, Holds]:
    """What is asked of the observation: a parameter, its value, and what it means."""
    number = draw(st.integers(0, 40))
    code, who, value = CODES[number % 3], PATIENTS[number % 3], number % 5
    year = f"202{number % 4}"

    def family(resource: Resource) -> bool:
        reference = resource["subject"]["reference"]
        return sees(PLACES[reference]) and reference == f"Patient/{who}"

    return draw(
        st.sampled_from(
            [
                ("code", f"urn:x|{code}", lambda r: code_of(r) == code),
                ("code:not", code, lambda r: code_of(r) != code),
                ("status", "final,amended", lambda r: True),
                ("value-quantity", f"gt{value}", lambda r: r["valueQuantity"]["value"] > value),
                ("date", f"ge{year}", lambda r: r.get("effectiveDateTime", "") >= year),
                ("date:missing", "true", lambda r: "effectiveDateTime" not in r),
                ("patient", who, lambda r: r["subject"]["reference"] == f"Patient/{who}"),
                ("patient.family", FAMILIES[number % 3], family),
                ("_id", "i0", lambda r: r["id"] == "i0"),
                (
                    "code-value-quantity",
                    f"{code}$le{value}",
                    lambda r: code_of(r) == code and r["valueQuantity"]["value"] <= value,
                ),
            ]
        )
    )


def sights(store: Store) -> st.SearchStrategy[tuple[Restriction, Holds, Holds]]:
    """What the caller may see, and which contained resources scopes allow."""
    own = Sql("SELECT %s::bigint", (store.hasher("Patient/p1"),))
    kinds = frozenset({"DiagnosticReport", "Patient"})
    mark = name_hash(store.hasher, "Observation.code") ^ store.hasher(code_alone("c1"))
    marked = (
        Rule(types=frozenset({"DiagnosticReport"})),
        Rule(types=frozenset({"Observation"}), marks=((mark,),)),
    )

    def about(resource: Resource) -> bool:
        subject = resource.get("subject", {}).get("reference", f"Patient/{resource['id']}")
        return bool(subject == "Patient/p1")

    def with_mark(resource: Resource) -> bool:
        kind = resource["resourceType"]
        return kind == "DiagnosticReport" or (kind == "Observation" and code_of(resource) == "c1")

    return st.sampled_from(
        [
            (EVERYTHING, lambda r: True, lambda r: True),
            (Restriction((Rule(patients=own),)), about, lambda r: True),
            (
                Restriction((Rule(types=kinds),)),
                lambda r: r["resourceType"] in kinds,
                lambda r: False,
            ),
            (Restriction(marked), with_mark, with_mark),
        ]
    )


@given(data=st.data())
@settings(
    max_examples=150,
    derandomize="CI" in os.environ,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
    database=None,
)
async def test_random_chains(
    stored: None, store: Store, search: Search, data: st.DataObject
) -> None:
    restriction, sees, allows = data.draw(sights(store))
    name, text, holds = data.draw(criteria(sees))
    who = data.draw(st.sampled_from([None, *PATIENTS]))
    either = name == "code" and data.draw(st.booleans())

    def satisfies(resource: Resource) -> bool:
        inside = {f"#{each['id']}": each for each in resource.get("contained", ())}
        for result in resource.get("result", ()):
            reference = result["reference"]
            there = inside.get(reference) or PLACES[reference]
            allowed = allows if reference in inside else sees
            if allowed(there) and holds(there):
                return True
        return False

    expected = {
        each["id"]
        for each in REPORTS
        if sees(each)
        and (who is None or each["subject"]["reference"] == f"Patient/{who}")
        and (satisfies(each) or (either and each["id"] == "r5"))
    }
    pairs = [(f"result.{name}", text)]
    if either:
        pairs = [("_filter", f"result.code eq {text.rpartition('|')[2]} or _id eq r5")]
    pairs += [("patient", who)] if who else []
    with pytest.MonkeyPatch.context() as patch:
        if data.draw(st.booleans()):
            patch.setattr(held, "limit", lambda context: 1)
        page = await search("DiagnosticReport", *pairs, ("_count", "100"), restriction=restriction)
    assert {row.id for row in page.matches} == expected


async def test_only_by_the_parameter_that_points_there(load: Load, find: Find) -> None:
    """What is contained and not referred to is no result; what is a member is not a source."""
    inside = [observation(0, "member"), observation(1, "source"), observation(2, "alone")]
    held_by = {
        **observation(3, "panel"),
        "contained": inside,
        "hasMember": [{"reference": "#member"}],
        "derivedFrom": [{"reference": "#source"}],
    }
    await load(held_by)
    found = [
        (name, code)
        for name in ("has-member", "derived-from")
        for code in CODES
        if await find("Observation", (f"{name}:Observation.code", code)) == ["panel"]
    ]
    assert found == [("has-member", "c0"), ("derived-from", "c1")]


async def test_behind_another_chain_and_from_the_other_end(load: Load, find: Find) -> None:
    medication = {"resourceType": "Medication", "id": "mix", "code": {"coding": [{"code": "m1"}]}}
    await load(
        {"resourceType": "Patient", "id": "who"},
        {
            "resourceType": "MedicationRequest",
            "id": "wanted",
            "status": "active",
            "intent": "order",
            "contained": [medication],
            "medicationReference": {"reference": "#mix"},
            "subject": {"reference": "Patient/who"},
        },
        {
            "resourceType": "MedicationAdministration",
            "id": "given",
            "status": "completed",
            "medicationCodeableConcept": {"text": "as asked for"},
            "subject": {"reference": "Patient/who"},
            "effectiveDateTime": "2026-01-01",
            "request": {"reference": "MedicationRequest/wanted"},
        },
    )
    behind = ("request.medication.code", "m1")
    assert await find("MedicationAdministration", behind) == ["given"]
    assert await find("MedicationAdministration", behind, ("patient", "who")) == ["given"]
    assert await find("Patient", ("_has:MedicationRequest:patient:medication.code", "m1")) == [
        "who"
    ]
    assert await find("MedicationRequest", ("medication.code", "m2")) == []
