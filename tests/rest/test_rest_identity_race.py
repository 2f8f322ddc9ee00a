"""One new person registered at several institutions at one moment, on two workers, becomes one person."""

import asyncio

import httpx
import pytest
from tests_rest_samples import patient

from hie.app import application_on
from hie.auth.tokens import mint
from hie.mpi.people import person_of
from hie.records.exchange import open_exchange
from hie.settings import Settings
from hie.store.institutions import add_institution

INSTITUTIONS = tuple("ABCDEF")
GOLDEN = "SELECT count(*) FROM mpi.person"


@pytest.mark.parametrize("round_", range(3))
async def test_two_workers_make_one_person_of_simultaneous_registrations(
    conninfo: str, round_: int
) -> None:
    """Each worker has an exchange and a pool of its own, as two processes have."""
    settings = Settings(database_url=conninfo)
    async with open_exchange(settings, conninfo) as one, open_exchange(settings, conninfo) as two:
        applications = [application_on(one), application_on(two)]
        clients = []
        async with one.store.database.transaction() as connection:
            for number, code in enumerate(INSTITUTIONS):
                institution = await add_institution(connection, code, code)
                token = await mint(
                    connection,
                    client_id=code,
                    scopes="system/*.cruds",
                    holder="institution",
                    institution=institution.number,
                )
                clients.append(
                    httpx.AsyncClient(
                        transport=httpx.ASGITransport(applications[number % 2]),
                        base_url="http://127.0.0.1:8080/fhir",
                        headers={
                            "authorization": f"Bearer {token}",
                            "content-type": "application/fhir+json",
                        },
                    )
                )
        answers = await asyncio.gather(
            *(
                client.put(
                    f"/Patient/race-{code}",
                    content=patient(
                        f"race-{code}", "司马青云", institution=code, phone="19900000001"
                    ),
                )
                for client, code in zip(clients, INSTITUTIONS, strict=True)
            )
        )
        assert [answer.status_code for answer in answers] == [201] * len(INSTITUTIONS)
        ids = [f"race-{code}" for code in INSTITUTIONS]
        async with one.store.database.connection() as connection:
            people = await person_of(connection, ids)
            row = await (await connection.execute(GOLDEN)).fetchone()
        assert sorted(people) == sorted(ids)
        assert len(set(people.values())) == 1
        assert row == (1,)
        for client in clients:
            await client.aclose()
