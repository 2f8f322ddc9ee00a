"""Puts events on disk before answers leave, many requests sharing one commit (group commit).

While one batch is being written, further events gather; they are the next batch. So a lone request
waits for one commit, and a hundred at once wait for two, without any timer.
https://www.postgresql.org/docs/current/wal-async-commit.html says why `synchronous_commit` is set
(`hie.kit.pipeline.SETTINGS`).
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self

import psycopg

from hie.audit import rows
from hie.audit.event import Event
from hie.kit.clock import now, seconds
from hie.kit.db import Connection, Database

BATCH = 2000
"""Events in one statement at most, so that a flood does not make one commit endless."""


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
        self._waiting: list[tuple[Sequence[Event], asyncio.Future[None]]] = []
        self._flusher: asyncio.Task[None] | None = None
        self._months: set[tuple[int, int]] = set()
        self._present = (0.0, 0.0)
        self.commits = 0
        """Transactions written so far by this process."""

    async def open(self) -> None:
        await self._database.open()

    async def close(self) -> None:
        """Write what still waits, then let go of the connection."""
        while self._flusher is not None:
            await asyncio.wait([self._flusher])
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
        if not events:
            return
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((events, done))
        if self._flusher is None:
            self._flusher = asyncio.create_task(self._flush(), name="audit flush")
        await done

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

    async def _flush(self) -> None:
        """Write batch after batch until nobody waits."""
        batch: list[tuple[Sequence[Event], asyncio.Future[None]]] = []
        try:
            while batch := self._next_batch():
                try:
                    await self._write([event for events, _ in batch for event in events])
                except Exception as error:
                    _finish(batch, error)
                else:
                    _finish(batch, None)
        finally:
            self._flusher = None
            # Only a cancelled flusher leaves anybody waiting.
            _finish([*batch, *self._waiting], RuntimeError("the audit log was stopped"))
            self._waiting.clear()

    def _next_batch(self) -> list[tuple[Sequence[Event], asyncio.Future[None]]]:
        size = taken = 0
        for events, _ in self._waiting:
            if taken and size + len(events) > BATCH:
                break
            size, taken = size + len(events), taken + 1
        batch, self._waiting = self._waiting[:taken], self._waiting[taken:]
        return batch

    async def _write(self, events: Sequence[Event]) -> None:
        await self._prepare(events)
        await self._database.fetch(rows.INSERT, rows.values(events))
        self.commits += 1

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


def _finish(
    batch: Sequence[tuple[Sequence[Event], asyncio.Future[None]]], error: Exception | None
) -> None:
    for _, done in batch:
        if done.done():  # the request was given up meanwhile; its events are written all the same
            continue
        if error is None:
            done.set_result(None)
        else:
            failure = AuditError(f"The audit trail could not be written: {error}")
            failure.__cause__ = error
            done.set_exception(failure)
