"""The journal of links: append-only, so that who was one with whom, when and why is never lost."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import orjson

from hie.kit.clock import instant, now
from hie.kit.db import Connection

Kind = Literal["link", "unlink", "move", "merge", "unmerge", "not-duplicate"]
ENGINE = "exchange"
"""The actor of automatic links."""

INSERT = """
INSERT INTO mpi.link_event (at, kind, person, other, registrations, actor, reason, bits, model, undoes)
SELECT at, kind, person, other, registrations, actor, reason, bits, model, undoes
FROM jsonb_to_recordset(%s::jsonb) AS e(
    at timestamptz, kind text, person text, other text, registrations text[], actor text,
    reason text, bits real, model text, undoes bigint)
RETURNING number
"""


@dataclass(frozen=True, slots=True)
class Event:
    """One entry. `registrations` are those that came to `person` (merge: from `other`)."""

    kind: Kind
    person: str
    registrations: tuple[str, ...]
    reason: str
    other: str | None = None
    actor: str = ENGINE
    bits: float | None = None
    model: str | None = None
    undoes: int | None = None


async def record(connection: Connection, events: Sequence[Event]) -> list[int]:
    """Write the events; their numbers."""
    if not events:
        return []
    at = instant(now())
    rows = [
        {
            "at": at,
            "kind": event.kind,
            "person": event.person,
            "other": event.other,
            "registrations": event.registrations,
            "actor": event.actor,
            "reason": event.reason,
            "bits": event.bits,
            "model": event.model,
            "undoes": event.undoes,
        }
        for event in events
    ]
    cursor = await connection.execute(INSERT, (orjson.dumps(rows).decode(),))
    return [number for (number,) in await cursor.fetchall()]
