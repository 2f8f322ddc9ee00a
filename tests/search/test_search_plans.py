"""The ways to the rows of a page: which are taken, that they agree, and that an index has their order.

Nothing is timed. Where limits decide, tests lower them, so that few resources are many.
"""

from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
from search_fixtures import Find, Load, Search

from hie.errors import Problem
from hie.fhir.definitions import type_number
from hie.kit.db import Connection
from hie.search import context as contexts
from hie.search import execute, other_end, pages, pointing, reached
from hie.search.explain import Explanation, explain
from hie.search.parameters import kept
from hie.search.parse import parse
from hie.search.restriction import EVERYTHING, Restriction, Rule
from hie.store.open import Store

PATIENTS = 24
LOINC = "http://loinc.org"


def concept(code: str, system: str = LOINC) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


def record(number: int) -> Iterator[dict[str, Any]]:
    """A patient with three encounters and what was found there."""
    patient = f"p{number}"
    given = [f"n{number}", f"{chr(97 + number)}{'x' * 120}{number % 2}", "same", "same"]
    name = [{"family": "王" if number % 3 else "欧阳", "given": given}]
    subject = {"subject": {"reference": f"Patient/{patient}"}}
    yield {
        "resourceType": "Patient",
        "id": patient,
        "gender": "female" if number % 2 else "male",
        **({"name": name} if number % 7 else {}),
        "birthDate": f"19{50 + number}-01-01",
    }
    for turn in range(3):
        encounter = f"e{number}-{turn}"
        day = f"2025-0{1 + number % 9}-1{turn}"
        yield {
            "resourceType": "Encounter",
            "id": encounter,
            "status": "finished",
            "class": {"code": "AMB" if turn else "EMER"},
            **subject,
            "period": {"start": day} if number % 5 else {},
        }
        yield {
            "resourceType": "Observation",
            "id": f"o{number}-{turn}",
            "status": "final" if turn else "amended",
            "code": concept("a" if turn else "b"),
            **subject,
            "encounter": {"reference": f"Encounter/{encounter}"},
            **({"effectiveDateTime": day} if (number + turn) % 4 else {}),
            "valueQuantity": {"value": number + turn / 10, "unit": "mg"},
        }


@pytest.fixture(scope="module", autouse=True)
async def _records(load: Load) -> None:
    for number in range(PATIENTS):
        await load(*record(number), institution=1 + number % 2)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits under which even these records are a large district."""
    monkeypatch.setattr(pages, "FEW", 1)
    monkeypatch.setattr(pages, "STRETCHES", 1)
    monkeypatch.setattr(pages, "LONGEST", 5)
    monkeypatch.setattr(pages, "FARTHEST", 12)
    monkeypatch.setattr(pages, "CANDIDATES", 20)


SEARCHES = (
    ("Observation", "code=a&status=final"),
    ("Observation", "code=a&status=amended"),
    ("Observation", "code=a&code=b"),
    ("Observation", "code=b&value-quantity=gt20"),
    ("Observation", "value-quantity=gt22.05"),
    ("Observation", "code=a&date=ge2025-05"),
    ("Observation", "code=a&date=lt2025-03&_sort=date"),
    ("Observation", "code=a&date=sa2025-03-11&_sort=-date"),
    ("Observation", "status=final&_sort=-date"),
    ("Observation", "status=final&_sort=date"),
    ("Observation", "_sort=-_lastUpdated&code:not=b"),
    ("Observation", "_sort=_id&code=a&status=final"),
    ("Observation", "code=a&patient.gender=female"),
    ("Observation", "code=a&patient.family=欧阳&_sort=-date"),
    ("Observation", "code=a&patient.birthdate=gt1970&_sort=date"),
    ("Observation", "encounter.class=AMB&code=a"),
    ("Observation", "encounter.class=EMER&code=a"),
    ("Observation", "encounter.subject:Patient.family=欧阳&status=final"),
    ("Observation", "patient._has:Encounter:patient:class=EMER&code=b"),
    ("Patient", "_has:Observation:patient:code=a"),
    ("Patient", "_has:Observation:patient:value-quantity=gt22&family=王"),
    (
        "Patient",
        "_has:Observation:patient:code=a&_has:Encounter:patient:date=ge2025-05&gender=male",
    ),
    ("Patient", "_has:Encounter:patient:_has:Observation:encounter:code=b&gender=female"),
    ("Patient", "_has:Observation:patient:date=lt2025-02&_sort=birthdate"),
    ("Patient", "_sort=family"),
    ("Patient", "_sort=-name"),
    ("Patient", "_sort=given&gender=female&family=王"),
    ("Patient", "_has:Observation:patient:code=a&_sort=-given"),
    ("Encounter", "_has:Observation:encounter:code=a&class=AMB&_sort=-date"),
    ("Patient", "_sort=gender"),
    ("Patient", "_sort=-gender,family"),
    ("Patient", "_sort=gender,-birthdate&birthdate=gt1970"),
    ("Patient", "_has:Observation:patient:code=a&_sort=-gender"),
    ("Observation", "_sort=status,date"),
    ("Observation", "_sort=-date,-status"),
    ("Observation", "code=a&value-quantity=gt5&_sort=-status"),
    ("Observation", "status=final&_sort=status"),
    ("Encounter", "_has:Observation:encounter:code=a&_has:Observation:encounter:status=final"),
    ("Encounter", "_filter=not (subject[gender eq female].family eq 王)&class=EMER"),
    ("*", "_type=Observation,Encounter&_sort=-date"),
    ("*", "_type=Observation,Encounter&patient.family=欧阳&_sort=date"),
)
RESTRICTIONS = (EVERYTHING, Restriction((Rule(institution=1),)))


async def every_page(
    search: Search, type_name: str, text: str, count: int, **given: Any
) -> list[str]:
    """The ids on all pages, in order."""
    pairs = [tuple(pair.split("=", 1)) for pair in text.split("&")]
    found: list[str] = []
    cursor = None
    while True:
        page = await search(type_name, *pairs, ("_count", str(count)), cursor=cursor, **given)
        found += [row.id for row in page.matches]
        cursor = page.next
        if cursor is None:
            return found


@pytest.fixture(scope="module")
async def whole(search: Search) -> dict[tuple[str, str, int], list[str]]:
    """Every search answered on one page, by resolving everything."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pages, "FEW", 10_000)
        return {
            (type_name, text, number): await every_page(
                search, type_name, text, 1000, restriction=restriction
            )
            for (type_name, text), (number, restriction) in product(
                SEARCHES, enumerate(RESTRICTIONS)
            )
        }


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("number", range(len(RESTRICTIONS)))
@pytest.mark.parametrize(("type_name", "text"), SEARCHES)
async def test_every_way_gives_the_same_pages(
    search: Search,
    whole: dict[tuple[str, str, int], list[str]],
    type_name: str,
    text: str,
    number: int,
) -> None:
    expected = whole[type_name, text, number]
    found = await every_page(search, type_name, text, 4, restriction=RESTRICTIONS[number])
    assert found == expected


async def test_the_searches_are_no_empty_ones(
    whole: dict[tuple[str, str, int], list[str]],
) -> None:
    empty = {text for (_, text, number), found in whole.items() if not found and not number}
    assert empty == {"code=a&status=amended", "code=a&code=b", "encounter.class=EMER&code=a"}


async def explained(store: Store, type_name: str, text: str) -> Explanation:
    pairs = [tuple(pair.split("=", 1)) for pair in text.split("&") if pair]
    query = parse(type_name, pairs)
    async with store.database.connection() as connection:
        return await explain(connection, store, query, EVERYTHING, run=False)


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("", 1),
        ("code=a", 1),  # how many rows have one token PostgreSQL knows
        ("patient=p1&code=a&status=final", 1),
        ("_id=o1-1&status=final", 1),
        ("code=a&status=final", 2),
        ("code=a&date=ge2025&_sort=-date", 2),
        ("code=a&value-quantity=gt5", 2),
        ("code=a&_sort=value-quantity", 1),  # no index has this order
    ],
)
async def test_a_stretch_is_walked_where_postgresql_would_have_to_guess(
    store: Store, text: str, steps: int
) -> None:
    found = (await explained(store, "Observation", text)).steps
    assert len(found) == steps
    if steps == 2:
        first, second = (step.statement for step in found)
        assert first.index("LIMIT 1000") < first.index("LIMIT 51")
        assert "OFFSET 0" in second


@pytest.mark.usefixtures("small")
async def test_what_many_satisfy_is_asked_of_candidates(store: Store) -> None:
    [step] = (await explained(store, "Patient", "_has:Observation:patient:code=a")).steps
    assert "candidates" in step.purpose
    assert "tokens" not in step.statement


@pytest.mark.parametrize("asked", ["code=a", "patient=p1&code=a"])
async def test_few_patients_beyond_a_reference_become_their_keys(store: Store, asked: str) -> None:
    [step] = (await explained(store, "Observation", f"{asked}&patient.birthdate=1951-01-01")).steps[
        :1
    ]
    assert "mpi." not in step.statement
    assert "r.patient_key = " in step.statement


async def index_plan(connection: Connection, statement: str) -> str:
    """The plan where rows come in order from an index if one has it."""
    await connection.execute("SET enable_sort = off; SET enable_seqscan = off")
    cursor = await connection.execute(f"EXPLAIN {statement}")  # type: ignore[call-overload]
    return "\n".join(row[0] for row in await cursor.fetchall())


@pytest.mark.parametrize(
    ("text", "index"),
    [
        ("status=final&code=a&_sort=-date", "Backward using resource_type_date on"),
        ("status=final&code=a&_sort=date", "using resource_type_date on"),
        ("status=final&code=a&_sort=-_lastUpdated", "Backward using resource_type_last_updated"),
        ("status=final&code=a", "Backward using resource_type_key"),
        ("status=final&code=a&_sort=_id", "using resource_type_id"),
    ],
)
async def test_an_index_has_the_order_that_is_walked(store: Store, text: str, index: str) -> None:
    statement = (await explained(store, "Observation", text)).steps[0].statement
    async with (
        store.database.connection() as connection,
        connection.transaction(force_rollback=True),
    ):
        plan = await index_plan(connection, statement)
    assert index in plan, plan


MANY = """
INSERT INTO store.resource (patient_key, key, change, last_updated, date_low, date_high, version,
    institution, type, dictionary, id, tokens, body)
SELECT n, n, n, now(), moment, moment + interval '1 second', 1, 1, {type}, 0, 'many' || n, '{{}}', ''
FROM generate_series(-20000, -1) n,
    LATERAL (SELECT timestamptz '2025-06-01' + n * interval '1 hour') AS each (moment);
INSERT INTO search.quantity (patient_key, key, unit, parameter, low, high)
SELECT n, n, 7, {parameter}, n, n FROM generate_series(-20000, -1) n;
ANALYZE store.resource, search.quantity
""".format(
    type=type_number("Observation"), parameter=kept("Observation")["value-quantity"][0].number
)


@pytest.mark.parametrize(
    ("text", "indexes"),
    [
        ("date=ge2025-05-01", ("resource_type_date", "resource_type_date_end")),
        ("date=gt2025-05-01", ("resource_type_date", "resource_type_date_end")),
        ("date=lt2023-04-02", ("resource_type_date",)),
        ("value-quantity=gt99", ("quantity_low", "quantity_high")),
        ("value-quantity=ap99", ("quantity_low", "quantity_high")),
        ("value-quantity=eb-19900", ("quantity_low",)),
    ],
)
async def test_both_ends_of_a_range_are_in_an_index(
    store: Store, text: str, indexes: tuple[str, ...]
) -> None:
    statement = (await explained(store, "Observation", text)).steps[-1].statement
    async with (
        store.database.connection() as connection,
        connection.transaction(force_rollback=True),
    ):
        await connection.execute(MANY)
        await connection.execute("SET enable_indexscan = off; SET enable_indexonlyscan = off")
        plan = await index_plan(connection, statement)
    for index in indexes:
        assert f"on {index} " in plan, plan


@pytest.fixture
def hardly_any(monkeypatch: pytest.MonkeyPatch) -> None:
    """A limit that the whole district exceeds and one patient does not."""
    for module in (contexts, other_end, pointing, reached):
        monkeypatch.setattr(module, "LARGEST_EXPANSION", 5)


@pytest.mark.usefixtures("hardly_any")
async def test_what_is_asked_of_a_patient_is_not_refused_because_of_others(find: Find) -> None:
    has = await find("Encounter", ("patient", "p1"), ("_has:Observation:encounter:code", "a"))
    assert has == ["e1-2", "e1-1"]
    chain = await find("Observation", ("patient", "p1"), ("encounter.class", "AMB"))
    assert sorted(chain) == ["o1-1", "o1-2"]


@pytest.mark.usefixtures("hardly_any", "small")
async def test_what_fills_a_page_is_not_refused_because_of_its_number(search: Search) -> None:
    page = await search("Observation", ("encounter.class", "AMB"), ("_count", "1"))
    assert [row.id for row in page.matches] == ["o23-2"]
    with pytest.raises(Problem):
        await search("Observation", ("encounter.class", "AMB"), ("code", "b"), ("_count", "1"))


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(("sample", "expected"), [(200, 21), (4, 24)])
async def test_an_estimate_rests_on_the_first_candidates(
    search: Search, monkeypatch: pytest.MonkeyPatch, sample: int, expected: int
) -> None:
    monkeypatch.setattr(execute, "SAMPLE", sample)
    asked = ("_has:Observation:patient:value-quantity", "gt3")
    page = await search("Patient", asked, ("_total", "estimate"), ("_count", "2"))
    assert page.total == expected
