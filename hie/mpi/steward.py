"""What a data steward does by hand: move, merge, unmerge, say that two are not one. All undoable.

Every act is an event with its actor and reason; only links change, never a clinical row. Each
function gives the golden records to rewrite, in the caller's transaction.
"""

from collections.abc import Iterable, Sequence
from itertools import product

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
SELECT number, at, kind, person, other, registrations, actor, reason, bits
FROM mpi.link_event WHERE person = %(person)s OR other = %(person)s ORDER BY number
"""
REDIRECTS = "redirect:"


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
) -> tuple[int, list[Golden]]:
    """Make two persons one; the id `gone` redirects from now on. The event's number, for `unmerge`."""
    await _lock(connection)
    if survivor == gone:
        raise problem(422, "invariant", "A person cannot merge with itself", "不能与自身合并")
    await _members(connection, survivor)
    moved = await _members(connection, gone)
    cursor = await connection.execute(REDIRECTED, (gone,))
    redirects = [f"{REDIRECTS}{id_}" for (id_,) in await cursor.fetchall()]
    await connection.execute(MOVE, (survivor, moved, gone))
    await connection.execute(REDIRECT, (survivor, gone, gone))
    event = Event("merge", survivor, (*moved, *redirects), reason, other=gone, actor=actor)
    (number,) = await events.record(connection, [event])
    await review.close_pair(connection, (survivor, gone), "merged", actor)
    return number, await goldens(connection, [survivor, gone])


async def unmerge(connection: Connection, number: int, *, actor: str, reason: str) -> list[Golden]:
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
    await events.record(connection, [undone])
    return await goldens(connection, [survivor, gone])


async def move(
    connection: Connection,
    hasher: Hasher,
    registration: str,
    person: str | None,
    *,
    actor: str,
    reason: str,
) -> tuple[str, list[Golden]]:
    """Put a registration into another person, or (None) into a new one; the person's id."""
    await _lock(connection)
    cursor = await connection.execute(MEMBER, (registration,))
    row = await cursor.fetchone()
    if row is None:
        raise _missing("Patient", registration)
    before = str(row[0])
    if person is None:
        person = new_id()
        await connection.execute(INSERT_PERSON, (person, patient_key(hasher, person), now()))
    else:
        await _members(connection, person)
    await connection.execute(MOVE, (person, [registration], before))
    event = Event("move", person, (registration,), reason, other=before, actor=actor)
    await events.record(connection, [event])
    return person, await goldens(connection, {person, before})


async def not_duplicate(
    connection: Connection, one: str, two: str, *, actor: str, reason: str
) -> None:
    """Two persons are not one: the engine neither links nor asks again."""
    await _lock(connection)
    ours, theirs = await _members(connection, one), await _members(connection, two)
    event = Event("not-duplicate", one, tuple(ours), reason, other=two, actor=actor)
    (number,) = await events.record(connection, [event])
    pairs = [sorted(pair) for pair in product(ours, theirs)]
    await connection.execute(
        APART, ([low for low, _ in pairs], [high for _, high in pairs], [number] * len(pairs))
    )
    await review.close_pair(connection, (one, two), "not-duplicate", actor)


async def history(connection: Connection, person: str) -> Sequence[Iterable[object]]:
    """Every event that a person took part in, oldest first, as rows of `mpi.link_event`."""
    cursor = await connection.execute(HISTORY, {"person": person})
    return await cursor.fetchall()
