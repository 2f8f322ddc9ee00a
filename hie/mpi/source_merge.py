"""Merges that an institution makes among its own registrations: HL7 v2 A40 and `Patient.link`.

A hospital that says "number 12 is replaced by number 34" knows its own patients, and nobody
else's. So the replaced registration, and only that one, goes to the person of the one that replaces
it; a person who has nothing else redirects there. What other institutions had linked to it stays
where it is, and a human looks at both persons. Links to another institution's records and pairs
that a steward has set apart change nothing; where the resident numbers differ, a human decides.
https://hl7.org/fhir/R4/patient-definitions.html#Patient.link
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from hie.kit.db import Connection
from hie.mpi import compare, events, review, steward
from hie.mpi.decide import guards
from hie.mpi.events import ENGINE, Event
from hie.mpi.golden import parts_of
from hie.mpi.review import Doubt
from hie.mpi.survive import Part

# What a steward has said of two registrations goes before what their institution says.
TO_MOVE = """
SELECT old.person, new.person
FROM mpi.registration old, mpi.registration new
WHERE old.id = %s AND new.id = %s AND old.institution = new.institution AND old.person <> new.person
    AND NOT EXISTS (
        SELECT FROM mpi.registration m
        JOIN mpi.apart a ON a.low = least(m.id, old.id) AND a.high = greatest(m.id, old.id)
        WHERE m.person = new.person
    )
"""
MOVE = "UPDATE mpi.registration SET person = %s WHERE id = %s"


class Replaced(NamedTuple):
    """`old` is replaced by `new`: ids of source Patients."""

    old: str
    new: str


def replacements(patients: Iterable[tuple[str, Mapping[str, Any]]]) -> list[Replaced]:
    """What the links of source Patients, given with their ids, say is replaced by what."""
    found = []
    for id_, patient in patients:
        for link in patient.get("link") or ():
            other = link.get("other", {}).get("reference", "")
            kind, _, target = other.rpartition("/")
            if kind.rpartition("/")[2] != "Patient" or target == id_:
                continue
            if link.get("type") == "replaced-by":
                found.append(Replaced(id_, target))
            elif link.get("type") == "replaces":
                found.append(Replaced(target, id_))
    return found


async def follow(connection: Connection, replaced: list[Replaced]) -> set[str]:
    """Move replaced registrations; the persons whose golden records change.

    The index must be locked as a whole, and the registrations must be in it.
    """
    touched: set[str] = set()
    for one in replaced:
        cursor = await connection.execute(TO_MOVE, one)
        row = await cursor.fetchone()
        if row is None:
            continue
        before, person = row
        members = await parts_of(connection, [before, person])
        if _numbers_differ(one, members[before], members[person]):
            doubt = Doubt("source-merge", one.old, before, person, 0.0, ("numbers",))
            await review.ask(connection, [doubt])
            continue
        reason = f"its institution replaced Patient/{one.old} by Patient/{one.new}"
        if len(members[before]) == 1:
            done = await steward.merge(connection, person, before, actor=ENGINE, reason=reason)
            touched |= {golden.person for golden in done.goldens}
            continue
        await connection.execute(MOVE, (person, one.old))
        await events.record(connection, [Event("move", person, (one.old,), reason, other=before)])
        await review.close_pair(connection, (before, person), "moved", ENGINE)
        await review.ask(connection, [Doubt("source-merge", one.old, person, before, 0.0, ())])
        touched |= {before, person}
    return touched


def _numbers_differ(one: Replaced, before: list[Part], person: list[Part]) -> bool:
    """Whether the replaced registration bears another sound resident number than the person."""
    old = next(part.features for part in before if part.id == one.old)
    known = compare.union(part.features for part in person)
    return "numbers" in guards(old, known, compare.compare(old, known))
