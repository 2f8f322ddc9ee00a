"""The worker's part: activates what is requested, makes deliveries of changes, sends them."""

from functools import partial

from hie.kit.duty import Duty
from hie.mpi import notices
from hie.records.exchange import Exchange
from hie.subscriptions.deliver import deliver_next
from hie.subscriptions.matching import match
from hie.subscriptions.subscription import Subscription, objection, set_status, standing

INTERVAL = 2.0
"""Seconds between two looks."""


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


def notifying(exchange: Exchange) -> Duty:
    """The duty of a worker; what is being sent when it stops is sent again by whoever comes next."""
    return Duty("notifier", INTERVAL, partial(look, exchange))
