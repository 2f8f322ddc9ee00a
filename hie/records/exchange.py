"""What one server process holds: made once by the composition roots, passed to everything above."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from hie.access.caller import Caller
from hie.audit.log import AuditLog
from hie.auth.presented import Remembered
from hie.auth.sealed import open_seals
from hie.kit.db import Connection
from hie.kit.rates import Rates
from hie.records.acquaintances import Acquaintances
from hie.settings import Settings
from hie.store.institutions import Institution, institution
from hie.store.open import Store, open_store, secret


@dataclass(frozen=True, slots=True)
class Exchange:
    """Settings, the store, the audit log, the key that signs paging cursors, callers seen
    before, and how often who has asked."""

    settings: Settings
    store: Store
    audit: AuditLog
    cursor_key: bytes
    callers: Remembered[Caller] = field(default_factory=Remembered)
    rates: Rates = field(default_factory=Rates)
    _institutions: dict[int, Institution] = field(default_factory=dict)

    @property
    def people(self) -> Acquaintances:
        """Whom the authorization server asks who somebody is."""
        return Acquaintances(self.store)

    async def institution(self, connection: Connection, number: int) -> Institution:
        """The institution by number, read once a process: a new name shows after a restart."""
        if number not in self._institutions:
            self._institutions[number] = await institution(connection, number)
        return self._institutions[number]


@asynccontextmanager
async def open_exchange(settings: Settings, conninfo: str) -> AsyncIterator[Exchange]:
    """The exchange on the database at `conninfo`, whose schema must be up to date."""
    async with open_store(conninfo, size=settings.pool_size) as store:
        async with store.database.connection() as connection:
            await open_seals(connection, settings)
            cursor_key = await secret(connection, "cursor")
        async with AuditLog(store.database) as audit:
            yield Exchange(settings, store, audit, cursor_key)
