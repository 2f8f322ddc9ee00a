"""The worker's part: activates what is requested, makes deliveries of changes, sends them."""

import asyncio
import logging
from contextlib import suppress

from hie.mpi import notices
from hie.records.exchange import Exchange
from hie.subscriptions.deliver import deliver_next
from hie.subscriptions.matching import match
from hie.subscriptions.subscription import Subscription, objection, set_status, standing

INTERVAL = 2.0
"""Seconds between two looks."""

_log = logging.getLogger(__name__)


async def look(exchange: Exchange) -> None:
    """Do all that is to be done now."""
    active = await _activate(exchange)
    while await match(exchange, list(active.values())):
        pass
    while await deliver_next(exchange, active):
        pass


async def _activate(exchange: Exchange) -> dict[str, Subscription]:
    """The active Subscriptions by id, those requested among them once they have been checked."""
    async with exchange.store.database.connection() as connection:
        found = await standing(connection, exchange)
    active = {}
    for one in found:
        reason = objection(one)
        if reason is not None:
            await set_status(exchange, one, "error", reason)
            continue
        active[one.id] = one
        if one.status == "requested":
            await set_status(exchange, one, "active")
    async with exchange.store.database.transaction() as connection:
        await notices.subscribers(
            connection, [(one.institution, one.id) for one in active.values()]
        )
    return active


class Notifier:
    """One for each worker; several share the work."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="notifier")

    async def stop(self) -> None:
        """What is being sent is sent again by whoever comes next."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while True:
            try:
                await look(self._exchange)
            except Exception:
                # One faulty subscription must not end all notifications.
                _log.exception("notifications could not be made")
            await asyncio.sleep(INTERVAL)
