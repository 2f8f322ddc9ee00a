"""Keeps the inbox empty: one task for each institution that has messages waiting.

Commits wake it by NOTIFY; it also looks by itself at intervals, so that a lost notification only
costs seconds. https://www.postgresql.org/docs/current/sql-notify.html
"""

import asyncio
import logging
from contextlib import suppress

import psycopg
from psycopg_pool import PoolTimeout

from hie.ingest.inbox import CHANNEL, institutions_waiting
from hie.ingest.processing import process_next
from hie.records.exchange import Exchange

logger = logging.getLogger(__name__)

LOOK_EVERY = 5.0
PAUSE_AFTER_FAILURE = 1.0


class Processor:
    """Carries out waiting messages until it is stopped."""

    def __init__(self, exchange: Exchange, *, parallel: int = 4) -> None:
        self._exchange = exchange
        self._slots = asyncio.Semaphore(parallel)
        self._busy: dict[int, asyncio.Task[None]] = {}
        self._again: set[int] = set()
        self._watcher: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin, with whatever was left by a process that ended."""
        self._watcher = asyncio.create_task(self._watch(), name="inbox")

    async def stop(self) -> None:
        """Finish the messages in hand and take no more."""
        if self._watcher:
            self._watcher.cancel()
            with suppress(asyncio.CancelledError):
                await self._watcher
            self._watcher = None
        await asyncio.gather(*self._busy.values(), return_exceptions=True)

    async def _watch(self) -> None:
        while True:
            try:
                await self._listen()
            except (psycopg.OperationalError, PoolTimeout, OSError):
                logger.exception("inbox: the database is away")
                await asyncio.sleep(PAUSE_AFTER_FAILURE)

    async def _listen(self) -> None:
        # A connection of its own: notifications would be lost in a pooled one.
        conninfo = self._exchange.store.database.conninfo
        async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as connection:
            await connection.execute(f"LISTEN {CHANNEL}")
            while True:
                for institution in await institutions_waiting(connection):
                    self._take_up(institution)
                async for notice in connection.notifies(timeout=LOOK_EVERY):
                    self._take_up(int(notice.payload))

    def _take_up(self, institution: int) -> None:
        if institution in self._busy:
            self._again.add(institution)
            return
        task = asyncio.create_task(self._empty(institution), name=f"inbox-{institution}")
        self._busy[institution] = task
        task.add_done_callback(lambda _: self._finished(institution))

    def _finished(self, institution: int) -> None:
        del self._busy[institution]
        # A message may have come after the last look and before the task was seen to end.
        if institution in self._again and self._watcher is not None:
            self._again.discard(institution)
            self._take_up(institution)

    async def _empty(self, institution: int) -> None:
        self._again.discard(institution)
        try:
            while self._watcher is not None and not self._watcher.cancelling():
                async with self._slots:
                    if not await process_next(self._exchange, institution):
                        return
        except (psycopg.OperationalError, PoolTimeout, OSError):
            logger.exception("inbox: institution %s waits, the database is away", institution)
