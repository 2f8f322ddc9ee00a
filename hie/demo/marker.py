"""Which district is in the database: a Group that the exchange itself keeps.

https://hl7.org/fhir/R4/group.html. It is inactive while the district is being loaded, so that a
load that was interrupted is finished at the next start, with the same last day.
"""

from dataclasses import dataclass
from datetime import date

import orjson

from hie.access.caller import Caller
from hie.demo.district import District
from hie.errors import Problem
from hie.records.accept import accept
from hie.records.entry import Entry
from hie.records.exchange import Exchange
from hie.records.fetch import fetch

ID = "demo-district"
SEED = "urn:hie:demo:seed"
UNTIL = "urn:hie:demo:until"


@dataclass(frozen=True, slots=True)
class Marker:
    """The district that was begun, and whether all of it is in."""

    district: District
    complete: bool


async def read_marker(exchange: Exchange) -> Marker | None:
    """What was loaded before, None if nothing was."""
    try:
        found = await fetch(exchange, Caller.operator(), "Group", ID)
    except Problem as problem:
        if problem.status == 404:
            return None
        raise
    group = orjson.loads(found.body)
    values = {one["system"]: one["value"] for one in group["identifier"]}
    district = District(int(values[SEED]), group["quantity"], date.fromisoformat(values[UNTIL]))
    return Marker(district, group["active"])


async def write_marker(exchange: Exchange, marker: Marker) -> None:
    """Note how far the district has come."""
    district = marker.district
    group = {
        "resourceType": "Group",
        "id": ID,
        "identifier": [
            {"system": SEED, "value": str(district.seed)},
            {"system": UNTIL, "value": district.until.isoformat()},
        ],
        "active": marker.complete,
        "type": "person",
        "actual": True,
        "name": "云溪区（虚构的演示区）",
        "quantity": district.residents,
    }
    entry = Entry("PUT", "Group", ID, orjson.dumps(group))
    await accept(exchange, Caller.operator(), [entry])
