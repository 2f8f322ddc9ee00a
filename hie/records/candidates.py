"""Who else may be this person: the index's own weighing of a golden record, for stewards."""

import orjson

from hie.access.caller import Caller
from hie.access.policy import restriction
from hie.mpi.match import Match, match
from hie.mpi.people import linked
from hie.records.disclosure import event
from hie.records.exchange import Exchange
from hie.records.fetch import missing
from hie.records.relink import require_steward
from hie.search.execute import execute
from hie.search.parse import parse


async def candidates(exchange: Exchange, caller: Caller, golden: str, count: int) -> list[Match]:
    """Other persons that share evidence with the golden Patient, best first. Problem 403 or 404."""
    require_steward(caller, "r")
    async with exchange.store.database.connection() as connection:
        if golden not in await linked(connection, [golden]):
            raise missing("Patient", golden)
        query = parse("Patient", [("_id", golden)])
        page = await execute(connection, exchange.store, query, restriction(caller, "s"))
        if not page.matches:
            raise missing("Patient", golden)
        row = page.matches[0]
        patient = orjson.loads(exchange.store.bodies.expand(row.dictionary, row.body or b""))
        found = await match(connection, exchange.store, patient, count=count + 1)
    others = [one for one in found if one.person != golden][:count]
    await exchange.audit.record(
        *(
            event(caller, "R", "candidates", person, entity_type="Patient", entity_id=person)
            for person in (golden, *(one.person for one in others))
        )
    )
    return others
