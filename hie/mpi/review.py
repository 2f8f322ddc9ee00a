"""The queue of pairs that a human should look at; one open entry for each pair of persons."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import orjson

from hie.kit.clock import instant, now
from hie.kit.db import Connection

Outcome = Literal["merged", "moved", "not-duplicate", "kept"]

INSERT = """
INSERT INTO mpi.review (opened, reason, registration, person, other, bits, guards)
SELECT opened, reason, registration, person, other, bits, guards
FROM jsonb_to_recordset(%s::jsonb) AS r(
    opened timestamptz, reason text, registration text, person text, other text, bits real,
    guards text[])
ON CONFLICT DO NOTHING
"""
# A person that was merged meanwhile stands for the one it was merged into; what both sides have
# come to is settled; a doubt about a person's own registration has both sides the same from the start.
CURRENT = """
SELECT r.number, r.opened, r.reason, r.registration, coalesce(p.merged_into, r.person) AS person,
    coalesce(o.merged_into, r.other) AS other, r.bits, r.guards, r.person = r.other AS alone
FROM mpi.review r
JOIN mpi.person p ON p.id = r.person JOIN mpi.person o ON o.id = r.other
"""
OPEN = f"""
SELECT number, opened, reason, registration, person, other, bits, guards, count(*) OVER ()
FROM ({CURRENT} WHERE r.closed IS NULL) q
WHERE (alone OR person <> other)
    AND (%(reason)s::text IS NULL OR reason = %(reason)s)
    AND (%(guard)s::text IS NULL OR %(guard)s = ANY(guards))
ORDER BY bits DESC, number LIMIT %(count)s OFFSET %(offset)s
"""
ONE = f"""
SELECT number, opened, reason, registration, person, other, bits, guards
FROM ({CURRENT} WHERE r.number = %s AND r.closed IS NULL) q
WHERE alone OR person <> other
"""
COUNT = "SELECT count(*) FROM mpi.review WHERE closed IS NULL"
CLOSE = """
UPDATE mpi.review SET closed = %s, decision = %s, actor = %s WHERE number = %s AND closed IS NULL
"""
CLOSE_PAIR = f"""
UPDATE mpi.review SET closed = %(at)s, decision = %(decision)s, actor = %(actor)s
WHERE number IN (
    SELECT q.number FROM ({CURRENT} WHERE r.closed IS NULL) q
    WHERE least(q.person, q.other) = least(%(one)s, %(two)s)
        AND greatest(q.person, q.other) = greatest(%(one)s, %(two)s)
)
"""
# What is open about two persons who turn out to be apart, because one of them was merged.
CLOSE_APART = f"""
UPDATE mpi.review SET closed = %(at)s, decision = 'not-duplicate', actor = %(actor)s
WHERE number IN (
    SELECT q.number FROM ({CURRENT} WHERE r.closed IS NULL) q
    WHERE q.person <> q.other AND %(person)s IN (q.person, q.other) AND EXISTS (
        SELECT FROM mpi.registration one JOIN mpi.apart a ON one.id IN (a.low, a.high)
        JOIN mpi.registration two ON two.id IN (a.low, a.high) AND two.id <> one.id
        WHERE one.person = q.person AND two.person = q.other
    )
)
"""
APART = """
SELECT EXISTS (
    SELECT FROM mpi.registration one JOIN mpi.apart a ON one.id IN (a.low, a.high)
    JOIN mpi.registration two ON two.id IN (a.low, a.high) AND two.id <> one.id
    WHERE one.person = %s AND two.person = %s
)
"""


@dataclass(frozen=True, slots=True)
class Doubt:
    """`registration` is in `person`; whether it (or all of `person`) belongs to `other` is open."""

    reason: str
    registration: str
    person: str
    other: str
    bits: float
    guards: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Review:
    """A doubt in the queue."""

    number: int
    opened: datetime
    doubt: Doubt


async def ask(connection: Connection, doubts: Sequence[Doubt]) -> None:
    """Put doubts into the queue; a pair of persons that waits there already stays as it is."""
    wanted = [doubt for doubt in doubts if not await _settled(connection, doubt)]
    if not wanted:
        return
    opened = instant(now())
    rows = [
        {
            "opened": opened,
            "reason": doubt.reason,
            "registration": doubt.registration,
            "person": doubt.person,
            "other": doubt.other,
            "bits": doubt.bits,
            "guards": doubt.guards,
        }
        for doubt in wanted
    ]
    await connection.execute(INSERT, (orjson.dumps(rows).decode(),))


async def _settled(connection: Connection, doubt: Doubt) -> bool:
    """Whether a steward has said before that the two persons are not one."""
    cursor = await connection.execute(APART, (doubt.person, doubt.other))
    row = await cursor.fetchone()
    return bool(row and row[0])


async def queue(
    connection: Connection,
    *,
    reason: str | None = None,
    guard: str | None = None,
    count: int = 50,
    offset: int = 0,
) -> tuple[list[Review], int]:
    """The open entries, the most probable first, and how many there are in all."""
    values = {"reason": reason, "guard": guard, "count": count, "offset": offset}
    rows = await (await connection.execute(OPEN, values)).fetchall()
    return [_review(row[:-1]) for row in rows], rows[0][-1] if rows else 0


async def length(connection: Connection) -> int:
    """How many entries are open."""
    cursor = await connection.execute(COUNT)
    row = await cursor.fetchone()
    return int(row[0]) if row else 0


async def find(connection: Connection, number: int) -> Review | None:
    """One open entry."""
    cursor = await connection.execute(ONE, (number,))
    row = await cursor.fetchone()
    return _review(row) if row else None


async def close(connection: Connection, number: int, outcome: Outcome, actor: str) -> bool:
    """Close an entry; False when it is not open."""
    cursor = await connection.execute(CLOSE, (now(), outcome, actor, number))
    return cursor.rowcount == 1


async def close_pair(
    connection: Connection, pair: tuple[str, str], outcome: Outcome, actor: str
) -> None:
    """Close what is open about two persons, or about others that were merged into them."""
    one, two = pair
    await connection.execute(
        CLOSE_PAIR, {"at": now(), "decision": outcome, "actor": actor, "one": one, "two": two}
    )


async def close_apart(connection: Connection, person: str, actor: str) -> None:
    """Close what is open between `person` and those whom a steward has set apart from it."""
    await connection.execute(CLOSE_APART, {"at": now(), "person": person, "actor": actor})


def _review(row: Sequence[object]) -> Review:
    number, opened, reason, registration, person, other, bits, guards = row
    if not isinstance(number, int) or not isinstance(opened, datetime):
        raise TypeError("a review row has a number and a time")
    given: Collection[str] = guards if isinstance(guards, list) else ()
    doubt = Doubt(
        str(reason), str(registration), str(person), str(other), float(str(bits)), tuple(given)
    )
    return Review(number, opened, doubt)
