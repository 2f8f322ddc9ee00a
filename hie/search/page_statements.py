"""The statements of a page. Which of them are asked: `pages.py`."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hie.fhir.definitions import type_number
from hie.search import sorting
from hie.search.params.string import INDEXED_PREFIX
from hie.search.query import Query
from hie.search.sql import FALSE, TRUE, Sql, all_of
from hie.store.read import ROW_COLUMNS, Row

Found = tuple[Any, ...]
"""The columns of a row, then its values of the order's criteria."""

RESOURCES = Sql("store.resource r")


def rows_named(rows: Sequence[Found]) -> Sql:
    """These rows and no others."""
    if not rows:
        return FALSE
    stored = [Row(*row[: len(Row._fields)]) for row in rows]
    return Sql(
        "(r.patient_key, r.key) IN (SELECT * FROM unnest(%s::bigint[], %s::bigint[]))",
        ([row.patient_key for row in stored], [row.key for row in stored]),
    )


def _columns(criteria: list[sorting.Key]) -> Sql:
    named = ", ".join(f"{key.expression.text} AS sort_{n}" for n, key in enumerate(criteria))
    values = tuple(value for key in criteria for value in key.expression.values)
    return Sql(f"{ROW_COLUMNS}, {named}", values)


def _behind(part: sorting.Part) -> Sql:
    return TRUE if part.place is None else sorting.beyond(part.order, part.place)


def stretch_statement(
    query: Query,
    where: Sql,
    criteria: list[sorting.Key],
    part: sorting.Part,
    limit: int,
    length: int,
) -> Sql:
    """The matches among the next rows of the type in this order."""
    columns = _columns(criteria)
    order = sorting.order_by(part.order)
    if part.order[0].strings is not None:
        source = _by_string(part, part.order[0].strings, length)
    else:
        own = Sql("r.type = %s", (type_number(query.branches[0].type),))
        rows = all_of((own, part.condition, _behind(part)))
        source = Sql(
            f"SELECT r.* FROM store.resource r WHERE {rows.text} ORDER BY {order.text} LIMIT %s",
            (*rows.values, *order.values, length),
        )
    return Sql(
        f"SELECT {columns.text} FROM ({source.text}) AS r WHERE {where.text} "
        f"ORDER BY {order.text} LIMIT %s",
        (*columns.values, *source.values, *where.values, *order.values, limit),
    )


def _by_string(part: sorting.Part, parameter: int, length: int) -> Sql:
    """The next rows in order of the first, or for descending order the last, of their strings.

    The index has the beginnings of all strings in order; of one resource only the one that counts is
    taken, and of two that are equal one.
    """
    descending = part.order[0].descending
    direction, sooner, later = ("DESC", ">", "<") if descending else ("ASC", "<", ">")
    behind = TRUE
    if part.place is not None:
        value, key = part.place
        behind = Sql(
            f"left(s.value, {INDEXED_PREFIX}) {later}= left(%s, {INDEXED_PREFIX}) "
            f"AND (s.value {later} %s OR (s.value = %s AND s.key < %s::bigint))",
            (value, value, value, key),
        )
    return Sql(
        "SELECT r.* FROM (SELECT s.patient_key, s.key FROM search.string s "
        f"WHERE s.parameter = %s AND {behind.text} AND NOT EXISTS ("
        "SELECT FROM search.string o WHERE o.patient_key = s.patient_key AND o.key = s.key "
        f"AND o.parameter = %s AND (o.value, o.ctid) {sooner} (s.value, s.ctid) OFFSET 0) "
        f"ORDER BY left(s.value, {INDEXED_PREFIX}) {direction}, s.value {direction}, s.key DESC "
        "LIMIT %s) AS place JOIN store.resource r USING (patient_key, key)",
        (parameter, *behind.values, parameter, length),
    )


def part_statement(
    where: Sql,
    criteria: list[sorting.Key],
    part: sorting.Part,
    limit: int,
    *,
    sort: bool,
    rows: Sql = RESOURCES,
) -> Sql:
    """The part's matches in order; with `sort` all of them are found before they are put in order.

    `rows` is what they are looked for in, under the name of `r`.
    """
    columns = _columns(criteria)
    order = sorting.order_by(part.order)
    own = all_of((part.condition, _behind(part)))
    # strings are looked up for each row: only for the matches
    inner, outer = (where, own) if criteria[0].strings is not None else (all_of((where, own)), TRUE)
    if sort:
        source = f"(SELECT r.* FROM {rows.text} WHERE {inner.text} OFFSET 0) AS r"
        text = f"{source} WHERE {outer.text}"
    else:
        text = f"{rows.text} WHERE {all_of((inner, outer)).text}"
    return Sql(
        f"SELECT {columns.text} FROM {text} ORDER BY {order.text} LIMIT %s",
        (*columns.values, *rows.values, *inner.values, *outer.values, *order.values, limit),
    )


def types_statement(
    query: Query, where: Sql, criteria: list[sorting.Key], part: sorting.Part, limit: int
) -> Sql:
    """The part's matches of several types: each has its rows in an order, all together have not."""
    own = all_of((Sql("r.type = searched.type"), where))
    page = part_statement(own, criteria, part, limit, sort=False)
    names = [f"sort_{number}" for number in range(len(criteria))]
    merged = sorting.order_by(
        [
            replace(key, expression=Sql(name))
            for key, name in zip(part.order, names[-len(part.order) :], strict=True)
        ]
    )
    return Sql(
        f"SELECT page.* FROM unnest(%s::smallint[]) AS searched (type) "
        f"CROSS JOIN LATERAL ({page.text}) AS page ORDER BY {merged.text} LIMIT %s",
        ([type_number(branch.type) for branch in query.branches], *page.values, limit),
    )
