"""Puts events on disk before answers leave, many requests sharing one commit (group commit).

So a lone request waits for one commit, and a hundred at once wait for two (`hie.kit.gathering`).
https://www.postgresql.org/docs/current/wal-async-commit.html says why `synchronous_commit` is set
(`hie.kit.pipeline.SETTINGS`).
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self

import psycopg

from hie.audit import rows
from hie.audit.event import Event
from hie.kit.clock import now, seconds
from hie.kit.db import Connection, Database
from hie.kit.gathering import Gathering

MOST = 500
"""Requests whose events are one statement, so that a flood does not make one commit endless."""


class AuditError(RuntimeError):
    """The event could not be put on record; what it would have disclosed must not be disclosed."""

    @staticmethod
    def explains(error: psycopg.Error) -> bool:
        """Whether a statement that also puts on record failed on the trail and not on what it reads."""
        diagnosis = error.diag
        return diagnosis.schema_name == "audit" or "audit." in (diagnosis.message_primary or "")


class AuditLog:
    """One for each process. Open it before use, or use it as an async context manager."""

    def __init__(self, database: Database) -> None:
        # A connection of its own: requests that hold all the pool's connections while they wait
        # for their audit rows would otherwise wait for each other.
        self._database = Database(database.conninfo, size=1)
        self._gathering = Gathering(self._write, lanes=1, most=MOST)
        self._months: set[tuple[int, int]] = set()
        self._present = (0.0, 0.0)
        self.commits = 0
        """Transactions written so far by this process."""

    async def open(self) -> None:
        await self._database.open()

    async def close(self) -> None:
        """Write what still waits, then let go of the connection."""
        await self._gathering.close()
        await self._database.close()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def record(self, *events: Event) -> None:
        """Return when `events` are on disk. Raises `AuditError` when they are not."""
        if events:
            await self._gathering.ask(events)

    @property
    def prepared(self) -> bool:
        """Whether the month has its partition; else wait for `prepare`."""
        first, next_ = self._present
        return first <= seconds() < next_

    async def prepare(self) -> None:
        """Before a statement that puts on record itself what it reads (`hie.audit.rows.noting`)."""
        moment = now()
        await self._prepare_months({(moment.year, moment.month)} - self._months)
        first = datetime(moment.year, moment.month, 1, tzinfo=UTC)
        next_ = (first + timedelta(days=31)).replace(day=1)
        self._present = (first.timestamp(), next_.timestamp())

    async def record_in(self, connection: Connection, events: Sequence[Event]) -> None:
        """Put `events` on record in the caller's transaction, together with the change itself."""
        if events:
            await self._prepare(events)
            await rows.insert(connection, events)

    async def _write(self, asked: Sequence[Sequence[Event]]) -> Sequence[Exception | None]:
        """Put on record what each has asked for: for all of them, or for nobody."""
        together = [event for events in asked for event in events]
        try:
            await self._prepare(together)
            await self._database.fetch(rows.INSERT, rows.values(together))
        except Exception as error:
            return [_not_written(error) for _ in asked]
        self.commits += 1
        return [None] * len(asked)

    async def _prepare(self, events: Sequence[Event]) -> None:
        needed = {(event.recorded.year, event.recorded.month) for event in events} - self._months
        await self._prepare_months(needed)

    async def _prepare_months(self, needed: set[tuple[int, int]]) -> None:
        """Have partitions for these months and for the months after them.

        Never in a caller's transaction: if that is rolled back, the partition must stay.
        """
        for year, month in needed:
            first = datetime(year, month, 1, tzinfo=UTC)
            async with self._database.connection() as connection:
                await rows.prepare_month(connection, first)
                await rows.prepare_month(connection, first + timedelta(days=31))
            self._months.add((year, month))


def _not_written(error: Exception) -> AuditError:
    failure = AuditError(f"The audit trail could not be written: {error}")
    failure.__cause__ = error
    return failure
