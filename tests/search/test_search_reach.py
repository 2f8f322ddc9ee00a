"""Chains, `_has`, includes and compartments, and that none of them reaches what may not be seen."""

from typing import Any

import pytest
from search_fixtures import Find, Load, Search

from hie.errors import Problem
from hie.fhir.definitions import type_name
from hie.search.execute import MOST_INCLUDED
from hie.search.parse import Compartment, parse
from hie.search.restriction import NOTHING, Restriction, Rule
from hie.search.rewrite.people import expand, patient_ids
from hie.search.sql import Sql
from hie.store.open import Store
from hie.store.read import Row


def reference(text: str) -> dict[str, str]:
    return {"reference": text}


def resource(place: str, /, **elements: Any) -> dict[str, Any]:
    type_name, logical_id = place.split("/")
    return {"resourceType": type_name, "id": logical_id, **elements}


MINE = [
    resource(
        "Patient/1", name=[{"family": "One"}], generalPractitioner=[reference("Practitioner/d")]
    ),
    resource(
        "Encounter/1",
        subject=reference("Patient/1"),
        status="finished",
        **{"class": {"code": "AMB"}},
    ),
    resource(
        "Observation/1",
        subject=reference("Patient/1"),
        encounter=reference("Encounter/1"),
        performer=[reference("Practitioner/d")],
        code={"coding": [{"code": "a"}]},
        status="final",
    ),
    resource("Practitioner/d", name=[{"family": "Doctor"}]),
    resource("Organization/o", name="Clinic", partOf=reference("Organization/top")),
    resource("Organization/top", name="Group"),
    resource(
        "PractitionerRole/r",
        practitioner=reference("Practitioner/d"),
        organization=reference("Organization/o"),
    ),
]
THEIRS = [
    resource("Patient/2", name=[{"family": "Two"}]),
    resource(
        "Encounter/2",
        subject=reference("Patient/2"),
        status="finished",
        **{"class": {"code": "IMP"}},
    ),
    resource(
        "Observation/2",
        subject=reference("Patient/2"),
        performer=[reference("Practitioner/d"), reference("Patient/1")],
        code={"coding": [{"code": "b"}]},
        status="final",
    ),
    # points out of the record that may be seen
    resource(
        "Observation/3",
        subject=reference("Patient/2"),
        encounter=reference("Encounter/1"),
        code={"coding": [{"code": "a"}]},
        status="final",
    ),
]


@pytest.fixture(scope="module")
async def loaded(load: Load) -> None:
    await load(*MINE, institution=1)
    await load(*THEIRS, institution=2)


@pytest.fixture
def mine(store: Store) -> Restriction:
    return Restriction(
        (
            Rule(patients=Sql("SELECT %s::bigint", (store.hasher("Patient/1"),))),
            Rule(types=frozenset({"Practitioner", "Organization", "PractitionerRole"})),
        )
    )


CHAINS = [
    ("Observation", "patient.family", "One", "1", "1"),
    ("Observation", "patient.family", "Two", "2 3", ""),
    ("Observation", "subject:Patient.family", "two", "2 3", ""),
    ("Observation", "encounter.class", "AMB", "1 3", "1"),
    ("Observation", "performer:Practitioner.family", "doc", "1 2", "1"),
    ("Observation", "encounter.patient.family", "one", "1 3", "1"),
    ("Patient", "general-practitioner:Practitioner.name", "doc", "1", "1"),
    ("Patient", "_has:Observation:patient:code", "a", "1 2", "1"),
    ("Patient", "_has:Observation:patient:code", "b", "2", ""),
    ("Patient", "_has:Observation:performer:code", "b", "1", ""),
    ("Patient", "_has:Encounter:patient:_has:Observation:encounter:code", "a", "1", "1"),
    ("Practitioner", "_has:Observation:performer:code", "b", "d", ""),
    ("Practitioner", "_has:PractitionerRole:practitioner:organization.name", "clin", "d", "d"),
    ("Encounter", "_has:Observation:encounter:code", "a", "1", "1"),
    ("Encounter", "_has:Observation:encounter:patient", "2", "1", ""),
    ("PractitionerRole", "organization.partof.name", "group", "r", "r"),
]


@pytest.mark.parametrize("case", CHAINS)
async def test_chains_obey_the_restriction(
    loaded: None, find: Find, mine: Restriction, case: tuple[str, str, str, str, str]
) -> None:
    searched, name, value, everything, visible = case
    assert sorted(await find(searched, (name, value))) == everything.split()
    assert sorted(await find(searched, (name, value), restriction=mine)) == visible.split()
    assert await find(searched, (name, value), restriction=NOTHING) == []


async def test_totals_obey_the_restriction(loaded: None, search: Search, mine: Restriction) -> None:
    for count in ("0", "1"):
        pairs = (("_total", "accurate"), ("_count", count))
        assert (await search("Observation", *pairs)).total == 3
        assert (await search("Observation", *pairs, restriction=mine)).total == 1
        assert (await search("Observation", *pairs, restriction=NOTHING)).total == 0
    estimate = await search("Observation", ("_total", "estimate"), restriction=NOTHING)
    assert estimate.total == 0


async def test_an_institution_sees_its_own(loaded: None, find: Find) -> None:
    own = Restriction((Rule(institution=2),))
    assert sorted(await find("Observation", restriction=own)) == ["2", "3"]


INCLUDES = [
    ("1", "_include", "Observation:subject", "Patient/1"),
    ("1", "_include", "Observation:patient", "Patient/1"),
    ("1", "_include", "Observation:performer:Patient", ""),
    ("1", "_include", "Observation:encounter", "Encounter/1"),
    ("1", "_include", "*", "Encounter/1 Patient/1 Practitioner/d"),
    ("1", "_include", "Observation:*", "Encounter/1 Patient/1 Practitioner/d"),
    ("3", "_include", "Observation:encounter", "Encounter/1"),
    ("3", "_include", "Encounter:subject", ""),
]


@pytest.mark.parametrize("case", INCLUDES)
async def test_includes(loaded: None, search: Search, case: tuple[str, str, str, str]) -> None:
    logical_id, name, value, expected = case
    page = await search("Observation", ("_id", logical_id), (name, value))
    assert [row.id for row in page.matches] == [logical_id]
    assert sorted(_names(page.included)) == expected.split()


async def test_iterated_includes(loaded: None, search: Search) -> None:
    pairs = [("_include", "PractitionerRole:organization"), ("_include", "Organization:partof")]
    once = await search("PractitionerRole", *pairs)
    assert _names(once.included) == ["Organization/o"]
    pairs[1] = ("_include:iterate", "Organization:partof")
    again = await search("PractitionerRole", *pairs)
    assert sorted(_names(again.included)) == ["Organization/o", "Organization/top"]


async def test_reverse_includes(loaded: None, search: Search, mine: Restriction) -> None:
    pairs = (("_id", "d"), ("_revinclude", "Observation:performer"))
    assert sorted(_names((await search("Practitioner", *pairs)).included)) == [
        "Observation/1",
        "Observation/2",
    ]
    page = await search("Practitioner", *pairs, restriction=mine)
    assert _names(page.included) == ["Observation/1"]
    page = await search("Patient", ("_id", "2"), ("_revinclude", "Observation:patient"))
    assert sorted(_names(page.included)) == ["Observation/2", "Observation/3"]


async def test_includes_obey_the_restriction(loaded: None, search: Search, store: Store) -> None:
    second = Restriction((Rule(patients=Sql("SELECT %s::bigint", (store.hasher("Patient/2"),))),))
    page = await search("Observation", ("_include", "*"), restriction=second)
    assert sorted(_names(page.included)) == ["Patient/2"]


async def test_compartments(loaded: None, find: Find) -> None:
    first = Compartment("Patient", "1")
    assert sorted(await find("Observation", compartment=first)) == ["1", "2"]
    assert await find("Encounter", compartment=first) == ["1"]
    assert await find("Encounter", compartment=Compartment("Patient", "nobody")) == []
    with pytest.raises(Problem):
        await find("Practitioner", compartment=first)


def test_a_golden_record_stands_for_its_sources() -> None:
    query = parse("Observation", [("patient", "gold,other"), ("encounter.patient", "Patient/gold")])
    assert patient_ids(query) == {"gold", "other"}
    wide = expand(query, {"gold": ("a", "b")})
    assert patient_ids(wide) == {"gold", "other", "a", "b"}
    assert expand(query, {}) is query
    own = parse("Patient", [("_id", "gold")])
    assert patient_ids(own) == set()
    assert patient_ids(parse("Observation", [("patient._id", "gold")])) == {"gold"}
    assert patient_ids(parse("Observation", [], compartment=Compartment("Patient", "gold"))) == {
        "gold"
    }
    assert patient_ids(parse("Patient", [("_has:Group:member:member", "gold")])) == {"gold"}


def test_chains_have_a_limit() -> None:
    with pytest.raises(Problem) as caught:
        parse("Organization", [("partof." * 20 + "name", "x")])
    assert caught.value.issues[0].code == "too-costly"


def test_lenient_handling_reports_what_it_dropped() -> None:
    query = parse(
        "Patient", [("nonsense", "1"), ("name", "x"), ("birthdate", "soon")], lenient=True
    )
    assert query.ignored == ("nonsense", "birthdate")
    assert query.applied == (("name", "x"),)


def _names(rows: list[Row]) -> list[str]:
    return [f"{type_name(row.type)}/{row.id}" for row in rows]


async def test_everything_that_points_here(loaded: None, search: Search, mine: Restriction) -> None:
    pairs = (("_id", "1"), ("_revinclude", "*"))
    page = await search("Patient", *pairs)
    assert _names(page.included) == ["Encounter/1", "Observation/1", "Observation/2"]
    page = await search("Patient", *pairs, restriction=mine)
    assert _names(page.included) == ["Encounter/1", "Observation/1"]
    page = await search("Practitioner", ("_id", "d"), ("_revinclude", "*"))
    assert sorted(_names(page.included)) == [
        "Observation/1",
        "Observation/2",
        "Patient/1",
        "PractitionerRole/r",
    ]


async def test_includes_that_overflow_go_on_behind_a_next_link(search: Search, load: Load) -> None:
    subjects = {f"many-{number}": number for number in (700, 400, 0, 2300, 3)}
    for subject, number in subjects.items():
        pointing = [
            resource(f"Observation/{subject}-{each}", subject=reference(f"Patient/{subject}"))
            for each in range(number)
        ]
        await load(resource(f"Patient/{subject}", active=True), *pointing)
    pairs = (("active", "true"), ("_sort", "_id"), ("_revinclude", "*"), ("_count", "10"))
    matches: list[str] = []
    included: list[str] = []
    cursor = None
    pages = 0
    while True:
        page = await search("Patient", *pairs, cursor=cursor)
        assert len(page.included) <= MOST_INCLUDED
        # what comes along belongs to a match that is on this page or was the last one before
        matches += [row.id for row in page.matches]
        included += [row.id for row in page.included]
        pages += 1
        cursor = page.next
        if cursor is None:
            break
    assert matches == sorted(subjects)
    assert len(included) == len(set(included)) == sum(subjects.values())
    assert pages < 10
    nothing = await search("Patient", *pairs, restriction=NOTHING)
    assert (nothing.matches, nothing.included) == ([], [])
