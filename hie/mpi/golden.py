"""Golden records of persons as they are now, computed from the registrations and nothing else."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import orjson

from hie.kit.db import Connection
from hie.mpi import features
from hie.mpi.survive import Explanation, Part, golden

MEMBERS = """
SELECT person, id, institution, revision, features::text, content::text
FROM mpi.registration WHERE person = ANY(%s) ORDER BY person, id
"""


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
    members = await parts_of(connection, persons)
    return [
        Golden(person, golden(person, members[person])[0] if members[person] else None)
        for person in sorted(members)
    ]


async def explain(connection: Connection, person: str) -> Explanation:
    """Of every element of the golden record the registrations that it comes from."""
    members = (await parts_of(connection, [person]))[person]
    return golden(person, members)[1] if members else {}
