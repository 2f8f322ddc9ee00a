"""Stores, indexes and audits versions in one transaction. https://profiles.ihe.net/ITI/BALP/"""

from collections.abc import Mapping, Sequence

from hie.access.caller import Caller
from hie.audit.event import Action, Event
from hie.fhir.definitions import type_name
from hie.kit.db import Connection
from hie.records.disclosure import event, residents
from hie.records.exchange import Exchange
from hie.search import index
from hie.search.index import Indexed
from hie.store.write import Place, Version, write


async def write_versions(
    connection: Connection,
    exchange: Exchange,
    written: Sequence[tuple[Caller, Sequence[tuple[Version, Indexed | None]]]],
) -> None:
    """Write each caller's versions with their index rows (None for deletions), one event a resident."""
    rows = [row for _, own in written for row in own]
    await write(connection, [version for version, _ in rows])
    previous = [v.previous for v, _ in rows if v.previous is not None]
    if previous:
        around = [place for place in previous if _may_contain(exchange, place)]
        await index.erase(
            connection,
            [(place.patient_key, place.key) for place in previous],
            [(place.patient_key, place.key) for place in around],
        )
    await index.write(
        connection,
        [(v.patient_key, v.key, v.type, indexed) for v, indexed in rows if indexed is not None],
    )
    known = await residents(connection, {version.patient_key for version, _ in rows})
    events = [
        event
        for caller, own in written
        for event in _events(caller, [version for version, _ in own], known)
    ]
    await exchange.audit.record_in(connection, events)


def _may_contain(exchange: Exchange, place: Place) -> bool:
    """Whether the version may contain other resources; names can be escaped in JSON."""
    if place.body is None:
        return False
    text = exchange.store.bodies.expand(place.dictionary, place.body)
    return b'"contained"' in text or b"\\u" in text


def _action(version: Version) -> Action:
    if version.body is None:
        return "D"
    return "C" if version.version == 1 else "U"


def _events(caller: Caller, versions: Sequence[Version], known: Mapping[int, str]) -> list[Event]:
    groups: dict[tuple[str | None, Action], list[Version]] = {}
    for version in versions:
        key = (known.get(version.patient_key), _action(version))
        groups.setdefault(key, []).append(version)
    interactions = {"C": "create", "U": "update", "D": "delete"}
    return [
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
