"""`hie demo` as it is used: started, asked over HTTP, stopped, started again, interrupted."""

import asyncio
import os
import socket
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path
from signal import SIGINT, SIGTERM

import httpx
import pytest

from hie.auth.tokens import mint
from hie.demo.channels import Rest
from hie.demo.credentials import open_credentials
from hie.demo.district import District, records
from hie.demo.institutions import BY_CODE, H1, H2, INSTITUTIONS, directory
from hie.demo.marker import Marker
from hie.demo.personas import LOGINS, MISHEARD
from hie.demo.run import DemoError, Plan, Wanted, decide
from hie.fhir.definitions import type_number
from hie.kit.db import Database

TODAY = date(2026, 6, 30)
PATIENCE = 300
COMMAND = "from hie.cli.main import application; application()"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Place:
    """Where one demo lives: a database, a directory and two ports of its own."""

    def __init__(self, conninfo: str, directory: Path) -> None:
        self.directory = directory
        self.base = f"http://127.0.0.1:{free_port()}"
        self.environment = {
            **os.environ,
            "HIE_DATABASE_URL": conninfo,
            "HIE_DATA_DIRECTORY": str(directory),
            "HIE_PORT": self.base.rpartition(":")[2],
            "HIE_PUBLIC_BASE_URL": self.base,
            "HIE_MLLP_PORT": str(free_port()),
        }

    async def start(self, *arguments: str) -> Process:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", COMMAND, "demo", *arguments),
            env=self.environment,
            stdout=PIPE,
            stderr=STDOUT,
        )

    async def run(self, *arguments: str) -> str:
        """Start it with `--exit`; what it printed."""
        process = await self.start("--exit", *arguments)
        async with asyncio.timeout(PATIENCE):
            output, _ = await process.communicate()
        text = output.decode()
        assert process.returncode == 0, text
        return text

    @asynccontextmanager
    async def running(self, *arguments: str) -> AsyncIterator[str]:
        """It runs in the block, which is given what was printed; Ctrl-C at the end."""
        process = await self.start(*arguments)
        assert process.stdout is not None
        try:
            async with asyncio.timeout(PATIENCE):
                printed = await process.stdout.readuntil("按 Ctrl-C 结束\n".encode())
            yield printed.decode()
        finally:
            process.send_signal(SIGINT)
            async with asyncio.timeout(PATIENCE):
                rest, _ = await process.communicate()
        assert process.returncode == 0
        assert "已停止" in rest.decode()


@pytest.fixture
def place(conninfo: str, tmp_path: Path) -> Place:
    return Place(conninfo, tmp_path)


async def count(database: Database, statement: str) -> int:
    async with database.connection() as connection:
        row = await (await connection.execute(statement)).fetchone()  # type: ignore[call-overload]
    assert row is not None
    number: int = row[0]
    return number


def begun(residents: int, *, complete: bool) -> Marker:
    return Marker(District(1, residents, TODAY), complete)


@pytest.mark.parametrize(
    ("wanted", "marker", "plan"),
    [
        (Wanted(), None, Plan(District(1, 300, TODAY), load=True, again=False)),
        (Wanted(40, 9), None, Plan(District(9, 40, TODAY), load=True, again=False)),
        (Wanted(), begun(50, complete=True), Plan(District(1, 50, TODAY), load=False, again=True)),
        (Wanted(), begun(50, complete=False), Plan(District(1, 50, TODAY), load=True, again=True)),
        (Wanted(20, 1), begun(50, complete=True), Plan(District(1, 50, TODAY), load=False, again=True)),
        (Wanted(70), begun(50, complete=True), Plan(District(1, 70, TODAY), load=True, again=True)),
    ],
)  # fmt: skip
def test_what_is_done_depends_on_what_is_there(
    wanted: Wanted, marker: Marker | None, plan: Plan
) -> None:
    assert decide(wanted, marker, date(2027, 1, 1) if marker else TODAY) == plan


def test_another_seed_needs_another_database() -> None:
    with pytest.raises(DemoError, match="seed 1"):
        decide(Wanted(seed=2), begun(50, complete=True), TODAY)


async def test_a_district_comes_up_and_a_second_start_changes_nothing(
    place: Place, database: Database
) -> None:
    async with place.running("--residents", "12") as printed:
        credentials, made_now = open_credentials(place.directory)
        assert not made_now
        for login in LOGINS:
            assert login.login in printed
            assert credentials.passwords[login.login] in printed
        await _look_around(place, database)
    async with httpx.AsyncClient(base_url=place.base) as client:
        with pytest.raises(httpx.ConnectError):
            await client.get("/fhir/metadata")
    before = await count(database, "SELECT max(change) FROM store.resource")
    assert "already there" in await place.run()
    assert await count(database, "SELECT max(change) FROM store.resource") == before
    assert await count(database, "SELECT count(*) FROM store.history WHERE body IS NULL") == 0


async def _look_around(place: Place, database: Database) -> None:
    """Ask the running exchange for 张明华, as an operator and as one hospital."""
    async with database.transaction() as connection:
        bearer = await mint(connection, client_id="test", scopes="system/*.rs", seconds=60)
    async with httpx.AsyncClient(
        base_url=place.base, headers={"Authorization": f"Bearer {bearer}"}
    ) as client:
        found = (await client.get("/fhir/Patient", params={"name": "张明华"})).json()
        golden = next(
            entry["resource"]["id"] for entry in found["entry"] if "link" in entry["resource"]
        )
        results = (
            await client.get("/fhir/Observation", params={"patient": golden, "_count": "200"})
        ).json()
        sources = {entry["resource"]["meta"]["source"] for entry in results["entry"]}
    assert {source[-5:] for source in sources} == {H1, H2, "YX-S1"}
    waiting = "SELECT count(*) FROM mpi.review WHERE closed IS NULL"
    assert await count(database, waiting) >= len(MISHEARD)
    credentials, _ = open_credentials(place.directory)
    async with Rest(place.base, place.base, BY_CODE["YX-S3"], credentials) as station:
        # The station may write its own, and nobody else's.
        resource = next(directory(BY_CODE["YX-S3"]))
        await station.put([resource])
        with pytest.raises(ExceptionGroup) as failure:
            await station.put([next(directory(BY_CODE[H1]))])
        assert "403" in str(failure.value.exceptions[0])


async def test_an_interrupted_load_is_finished_at_the_next_start(
    place: Place, database: Database
) -> None:
    residents = 60
    process = await place.start("--residents", str(residents))
    patients = f"SELECT count(*) FROM store.resource WHERE type = {type_number('Patient')}"
    async with asyncio.timeout(PATIENCE):
        while await count(database, patients) < 20:
            assert process.returncode is None
            await asyncio.sleep(0.02)
        process.send_signal(SIGTERM)
        await process.communicate()
    assert process.returncode == 0
    begun_with = await count(database, "SELECT count(*) FROM store.resource")
    assert "loaded in" in await place.run()
    expected = await _expected(database, residents)
    stored = await count(
        database,
        "SELECT count(*) FROM store.resource r JOIN store.institution i ON i.number = r.institution"
        f" WHERE i.code NOT IN ('{H2}', 'exchange')",
    )
    assert begun_with < stored == expected
    assert await count(database, "SELECT count(*) FROM ingest.inbox WHERE state <> 'done'") == 0
    assert (
        await count(database, "SELECT max(version) FROM store.resource WHERE institution > 0") >= 1
    )


async def _expected(database: Database, residents: int) -> int:
    """How many resources the institutions that send FHIR have sent, by the generator's account."""
    async with database.connection() as connection:
        row = await (
            await connection.execute("SELECT min(last_updated)::date FROM store.resource")
        ).fetchone()
    assert row is not None
    district = District(1, residents, row[0])
    senders = [one for one in INSTITUTIONS if one.code != H2]
    total = sum(1 for one in senders for _ in directory(one))
    for home in district.households():
        for record in records(district, home):
            if record.registration.institution != H2:
                total += sum(1 for _ in record.resources())
    return total


async def test_a_port_that_is_taken_is_said_plainly(place: Place) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", int(place.environment["HIE_MLLP_PORT"])))
        other.listen()
        process = await place.start("--exit", "--residents", "1")
        async with asyncio.timeout(PATIENCE):
            output, _ = await process.communicate()
    text = output.decode()
    assert process.returncode == 1
    assert f"port {place.environment['HIE_MLLP_PORT']} of 127.0.0.1 is in use" in text
    assert "Traceback" not in text
