"""Runs a search: one statement for the page, one for each step of its includes, one for a total.

The restriction is part of every one of them.
"""

from dataclasses import dataclass
from typing import Any

from psycopg.rows import class_row

from hie.kit.db import Connection
from hie.search import cursor as cursors
from hie.search import sorting
from hie.search.arranged import Found, in_order
from hie.search.contained_search import Inside, inside_of
from hie.search.context import Context
from hie.search.emit import condition
from hie.search.include import include
from hie.search.pages import (
    Place,
    candidates_of,
    known_condition,
    page_rows,
    run,
    satisfying,
)
from hie.search.query import Query
from hie.search.restriction import Restriction
from hie.search.sql import FALSE, TRUE, Sql, all_of, any_of
from hie.store.open import Store
from hie.store.read import ROW_COLUMNS, Row

MOST_INCLUDED = 1000
"""Resources that come along on one page. What is over comes on pages of its own."""
COUNTED = 1000
"""Matches that an estimate counts exactly."""
SAMPLE = 200
"""Candidates of which an estimate asks what lies beyond their references."""
WIDTH = len(Row._fields)
KEY = Row._fields.index("key")


@dataclass(slots=True)
class Page:
    """One page of a search."""

    matches: list[Row]
    included: list[Row]
    next: str | None
    """Where the next page begins, opaque; None on the last page."""
    total: int | None


async def execute(
    connection: Connection,
    store: Store,
    query: Query,
    restriction: Restriction,
    cursor: str | None = None,
) -> Page:
    """The page of `query` behind `cursor`, of rows that the restriction allows.

    Problem 400 for a cursor of another search, and for what would cost too much.
    """
    context = Context(connection, store, restriction)
    inside = await inside_of(query, context)
    where = FALSE if query.contained == "true" else await known_condition(query, context)
    total = await _total(context, query, where, inside)
    if (where == FALSE and inside.where == FALSE) or query.count == 0:
        return Page([], [], None, total)
    criteria = sorting.keys(query, context)
    place, given = (None, None) if cursor is None else cursors.decode(cursor, len(criteria))
    if place is not None and given is not None:
        left_over = await _left_over(context, query, where, inside, place, given)
        if left_over:
            rest = left_over[:MOST_INCLUDED]
            goes_on: str | None = cursors.encode([*place, str(rest[-1].key)])
            if len(left_over) == len(rest):
                behind = await _rows(context, query, where, inside, criteria, 1, place)
                goes_on = cursors.encode(place) if behind else None
            return Page([], rest, goes_on, total)
    found = await _rows(context, query, where, inside, criteria, query.count + 1, place)
    shown, included = await _fitting(context, query, [Row(*row[:WIDTH]) for row in found])
    following = None
    if shown:
        last = [cursors.text(value) for value in found[len(shown) - 1][WIDTH:]]
        if len(included) > MOST_INCLUDED:
            included = included[:MOST_INCLUDED]
            following = cursors.encode([*last, str(included[-1].key)])
        elif len(found) > len(shown):
            following = cursors.encode(last)
    return Page(shown, included, following, total)


async def _rows(
    context: Context,
    query: Query,
    where: Sql | None,
    inside: Inside,
    criteria: list[sorting.Key],
    limit: int,
    place: Place | None,
) -> list[Found]:
    """Up to `limit` matches behind the place, of both kinds where both are asked for."""
    found = []
    if where != FALSE:
        found = await page_rows(context, query, where, criteria, limit, place)
    if inside.where == FALSE:
        return found
    more = await run(context, inside.page(criteria, limit, place))
    # a container may match by itself as well
    there = {row[KEY] for row in found}
    return in_order([*found, *(row for row in more if row[KEY] not in there)], criteria)[:limit]


async def _fitting(context: Context, query: Query, found: list[Row]) -> tuple[list[Row], list[Row]]:
    """As many of the rows as the page can hold with all that they include: at least one."""
    shown = found[: query.count]
    while True:
        included = await include(query.includes, shown, context)
        if len(included) <= MOST_INCLUDED or len(shown) < 2:
            return shown, included
        shown = shown[: len(shown) // 2]


async def _left_over(
    context: Context,
    query: Query,
    where: Sql | None,
    inside: Inside,
    place: Place,
    given: int,
) -> list[Row]:
    """What the match at the place includes behind the key `given`; nothing if it is no match now."""
    scope = Sql("r.key = %s", (int(place[-1] or 0),))
    found = any_of((where or await condition(query, context, scope), inside.where))
    own = all_of((scope, found))
    async with context.connection.cursor(row_factory=class_row(Row)) as cursor:
        await cursor.execute(
            f"SELECT {ROW_COLUMNS} FROM store.resource r WHERE {own.text}", own.values
        )
        matches = await cursor.fetchall()
    included = await include(query.includes, matches, context)
    return [row for row in included if row.key > given]


async def _total(context: Context, query: Query, known: Sql | None, inside: Inside) -> int | None:
    """The number of all matches, if asked for. https://hl7.org/fhir/R4/search.html#total

    `_count=0` asks for nothing but the number. An estimate is exact up to `COUNTED`: what the planner
    expects rests on statistics of all rows, which say something of those that the caller may not see.
    """
    if query.total == "none" and query.count > 0:
        return None
    total = 0 if known == FALSE else await _ordinary(context, query, known)
    if inside.where == FALSE:
        return total
    counted = inside.count(TRUE)
    if query.contained == "both" and query.contained_type == "container":
        # a container that matches by itself is counted already
        own = known or await condition(query, context)
        counted = inside.count(Sql(f"({own.text}) IS NOT TRUE", own.values))
    return total + int(await _first(context, counted.text, counted.values))


async def _ordinary(context: Context, query: Query, known: Sql | None) -> int:
    """The number of matches that are not contained in others."""
    if query.total == "estimate":
        return await (_sampled(context, query) if known is None else _estimate(context, known))
    where = known or await condition(query, context)
    rows = f"SELECT FROM store.resource r WHERE {where.text}"
    return int(await _first(context, f"SELECT count(*) FROM ({rows}) m", where.values))


async def _estimate(context: Context, where: Sql) -> int:
    rows = f"SELECT FROM store.resource r WHERE {where.text}"
    limited = f"SELECT count(*) FROM ({rows} LIMIT {COUNTED}) m"
    counted = int(await _first(context, limited, where.values))
    if counted < COUNTED:
        return counted
    plan = await _first(context, f"EXPLAIN (FORMAT JSON) {rows}", where.values)
    return max(counted, int(plan[0]["Plan"]["Plan Rows"]))


async def _sampled(context: Context, query: Query) -> int:
    """Of a search that reaches beyond references: as many of the candidates as of the first of them."""
    candidates = candidates_of(query)
    where = await condition(candidates, context)
    first = await page_rows(context, candidates, where, sorting.keys(query, context), SAMPLE, None)
    matches = len(await satisfying(context, query, first))
    if len(first) < SAMPLE:
        return matches
    return max(matches, await _estimate(context, where) * matches // len(first))


async def _first(context: Context, statement: str, values: tuple[object, ...]) -> Any:
    row = await (await context.connection.execute(statement, values)).fetchone()
    assert row is not None  # noqa: S101 - a count or a plan
    return row[0]
