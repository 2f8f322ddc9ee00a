"""Conditional matches of the write door. https://hl7.org/fhir/R4/http.html#ccreate

A match sees what its caller may see and nothing else, so that it cannot serve as an oracle.
"""

from collections.abc import Collection
from urllib.parse import parse_qsl

from hie.errors import problem
from hie.fhir.definitions import RESOURCE_TYPES
from hie.kit.db import Connection
from hie.search.execute import execute
from hie.search.parse import parse
from hie.search.restriction import Restriction
from hie.store.open import Store

LOCK = "SELECT pg_advisory_xact_lock(number) FROM unnest(%s::bigint[]) AS number ORDER BY number"

KNOWN_TYPES = frozenset(RESOURCE_TYPES)


async def lock_matches(connection: Connection, store: Store, queries: Collection[str]) -> None:
    """Let only one transaction at a time decide whether anything matches each of the queries."""
    if queries:
        await connection.execute(LOCK, (sorted(store.hasher(f"match {q}") for q in queries),))


async def matching_id(
    connection: Connection,
    store: Store,
    restriction: Restriction,
    type_name: str,
    query: str,
    expression: str | None,
) -> str | None:
    """The id of the only resource that matches `query`, None if there is none.

    Problem 412 if several match, 400 if the query has no criterion or cannot be understood.
    """
    pairs = parse_qsl(query, keep_blank_values=True)
    if type_name not in KNOWN_TYPES or not pairs:
        raise problem(
            400,
            "invalid",
            f"'{type_name}?{query}' is not a search with at least one criterion",
            f"“{type_name}?{query}”不是带条件的检索",
            expression,
        )
    tree = parse(type_name, [*pairs, ("_count", "2")])
    page = await execute(connection, store, tree, restriction)
    if len(page.matches) > 1:
        raise problem(
            412,
            "multiple-matches",
            f"'{type_name}?{query}' matches more than one resource",
            f"“{type_name}?{query}”匹配到多个资源",
            expression,
        )
    return page.matches[0].id if page.matches else None
