"""Runs a search: one statement for the page, one for each step of its includes, one for a total.

The restriction is part of every one of them.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import class_row

from hie.fhir.definitions import type_number
from hie.kit.db import Connection
from hie.search import cursor as cursors
from hie.search import sorting
from hie.search.arranged import arranged
from hie.search.context import Context
from hie.search.emit import condition
from hie.search.include import include
from hie.search.query import Query
from hie.search.restriction import Restriction
from hie.search.sql import FALSE, Sql, all_of
from hie.store.open import Store
from hie.store.read import ROW_COLUMNS, Row

MOST_INCLUDED = 1000
"""Resources that come along on one page. What is over comes on pages of its own."""
COUNTED = 1000
"""Matches that an estimate counts exactly."""
WIDTH = len(Row._fields)


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
    where = await condition(query, context)
    total = await _total(context, query, where)
    if where == FALSE or query.count == 0:
        return Page([], [], None, total)
    criteria = sorting.keys(query)
    place, given = (None, None) if cursor is None else cursors.decode(cursor, len(criteria))
    if place is not None and given is not None:
        left_over = await _left_over(context, query, where, place, given)
        if left_over:
            rest = left_over[:MOST_INCLUDED]
            goes_on: str | None = cursors.encode([*place, str(rest[-1].key)])
            if len(left_over) == len(rest):
                behind = await _rows(context, query, where, criteria, place)
                goes_on = cursors.encode(place) if behind else None
            return Page([], rest, goes_on, total)
    found = await _rows(context, query, where, criteria, place)
    shown, included = await _fitting(context, query, [Row(*row[:WIDTH]) for row in found])
    following = None
    if shown:
        last = [_text(value) for value in found[len(shown) - 1][WIDTH:]]
        if len(included) > MOST_INCLUDED:
            included = included[:MOST_INCLUDED]
            following = cursors.encode([*last, str(included[-1].key)])
        elif len(found) > len(shown):
            following = cursors.encode(last)
    return Page(shown, included, following, total)


async def _fitting(context: Context, query: Query, found: list[Row]) -> tuple[list[Row], list[Row]]:
    """As many of the rows as the page can hold with all that they include: at least one."""
    shown = found[: query.count]
    while True:
        included = await include(query.includes, shown, context)
        if len(included) <= MOST_INCLUDED or len(shown) < 2:
            return shown, included
        shown = shown[: len(shown) // 2]


async def _left_over(
    context: Context, query: Query, where: Sql, place: list[str | None], given: int
) -> list[Row]:
    """What the match at the place includes behind the key `given`; nothing if it is no match now."""
    own = all_of((Sql("r.key = %s", (int(place[-1] or 0),)), where))
    async with context.connection.cursor(row_factory=class_row(Row)) as cursor:
        await cursor.execute(
            f"SELECT {ROW_COLUMNS} FROM store.resource r WHERE {own.text}", own.values
        )
        matches = await cursor.fetchall()
    included = await include(query.includes, matches, context)
    return [row for row in included if row.key > given]


async def _rows(
    context: Context,
    query: Query,
    where: Sql,
    criteria: list[sorting.Key],
    place: list[str | None] | None,
) -> list[tuple[Any, ...]]:
    """One row more than the page holds, if there is one: columns, then values of the criteria."""
    if any(key.texts for key in criteria):
        return await arranged(context, where, criteria, query.count + 1, place)
    statement = page_statement(query, where, criteria, place)
    try:
        cursor = await context.connection.execute(statement.text, statement.values)
    except psycopg.DataError:
        if place is None:
            raise
        raise cursors.foreign() from None
    return await cursor.fetchall()


def page_statement(
    query: Query, where: Sql, criteria: list[sorting.Key], place: list[str | None] | None
) -> Sql:
    """The statement that gives a page's rows, and the one behind them."""
    columns = [key.expression for key in criteria]
    rows = where if place is None else all_of((where, sorting.beyond(criteria, place)))
    order = sorting.order_by(criteria)
    named = ", ".join(f"{column.text} AS sort_{n}" for n, column in enumerate(columns))
    by_type = query.type is None and not query.names_patient
    text = (
        f"SELECT {ROW_COLUMNS}, {named} FROM store.resource r "
        f"WHERE {'r.type = searched.type AND ' if by_type else ''}{rows.text} "
        f"ORDER BY {order.text} LIMIT %s"
    )
    values = (
        *(value for column in columns for value in column.values),
        *rows.values,
        *order.values,
        query.count + 1,
    )
    if not by_type:
        return Sql(text, values)
    # each type has its rows in order of creation and of change, all types together have not
    types = [type_number(branch.type) for branch in query.branches]
    again = sorting.order_by(
        [replace(key, expression=Sql(f"sort_{n}")) for n, key in enumerate(criteria)]
    )
    return Sql(
        f"SELECT page.* FROM unnest(%s::smallint[]) AS searched (type) "
        f"CROSS JOIN LATERAL ({text}) AS page ORDER BY {again.text} LIMIT %s",
        (types, *values, query.count + 1),
    )


def _text(value: object) -> str | None:
    if value is None:
        return None
    return value.isoformat() if isinstance(value, datetime) else str(value)


async def _total(context: Context, query: Query, where: Sql) -> int | None:
    """The number of all matches, if asked for. https://hl7.org/fhir/R4/search.html#total

    `_count=0` asks for nothing but the number. An estimate is exact up to `COUNTED`: what the planner
    expects rests on statistics of all rows, which say something of those that the caller may not see.
    """
    if query.total == "none" and query.count > 0:
        return None
    rows = f"SELECT FROM store.resource r WHERE {where.text}"
    if query.total != "estimate":
        return int(await _first(context, f"SELECT count(*) FROM ({rows}) m", where.values))
    limited = f"SELECT count(*) FROM ({rows} LIMIT {COUNTED}) m"
    counted = int(await _first(context, limited, where.values))
    if counted < COUNTED:
        return counted
    plan = await _first(context, f"EXPLAIN (FORMAT JSON) {rows}", where.values)
    return max(counted, int(plan[0]["Plan"]["Plan Rows"]))


async def _first(context: Context, statement: str, values: tuple[object, ...]) -> Any:
    row = await (await context.connection.execute(statement, values)).fetchone()
    assert row is not None  # noqa: S101 - a count or a plan
    return row[0]
