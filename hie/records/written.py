"""Stores, indexes and audits versions in one transaction. https://profiles.ihe.net/ITI/BALP/"""

from collections.abc import Sequence

from hie.access.caller import Caller
from hie.audit.event import Action
from hie.fhir.definitions import type_name
from hie.kit.db import Connection
from hie.records.disclosure import event, residents
from hie.records.exchange import Exchange
from hie.search import index
from hie.search.index import Indexed
from hie.store.write import Version, write


async def write_versions(
    connection: Connection,
    exchange: Exchange,
    caller: Caller,
    rows: Sequence[tuple[Version, Indexed | None]],
) -> None:
    """Write the versions with their index rows (None for deletions) and one event a resident."""
    await write(connection, [version for version, _ in rows])
    places = [(v.previous.patient_key, v.key) for v, _ in rows if v.previous is not None]
    if places:
        await index.erase(connection, places)
    await index.write(
        connection,
        [(v.patient_key, v.key, v.type, indexed) for v, indexed in rows if indexed is not None],
    )
    await _audit(connection, exchange, caller, [version for version, _ in rows])


def _action(version: Version) -> Action:
    if version.body is None:
        return "D"
    return "C" if version.version == 1 else "U"


async def _audit(
    connection: Connection, exchange: Exchange, caller: Caller, versions: Sequence[Version]
) -> None:
    known = await residents(connection, {v.patient_key for v in versions})
    groups: dict[tuple[str | None, Action], list[Version]] = {}
    for version in versions:
        key = (known.get(version.patient_key), _action(version))
        groups.setdefault(key, []).append(version)
    interactions = {"C": "create", "U": "update", "D": "delete"}
    events = [
        event(
            caller,
            action,
            interactions[action],
            patient,
            entity_type=type_name(group[0].type) if len(group) == 1 else None,
            entity_id=group[0].id if len(group) == 1 else None,
            entity_version=group[0].version if len(group) == 1 else None,
            entity_count=len(group),
        )
        for (patient, action), group in groups.items()
    ]
    await exchange.audit.record_in(connection, events)
