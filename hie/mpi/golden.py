"""Golden records of persons as they are now, computed from the registrations and nothing else.

A person that was merged away leaves an inactive Patient that names the one which replaces it, so
that whoever kept the old id finds the new one. https://hl7.org/fhir/R4/patient.html#links
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import orjson

from hie.kit.db import Connection
from hie.mpi import features
from hie.mpi.survive import Explanation, Part, golden, replaced

MEMBERS = """
SELECT person, id, institution, revision, features::text, content::text
FROM mpi.registration WHERE person = ANY(%s) ORDER BY person, id
"""
MERGED = "SELECT id, merged_into FROM mpi.person WHERE merged_into = ANY(%s) ORDER BY id"
REPLACED_BY = (
    "SELECT id, merged_into FROM mpi.person WHERE id = ANY(%s) AND merged_into IS NOT NULL"
)


@dataclass(frozen=True, slots=True)
class Golden:
    """A golden Patient to write; without `resource` the person has no members left: delete it."""

    person: str
    resource: dict[str, Any] | None


async def parts_of(connection: Connection, persons: Collection[str]) -> dict[str, list[Part]]:
    """The members of each person."""
    found: dict[str, list[Part]] = {person: [] for person in persons}
    if not persons:
        return found
    cursor = await connection.execute(MEMBERS, (sorted(persons),))
    for person, id_, institution, revision, compared, content in await cursor.fetchall():
        part = Part(
            id_,
            institution,
            revision,
            features.from_json(orjson.loads(compared)),
            orjson.loads(content),
        )
        found[person].append(part)
    return found


async def goldens(connection: Connection, persons: Collection[str]) -> list[Golden]:
    """The golden record of each person, in the order of their ids."""
    async with connection.pipeline():
        merged = await connection.execute(MERGED, (sorted(persons),))
        members = await parts_of(connection, persons)
        gone: dict[str, list[str]] = {}
        for id_, survivor in await merged.fetchall():
            gone.setdefault(survivor, []).append(id_)
    empty = [person for person in members if not members[person]]
    survivors: dict[str, str] = {}
    if empty:
        survivors = dict(await (await connection.execute(REPLACED_BY, (empty,))).fetchall())
    return [
        Golden(person, _resource(person, members[person], gone.get(person, []), survivors))
        for person in sorted(members)
    ]


def _resource(
    person: str, members: list[Part], gone: list[str], survivors: dict[str, str]
) -> dict[str, Any] | None:
    if members:
        return golden(person, members, gone)[0]
    return replaced(person, survivors[person]) if person in survivors else None


async def explain(connection: Connection, person: str) -> Explanation:
    """Of every element of the golden record the registrations that it comes from."""
    members = (await parts_of(connection, [person]))[person]
    return golden(person, members)[1] if members else {}
