"""Random searches over real records equal a naive evaluation in memory.

Types, parameters, modifiers, prefixes, chains, `_has`, compartments, `_filter`, `_list`, `_content`,
includes, orders, pages, what the caller may see and the limits beyond which a search goes another way
are all drawn by Hypothesis. In CI (where the
variable CI is set) the same searches are drawn every time.
"""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from oracle_searches import Asked, Draw, read, search_of
from oracle_world import (
    PARAMETERS,
    Resource,
    World,
    codings,
    list_resources,
    load_world,
    place,
    range_of,
)
from search_fixtures import Search, load_resources

from hie.fhir.definitions import type_name
from hie.search import pages
from hie.search.execute import Page
from hie.search.params.normal import normal
from hie.search.restriction import EVERYTHING
from hie.store.open import Store

EXAMPLES = 1000
SEARCHES = 5
"""Searches in an example: at least 5,000 together. Examples that are abandoned have searched too."""
PAGES = 6
"""How far pages are followed."""
SHARES = {
    "with matches": 0.35,
    "restricted": 0.3,
    "_has:": 0.05,
    "chained": 0.05,
    "_filter": 0.1,
    "_content": 0.05,
    "_list": 0.05,
    "_sort": 0.3,
    "include": 0.15,
    "several types": 0.05,
    "compartment": 0.05,
    "several pages": 0.03,
}
"""Of the searches at least this part asks for each of these, so that the test means something."""


@pytest.fixture(scope="module")
async def world(store: Store) -> World:
    """The records, in memory and in the store."""
    found = load_world()
    await load_resources(store, found.resources)
    await load_resources(store, list_resources(found))
    return found


@pytest.fixture(scope="module")
def tally() -> Iterator[Counter[str]]:
    """What the searches that were made asked for; at the end, that they were not vacuous."""
    found: Counter[str] = Counter()
    yield found
    print(f"searches: {dict(found)}")
    if not found["failed"]:
        assert found["searches"] >= 5000
        for name, share in SHARES.items():
            assert found[name] >= share * found["searches"], (name, found)


def sort_key(resource: Resource, code: str, descending: bool) -> Any:
    """The value by which a resource is put in order; None if it has none."""
    if code == "_id":
        return resource["id"]
    parameter = PARAMETERS[resource["resourceType"]][code]
    elements = parameter.elements(resource)
    values: list[Any] = []
    for each in elements:
        if parameter.kind == "token":
            values += [c.casefold() for _, c in codings(each) if c]
        elif parameter.kind == "date":
            limits = range_of(each)
            values += [limits[0]] if limits else []
        elif parameter.kind == "quantity":
            values.append(Decimal(str(each["value"])))
        else:
            values.append(normal(each) if parameter.kind == "string" else each)
    return (max if descending else min)(values, default=None)


def in_order(world: World, found: list[Resource], sort: Sequence[str]) -> list[Resource]:
    """Newest first, then by each key from the last to the first; what has no value comes last."""
    ordered = sorted(found, key=lambda r: -world.position[place(r)])
    for each in reversed(sort):
        code = each.removeprefix("-")
        keyed = [(sort_key(r, code, each != code), r) for r in ordered]
        having = [(key, r) for key, r in keyed if key is not None]
        having.sort(key=lambda pair: pair[0], reverse=each != code)
        ordered = [r for _, r in having] + [r for key, r in keyed if key is None]
    return ordered


def included(world: World, asked: Asked, matches: list[Resource]) -> set[str]:
    """What comes along with the matches."""
    known = {place(each) for each in matches}
    found: set[str] = set()
    fresh = matches
    for depth in range(10):
        reached: set[str] = set()
        for name, source, code in asked.includes:
            if depth and not name.endswith("iterate"):
                continue
            for each in fresh:
                if name.startswith("_rev"):
                    there = world.pointing.get((place(each), source, code), ())
                    reached.update(place(r) for r in there)
                elif each["resourceType"] == source:
                    reached.update(read(each, code))
        new = {e for e in reached - known if e in world.by_place and asked.sees(world.by_place[e])}
        known |= new
        found |= new
        fresh = [world.by_place[each] for each in sorted(new)]
    return found


def count_features(tally: Counter[str], asked: Asked, found: Sequence[str]) -> None:
    """Note what a search that was answered rightly had asked for."""
    names = " ".join(name for name, _ in asked.pairs)
    tally["searches"] += 1
    tally["with matches"] += bool(found)
    tally["restricted"] += asked.restriction is not EVERYTHING
    tally["chained"] += "." in names
    tally["several types"] += asked.path == "*"
    tally["compartment"] += asked.compartment is not None
    tally["several pages"] += len(found) > asked.count
    for name in ("_has:", "_filter", "_content", "_list", "_sort", "include"):
        tally[name] += name in names


async def check(world: World, search: Search, asked: Asked, tally: Counter[str]) -> None:
    expected = [each for each in world.resources if asked.holds(each)]
    ordered = [place(each) for each in in_order(world, expected, asked.sort)]
    found: list[str] = []
    cursor = None
    total = None
    for number in range(PAGES):
        pairs = (*asked.pairs, *([("_total", "accurate")] if number == 0 else []))
        page: Page = await search(
            asked.path,
            *pairs,
            cursor=cursor,
            restriction=asked.restriction,
            compartment=asked.compartment,
        )
        matches = [f"{type_name(row.type)}/{row.id}" for row in page.matches]
        found += matches
        total = page.total if number == 0 else total
        wanted = included(world, asked, [world.by_place[each] for each in matches])
        assert {f"{type_name(row.type)}/{row.id}" for row in page.included} == wanted
        cursor = page.next
        if cursor is None:
            break
    assert total == len(expected)
    assert len(found) == len(set(found))
    if asked.sort:
        assert found == ordered[: len(found)]
    if cursor is None:
        assert sorted(found) == sorted(ordered)
    else:
        assert len(found) == PAGES * asked.count
        assert set(found) <= set(ordered)
    count_features(tally, asked, found)


LOWERED = {"FEW": 1, "STRETCHES": 1, "LONGEST": 7, "FARTHEST": 30, "CANDIDATES": 20}
"""Limits under which these records are a large district: a page is then put together in other ways."""


@contextmanager
def limits(lowered: bool) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in LOWERED.items() if lowered else ():
            patch.setattr(pages, name, value)
        yield


@given(data=st.data())
@settings(
    max_examples=EXAMPLES,
    derandomize="CI" in os.environ,
    # a search that fails is small enough to read; making it smaller would take minutes
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
    database=None,
)
async def test_random_searches(
    world: World, store: Store, search: Search, tally: Counter[str], data: st.DataObject
) -> None:
    draw = Draw(data.draw, world)
    for _ in range(SEARCHES):
        asked = search_of(draw, store)
        lowered = data.draw(st.booleans())
        try:
            with limits(lowered):
                await check(world, search, asked, tally)
        except Exception as error:
            where = f"{asked.compartment or ''} {asked.path}?{asked.pairs} {asked.restriction} {lowered=}"
            tally["failed"] += 1
            error.add_note(where)
            raise
