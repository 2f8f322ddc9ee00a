"""Which source records are one person: asked by every statement anew, so that a relink counts at once.

The patient key of a record (`store.resource.patient_key`) is kept beside each person and each
registration: what a person's records are, and whose a record is, can be asked inside other statements.
"""

from collections.abc import Collection

from hie.kit.db import Connection, Database, rows_of
from hie.kit.hashing import Hasher

LINKED = """
SELECT p.id, array(
    SELECT r.id FROM mpi.registration r
    WHERE r.person = coalesce(p.merged_into, p.id) ORDER BY r.id
) FROM mpi.person p WHERE p.id = ANY(%(ids)s::text[])
"""
PERSON_OF = "SELECT id, person FROM mpi.registration WHERE id = ANY(%s)"
CURRENT = "SELECT coalesce(merged_into, id) FROM mpi.person WHERE id = %s"
HELD_BY = """
SELECT person, id FROM mpi.registration WHERE person = ANY(%s) AND institution = %s ORDER BY id
"""

STRUCK_OFF = """
SELECT person FROM mpi.registration WHERE person = ANY(%s)
GROUP BY person HAVING bool_and(content @> '{"active": false}')
"""

KEYS_OF = """
SELECT own.patient_key
FROM mpi.person asked, LATERAL (
    SELECT asked.patient_key
    UNION ALL
    SELECT p.patient_key FROM mpi.person p WHERE p.id = asked.merged_into
    UNION ALL
    SELECT p.patient_key FROM mpi.person p
    WHERE p.merged_into = coalesce(asked.merged_into, asked.id)
    UNION ALL
    SELECT g.patient_key FROM mpi.registration g
    WHERE g.person = coalesce(asked.merged_into, asked.id)
) own
WHERE asked.id = ANY({persons})
"""
"""The patient keys of everything that belongs to the persons of the array expression `{persons}`.

A person's records are the golden Patient, every registration linked to it now, and what stands with
persons that were merged into it. A merged person's id stands for the person it was merged into. Ids
that are not golden give nothing.
"""

KEY_OF = """
SELECT {key} FROM (SELECT {person_of_key} OFFSET 0) AS holder (person)
WHERE holder.person = ANY({persons})
  OR ARRAY(SELECT p.id FROM mpi.person p WHERE p.merged_into = holder.person) && {persons}
"""
"""`{key}`, if it is one of `KEYS_OF` these persons: for one key, however many the persons are.

`{person_of_key}` is `PERSON_OF_KEY` of it. A merged person's registrations and what was merged into
it have been moved to the person that it was merged into (`hie.mpi.steward`).
"""

PERSON_OF_KEY = """coalesce(
    (SELECT g.person FROM mpi.registration g WHERE g.patient_key = {key}),
    (SELECT coalesce(p.merged_into, p.id) FROM mpi.person p WHERE p.patient_key = {key})
)"""
"""The golden id of the person whom rows with the patient key `{key}` concern; NULL for nobody's."""

SOURCES = """array(
    SELECT g.id FROM mpi.person p JOIN mpi.registration g ON g.person = coalesce(p.merged_into, p.id)
    WHERE p.id = {person}
)"""
"""The ids of the source Patients that are linked to the person `{person}`."""


def patient_key(hasher: Hasher, logical_id: str) -> int:
    """Under which key a Patient, source or golden, and what is about it stands in the store."""
    return hasher(f"Patient/{logical_id}")


async def linked(
    source: Database | Connection, patient_ids: Collection[str]
) -> dict[str, tuple[str, ...]]:
    """The source Patient ids of each golden id; ids that are not golden are left out.

    The id of a merged person stands for the person that it was merged into.
    """
    if not patient_ids:
        return {}
    rows = await rows_of(source, LINKED, {"ids": list(patient_ids)})
    return {golden: tuple(sources) for golden, sources in rows}


async def person_of(connection: Connection, source_ids: Collection[str]) -> dict[str, str]:
    """The golden Patient id of each source Patient id that is registered."""
    if not source_ids:
        return {}
    cursor = await connection.execute(PERSON_OF, (list(source_ids),))
    return dict(await cursor.fetchall())


async def held_by(
    connection: Connection, persons: Collection[str], institution: int | None
) -> dict[str, list[str]]:
    """Of each person that the institution has registered the ids of its own source Patients."""
    found: dict[str, list[str]] = {}
    cursor = await connection.execute(HELD_BY, (list(persons), institution))
    for person, id_ in await cursor.fetchall():
        found.setdefault(person, []).append(id_)
    return found


async def struck_off(connection: Connection, persons: Collection[str]) -> set[str]:
    """Those of the persons whose registrations are all inactive."""
    cursor = await connection.execute(STRUCK_OFF, (list(persons),))
    return {person for (person,) in await cursor.fetchall()}


async def current_person(connection: Connection, golden_id: str) -> str | None:
    """The golden id under which this person is known now; None if it is nobody's golden id."""
    cursor = await connection.execute(CURRENT, (golden_id,))
    row = await cursor.fetchone()
    return row[0] if row else None
