"""What a data steward does by hand: move, merge, unmerge, say that two are not one. All undoable.

Every act is an event with its actor and reason; only links change, never a clinical row. Each
function gives the golden records to rewrite, in the caller's transaction.
"""

from collections.abc import Collection, Iterable
from datetime import datetime
from itertools import product
from typing import NamedTuple

from hie.errors import Problem, problem
from hie.kit.clock import now
from hie.kit.db import Connection
from hie.kit.hashing import Hasher
from hie.kit.ids import new_id
from hie.mpi import events, review
from hie.mpi.candidates import LOCK_ALL, LOCK_CLASS
from hie.mpi.events import Event
from hie.mpi.golden import Golden, goldens
from hie.mpi.people import patient_key

PERSON = "SELECT merged_into FROM mpi.person WHERE id = %s"
MEMBERS = "SELECT id FROM mpi.registration WHERE person = %s ORDER BY id"
MEMBER = "SELECT person FROM mpi.registration WHERE id = %s"
MOVE = "UPDATE mpi.registration SET person = %s WHERE id = ANY(%s) AND person = %s"
INSERT_PERSON = "INSERT INTO mpi.person (id, patient_key, created) VALUES (%s, %s, %s)"
REDIRECT = "UPDATE mpi.person SET merged_into = %s WHERE id = %s OR merged_into = %s"
RESTORE = "UPDATE mpi.person SET merged_into = NULL WHERE id = %s"
RESTORE_CHAIN = "UPDATE mpi.person SET merged_into = %s WHERE id = ANY(%s)"
REDIRECTED = "SELECT id FROM mpi.person WHERE merged_into = %s ORDER BY id"
EVENT = "SELECT kind, person, other, registrations FROM mpi.link_event WHERE number = %s"
LATER = """
SELECT EXISTS (
    SELECT FROM mpi.link_event e WHERE e.number > %(number)s
    AND (e.undoes = %(number)s OR e.kind = 'merge' AND e.other = %(survivor)s AND NOT EXISTS (
        SELECT FROM mpi.link_event u WHERE u.undoes = e.number
    ))
)
"""
APART = """
INSERT INTO mpi.apart (low, high, event) SELECT * FROM unnest(%s::text[], %s::text[], %s::bigint[])
ON CONFLICT DO NOTHING
"""
HISTORY = """
SELECT number, at, kind, person, other, registrations, actor, reason, bits, undoes
FROM mpi.link_event WHERE person = %(person)s OR other = %(person)s ORDER BY number
"""
JOINED_SINCE = """
SELECT number, at, kind, person, other, registrations, actor, reason, bits, undoes
FROM mpi.link_event
WHERE (person = ANY(%(persons)s) OR other = ANY(%(persons)s)) AND kind IN ('merge', 'move')
    AND at >= %(since)s
ORDER BY number
"""
MERGE_OF = """
SELECT max(number) FROM mpi.link_event e WHERE kind = 'merge' AND person = %s AND other = %s
AND NOT EXISTS (SELECT FROM mpi.link_event u WHERE u.undoes = e.number)
"""
TOGETHER = (
    "DELETE FROM mpi.apart WHERE (low, high) IN (SELECT * FROM unnest(%s::text[], %s::text[]))"
)
REDIRECTS = "redirect:"


class Done(NamedTuple):
    """What an act came to: its event, the person it was about, and the golden records to write."""

    event: int
    person: str
    goldens: list[Golden]


class PastEvent(NamedTuple):
    """An entry of the journal, as `mpi.link_event` keeps it."""

    number: int
    at: datetime
    kind: events.Kind
    person: str
    other: str | None
    registrations: list[str]
    actor: str
    reason: str
    bits: float | None
    undoes: int | None


def _missing(what: str, id_: str) -> Problem:
    return problem(404, "not-found", f"There is no {what} {id_}", f"没有 {what} {id_}")


async def _lock(connection: Connection) -> None:
    """Acts by hand are rare: each has the index to itself until its transaction ends."""
    await connection.execute(LOCK_ALL, {"class": LOCK_CLASS})


async def _members(connection: Connection, person: str) -> list[str]:
    """The registrations of a person that exists and is not merged; Problem 404 otherwise."""
    cursor = await connection.execute(PERSON, (person,))
    row = await cursor.fetchone()
    if row is None or row[0] is not None:
        raise _missing("Person", person)
    cursor = await connection.execute(MEMBERS, (person,))
    return [id_ for (id_,) in await cursor.fetchall()]


async def merge(
    connection: Connection, survivor: str, gone: str, *, actor: str, reason: str
) -> Done:
    """Make two persons one; the id `gone` redirects from now on."""
    await _lock(connection)
    return await unite(connection, survivor, gone, actor=actor, reason=reason)


async def unite(
    connection: Connection, survivor: str, gone: str, *, actor: str, reason: str
) -> Done:
    """`merge` for callers that have locked the persons' blocks themselves."""
    if survivor == gone:
        raise problem(422, "invariant", "A person cannot merge with itself", "不能与自身合并")
    await _members(connection, survivor)
    moved = await _members(connection, gone)
    cursor = await connection.execute(REDIRECTED, (gone,))
    redirects = [f"{REDIRECTS}{id_}" for (id_,) in await cursor.fetchall()]
    await review.close_pair(connection, (survivor, gone), "merged", actor)
    await connection.execute(MOVE, (survivor, moved, gone))
    await connection.execute(REDIRECT, (survivor, gone, gone))
    event = Event("merge", survivor, (*moved, *redirects), reason, other=gone, actor=actor)
    (number,) = await events.record(connection, [event])
    await review.close_apart(connection, survivor, actor)
    earlier = [id_.removeprefix(REDIRECTS) for id_ in redirects]
    return Done(number, survivor, await goldens(connection, [survivor, gone, *earlier]))


async def merge_of(connection: Connection, survivor: str, gone: str) -> int | None:
    """The number of the last merge of `gone` into `survivor` that is not undone."""
    cursor = await connection.execute(MERGE_OF, (survivor, gone))
    row = await cursor.fetchone()
    return row[0] if row else None


async def unmerge(connection: Connection, number: int, *, actor: str, reason: str) -> Done:
    """Undo the merge event `number`: its registrations and redirects are as they were before it.

    Problem 404 when there is no such merge, 409 when it is undone already or a later merge took
    the survivor away (undo that one first).
    """
    await _lock(connection)
    cursor = await connection.execute(EVENT, (number,))
    row = await cursor.fetchone()
    if row is None or row[0] != "merge":
        raise _missing("merge", str(number))
    _, survivor, gone, listed = row
    cursor = await connection.execute(LATER, {"number": number, "survivor": survivor})
    later = await cursor.fetchone()
    if later and later[0]:
        raise problem(
            409,
            "conflict",
            "A later merge or undo stands in the way",
            "存在后续合并或撤销操作，无法撤销",
        )
    moved = [id_ for id_ in listed if not id_.startswith(REDIRECTS)]
    redirects = [id_.removeprefix(REDIRECTS) for id_ in listed if id_.startswith(REDIRECTS)]
    await connection.execute(RESTORE, (gone,))
    await connection.execute(RESTORE_CHAIN, (gone, redirects))
    await connection.execute(MOVE, (gone, moved, survivor))
    undone = Event(
        "unmerge", gone, tuple(moved), reason, other=survivor, actor=actor, undoes=number
    )
    (event,) = await events.record(connection, [undone])
    return Done(event, gone, await goldens(connection, [survivor, gone, *redirects]))


async def link(
    connection: Connection, registration: str, person: str, *, actor: str, reason: str
) -> Done:
    """Put a registration into another person. Problem 404 if one is unknown, 409 if it is there."""
    await _lock(connection)
    before = await _person_of(connection, registration)
    members = await _members(connection, person)
    if before == person:
        raise problem(
            409,
            "conflict",
            f"Patient/{registration} is linked to this person already",
            f"Patient/{registration} 已关联到该居民",
        )
    await connection.execute(TOGETHER, _columns(registration, members))
    number = await _move(connection, registration, before, person, actor=actor, reason=reason)
    return Done(number, person, await goldens(connection, {person, before}))


async def unlink(
    connection: Connection,
    hasher: Hasher,
    registration: str,
    person: str,
    *,
    actor: str,
    reason: str,
) -> Done:
    """Take a registration out of `person` into a new one.

    The engine will not bring it back by itself. Problem 404 if it is not linked to `person`, 422 if
    nothing else is: there is nothing to take it away from.
    """
    await _lock(connection)
    members = await _members(connection, person)
    if registration not in members:
        raise _missing("Patient", registration)
    rest = [id_ for id_ in members if id_ != registration]
    if not rest:
        raise problem(
            422,
            "invariant",
            "It is the person's only registration; there is nothing to separate it from",
            "这是该居民唯一的登记，无可分离",
        )
    fresh = new_id()
    await connection.execute(INSERT_PERSON, (fresh, patient_key(hasher, fresh), now()))
    number = await _move(connection, registration, person, fresh, actor=actor, reason=reason)
    low, high = _columns(registration, rest)
    await connection.execute(APART, (low, high, [number] * len(low)))
    await review.close_pair(connection, (person, person), "moved", actor)
    return Done(number, fresh, await goldens(connection, {fresh, person}))


async def not_duplicate(
    connection: Connection, one: str, two: str, *, actor: str, reason: str
) -> Done:
    """Two persons are not one: the engine neither links nor asks again."""
    await _lock(connection)
    if one == two:
        raise problem(422, "invariant", "It is one person already", "本就是同一居民")
    ours, theirs = await _members(connection, one), await _members(connection, two)
    event = Event("not-duplicate", one, tuple(ours), reason, other=two, actor=actor)
    (number,) = await events.record(connection, [event])
    pairs = [sorted(pair) for pair in product(ours, theirs)]
    await connection.execute(
        APART, ([low for low, _ in pairs], [high for _, high in pairs], [number] * len(pairs))
    )
    await review.close_pair(connection, (one, two), "not-duplicate", actor)
    return Done(number, one, [])


async def history(connection: Connection, person: str) -> list[PastEvent]:
    """Every event that a person took part in, oldest first."""
    cursor = await connection.execute(HISTORY, {"person": person})
    return [PastEvent(*row) for row in await cursor.fetchall()]


async def joined_since(
    connection: Connection, persons: Collection[str], since: datetime
) -> list[PastEvent]:
    """The merges and moves among these persons from the moment `since` on."""
    cursor = await connection.execute(JOINED_SINCE, {"persons": list(persons), "since": since})
    return [PastEvent(*row) for row in await cursor.fetchall()]


async def _person_of(connection: Connection, registration: str) -> str:
    cursor = await connection.execute(MEMBER, (registration,))
    row = await cursor.fetchone()
    if row is None:
        raise _missing("Patient", registration)
    return str(row[0])


async def _move(
    connection: Connection, registration: str, before: str, person: str, *, actor: str, reason: str
) -> int:
    await connection.execute(MOVE, (person, [registration], before))
    event = Event("move", person, (registration,), reason, other=before, actor=actor)
    (number,) = await events.record(connection, [event])
    await review.close_pair(connection, (before, person), "moved", actor)
    return number


def _columns(registration: str, others: Iterable[str]) -> tuple[list[str], list[str]]:
    """Pairs of a registration and each of the others, the smaller ids first."""
    pairs = [sorted((registration, other)) for other in others]
    return [low for low, _ in pairs], [high for _, high in pairs]
