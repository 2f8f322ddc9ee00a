"""The outbox of link changes: who wants to hear, what has not been told yet.

A notice is written with the event, by a trigger on the journal (migration `0020_mpi_notice`), and read
when that has committed; several readers share the work.
"""

from collections.abc import Collection
from typing import NamedTuple

from hie.kit.db import Connection

FORGET = "DELETE FROM mpi.subscriber WHERE NOT (institution, subscription) IN (SELECT * FROM unnest(%s::int[], %s::text[]))"
REMEMBER = """
INSERT INTO mpi.subscriber SELECT * FROM unnest(%s::int[], %s::text[]) ON CONFLICT DO NOTHING
"""
TAKE = """
WITH taken AS (
    SELECT event, institution FROM mpi.notice ORDER BY event, institution LIMIT %s
    FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM mpi.notice n USING taken t
    WHERE n.event = t.event AND n.institution = t.institution
)
SELECT t.event, t.institution, e.kind, e.person, e.other, e.registrations
FROM taken t JOIN mpi.link_event e ON e.number = t.event ORDER BY t.event, t.institution
"""
STANDING = """
SELECT p.id, p.merged_into, array(
    SELECT r.id FROM mpi.registration r
    WHERE r.person = p.id AND r.institution = %(institution)s ORDER BY r.id
)
FROM mpi.person p WHERE p.id = ANY(%(persons)s) ORDER BY p.id
"""


class Notice(NamedTuple):
    """A link event that concerns registrations of `institution`."""

    event: int
    institution: int
    kind: str
    person: str
    other: str | None
    registrations: list[str]


class Standing(NamedTuple):
    """How a person stands now, as far as one institution's own registrations go."""

    person: str
    merged_into: str | None
    own: list[str]


async def subscribers(connection: Connection, wanted: Collection[tuple[int, str]]) -> None:
    """From now on notice changes for these (institution, Subscription id), and no others."""
    columns = [number for number, _ in wanted], [id_ for _, id_ in wanted]
    await connection.execute(FORGET, columns)
    await connection.execute(REMEMBER, columns)


async def take(connection: Connection, count: int) -> list[Notice]:
    """The oldest notices, removed when the caller's transaction commits."""
    cursor = await connection.execute(TAKE, (count,))
    return [Notice(*row) for row in await cursor.fetchall()]


async def standing(
    connection: Connection, persons: Collection[str], institution: int
) -> list[Standing]:
    """The persons as they are now, seen from the institution."""
    cursor = await connection.execute(
        STANDING, {"persons": list(persons), "institution": institution}
    )
    return [Standing(*row) for row in await cursor.fetchall()]
