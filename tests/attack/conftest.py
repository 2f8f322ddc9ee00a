"""One `hie serve` with two workers on the loopback address for all probes of the session."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager

import pytest
from attack_district import AT, create_accounts, keys, register_clients, send
from attack_inside import STRICT, inside
from attack_world import World
from serving import Served, serving

from hie.kit.db import Database
from hie.mpi.people import person_of
from hie.records.exchange import Exchange
from hie.records.open import open_exchange
from hie.settings import Settings

WORKERS = 2
# All attackers share one address; that it is limited has a test of its own.
PATIENT = {"HIE_SIGN_INS_PER_MINUTE": "100000", "HIE_OAUTH_REQUESTS_PER_MINUTE": "100000"}
# Most probes act for staff by whatever app; what is asked of them otherwise has its own (`strict`).
LENIENT = {"HIE_STAFF_SECOND_FACTOR": "offered", "HIE_STAFF_APPS": "any"}


@pytest.fixture(scope="session")
def server(
    cloned: Callable[[], AbstractContextManager[str]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    directory = tmp_path_factory.mktemp("attack")
    more = {**PATIENT, **LENIENT}
    with cloned() as conninfo, serving(conninfo, directory, workers=WORKERS, **more) as served:
        yield served


@pytest.fixture(scope="session")
async def world(server: Served) -> AsyncIterator[World]:
    """The district, with its records and accounts."""
    async with Database(server.conninfo) as database:
        async with database.transaction() as conn:
            numbers = await register_clients(conn)
        found = World(server.base, database, keys(), {}, log=server.log, process=server.process)
        try:
            yield await _settled(found, numbers["hospital-a"])
        finally:
            await found.close()


@pytest.fixture(scope="session")
async def exchange(world: World, server: Served) -> AsyncIterator[Exchange]:
    """The exchange on the database of the running server."""
    chosen = Settings(
        database_url=server.conninfo,
        public_base_url=world.base,
        sign_ins_per_minute=10**5,
        oauth_requests_per_minute=10**5,
        staff_second_factor="offered",
        staff_apps="any",
    )
    async with open_exchange(chosen, server.conninfo) as opened:
        yield opened


@pytest.fixture
async def strict(world: World, exchange: Exchange) -> AsyncIterator[World]:
    """The same district, where staff have a second factor and their apps are protected."""
    here = inside(world, exchange, **STRICT)
    yield here
    await here.close()


async def _settled(found: World, institution: int) -> World:
    """The same world, once its records are sent and everybody has an account."""
    await send(found)
    sources = {person: f"{i[-1]}-{person}" for i, known in AT.items() for person in known}
    async with found.database.transaction() as conn:
        people = await person_of(conn, list(sources.values()))
        found.people = {person: people[source] for person, source in sources.items()}
        await create_accounts(conn, found.people, institution)
    return found
