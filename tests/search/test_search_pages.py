"""Order and pages. https://hl7.org/fhir/R4/search.html#sort"""

import asyncio
from itertools import count
from typing import Any

import pytest
from search_fixtures import Find, Load, Search, load_resources

from hie.errors import Problem
from hie.search.cursor import encode
from hie.store.open import Store

NAMES = ["b", "a", None, "c", "a", None, "d"]
GENDERS = ["male", "female", "unknown", None, "female", "other", "male"]


@pytest.fixture(scope="module")
async def loaded(load: Load) -> None:
    await load(
        *(
            {
                "resourceType": "Patient",
                "id": str(number),
                **({"name": [{"family": name}]} if name else {}),
                **({"gender": GENDERS[number]} if GENDERS[number] else {}),
                **({"active": number > 3} if number % 3 else {}),
                **({"birthDate": f"200{number % 3}-01-01"} if number % 4 else {}),
            }
            for number, name in enumerate(NAMES)
        )
    )
    await load(
        *(
            {
                "resourceType": "Observation",
                "id": str(number),
                "subject": {"reference": "Patient/1"},
                **({"effectiveDateTime": f"20{10 + number % 5}-01-01"} if number % 4 else {}),
                "valueQuantity": {"value": number % 3},
            }
            for number in range(23)
        )
    )


async def pages(search: Search, type_name: str, *pairs: tuple[str, str], size: int) -> list[str]:
    found: list[str] = []
    cursor = None
    for _ in range(100):
        page = await search(type_name, *pairs, ("_count", str(size)), cursor=cursor)
        assert len(page.matches) <= size
        found += [row.id for row in page.matches]
        cursor = page.next
        if cursor is None:
            return found
    raise AssertionError("pages without end")


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50])
@pytest.mark.parametrize(
    ("type_name", "pairs"),
    [
        ("Patient", []),
        ("Patient", [("_sort", "family")]),
        ("Patient", [("_sort", "-family")]),
        ("Patient", [("_sort", "birthdate,-family")]),
        ("Patient", [("_sort", "-birthdate,_id")]),
        ("Patient", [("_sort", "_lastUpdated")]),
        ("Patient", [("_sort", "gender")]),
        ("Patient", [("_sort", "-gender,active,family")]),
        ("Patient", [("_sort", "birthdate,-active,gender")]),
        ("Patient", [("_sort", "-active"), ("birthdate", "ge2000")]),
        ("Observation", []),
        ("Observation", [("patient", "1")]),
        ("Observation", [("patient", "1"), ("_sort", "date")]),
        ("Observation", [("_sort", "-value-quantity,date")]),
    ],
)
async def test_pages_together_are_the_whole(
    loaded: None, search: Search, type_name: str, pairs: list[tuple[str, str]], size: int
) -> None:
    whole = [row.id for row in (await search(type_name, *pairs, ("_count", "1000"))).matches]
    expected = len(NAMES) if type_name == "Patient" else 23
    if any(name == "birthdate" for name, _ in pairs):
        expected = sum(bool(number % 4) for number in range(len(NAMES)))
    assert len(whole) == len(set(whole)) == expected
    assert await pages(search, type_name, *pairs, size=size) == whole


async def test_orders(loaded: None, find: Find) -> None:
    def names(ids: list[str]) -> list[str | None]:
        return [NAMES[int(each)] for each in ids]

    assert names(await find("Patient", ("_sort", "family"))) == [
        "a",
        "a",
        "b",
        "c",
        "d",
        None,
        None,
    ]
    assert names(await find("Patient", ("_sort", "-family"))) == [
        "d",
        "c",
        "b",
        "a",
        "a",
        None,
        None,
    ]
    assert await find("Patient") == [str(n) for n in reversed(range(len(NAMES)))]
    dates = [int(each) for each in await find("Observation", ("patient", "1"))]
    known = [10 + n % 5 for n in dates if n % 4]
    assert known == sorted(known, reverse=True)
    assert [n % 4 for n in dates[len(known) :]] == [0] * (23 - len(known))


@pytest.mark.parametrize("sign", ["", "-"])
async def test_codes_are_in_their_order_and_what_has_none_is_last(
    loaded: None, find: Find, sign: str
) -> None:
    having = [number for number, gender in enumerate(GENDERS) if gender]
    having.sort(reverse=True)  # created last comes first among those that are alike
    having.sort(key=lambda number: GENDERS[number] or "", reverse=bool(sign))
    found = await find("Patient", ("_sort", f"{sign}gender"))
    assert found == [str(number) for number in [*having, GENDERS.index(None)]]
    active = [number % 3 and (number > 3) + 1 for number in range(len(NAMES))]
    places = [active[int(each)] for each in await find("Patient", ("_sort", f"{sign}active"))]
    known = [place for place in places if place]
    assert known == sorted(known, reverse=bool(sign))
    assert not any(places[len(known) :])


@pytest.mark.parametrize("place", ["x", "4", "-1", "1.0"])
async def test_places_that_no_code_has_are_refused(
    loaded: None, search: Search, place: str
) -> None:
    with pytest.raises(Problem) as caught:
        await search("Patient", ("_sort", "gender"), cursor=encode([place, "1"]))
    assert caught.value.status == 400


async def test_a_count_of_nothing_gives_the_total(loaded: None, search: Search) -> None:
    page = await search("Patient", ("_count", "0"))
    assert (page.matches, page.total, page.next) == ([], len(NAMES), None)


@pytest.mark.parametrize(
    "cursor", ["", "x", "é", encode(["1", "2", "3"]), encode(["nonsense"]), encode([None]), "W10"]
)
async def test_foreign_cursors_are_refused(loaded: None, search: Search, cursor: str) -> None:
    with pytest.raises(Problem) as caught:
        await search("Patient", cursor=cursor)
    assert caught.value.status == 400


async def test_writes_between_pages_neither_repeat_nor_hide(
    load: Load, search: Search, store: Store
) -> None:
    """Of a type that no other test here asks for."""

    def practitioner(logical_id: str, number: int) -> dict[str, Any]:
        name = {"family": "abcd"[number % 4]}
        gender = ("female", "male", "other")[number % 3]
        return {
            "resourceType": "Practitioner",
            "id": logical_id,
            "name": [name],
            "gender": gender,
        }

    await load(*(practitioner(f"old-{number}", number) for number in range(7)))
    there = {f"old-{number}" for number in range(7)}
    done = asyncio.Event()
    numbers = count()

    async def write() -> None:
        while not done.is_set():
            number = next(numbers)
            await load_resources(store, [practitioner(f"new-{number}", number)])

    writer = asyncio.create_task(write())
    for pairs in ([], *([("_sort", key)] for key in ("family", "-family", "gender,family"))):
        found = await pages(search, "Practitioner", *pairs, size=1 if not pairs else 2)
        assert len(found) == len(set(found))
        assert there <= set(found)
    done.set()
    await writer
