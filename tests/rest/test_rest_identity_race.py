"""One new person registered at two institutions at one moment, on two processes, becomes one person.

Two servers on one database, hundreds of tries, and meanwhile updates and stewards who part and join.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import orjson
import psycopg
import pytest
from serving import serving
from tests_rest_samples import patient

from hie.auth.tokens import mint
from hie.kit.db import Database
from hie.mpi.people import person_of
from hie.store.institutions import add_institution

TRIES = 200
AT_ONCE = 6
FAMILIES = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许"
GIVEN = "云海山川雨雪松竹兰梅春秋冬夏星月"
DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
STEWARD: dict[str, Any] = {
    "scopes": "user/Patient.rus",
    "holder": "staff",
    "account": "gao.jie",
    "fhir_user": "Practitioner/gao-jie",
    "roles": ("steward",),
}


def resident(number: int, code: str, phone: str = "") -> bytes:
    """The registration of a person of this number, unlike all others, at the institution `code`."""
    family, given = divmod(number, len(GIVEN))
    name = FAMILIES[family % len(FAMILIES)] + GIVEN[given] + chr(0x5000 + number)
    made = orjson.loads(
        patient(
            f"race-{number}-{code}", name, institution=code, number=str(number),
            phone=phone or f"199{number:08d}",
        )
    )  # fmt: skip
    born = f"{1930 + number % 80}-{1 + number % 12:02d}-{1 + number % 28:02d}"
    return orjson.dumps({**made, "birthDate": born})


@pytest.fixture
async def servers(conninfo: str, tmp_path: Path) -> AsyncIterator[list[httpx.AsyncClient]]:
    """Clients of institution A at one server and of B at another, and of a steward at either."""
    tokens = []
    async with Database(conninfo) as database, database.transaction() as connection:
        for code in "AB":
            number = (await add_institution(connection, code, code)).number
            tokens.append(
                await mint(
                    connection, client_id=code, scopes="system/*.cruds", holder="institution",
                    institution=number,
                )
            )  # fmt: skip
        tokens.append(await mint(connection, client_id="desk", institution=number, **STEWARD))
    async with AsyncExitStack() as stack:
        bases = []
        for name in ("one", "two"):
            directory = tmp_path / name
            directory.mkdir()
            served = stack.enter_context(serving(conninfo, directory))
            bases.append(f"{served.base}/fhir")
        clients = []
        for base, token in zip((*bases, *bases), (*tokens, tokens[2]), strict=True):
            headers = {
                "authorization": f"Bearer {token}",
                "content-type": "application/fhir+json",
            }
            client = httpx.AsyncClient(base_url=base, headers=headers, timeout=120)
            clients.append(await stack.enter_async_context(client))
        yield clients


async def test_two_processes_make_one_person_of_simultaneous_registrations(
    conninfo: str, servers: list[httpx.AsyncClient]
) -> None:
    one, two, *stewards = servers
    left = iter(range(TRIES))
    answers: list[tuple[str, httpx.Response]] = []
    # Whom stewards part and join is registered beforehand, and is not among the tries.
    troubled = range(TRIES, TRIES + 4)
    for number in troubled:
        for code, server in (("A", one), ("B", two)):
            sent = await server.put(
                f"/Patient/race-{number}-{code}", content=resident(number, code)
            )
            assert sent.status_code == 201, sent.text
    done = asyncio.Event()

    async def register() -> None:
        for number in left:
            sent = await asyncio.gather(
                one.put(f"/Patient/race-{number}-A", content=resident(number, "A")),
                two.put(f"/Patient/race-{number}-B", content=resident(number, "B")),
            )
            answers.extend(("new", answer) for answer in sent)
            if number % 3 == 0:  # an update right behind, from the other data of the same person
                again = resident(number, "A", phone=f"198{number:08d}")
                answers.append(
                    ("update", await one.put(f"/Patient/race-{number}-A", content=again))
                )

    async def disturb(server: httpx.AsyncClient, number: int) -> None:
        """A steward parts two registrations and joins them again, for as long as there are tries."""
        other = f"race-{number}-B"
        async with Database(conninfo, size=1) as database:
            while not done.is_set():
                async with database.connection() as connection:
                    people = await person_of(connection, [f"race-{number}-A", other])
                home = people[f"race-{number}-A"]
                act = "$unlink" if people[other] == home else "$link"
                given = [
                    {"name": "patient", "valueReference": {"reference": f"Patient/{other}"}},
                    {"name": "reason", "valueString": "a test of what happens at once"},
                ]
                answers.append(
                    (
                        act,
                        await server.post(
                            f"/Patient/{home}/{act}",
                            content=orjson.dumps(
                                {"resourceType": "Parameters", "parameter": given}
                            ),
                        ),
                    )
                )

    async with asyncio.TaskGroup() as group:
        for place, number in enumerate(troubled):
            group.create_task(disturb(stewards[place % 2], number))
        await asyncio.gather(*(register() for _ in range(AT_ONCE)))
        done.set()

    refused = [(act, one.text) for act, one in answers if one.status_code not in (200, 201)]
    assert refused == []
    assert {"new", "update", "$unlink", "$link"} == {act for act, _ in answers}
    ids = [f"race-{number}-{code}" for number in range(TRIES) for code in "AB"]
    async with Database(conninfo, size=1) as database, database.connection() as connection:
        people = await person_of(connection, ids)
    parted = [n for n in range(TRIES) if people[f"race-{n}-A"] != people[f"race-{n}-B"]]
    assert parted == []
    assert len(set(people.values())) == TRIES
    with psycopg.connect(conninfo) as connection:
        assert connection.execute(DEADLOCKS).fetchone() == (0,)
