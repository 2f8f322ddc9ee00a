"""The institutions that send data and own what they sent."""

from datetime import datetime
from typing import NamedTuple

from hie.kit.db import Connection

INSERT = """
INSERT INTO store.institution AS known (code, name) VALUES (%s, %s)
ON CONFLICT (code) DO UPDATE SET name = excluded.name,
    changed_at = CASE WHEN known.name = excluded.name THEN known.changed_at ELSE now() END
RETURNING number
"""
SELECT = "SELECT number, code, name FROM store.institution WHERE number = %s"
SELECT_BY_CODE = "SELECT number, code, name FROM store.institution WHERE code = %s"
SELECT_ALL = """
SELECT number, code, name, max(changed_at) OVER () FROM store.institution ORDER BY number
"""


class Institution(NamedTuple):
    """A sender of data: `code` as registered with the exchange, `name` as people call it."""

    number: int
    code: str
    name: str


async def add_institution(connection: Connection, code: str, name: str) -> Institution:
    """The institution with this code, added or renamed."""
    cursor = await connection.execute(INSERT, (code, name))
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - RETURNING always gives the row
    return Institution(row[0], code, name)


async def institution(connection: Connection, number: int) -> Institution:
    """The institution numbered `number`; raises LookupError if there is none."""
    cursor = await connection.execute(SELECT, (number,))
    row = await cursor.fetchone()
    if row is None:
        raise LookupError(f"no institution numbered {number}")
    return Institution(*row)


async def institution_by_code(connection: Connection, code: str) -> Institution | None:
    """The institution with this code, or None."""
    cursor = await connection.execute(SELECT_BY_CODE, (code,))
    row = await cursor.fetchone()
    return Institution(*row) if row else None


async def all_institutions(connection: Connection) -> tuple[list[Institution], datetime]:
    """Every institution, the exchange itself (number 0) first, and when one of them last changed."""
    rows = await (await connection.execute(SELECT_ALL)).fetchall()
    return [Institution(*row[:3]) for row in rows], rows[0][3]
