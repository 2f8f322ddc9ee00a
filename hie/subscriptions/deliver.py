"""Sending what is due: signed, guarded, tried again, and given up in the end.

Each body is signed with the exchange's key as a detached JWS (https://www.rfc-editor.org/rfc/rfc7515#appendix-F) in
the header `X-JWS-Signature`; receivers check it against `/oauth/jwks`.
"""

import logging
from datetime import timedelta
from typing import NamedTuple

from joserfc import jws

from hie.auth.keys import ALGORITHM, current_key
from hie.kit.db import Connection
from hie.kit.egress import Unreachable, call
from hie.records.exchange import Exchange
from hie.subscriptions.subscription import Subscription, set_status

DELAYS = (5, 30, 120, 600, 3600, 6 * 3600)
"""Seconds until the next attempt after each that failed; after the last the subscription ends."""
LEASE = timedelta(minutes=1)
"""For so long nobody else takes a delivery that is being sent."""

# The oldest of each subscription and no other: its messages arrive in their order.
CLAIM = """
WITH first AS (
    SELECT min(number) AS number FROM subscriptions.delivery GROUP BY subscription
), due AS (
    SELECT d.number FROM subscriptions.delivery d JOIN first USING (number)
    WHERE d.due <= clock_timestamp() ORDER BY d.number LIMIT 1 FOR UPDATE OF d SKIP LOCKED
)
UPDATE subscriptions.delivery d SET due = clock_timestamp() + %s, attempts = attempts + 1
FROM due WHERE d.number = due.number
RETURNING d.number, d.subscription, d.body, d.attempts
"""
DONE = "DELETE FROM subscriptions.delivery WHERE number = %s"
DROP = "DELETE FROM subscriptions.delivery WHERE subscription = %s"
LATER = "UPDATE subscriptions.delivery SET due = clock_timestamp() + %s WHERE number = %s"

_log = logging.getLogger(__name__)


class Delivery(NamedTuple):
    """A message to send; `attempts` counts this one."""

    number: int
    subscription: str
    body: bytes
    attempts: int


async def deliver_next(exchange: Exchange, active: dict[str, Subscription]) -> bool:
    """Send the delivery that has waited longest; False if none is due."""
    async with exchange.store.database.connection() as connection:
        cursor = await connection.execute(CLAIM, (LEASE,))
        row = await cursor.fetchone()
        if row is None:
            return False
        delivery = Delivery(*row)
        subscription = active.get(delivery.subscription)
        if subscription is None:  # turned off or deleted meanwhile
            await connection.execute(DROP, (delivery.subscription,))
            return True
        signature = await _signature(exchange, connection, delivery.body)
    failure = await _send(exchange, subscription, delivery.body, signature)
    async with exchange.store.database.connection() as connection:
        if failure is None:
            await connection.execute(DONE, (delivery.number,))
            return True
        _log.warning("Subscription %s: %s", subscription.id, failure)
        if delivery.attempts <= len(DELAYS):
            wait = timedelta(seconds=DELAYS[delivery.attempts - 1])
            await connection.execute(LATER, (wait, delivery.number))
            return True
        await connection.execute(DROP, (subscription.id,))
    await set_status(exchange, subscription, "error", failure)
    return True


def trusted_hosts(exchange: Exchange) -> frozenset[str]:
    """Hosts that an operator has named as receivers, which may lie in the region's own network."""
    return frozenset((exchange.settings.notification_hosts or "").lower().replace(",", " ").split())


async def _send(
    exchange: Exchange, subscription: Subscription, body: bytes, signature: str
) -> str | None:
    """What went wrong, if anything did."""
    headers = {
        **subscription.headers,
        **({"content-type": "application/fhir+json"} if body else {}),
        "x-jws-signature": signature,
    }
    host = subscription.endpoint.partition("://")[2].partition("/")[0].rpartition("@")[2]
    trusted = host.partition(":")[0].lower() in trusted_hosts(exchange)
    try:
        answer = await call(
            "POST", subscription.endpoint, headers=headers, content=body, trusted=trusted
        )
    except Unreachable as error:
        return str(error)
    return None if 200 <= answer.status < 300 else f"the answer's status is {answer.status}"


async def _signature(exchange: Exchange, connection: Connection, body: bytes) -> str:
    kid, key = await current_key(connection, exchange.settings)
    whole = jws.serialize_compact({"alg": ALGORITHM, "kid": kid}, body, key)
    header, _, signature = whole.split(".")
    return f"{header}..{signature}"
