"""Access tokens for the benchmark's callers, and what a clinician needs beside one."""

from collections.abc import Mapping
from dataclasses import dataclass

from hie.auth import scopes
from hie.auth.tokens import insert_token
from hie.kit.db import Connection, Database

OPEN = """
INSERT INTO access.opened_record (account, client_id, patient, reason, note, opened, until)
SELECT %s, 'bench', unnest(%s::text[]), 'TREAT', '', now(), now() + interval '1 hour'
"""
PERSONS = "SELECT id, person FROM mpi.registration WHERE id = ANY(%s)"
OPENED = 6
"""Records that one clinician has open: an opening lasts an hour, a visit some ten minutes."""
SECONDS = 7200


@dataclass(frozen=True, slots=True)
class Tokens:
    """One of each kind; `residents` and `clinicians` by the golden id of whose record they read."""

    operator: str
    institution: str
    clinicians: dict[str, str]
    residents: dict[str, str]


async def tokens(conninfo: str, institution: int, persons: list[str]) -> Tokens:
    """Tokens of an operator, an institution, each person, and clinicians who have opened a few each."""
    every = scopes.parse("system/*.cruds")
    async with Database(conninfo, size=1) as database, database.transaction() as connection:
        common = {"kind": "access", "client_id": "bench", "seconds": SECONDS}
        clinicians: dict[str, str] = {}
        for number in range(0, len(persons), OPENED):
            opened, account = persons[number : number + OPENED], f"bench-{number}"
            await connection.execute(OPEN, (account, opened))
            token = await insert_token(  # type: ignore[arg-type]
                connection,
                holder="staff",
                scopes=scopes.parse("user/*.rs"),
                account=account,
                fhir_user=f"Practitioner/{account}",
                institution=institution,
                roles=["clinician"],
                **common,
            )
            clinicians |= dict.fromkeys(opened, token)
        return Tokens(
            await insert_token(connection, holder="operator", scopes=every, **common),  # type: ignore[arg-type]
            await insert_token(  # type: ignore[arg-type]
                connection, holder="institution", scopes=every, institution=institution, **common
            ),
            clinicians,
            {person: await _of_resident(connection, person) for person in persons},
        )


async def _of_resident(connection: Connection, person: str) -> str:
    return await insert_token(
        connection,
        kind="access",
        client_id="bench",
        seconds=SECONDS,
        holder="resident",
        scopes=scopes.parse("patient/*.rs"),
        fhir_user=f"Patient/{person}",
        patient=person,
    )


async def own_tokens(conninfo: str, patients: Mapping[int, str]) -> dict[int, str]:
    """For each of these Patients a token of the person, who may read the own record only."""
    async with Database(conninfo, size=1) as database, database.transaction() as connection:
        cursor = await connection.execute(PERSONS, (list(patients.values()),))
        persons = {str(row[0]): str(row[1]) for row in await cursor.fetchall()}
        return {
            key: await _of_resident(connection, persons[patient])
            for key, patient in patients.items()
        }
