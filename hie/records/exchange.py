"""What one server process holds: made once by the composition roots, passed to everything above."""

from dataclasses import dataclass, field
from typing import Any

from hie.access.caller import Caller
from hie.audit.log import AuditLog
from hie.auth.presented import Remembered
from hie.kit.db import Connection
from hie.kit.gathering import Gathering
from hie.kit.rates import Rates
from hie.records.acquaintances import Acquaintances
from hie.settings import Settings
from hie.store.institutions import Institution, institution
from hie.store.open import Store


@dataclass(frozen=True, slots=True)
class Exchange:
    """Settings, the store, the audit log, the key that signs paging cursors, changes that are
    carried out together (`hie.records.together`), callers seen before, and how often who has asked."""

    settings: Settings
    store: Store
    audit: AuditLog
    cursor_key: bytes
    changes: Gathering[Any, Any]
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
