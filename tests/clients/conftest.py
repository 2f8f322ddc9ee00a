"""A running server and a token for the client libraries."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager

import pytest
from client_access import Access
from serving import serving
from smart_district import District, settle

from hie.auth.tokens import mint
from hie.kit.db import Database
from hie.store.institutions import add_institution

LENIENT = {"HIE_STAFF_SECOND_FACTOR": "offered", "HIE_STAFF_APPS": "any"}


@pytest.fixture(scope="session")
def served(
    cloned: Callable[[], AbstractContextManager[str]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, str]]:
    """The base address and the database of one server for all client tests."""
    with cloned() as conninfo, serving(conninfo, tmp_path_factory.mktemp("clients")) as server:
        yield server.base, conninfo


@pytest.fixture
async def access(served: tuple[str, str], request: pytest.FixtureRequest) -> Access:
    """A token of an institution that belongs to this test alone."""
    base, conninfo = served
    name = request.node.name[:40]
    async with Database(conninfo, size=1) as database, database.transaction() as connection:
        institution = await add_institution(connection, name, name)
        token = await mint(
            connection,
            client_id=name,
            scopes="system/*.cruds",
            holder="institution",
            institution=institution.number,
        )
    return Access(f"{base}/fhir", token)


@pytest.fixture(scope="session")
async def district(
    cloned: Callable[[], AbstractContextManager[str]], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[District]:
    """A running server with a resident and a clinician, who uses whatever app."""
    directory = tmp_path_factory.mktemp("smart")
    with cloned() as conninfo, serving(conninfo, directory, **LENIENT) as server:
        yield await settle(server.base, conninfo)
