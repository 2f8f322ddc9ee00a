"""Reading many resources by type and id with one statement. https://hl7.org/fhir/R4/http.html#read"""

from collections.abc import Collection

from hie.access.caller import Caller
from hie.access.policy import restriction
from hie.fhir.definitions import type_name, type_number
from hie.records.disclosure import disclosed
from hie.records.exchange import Exchange
from hie.records.fetch import presentation
from hie.search.restriction import condition
from hie.store.compartment import by_id
from hie.store.read import Condition


async def fetch_many(
    exchange: Exchange, caller: Caller, keys: Collection[tuple[str, str]]
) -> dict[tuple[str, str], bytes]:
    """The bodies of the current versions among (type, id) that the caller may see, by type and id.

    What is missing, deleted or not to be seen is left out.
    """
    wanted = [(type_number(name), key) for name, key in keys if caller.permits("r", name)]
    async with exchange.store.database.connection() as connection:
        allowed = Condition(*condition(restriction(caller, "r"), None))
        rows = await by_id(connection, wanted, allowed)
        present = await presentation(connection, caller)
    found = {}
    for name in {type_name(row.type) for row in rows}:
        ours = [row for row in rows if type_name(row.type) == name]
        await disclosed(exchange, caller, "read", name, rows=ours)
        for row in ours:
            body = exchange.store.bodies.expand(row.dictionary, row.body or b"")
            found[name, row.id] = present(name, body)
    return found
