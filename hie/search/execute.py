"""Runs a search: one statement for the page, one for each step of its includes, one for a total.

The restriction is part of every one of them.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

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
    place = None if cursor is None else cursors.decode(cursor, len(criteria))
    found = await _rows(context, query, where, criteria, place)
    width = len(Row._fields)
    matches = [Row(*row[:width]) for row in found[: query.count]]
    following = None
    if len(found) > query.count:
        following = cursors.encode([_text(v) for v in found[query.count - 1][width:]])
    return Page(matches, await include(query.includes, matches, context), following, total)


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
    return Sql(
        f"SELECT {ROW_COLUMNS}, {', '.join(column.text for column in columns)} "
        f"FROM store.resource r WHERE {rows.text} ORDER BY {order.text} LIMIT %s",
        (
            *(value for column in columns for value in column.values),
            *rows.values,
            *order.values,
            query.count + 1,
        ),
    )


def _text(value: object) -> str | None:
    if value is None:
        return None
    return value.isoformat() if isinstance(value, datetime) else str(value)


async def _total(context: Context, query: Query, where: Sql) -> int | None:
    """The number of all matches, if asked for: exact, or what the planner expects.

    https://hl7.org/fhir/R4/search.html#total; `_count=0` asks for nothing but the number.
    """
    if query.total == "accurate" or query.count == 0:
        statement = f"SELECT count(*) FROM store.resource r WHERE {where.text}"
    elif query.total == "estimate":
        statement = f"EXPLAIN (FORMAT JSON) SELECT FROM store.resource r WHERE {where.text}"
    else:
        return None
    cursor = await context.connection.execute(statement, where.values)
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - both statements give one row
    return int(row[0]) if isinstance(row[0], int) else int(row[0][0]["Plan"]["Plan Rows"])
