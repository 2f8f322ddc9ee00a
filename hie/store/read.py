"""Reading versions of one resource. https://hl7.org/fhir/R4/http.html#read

Every statement carries the caller's restriction, an SQL condition on the row `r` with named values;
a row that the caller may not see is answered exactly like one that is not there.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from psycopg.rows import class_row

from hie.kit.db import Connection

ROW_COLUMNS = (
    "r.patient_key, r.key, r.type, r.id, r.version, r.last_updated, r.institution, "
    "r.dictionary, r.body"
)


class Row(NamedTuple):
    """One version as stored. `body` is compressed, and None for a deletion."""

    patient_key: int
    key: int
    type: int
    id: str
    version: int
    last_updated: datetime
    institution: int
    dictionary: int
    body: bytes | None


class Condition(NamedTuple):
    """An SQL condition on the row `r`, with its named values."""

    sql: str
    values: Mapping[str, object]


PAST = """(
    SELECT *, NULL::timestamptz AS date_low, NULL::timestamptz AS date_high, NULL::bigint[] AS tokens
    FROM store.history
) r"""
"""Superseded versions with the columns of a resource row: dates and tokens of old are not known."""

READ = f"""
SELECT {ROW_COLUMNS}
FROM store.resource r
WHERE r.type = %(type)s AND r.id = %(id)s AND {{condition}}
"""

# The newest of the superseded versions: for a resource without a current version, its deletion.
DELETION = f"""
SELECT {ROW_COLUMNS}
FROM {PAST}
WHERE r.type = %(type)s AND r.id = %(id)s AND {{condition}}
  AND NOT EXISTS (SELECT FROM store.resource c WHERE c.type = r.type AND c.id = r.id)
ORDER BY r.version DESC LIMIT 1
"""

VREAD = f"""
SELECT {ROW_COLUMNS}
FROM store.resource r
WHERE r.type = %(type)s AND r.id = %(id)s AND r.version = %(version)s AND {{condition}}
UNION ALL
SELECT {ROW_COLUMNS}
FROM {PAST}
WHERE r.type = %(type)s AND r.id = %(id)s AND r.version = %(version)s AND {{condition}}
"""

HISTORY = f"""
SELECT * FROM (
    SELECT {ROW_COLUMNS}
    FROM store.resource r
    WHERE r.type = %(type)s AND r.id = %(id)s AND {{condition}}
    UNION ALL
    SELECT {ROW_COLUMNS}
    FROM {PAST}
    WHERE r.type = %(type)s AND r.id = %(id)s AND {{condition}}
) versions
WHERE version < %(before)s ORDER BY version DESC LIMIT %(limit)s
"""


async def _one(
    connection: Connection, statement: str, condition: Condition, **values: object
) -> Row | None:
    async with connection.cursor(row_factory=class_row(Row)) as cursor:
        await cursor.execute(
            statement.format(condition=condition.sql), {**condition.values, **values}
        )
        return await cursor.fetchone()


async def read(
    connection: Connection, type_number: int, logical_id: str, condition: Condition
) -> Row | None:
    """The current version; a row without a body if it is deleted; None if there is none to see."""
    row = await _one(connection, READ, condition, type=type_number, id=logical_id)
    return row or await _one(connection, DELETION, condition, type=type_number, id=logical_id)


async def vread(
    connection: Connection, type_number: int, logical_id: str, version: int, condition: Condition
) -> Row | None:
    """One version, current or not; a row without a body if that version is a deletion."""
    return await _one(
        connection, VREAD, condition, type=type_number, id=logical_id, version=version
    )


async def history(
    connection: Connection,
    type_number: int,
    logical_id: str,
    condition: Condition,
    *,
    before: int,
    limit: int,
) -> list[Row]:
    """Up to `limit` versions below number `before`, newest first."""
    async with connection.cursor(row_factory=class_row(Row)) as cursor:
        await cursor.execute(
            HISTORY.format(condition=condition.sql),
            {
                **condition.values,
                "type": type_number,
                "id": logical_id,
                "before": before,
                "limit": limit,
            },
        )
        return await cursor.fetchall()
