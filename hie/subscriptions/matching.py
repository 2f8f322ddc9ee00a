"""From link changes to deliveries, in one transaction: nothing is told twice and nothing is lost."""

from collections.abc import Sequence

import orjson

from hie.access.caller import Caller
from hie.access.policy import restriction
from hie.kit.db import Connection
from hie.mpi import notices
from hie.mpi.notices import Notice
from hie.mpi.steward import REDIRECTS
from hie.records.exchange import Exchange
from hie.search.execute import execute
from hie.search.parse import parse
from hie.subscriptions.message import message
from hie.subscriptions.subscription import Subscription

BATCH = 200
INSERT = "INSERT INTO subscriptions.delivery (subscription, body) VALUES (%s, %s)"


async def match(exchange: Exchange, subscriptions: Sequence[Subscription]) -> int:
    """Make deliveries of the oldest notices; how many notices there were."""
    base = exchange.settings.fhir_base
    async with exchange.store.database.transaction() as connection:
        taken = await notices.take(connection, BATCH)
        for notice in taken:
            for one in subscriptions:
                if one.institution != notice.institution:
                    continue
                if not await _concerns(connection, exchange, one, notice):
                    continue
                persons = [notice.person, *([notice.other] if notice.other else [])]
                standing = await notices.standing(connection, persons, notice.institution)
                body = orjson.dumps(message(base, one.endpoint, standing))
                await connection.execute(INSERT, (one.id, body if one.sends_payload else b""))
    return len(taken)


async def _concerns(
    connection: Connection, exchange: Exchange, one: Subscription, notice: Notice
) -> bool:
    """Whether the criteria hold for a registration of the change, or name one of its persons."""
    if not one.criteria:
        return True
    asked = {value.removeprefix("Patient/") for name, value in one.criteria if name == "_id"}
    if asked and asked <= {notice.person, notice.other}:
        return True
    own = Caller.for_institution(notice.institution, one.id)
    ids = ",".join(id_ for id_ in notice.registrations if not id_.startswith(REDIRECTS))
    query = parse("Patient", [*one.criteria, ("_id", ids), ("_count", "1")])
    page = await execute(connection, exchange.store, query, restriction(own, "s"))
    return bool(page.matches)
