"""The SQL of the audit trail: events to rows and back."""

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime

import orjson

from hie.audit.event import Event, Recorded
from hie.kit.db import Connection

_TYPES = {
    "recorded": "timestamptz",
    "outcome": "smallint",
    "institution": "integer",
    "entity_version": "integer",
    "entity_count": "integer",
}
COLUMNS = tuple(field.name for field in fields(Event))

# One statement and one value for any number of events: one round trip, one plan, one commit.
INSERT = (
    f"INSERT INTO audit.event ({', '.join(COLUMNS)}) SELECT {', '.join(COLUMNS)} "
    "FROM json_to_recordset(%(events)s::json) AS event ("
    + ", ".join(f"{name} {_TYPES.get(name, 'text')}" for name in COLUMNS)
    + ")"
)
_PREPARE = "SELECT audit.prepare_month(%s)"
SELECT_ROWS = f"SELECT number, {', '.join(COLUMNS)} FROM audit.event"
_OF_PATIENT = (
    f"{SELECT_ROWS} WHERE patient = %s AND number < coalesce(%s, 9223372036854775807) "
    "ORDER BY number DESC LIMIT %s"
)


def noting(source: str, **fields: str) -> str:
    """An INSERT that puts one event on record for each row of `source` (what follows FROM).

    `fields` are SQL expressions by the names of `Event`; it stands in WITH beside what is read.
    """
    return (
        f"INSERT INTO audit.event (recorded, {', '.join(fields)}) "
        f"SELECT date_trunc('milliseconds', now()), {', '.join(fields.values())} FROM {source}"
    )


async def insert(connection: Connection, events: Sequence[Event]) -> None:
    """Add `events` to the trail; they are on disk when the connection's transaction is."""
    await connection.execute(INSERT, values(events))


def values(events: Sequence[Event]) -> dict[str, str]:
    """What `INSERT` needs to add `events`.

    A caller's query may hold what UTF-8 or `text` may not: one hostile request must not spoil the
    batch of all others that wait with it.
    """
    try:
        text = orjson.dumps(events)
    except TypeError:  # a lone surrogate
        text = b""
    if not text or b"\\u0000" in text:
        plain = [{name: _storable(getattr(event, name)) for name in COLUMNS} for event in events]
        text = orjson.dumps(plain)
    return {"events": text.decode()}


async def prepare_month(connection: Connection, moment: datetime) -> None:
    """Make the partition in which events of `moment` are kept, unless it is there."""
    await connection.execute(_PREPARE, (moment,))


async def of_patient(
    connection: Connection, patient: str, *, limit: int, before: int | None = None
) -> list[Recorded]:
    """The newest `limit` events about the golden Patient `patient`, older than number `before`."""
    return await recorded_rows(connection, _OF_PATIENT, (patient, before, limit))


async def recorded_rows(
    connection: Connection, statement: str, values: Sequence[object] | dict[str, object]
) -> list[Recorded]:
    """What a statement that begins like `SELECT_ROWS` finds."""
    cursor = await connection.execute(statement, values)
    return [
        Recorded(row[0], Event(**dict(zip(COLUMNS, row[1:], strict=True))))
        for row in await cursor.fetchall()
    ]


def _storable(value: object) -> object:
    """Text that PostgreSQL can keep."""
    if isinstance(value, str) and ("\0" in value or not value.isprintable()):
        return value.encode("utf-8", "replace").decode("utf-8").replace("\0", "\ufffd")
    return value
