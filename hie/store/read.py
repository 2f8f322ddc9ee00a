"""Reading versions of one resource. https://hl7.org/fhir/R4/http.html#read

Every statement carries the caller's restriction, an SQL condition on the row `r` with named values;
a row that the caller may not see is answered exactly like one that is not there.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from hie.kit.db import Connection, Database, rows_of

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


async def _rows(
    source: Database | Connection, statement: str, condition: Condition, **values: object
) -> list[Row]:
    text = statement.format(condition=condition.sql)
    return [Row(*row) for row in await rows_of(source, text, {**condition.values, **values})]


async def read(
    source: Database | Connection, type_number: int, logical_id: str, condition: Condition
) -> Row | None:
    """The current version; None if there is none to see."""
    rows = await _rows(source, READ, condition, type=type_number, id=logical_id)
    return rows[0] if rows else None


async def deletion(
    source: Database | Connection, type_number: int, logical_id: str, condition: Condition
) -> Row | None:
    """The version, without a body, with which the resource was deleted; None if it was not."""
    rows = await _rows(source, DELETION, condition, type=type_number, id=logical_id)
    return rows[0] if rows else None


async def vread(
    source: Database | Connection,
    type_number: int,
    logical_id: str,
    version: int,
    condition: Condition,
) -> Row | None:
    """One version, current or not; a row without a body if that version is a deletion."""
    rows = await _rows(source, VREAD, condition, type=type_number, id=logical_id, version=version)
    return rows[0] if rows else None
