"""Golden records follow the source Patients of a batch, in the same transaction."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import orjson

from hie.access.caller import EXCHANGE_INSTITUTION
from hie.fhir.definitions import type_number
from hie.kit.db import Connection
from hie.kit.ids import new_id
from hie.mpi.link import Golden, Source, register, withdraw
from hie.records.change import Change, change_of
from hie.records.entry import Entry, Prepared
from hie.records.exchange import Exchange
from hie.store.write import locate


async def identify(
    connection: Connection,
    exchange: Exchange,
    prepared: Sequence[Prepared],
    changes: Sequence[Change],
) -> list[Golden]:
    """Pass source Patients that are written or removed through the index; whose golden record changes."""
    written: list[Source] = []
    removed: list[str] = []
    for item, change in zip(prepared, changes, strict=True):
        if change.type != "Patient" or change.row is None:
            continue
        if change.row.institution == EXCHANGE_INSTITUTION:
            continue
        if change.body is None:
            removed.append(change.id)
        else:
            written.append(Source(change.id, change.row.institution, item.resource))
    goldens: dict[str, Golden] = {}
    if written:
        goldens |= {g.person: g for g in await register(connection, exchange.store, written)}
    if removed:
        goldens |= {g.person: g for g in await withdraw(connection, exchange.store, removed)}
    return list(goldens.values())


async def golden_changes(
    connection: Connection, exchange: Exchange, goldens: Sequence[Golden], moment: datetime
) -> list[Change]:
    """The golden Patients to write or delete, each as a change like any other."""
    number = type_number("Patient")
    places = await locate(connection, [(number, g.person) for g in goldens])
    changes = []
    for golden in goldens:
        place = places.get((number, golden.person))
        if golden.resource is None and (place is None or place.body is None):
            continue
        entry = Entry("DELETE" if golden.resource is None else "PUT", "Patient", golden.person)
        item = Prepared(
            entry,
            number,
            orjson.dumps(golden.resource),
            golden.resource or {},
            EXCHANGE_INSTITUTION,
            golden.person,
        )
        changes.append(await change_of(connection, exchange, item, place, moment, operator=True))
    return changes


async def provenance_change(
    connection: Connection, exchange: Exchange, resource: dict[str, Any], moment: datetime
) -> Change:
    """A Provenance of the exchange itself, as a change like any other."""
    item = Prepared(
        Entry("POST", "Provenance"),
        type_number("Provenance"),
        orjson.dumps(resource),
        resource,
        EXCHANGE_INSTITUTION,
        new_id(),
    )
    return await change_of(connection, exchange, item, None, moment, operator=True)
