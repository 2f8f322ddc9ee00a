"""Opens what a server process holds: the store, the audit log, and the keys that lie in the database."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from hie.audit.log import AuditLog
from hie.auth.sealed import open_seals
from hie.kit.gathering import Gathering
from hie.records.exchange import Exchange
from hie.records.together import LANES, MOST, carry_out_together
from hie.settings import Settings
from hie.store.open import open_store, secret


@asynccontextmanager
async def open_exchange(settings: Settings, conninfo: str) -> AsyncIterator[Exchange]:
    """The exchange on the database at `conninfo`, whose schema must be up to date."""
    async with open_store(conninfo, size=settings.pool_size) as store:
        async with store.database.connection() as connection:
            await open_seals(connection, settings)
            cursor_key = await secret(connection, "cursor")
        async with AuditLog(store.database) as audit:
            changes = Gathering(carry_out_together, lanes=LANES, most=MOST)
            try:
                yield Exchange(settings, store, audit, cursor_key, changes)
            finally:
                await changes.close()
