"""Which source records are one person: asked on every read, so that a relink counts at once."""

from collections.abc import Collection

from hie.kit.db import Connection

LINKED = """
SELECT p.id, array(
    SELECT r.id FROM mpi.registration r
    WHERE r.person = coalesce(p.merged_into, p.id) ORDER BY r.id
) FROM mpi.person p WHERE p.id = ANY(%s)
"""
PERSON_OF = "SELECT id, person FROM mpi.registration WHERE id = ANY(%s)"


async def linked(
    connection: Connection, patient_ids: Collection[str]
) -> dict[str, tuple[str, ...]]:
    """The source Patient ids of each golden id; ids that are not golden are left out.

    The id of a merged person stands for the person that it was merged into.
    """
    if not patient_ids:
        return {}
    cursor = await connection.execute(LINKED, (list(patient_ids),))
    return {golden: tuple(sources) for golden, sources in await cursor.fetchall()}


async def person_of(connection: Connection, source_ids: Collection[str]) -> dict[str, str]:
    """The golden Patient id of each source Patient id that is registered."""
    if not source_ids:
        return {}
    cursor = await connection.execute(PERSON_OF, (list(source_ids),))
    return dict(await cursor.fetchall())
