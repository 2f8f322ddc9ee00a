"""From prepared entries to the changes of one transaction, and from these to the tables.

Source Patients pass through the master patient index, whose golden records join the same batch.
"""

from collections.abc import Collection, Sequence
from datetime import datetime

from hie.access.caller import Caller
from hie.access.labels import add_labels
from hie.kit.clock import now
from hie.kit.db import Connection
from hie.records.change import Change, change_of, present
from hie.records.entry import Prepared
from hie.records.exchange import Exchange
from hie.records.golden import golden_changes, identify, provenance_change
from hie.records.link_provenance import may_have_merged, of_source_merges
from hie.records.written import write_versions
from hie.store.write import change_numbers, locate


async def build_changes(
    connection: Connection,
    exchange: Exchange,
    prepared: Sequence[Prepared],
    existing: Collection[int],
    *,
    operator: bool = False,
) -> list[Change]:
    """One change for each entry, followed by those of the golden records; rows are locked.

    `existing` holds the places of conditional creates that matched. Raises Problem 403, 404, 412.
    """
    moment = now()
    places = await locate(
        connection,
        [
            (item.type_number, item.id)
            for number, item in enumerate(prepared)
            if item.entry.method != "POST" or number in existing
        ],
    )
    changes = []
    for number, item in enumerate(prepared):
        place = places.get((item.type_number, item.id))
        if number in existing and place is not None:
            changes.append(present(exchange, item, place))
        else:
            changes.append(await change_of(connection, exchange, item, place, moment, operator))
    goldens = await identify(connection, exchange, prepared, changes)
    changes += await golden_changes(connection, exchange, goldens, moment)
    sent = [item.resource for item in prepared if item.entry.type == "Patient" and goldens]
    if may_have_merged(sent, goldens):
        made = await of_source_merges(connection, goldens, moment)
        changes += [await provenance_change(connection, exchange, one, moment) for one in made]
    await number_changes(connection, changes, moment)
    return changes


async def write_changes(
    connection: Connection, exchange: Exchange, changes: Sequence[tuple[Caller, Sequence[Change]]]
) -> None:
    """Store, index and audit those of each caller's changes that have a row."""
    written = [
        (caller, [(one.row, one.indexed) for one in own if one.row]) for caller, own in changes
    ]
    if any(rows for _, rows in written):
        await write_versions(connection, exchange, written)
        await add_labels(
            connection, [(c.row.key, c.classes) for _, own in changes for c in own if c.row]
        )


async def number_changes(
    connection: Connection, changes: Sequence[Change], moment: datetime
) -> None:
    """Give every row its change number; a new row's key is the number of its creation."""
    rows = [change.row for change in changes if change.row]
    if rows:
        numbers = await change_numbers(connection, len(rows), moment)
        for row, number in zip(rows, numbers, strict=True):
            row.change = number
            row.key = row.key or number
