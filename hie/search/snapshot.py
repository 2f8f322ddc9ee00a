"""The resources of one type as they stood at one moment, in the order of their creation.

For exports, whose files all show the same moment however much later each is fetched:
https://hl7.org/fhir/uv/bulkdata/STU2/export.html#response---output-manifest

What has been changed or deleted since then comes from the history, which knows nothing of tokens: a
granular scope does not reach it, as in `_history`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from psycopg.rows import class_row

from hie.kit.db import Connection
from hie.search.sql import Sql, all_of
from hie.store.read import PAST, ROW_COLUMNS, Row

LAST = 2**63 - 1
_CURRENT = "SELECT {columns} FROM store.resource r WHERE {where}"
_REPLACED = """
SELECT {columns} FROM (
    SELECT past.*, NULL::timestamptz AS date_low, NULL::timestamptz AS date_high,
        NULL::bigint[] AS tokens
    FROM (
        SELECT id FROM store.resource WHERE type = %s AND last_updated > %s
        UNION
        SELECT id FROM store.history WHERE type = %s AND last_updated > %s
    ) since
    CROSS JOIN LATERAL (
        SELECT h.* FROM store.history h
        WHERE h.type = %s AND h.id = since.id AND h.last_updated <= %s
        ORDER BY h.version DESC LIMIT 1
    ) past
) r WHERE r.body IS NOT NULL AND {where}
"""
_DELETED = f"""
SELECT {ROW_COLUMNS} FROM {PAST}
WHERE r.body IS NULL AND r.last_updated > %s AND r.last_updated <= %s
    AND (r.key, r.version) > (%s, %s) AND {{where}}
    AND NOT EXISTS (
        SELECT FROM store.history n WHERE n.type = r.type AND n.id = r.id
            AND n.version > r.version AND n.last_updated <= %s)
    AND NOT EXISTS (
        SELECT FROM store.resource n WHERE n.type = r.type AND n.id = r.id AND n.last_updated <= %s)
ORDER BY r.key, r.version LIMIT %s
"""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One type at one moment.

    `since`: only what was changed after it. `visible` is a condition on the row `r`. With `matching`,
    a search, rows are compared as they are now: of how they were nothing is indexed.
    """

    type_number: int
    moment: datetime
    visible: Sql
    since: datetime | None = None
    matching: Sql | None = None


class Part(NamedTuple):
    """A stretch of a snapshot: the keys behind `after` up to `until`, and how many rows it holds."""

    after: int
    until: int
    size: int


def _versions(snapshot: Snapshot, columns: str, after: int, until: int) -> Sql:
    """A statement for the rows in a stretch, in no order."""
    terms = [Sql("r.key > %s AND r.key <= %s", (after, until)), snapshot.visible]
    if snapshot.since is not None:
        terms.append(Sql("r.last_updated > %s", (snapshot.since,)))
    type_number, moment = snapshot.type_number, snapshot.moment
    of_type = Sql("r.type = %s", (type_number,))
    if snapshot.matching is not None:
        where = all_of((of_type, *terms, snapshot.matching))
        return Sql(_CURRENT.format(columns=columns, where=where.text), where.values)
    unchanged = all_of((of_type, Sql("r.last_updated <= %s", (moment,)), *terms))
    replaced = all_of(terms)
    return Sql(
        f"{_CURRENT.format(columns=columns, where=unchanged.text)} UNION ALL "
        f"{_REPLACED.format(columns=columns, where=replaced.text)}",
        (
            *unchanged.values,
            *(type_number, moment, type_number, moment, type_number, moment),
            *replaced.values,
        ),
    )


async def parts(connection: Connection, snapshot: Snapshot, size: int) -> list[Part]:
    """The snapshot cut into stretches of at most `size` rows; none if it is empty."""
    versions = _versions(snapshot, "r.key", -1, LAST)
    cursor = await connection.execute(
        "SELECT max(key), count(*) FROM ("
        f"SELECT key, (row_number() OVER (ORDER BY key) - 1) / %s AS part FROM ({versions.text}) v"
        ") numbered GROUP BY part ORDER BY part",
        (size, *versions.values),
    )
    found: list[Part] = []
    for until, count in await cursor.fetchall():
        found.append(Part(found[-1].until if found else -1, until, count))
    return found


async def rows(
    connection: Connection, snapshot: Snapshot, after: int, until: int, limit: int
) -> list[Row]:
    """The first `limit` rows of a stretch."""
    versions = _versions(snapshot, ROW_COLUMNS, after, until)
    async with connection.cursor(row_factory=class_row(Row)) as cursor:
        await cursor.execute(
            f"SELECT * FROM ({versions.text}) v ORDER BY key LIMIT %s", (*versions.values, limit)
        )
        return await cursor.fetchall()


async def deletions(
    connection: Connection,
    types: Sequence[int],
    since: datetime,
    moment: datetime,
    visible: Sql,
    after: tuple[int, int],
    limit: int,
) -> list[Row]:
    """Versions by which resources were deleted after `since` and that still stood at `moment`.

    In the order of creation of what was deleted, behind the key and version `after`.
    """
    where = all_of((Sql("r.type = ANY(%s::smallint[])", (list(types),)), visible))
    async with connection.cursor(row_factory=class_row(Row)) as cursor:
        await cursor.execute(
            _DELETED.format(where=where.text),
            (since, moment, *after, *where.values, moment, moment, limit),
        )
        return await cursor.fetchall()
