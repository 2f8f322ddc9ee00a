"""SearchParameters put in force in the transaction that stores them.

https://hl7.org/fhir/R4/searchparameter.html — only the operator's are: a parameter costs every
institution's writes. What an institution sends is kept as the document that it is.
"""

from collections.abc import Sequence

import orjson

from hie.access.caller import EXCHANGE_INSTITUTION, Caller
from hie.kit.db import Connection
from hie.records.change import Change
from hie.records.entry import Prepared
from hie.search.define import define
from hie.search.definitions import hold

TYPE = "SearchParameter"


async def hold_definitions(connection: Connection, items: Sequence[Prepared]) -> None:
    """Know the search parameters as they are now, and let them stay so until the transaction ends.

    A transaction that changes them waits for all that write, and they for it.
    """
    await hold(connection, alone=any(item.entry.type == TYPE for item in items))


async def put_parameters_in_force(
    connection: Connection, caller: Caller, changes: Sequence[Change]
) -> None:
    """Define what the operator's changes say. Problem 422 if it cannot be searched by."""
    if caller.kind != "operator":
        return
    for change in changes:
        if (
            change.type == TYPE
            and change.row is not None
            and change.row.institution == EXCHANGE_INSTITUTION
        ):
            resource = orjson.loads(change.body) if change.body is not None else None
            await define(connection, change.id, resource)
