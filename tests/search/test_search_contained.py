"""`_contained` and `_containedType`. https://hl7.org/fhir/R4/search.html#contained

Random searches on contained resources equal a naive evaluation over the resources in memory, whatever
the caller may see; and what cannot be asked of contained resources is refused by name.
"""

import os
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from search_fixtures import Find, Load, Search, load_resources

from hie.errors import Problem
from hie.fhir.definitions import type_name
from hie.search.contained import place_in_container
from hie.search.hashes import code_alone, name_hash
from hie.search.index import erase, extract, write
from hie.search.parse import Compartment
from hie.search.reindex import conclude, reindex, waiting
from hie.search.restriction import EVERYTHING, Restriction, Rule
from hie.search.sql import Sql
from hie.store.open import Store

WAITING: str = import_module("migrations.versions.0033_search_contained").WAITING
Resource = dict[str, Any]
Holds = Callable[[Resource], bool]
CODES = ("c0", "c1", "c2")
FAMILIES = ("ba", "bo", "ca")
PATIENTS = ("p0", "p1", "p2")
CONTAINERS = ("DiagnosticReport", "MedicationRequest", "Observation")


def observation(number: int) -> Resource:
    """One of several, all of whose values follow from the number."""
    found: Resource = {
        "resourceType": "Observation",
        "status": ("final", "amended")[number % 2],
        "code": {"coding": [{"system": "urn:x", "code": CODES[number % 3]}]},
        "valueQuantity": {"value": number % 5, "unit": "kg"},
    }
    if number % 4:
        found["effectiveDateTime"] = f"202{number % 4}-01-0{number % 7 + 1}"
    if number % 3:
        found["subject"] = {"reference": f"Patient/{PATIENTS[number % 7 % 3]}"}
    return found


def patient(number: int) -> Resource:
    return {
        "resourceType": "Patient",
        "name": [{"family": FAMILIES[number % 3]}],
        "gender": ("male", "female")[number % 2],
    }


def inner(number: int, local_id: str) -> Resource:
    return {**(observation if number % 3 else patient)(number), "id": local_id}


def world() -> list[Resource]:
    found: list[Resource] = []
    for number in range(36):
        subject = {"reference": f"Patient/{PATIENTS[number % 3]}"}
        kind = CONTAINERS[number % 3]
        own: Resource = {"resourceType": kind, "status": "final", "subject": subject}
        if kind == "Observation":
            own = {**observation(number), "subject": subject}
        contained = [inner(number + n, f"i{n}") for n in range(number % 4)]
        found.append({**own, "id": f"r{number}", **({"contained": contained} if contained else {})})
    found += [{**patient(number), "id": PATIENTS[number]} for number in range(3)]
    return found


WORLD = world()
POSITION = {f"{r['resourceType']}/{r['id']}": n for n, r in enumerate(WORLD)}


def place(resource: Resource) -> str:
    return f"{resource['resourceType']}/{resource['id']}"


def subject_of(resource: Resource) -> str:
    own = resource["resourceType"] == "Patient"
    return resource["id"] if own else resource["subject"]["reference"].removeprefix("Patient/")


def codes(resource: Resource) -> list[str]:
    return [each["code"] for each in resource.get("code", {}).get("coding", ())]


def date(resource: Resource) -> str:
    return str(resource.get("effectiveDateTime", ""))


@pytest.fixture(scope="module")
async def stored(store: Store) -> list[Resource]:
    await load_resources(store, WORLD)
    return WORLD


@st.composite
def criteria(draw: st.DrawFn, kind: str, sees: Holds) -> tuple[str, str, Holds]:
    """A parameter, its value, and what it means."""
    number = draw(st.integers(0, 40))
    if kind == "Patient":
        family = FAMILIES[number % 3]
        return draw(
            st.sampled_from(
                [
                    ("family", family, lambda r: r["name"][0]["family"] == family),
                    ("family", "b", lambda r: r["name"][0]["family"][0] == "b"),
                    ("gender", "male", lambda r: r["gender"] == "male"),
                    ("gender:not", "male", lambda r: r["gender"] != "male"),
                    ("_id", "i1", lambda r: r["id"] == "i1"),
                    ("phone:missing", "true", lambda r: True),
                ]
            )
        )
    code, who, value = CODES[number % 3], PATIENTS[number % 3], number % 5
    year = f"202{number % 4}"
    subject = f"Patient/{who}"
    return draw(
        st.sampled_from(
            [
                ("code", f"urn:x|{code}", lambda r: code in codes(r)),
                ("code:not", code, lambda r: code not in codes(r)),
                ("code", "c0,c1", lambda r: bool({"c0", "c1"} & set(codes(r)))),
                ("status", "final", lambda r: r["status"] == "final"),
                ("value-quantity", f"gt{value}", lambda r: r["valueQuantity"]["value"] > value),
                ("date", f"ge{year}", lambda r: date(r) >= year),
                ("date:missing", "true", lambda r: not date(r)),
                ("patient", who, lambda r: r.get("subject", {}).get("reference") == subject),
                ("patient:missing", "true", lambda r: "subject" not in r),
                ("_id", "i0,i2", lambda r: r["id"] in ("i0", "i2")),
                (
                    "patient.family",
                    FAMILIES[number % 3],
                    lambda r: (
                        sees(WORLD[POSITION[subject]])
                        and r.get("subject", {}).get("reference") == subject
                    ),
                ),
                (
                    "code-value-quantity",
                    f"{code}$le{value}",
                    lambda r: code in codes(r) and r["valueQuantity"]["value"] <= value,
                ),
                (
                    "_filter",
                    f"code eq {code} or status eq amended",
                    lambda r: code in codes(r) or r["status"] == "amended",
                ),
            ]
        )
    )


def sights(store: Store) -> st.SearchStrategy[tuple[Restriction, Holds, Holds]]:
    """What the caller may see, by the container, and which contained resources scopes allow."""
    everything = (EVERYTHING, lambda r: True, lambda r: True)
    key = store.hasher("Patient/p1")
    of_patient = (
        Restriction((Rule(patients=Sql("SELECT %s::bigint", (key,))),)),
        lambda r: subject_of(r) == "p1",
        lambda r: True,
    )
    kinds = frozenset({"DiagnosticReport", "Observation"})
    of_types = (
        Restriction((Rule(types=kinds),)),
        lambda r: r["resourceType"] in kinds,
        lambda r: r["resourceType"] in kinds,
    )
    mark = name_hash(store.hasher, "Observation.code") ^ store.hasher(code_alone("c1"))
    of_mark = (
        Restriction(
            (
                Rule(types=frozenset({"DiagnosticReport"})),
                Rule(types=frozenset({"Observation"}), marks=((mark,),)),
            )
        ),
        lambda r: r["resourceType"] == "DiagnosticReport" or "c1" in codes(r),
        lambda r: r["resourceType"] == "Observation" and "c1" in codes(r),
    )
    return st.sampled_from([everything, of_patient, of_types, of_mark])


SORTS: dict[str, Callable[[Resource], Any]] = {
    "_id": lambda r: r["id"],
    "date": lambda r: date(r) or None,
    "value-quantity": lambda r: r["valueQuantity"]["value"],
    "family": lambda r: r["name"][0]["family"],
    "gender": lambda r: r["gender"],
    "status": lambda r: r["status"],
}


def in_order(found: list[tuple[Any, Resource]], sort: str) -> list[Any]:
    """Newest first, then by the parameter; what has no value comes last."""
    code = sort.removeprefix("-")
    if not code:
        return [key for key, _ in found]
    valued = [(SORTS[code](r), key) for key, r in found]
    having = [each for each in valued if each[0] is not None]
    having.sort(key=lambda each: each[0], reverse=code != sort)
    return [key for _, key in having] + [key for value, key in valued if value is None]


@given(data=st.data())
@settings(
    max_examples=150,
    derandomize="CI" in os.environ,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
    database=None,
)
async def test_random_searches_on_contained_resources(
    stored: list[Resource], store: Store, search: Search, data: st.DataObject
) -> None:
    kind = data.draw(st.sampled_from(["Observation", "Patient"]))
    contained = data.draw(st.sampled_from(["true", "both"]))
    shown = data.draw(st.sampled_from(["container", "contained"]))
    restriction, sees, allows = data.draw(sights(store))
    asked = data.draw(st.lists(criteria(kind, sees), max_size=2))
    own = ["", "_id", "-_id"]
    more = (
        ["family", "-family", "gender"]
        if kind == "Patient"
        else ["date", "-date", "value-quantity", "-status"]
    )
    sort = data.draw(st.sampled_from(own if shown == "container" else [*own, *more]))
    compartment = Compartment("Patient", "p2") if data.draw(st.integers(0, 4)) == 0 else None

    def holds(resource: Resource) -> bool:
        return resource["resourceType"] == kind and all(test(resource) for *_, test in asked)

    expected: list[tuple[Any, Resource]] = []
    for resource in reversed(stored):
        if not sees(resource) or (compartment and subject_of(resource) != "p2"):
            continue
        inside = [
            (number, each)
            for number, each in enumerate(resource.get("contained", ()))
            if allows(each) and holds(each)
        ]
        if shown == "container":
            if inside or (contained == "both" and holds(resource)):
                expected.append((place(resource), resource))
        else:
            expected += [((place(resource), number), each) for number, each in reversed(inside)]
    if shown == "contained" and contained == "both":
        expected += [
            (place(r), r)
            for r in reversed(stored)
            if sees(r) and holds(r) and (not compartment or subject_of(r) == "p2")
        ]
    ordered = in_order(expected, sort)

    pairs = [(name, text) for name, text, _ in asked]
    pairs += [("_contained", contained), ("_containedType", shown), ("_count", "4")]
    pairs += [("_sort", sort)] if sort else []
    found: list[Any] = []
    cursor = None
    while True:
        page = await search(
            *(kind, *pairs, ("_total", "accurate")),
            restriction=restriction,
            cursor=cursor,
            compartment=compartment,
        )
        assert page.total == len(ordered)
        for row in page.matches:
            number = place_in_container(row.key)
            body = orjson.loads(store.bodies.expand(row.dictionary, row.body or b""))
            assert row.id == (body if number is None else body["contained"][number])["id"]
            found.append(place(body) if number is None else (place(body), number))
        cursor = page.next
        if cursor is None:
            break
        assert len(page.matches) == 4
    assert len(found) == len(set(found))
    assert sorted(map(str, found)) == sorted(map(str, ordered))
    if sort.removeprefix("-") in SORTS:
        value = SORTS[sort.removeprefix("-")]
        assert [value(resource_at(each)) for each in found] == [
            value(resource_at(each)) for each in ordered
        ]
    elif not pairs_name_patient(pairs, compartment):
        assert found == ordered


def pairs_name_patient(pairs: Sequence[tuple[str, str]], compartment: Compartment | None) -> bool:
    """Whether the search is on one patient: then the order is that of dates."""
    return compartment is not None or any(name == "patient" for name, _ in pairs)


def resource_at(key: Any) -> Resource:
    if isinstance(key, str):
        return WORLD[POSITION[key]]
    container, number = key
    return WORLD[POSITION[container]]["contained"][number]


async def test_chains_lead_from_contained_resources(load: Load, find: Find) -> None:
    """To what belongs to patients and to what stands alone, to few and to many."""
    visits = [
        {
            "resourceType": "Encounter",
            "id": f"e{n}",
            "status": "finished" if n else "planned",
            "class": {"code": "AMB"},
            "subject": {"reference": "Patient/p0"},
        }
        for n in range(80)
    ]
    places = [
        {"resourceType": "Location", "id": f"l{n}", "name": "Ward" if n else "Hall"}
        for n in range(80)
    ]
    inside = [
        {
            "resourceType": "Procedure",
            "id": f"c{n}",
            "status": "completed",
            "encounter": {"reference": f"Encounter/e{n}"},
            "location": {"reference": f"Location/l{n}"},
            "subject": {"reference": "Patient/p0"},
        }
        for n in range(80)
    ]
    await load(*visits, *places, {"resourceType": "Basic", "id": "many", "contained": inside})
    shown = (("_contained", "true"), ("_containedType", "contained"), ("_count", "100"))
    others = {f"c{n}" for n in range(1, 80)}
    assert await find("Procedure", ("encounter.status", "planned"), *shown) == ["c0"]
    assert set(await find("Procedure", ("encounter.status", "finished"), *shown)) == others
    assert await find("Procedure", ("location.name", "hall"), *shown) == ["c0"]
    assert set(await find("Procedure", ("location.name", "ward"), *shown)) == others
    assert await find("Procedure", ("location.name", "ward"), *shown[:1]) == ["many"]


async def test_by_default_contained_resources_are_not_found(
    stored: list[Resource], find: Find
) -> None:
    assert set(await find("Patient")) == set(PATIENTS)
    assert set(await find("Patient", ("_contained", "false"))) == set(PATIENTS)
    assert set(await find("Patient", ("family", FAMILIES[0]))) == {"p0"}


async def test_several_types_at_once(stored: list[Resource], search: Search) -> None:
    pairs = (("_type", "Observation,Patient"), ("_id", "i0"), ("_containedType", "contained"))
    page = await search("*", *pairs, ("_contained", "true"), ("_total", "accurate"))
    wanted = [r for r in stored if "contained" in r]
    assert page.total == len(page.matches) == len(wanted)
    assert {type_name(row.type) for row in page.matches} == {"Observation", "Patient"}


async def test_containers_bring_what_they_refer_to(stored: list[Resource], search: Search) -> None:
    pairs = (("_id", "i2"), ("_contained", "true"))
    for include in ("*", "MedicationRequest:subject"):
        page = await search("Patient", *pairs, ("_include", include))
        subjects = {
            subject_of(r)
            for r in (WORLD[POSITION[f"{type_name(row.type)}/{row.id}"]] for row in page.matches)
            if include == "*" or r["resourceType"] == "MedicationRequest"
        }
        assert subjects
        assert {row.id for row in page.included} == subjects


@pytest.mark.parametrize(
    ("pairs", "name"),
    [
        ([("_contained", "yes")], "_contained"),
        ([("_contained", "true"), ("_containedType", "both")], "_containedType"),
        ([("_contained", "true"), ("_content", "word")], "_content"),
        ([("_contained", "both"), ("_text", "word")], "_text"),
        ([("_contained", "true"), ("_list", "l1")], "_list"),
        ([("_contained", "true"), ("_has:Observation:patient:code", "c1")], "_has"),
        ([("_contained", "true"), ("_sort", "family")], "_sort"),
        (
            [("_contained", "true"), ("_containedType", "contained"), ("_sort", "identifier")],
            "_sort",
        ),
        (
            [("_contained", "true"), ("_containedType", "contained"), ("_include", "*")],
            "_include",
        ),
        (
            [("_contained", "both"), ("_containedType", "contained"), ("_revinclude", "*")],
            "_revinclude",
        ),
    ],
)
async def test_what_makes_no_sense_is_refused_by_name(
    stored: list[Resource], find: Find, pairs: list[tuple[str, str]], name: str
) -> None:
    with pytest.raises(Problem) as refusal:
        await find("Patient", *pairs)
    assert refusal.value.status == 400
    assert refusal.value.issues[0].expression == name
    assert name in refusal.value.issues[0].text.zh


COUNTS = "SELECT (SELECT count(*) FROM search.contained), (SELECT count(*) FROM search.string)"


async def test_what_is_no_longer_contained_is_not_found(store: Store, load: Load) -> None:
    async with store.database.connection() as connection:
        before = await (await connection.execute(COUNTS)).fetchone()
    resource = {"resourceType": "Basic", "id": "b", "contained": [inner(0, "x"), inner(3, "y")]}
    await load(resource)
    indexed = extract(resource, store.hasher)
    assert len(indexed.contained) == 2
    async with store.database.transaction() as connection:
        cursor = await connection.execute(
            "SELECT patient_key, key FROM store.resource WHERE id = 'b'"
        )
        [(patient_key, key)] = await cursor.fetchall()
        during = await (await connection.execute(COUNTS)).fetchone()
        await erase(connection, [(patient_key, key)], [(patient_key, key)])
        after = await (await connection.execute(COUNTS)).fetchone()
        assert before == after
        assert before is not None
        assert during is not None
        assert during[0] == before[0] + 2
        # in a pipeline, which takes no COPY, the same rows are written
        async with connection.pipeline():
            await write(connection, [(patient_key, key, 1, indexed)])
        assert during == await (await connection.execute(COUNTS)).fetchone()
        await erase(connection, [(patient_key, key)], [(patient_key, key)])
        await connection.execute("DELETE FROM store.resource WHERE id = 'b'")


async def test_older_resources_wait_for_reindex(
    stored: list[Resource], store: Store, find: Find
) -> None:
    asked = ("Patient", ("_contained", "true"), ("_count", "1000"))
    before = await find(*asked)
    async with store.database.transaction() as connection:
        cursor = await connection.execute("SELECT count(DISTINCT key >> 20) FROM search.contained")
        containers = await cursor.fetchone()
        await connection.execute("DELETE FROM search.contained")
        await connection.execute(WAITING)
    with pytest.raises(Problem) as refusal:
        await find(*asked)
    assert "hie reindex" in refusal.value.issues[0].text.en
    assert set(await find("Patient")) == set(PATIENTS)
    async with store.database.connection() as connection:
        left = await waiting(connection)
    assert set(left) >= {r["resourceType"] for r in stored}
    rewritten = 0
    async for job in reindex(store, left):
        rewritten += job.rewritten if job.finished else 0
    await conclude(store)
    assert containers == (rewritten,)
    assert await find(*asked) == before
    async with store.database.connection() as connection:
        assert await waiting(connection) == []
