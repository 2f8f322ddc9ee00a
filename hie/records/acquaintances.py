"""Whom the authorization server has to know: a resident by identity number, a clinician's open records."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson

from hie.access.caller import Caller
from hie.access.opened_record import OPENED
from hie.access.policy import restriction
from hie.kit.db import Connection
from hie.mpi import identity_number
from hie.mpi.features import RESIDENT_NUMBER
from hie.mpi.people import person_of
from hie.search.execute import execute
from hie.search.parse import parse
from hie.store.open import Store

MOST = "100"


class OpenPatient(NamedTuple):
    """One person whose record is open to a clinician."""

    id: str
    name: str


class Acquaintances:
    """Answers from the store and the index."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def _patients(
        self, connection: Connection, *asked: tuple[str, str]
    ) -> Sequence[dict[str, Any]]:
        query = parse("Patient", [*asked, ("_count", MOST)])
        everything = restriction(Caller.operator(), "s")
        page = await execute(connection, self._store, query, everything)
        expand = self._store.bodies.expand
        return [orjson.loads(expand(row.dictionary, row.body or b"")) for row in page.matches]

    async def by_identity_number(self, number: str) -> str | None:
        """The golden Patient of the one person with this identity card number and its birth date.

        `None` if there is none or more than one. The birth date has to be the one that the number
        tells: a guardian's card on a child does not open the child's record.
        """
        card = identity_number.parse(number)
        if card is None:
            return None
        async with self._store.database.connection() as connection:
            found = await self._patients(
                connection, ("identifier", f"{RESIDENT_NUMBER}|{card.number}")
            )
            born = card.birth_date.isoformat()
            same = [one["id"] for one in found if one.get("birthDate") == born]
            people = set((await person_of(connection, same)).values())
        return people.pop() if len(people) == 1 else None

    async def open_to(self, conn: Connection, account: str) -> list[OpenPatient]:
        """The persons whose records are open to this clinician now."""
        cursor = await conn.execute(OPENED, (account,))
        ids = sorted({row[0] for row in await cursor.fetchall()})
        if not ids:
            return []
        found = {one["id"]: one for one in await self._patients(conn, ("_id", ",".join(ids)))}
        return [OpenPatient(id_, _name(found[id_])) for id_ in ids if id_ in found]


def _name(patient: dict[str, Any]) -> str:
    first: dict[str, Any] = next(iter(patient.get("name", ())), {})
    parts = [first.get("family", ""), *first.get("given", ())]
    return str(first.get("text") or "".join(parts) or patient["id"])
