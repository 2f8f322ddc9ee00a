"""Results in the order of values that only the bodies hold. https://hl7.org/fhir/R4/search.html#sort

All matches are read, up to a limit, and put in order here; the place where a page ended means the same
as it does in SQL, so that pages neither overlap nor leave gaps.
"""

from asyncio import sleep
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import orjson

from hie.search import cursor as cursors
from hie.search.context import Context
from hie.search.problems import too_costly
from hie.search.sorting import Key
from hie.search.sql import Sql
from hie.store.read import ROW_COLUMNS, Row

MOST_ARRANGED = 20_000
"""Matches that are read to be put in order; about half a second of work."""
# How many bodies are read before other requests of this process get a turn.
TURN = 100
_READERS: dict[str, Callable[[str], Any]] = {
    "text": str,
    "bigint": int,
    "numeric": Decimal,
    "timestamptz": datetime.fromisoformat,
}

Found = tuple[Any, ...]
"""The columns of a row followed by its values in the order of the criteria."""


async def arranged(
    context: Context,
    where: Sql,
    criteria: Sequence[Key],
    limit: int,
    place: list[str | None] | None,
) -> list[Found]:
    """Up to `limit` rows behind the place. Problem 400 if more than `MOST_ARRANGED` match."""
    statement = matches_statement(where, criteria)
    cursor = await context.connection.execute(statement.text, statement.values)
    rows = await cursor.fetchall()
    if len(rows) > MOST_ARRANGED:
        raise too_costly(
            f"_sort: more than {MOST_ARRANGED} resources match, too many to be put in this order; "
            "narrow the search, or sort by a date, string, number or quantity",
            f"_sort：匹配的资源超过 {MOST_ARRANGED} 个，无法按此排序；"
            "请缩小范围，或按日期、字符串、数值或数量排序",
        )
    found: list[Found] = []
    for number, row in enumerate(rows):
        found.append(_with_texts(context, row, criteria))
        if number % TURN == TURN - 1:
            await sleep(0)
    width = len(Row._fields)
    if place is not None:
        end = _values(criteria, place)
        found = [row for row in found if _is_behind(criteria, row[width:], end)]
    return in_order(found, criteria)[:limit]


def in_order(found: list[Found], criteria: Sequence[Key]) -> list[Found]:
    """The rows in the order of the criteria, as SQL would put them."""
    width = len(Row._fields)
    for position in reversed(range(len(criteria))):
        found = _sorted(found, width + position, criteria[position].descending)
    return found


def matches_statement(where: Sql, criteria: Sequence[Key]) -> Sql:
    """The statement that gives all matches, and one more than are arranged."""
    columns = [key.expression for key in criteria]
    return Sql(
        f"SELECT {ROW_COLUMNS}, {', '.join(column.text for column in columns)} "
        f"FROM store.resource r WHERE {where.text} LIMIT %s",
        (
            *(value for column in columns for value in column.values),
            *where.values,
            MOST_ARRANGED + 1,
        ),
    )


def _sorted(found: list[Found], column: int, descending: bool) -> list[Found]:
    having = [row for row in found if row[column] is not None]
    having.sort(key=lambda row: row[column], reverse=descending)
    return [*having, *(row for row in found if row[column] is None)]


def _with_texts(context: Context, row: Found, criteria: Sequence[Key]) -> Found:
    stored = Row(*row[: len(Row._fields)])
    values = list(row[len(Row._fields) :])
    resource = orjson.loads(context.store.bodies.expand(stored.dictionary, stored.body or b""))
    for position, key in enumerate(criteria):
        if key.texts:
            texts = key.texts[stored.type](resource)
            values[position] = (max if key.descending else min)(texts, default=None)
    return (*stored, *values)


def _values(criteria: Sequence[Key], place: Sequence[str | None]) -> list[Any]:
    try:
        return [
            None if text is None else _READERS[key.type](text)
            for key, text in zip(criteria, place, strict=True)
        ]
    except (ValueError, InvalidOperation):
        raise cursors.foreign() from None


def _is_behind(criteria: Sequence[Key], values: Sequence[Any], place: Sequence[Any]) -> bool:
    for key, value, limit in zip(criteria, values, place, strict=True):
        if value == limit:
            continue
        if value is None or limit is None:
            return value is None
        return bool(value < limit if key.descending else value > limit)
    return False
