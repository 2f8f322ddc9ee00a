"""A store of its own for each test module."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from search_fixtures import Find, Load, Search, load_resources

from hie.kit.db import Database
from hie.kit.hashing import Hasher
from hie.search.execute import Page, execute
from hie.search.parse import Compartment, parse
from hie.search.restriction import EVERYTHING, Restriction
from hie.store.bodies import Bodies
from hie.store.open import Store


@pytest.fixture(scope="module")
async def store(cloned: Callable[[], AbstractContextManager[str]]) -> AsyncIterator[Store]:
    with cloned() as conninfo:
        async with Database(conninfo) as database:
            yield Store(database, Hasher(b"tests of searching"), Bodies({}))


@pytest.fixture(scope="module")
def load(store: Store) -> Load:
    async def loaded(*resources: dict[str, Any], institution: int = 0) -> None:
        await load_resources(store, resources, institution)

    return loaded


@pytest.fixture(scope="module")
def search(store: Store) -> Search:
    """search("Patient", ("name", "x"), …) → a page."""

    async def run(
        type_name: str,
        *pairs: tuple[str, str],
        restriction: Restriction = EVERYTHING,
        cursor: str | None = None,
        compartment: Compartment | None = None,
    ) -> Page:
        query = parse(type_name, pairs, compartment=compartment, contained=True)
        async with store.database.connection() as connection:
            return await execute(connection, store, query, restriction, cursor)

    return run


@pytest.fixture(scope="module")
def find(search: Search) -> Find:
    """The same, but only the ids of the matches, in their order."""

    async def run(type_name: str, *pairs: tuple[str, str], **options: Any) -> list[str]:
        return [row.id for row in (await search(type_name, *pairs, **options)).matches]

    return run
