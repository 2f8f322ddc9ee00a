"""Fixtures of the ingest tests: a registered hospital, a running listener, a connection to it."""

from collections.abc import AsyncIterator

import pytest
from mllp_client import Sender, connect

from hie.ingest.hl7v2.listener import Limits, Listener
from hie.ingest.sender import register_sender
from hie.kit.db import Database
from hie.store.institutions import Institution, add_institution


@pytest.fixture
async def hospital(database: Database) -> Institution:
    """An institution whose facility code is `YXZYY`."""
    async with database.connection() as connection:
        institution = await add_institution(connection, "YX-H2", "云溪区中医医院")
        await register_sender(connection, "YXZYY", institution.number)
    return institution


@pytest.fixture
async def listener(database: Database, hospital: Institution) -> AsyncIterator[Listener]:
    """A listener that keeps messages and leaves them in the inbox."""
    limits = Limits(message_size=20_000, stray_bytes=1_000)
    opened = Listener(database, "127.0.0.1", 0, limits)
    await opened.start()
    yield opened
    await opened.stop()


@pytest.fixture
async def sender(listener: Listener) -> AsyncIterator[Sender]:
    """A connection to the listener."""
    opened = await connect(listener.port)
    yield opened
    await opened.close()
