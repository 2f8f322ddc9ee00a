"""One `hie serve` with two workers on the loopback address for all probes of the session."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from attack_district import AT, create_accounts, keys, register_clients, send
from attack_world import World

from hie.kit.db import Database
from hie.mpi.people import person_of

COMMAND = "from hie.cli.main import application; application()"
WORKERS = 2
SECONDS_TO_START = 60


class Server(NamedTuple):
    """A server that runs."""

    base: str
    conninfo: str
    log: Path
    process: int


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _answers(base: str) -> bool:
    try:
        return httpx.get(f"{base}/fhir/metadata", timeout=10).status_code == 200
    except httpx.TransportError:
        return False


def _wait(base: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + SECONDS_TO_START
    while not _answers(base):
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)  # nothing tells when another process listens


@pytest.fixture(scope="session")
def server(
    cloned: Callable[[], AbstractContextManager[str]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    directory = tmp_path_factory.mktemp("attack")
    base = f"http://127.0.0.1:{_free_port()}"
    log = directory / "log"
    with cloned() as conninfo, log.open("wb") as output:
        settings = {
            "HIE_DATABASE_URL": conninfo,
            "HIE_DATA_DIRECTORY": str(directory),
            "HIE_PORT": base.rpartition(":")[2],
            "HIE_PUBLIC_BASE_URL": base,
            "HIE_WORKERS": str(WORKERS),
        }
        with subprocess.Popen(
            [sys.executable, "-c", COMMAND, "serve"],
            env={**os.environ, **settings},
            stdout=output,
            stderr=subprocess.STDOUT,
        ) as process:
            try:
                _wait(base, process, log)
                yield Server(base, conninfo, log, process.pid)
            finally:
                process.terminate()


@pytest.fixture(scope="session")
async def world(server: Server) -> AsyncIterator[World]:
    """The district, with its records and accounts."""
    async with Database(server.conninfo) as database:
        async with database.transaction() as conn:
            numbers = await register_clients(conn)
        found = World(server.base, database, keys(), {}, log=server.log, process=server.process)
        try:
            yield await _settled(found, numbers["hospital-a"])
        finally:
            await found.close()


async def _settled(found: World, institution: int) -> World:
    """The same world, once its records are sent and everybody has an account."""
    await send(found)
    sources = {person: f"{i[-1]}-{person}" for i, known in AT.items() for person in known}
    async with found.database.transaction() as conn:
        people = await person_of(conn, list(sources.values()))
        found.people = {person: people[source] for person, source in sources.items()}
        await create_accounts(conn, found.people, institution)
    return found
