"""From prepared entries to written versions. https://hl7.org/fhir/R4/http.html#update

Ownership, `If-Match` and the test for "nothing changed" are decided here, with the rows locked;
source Patients pass through the master patient index, whose golden records join the same batch.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from hie.access.caller import EXCHANGE_INSTITUTION, Caller
from hie.access.labels import add_labels
from hie.access.sensitive import classes_of, label
from hie.errors import problem
from hie.fhir.definitions import type_number
from hie.kit.clock import now
from hie.kit.db import Connection
from hie.kit.ids import new_id
from hie.kit.json import splice
from hie.mpi.link import Golden, Source, register, withdraw
from hie.records.entry import Entry, Prepared
from hie.records.exchange import Exchange
from hie.records.link_provenance import may_have_merged, of_source_merges
from hie.records.meta import meta_for
from hie.records.written import write_versions
from hie.search.index import Indexed, extract
from hie.store.write import Place, Version, change_numbers, locate


@dataclass(slots=True)
class Change:
    """What an entry comes to. Without a `row` nothing is written."""

    status: int
    type: str
    id: str
    version: int
    last_updated: datetime
    body: bytes | None
    row: Version | None = None
    indexed: Indexed | None = None
    classes: frozenset[str] = frozenset()
    """The sensitive classes it belongs to."""

    @property
    def changed(self) -> bool:
        return self.row is not None


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
            changes.append(_present(exchange, item, place))
        else:
            changes.append(await _change(connection, exchange, item, place, moment, operator))
    goldens = await _identify(connection, exchange, prepared, changes)
    changes += await _golden_changes(connection, exchange, goldens, moment)
    sent = [item.resource for item in prepared if item.entry.type == "Patient" and goldens]
    if may_have_merged(sent, goldens):
        made = await of_source_merges(connection, goldens, moment)
        changes += [await _provenance(connection, exchange, one, moment) for one in made]
    await _number(connection, [c.row for c in changes if c.row])
    return changes


async def write_changes(
    connection: Connection, exchange: Exchange, caller: Caller, changes: Sequence[Change]
) -> None:
    """Store, index and audit the changes that have a row."""
    rows = [(c.row, c.indexed) for c in changes if c.row]
    if rows:
        await write_versions(connection, exchange, caller, rows)
        await add_labels(connection, [(c.row.key, c.classes) for c in changes if c.row])


def _present(exchange: Exchange, item: Prepared, place: Place) -> Change:
    body = place.body and exchange.store.bodies.expand(place.dictionary, place.body)
    return Change(200, item.entry.type, item.id, place.version, place.last_updated, body)


async def _change(
    connection: Connection,
    exchange: Exchange,
    item: Prepared,
    place: Place | None,
    moment: datetime,
    operator: bool,
) -> Change:
    entry = item.entry
    if place and place.institution != item.institution and not operator:
        raise _foreign(entry, item)
    check_version(entry, place)
    if entry.method == "DELETE":
        return _deletion(entry, item, place, moment)
    institution = await exchange.institution(
        connection, place.institution if place else item.institution
    )

    resource = item.resource
    classes = classes_of(item.raw)

    def text_of(version: int, last_updated: datetime) -> tuple[bytes, dict[str, object]]:
        meta = meta_for(
            resource.get("meta"),
            version=version,
            last_updated=last_updated,
            institution_code=institution.code,
            institution_name=institution.name,
            contributed=item.contributed,
            labels=[label(name) for name in sorted(classes)],
        )
        return splice(item.raw, resource, id=item.id, meta=orjson.dumps(meta)), meta

    if place and place.body is not None:
        before = exchange.store.bodies.expand(place.dictionary, place.body)
        if before == text_of(place.version, place.last_updated)[0]:
            return Change(200, entry.type, item.id, place.version, place.last_updated, before)
    version = place.version + 1 if place else 1
    body, meta = text_of(version, moment)
    resource["id"] = item.id
    resource["meta"] = meta
    indexed = extract(resource, exchange.store.hasher)
    row = _row(exchange, item, place, version, moment, institution.number, indexed, body)
    status = 200 if place and place.body is not None else 201
    return Change(status, entry.type, item.id, version, moment, body, row, indexed, classes)


def _row(
    exchange: Exchange,
    item: Prepared,
    place: Place | None,
    version: int,
    moment: datetime,
    institution: int,
    indexed: Indexed,
    body: bytes,
) -> Version:
    store = exchange.store
    return Version(
        type=item.type_number,
        id=item.id,
        patient_key=store.hasher(indexed.patient or f"{item.entry.type}/{item.id}"),
        key=place.key if place else 0,
        change=0,
        version=version,
        last_updated=moment,
        institution=institution,
        date_low=indexed.date_low,
        date_high=indexed.date_high,
        tokens=indexed.tokens,
        dictionary=store.bodies.newest,
        body=store.bodies.compress(body),
        previous=place,
    )


def _deletion(entry: Entry, item: Prepared, place: Place | None, moment: datetime) -> Change:
    if place is None:
        raise problem(
            404,
            "not-found",
            f"There is no {entry.type}/{item.id}",
            f"没有 {entry.type}/{item.id}",
            entry.expression,
        )
    if place.body is None:
        return Change(204, entry.type, item.id, place.version, place.last_updated, None)
    row = Version(
        type=item.type_number,
        id=item.id,
        patient_key=place.patient_key,
        key=place.key,
        change=0,
        version=place.version + 1,
        last_updated=moment,
        institution=place.institution,
        date_low=None,
        date_high=None,
        tokens=[],
        dictionary=0,
        body=None,
        previous=place,
    )
    return Change(204, entry.type, item.id, row.version, moment, None, row)


def _foreign(entry: Entry, item: Prepared) -> Exception:
    if entry.method == "DELETE":
        return problem(
            404,
            "not-found",
            f"There is no {entry.type}/{item.id}",
            f"没有 {entry.type}/{item.id}",
            entry.expression,
        )
    return problem(
        403,
        "forbidden",
        f"The id {item.id} of {entry.type} is not yours to write; choose another",
        f"无权写入 {entry.type}/{item.id}，请使用其他 id",
        entry.expression,
    )


def check_version(entry: Entry, place: Place | None) -> None:
    """Problem 412 unless `If-Match` names the current version. https://hl7.org/fhir/R4/http.html#concurrency"""
    if entry.if_match is None:
        return
    wanted = [each.strip().removeprefix("W/").strip('"') for each in entry.if_match.split(",")]
    current = str(place.version) if place and place.body is not None else None
    if current not in wanted and (wanted != ["*"] or current is None):
        raise problem(
            412,
            "conflict",
            f"If-Match names version {', '.join(wanted)}, the current version is {current or 'none'}",
            f"If-Match 指定版本 {', '.join(wanted)}，当前版本为 {current or '无'}",
            entry.expression,
        )


async def _identify(
    connection: Connection,
    exchange: Exchange,
    prepared: Sequence[Prepared],
    changes: Sequence[Change],
) -> list[Golden]:
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


async def _golden_changes(
    connection: Connection, exchange: Exchange, goldens: Sequence[Golden], moment: datetime
) -> list[Change]:
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
        changes.append(await _change(connection, exchange, item, place, moment, operator=True))
    return changes


async def _provenance(
    connection: Connection, exchange: Exchange, resource: dict[str, Any], moment: datetime
) -> Change:
    item = Prepared(
        Entry("POST", "Provenance"),
        type_number("Provenance"),
        orjson.dumps(resource),
        resource,
        EXCHANGE_INSTITUTION,
        new_id(),
    )
    return await _change(connection, exchange, item, None, moment, operator=True)


async def _number(connection: Connection, rows: Sequence[Version]) -> None:
    """Give every row its change number; a new row's key is the number of its creation."""
    if rows:
        for row, number in zip(rows, await change_numbers(connection, len(rows)), strict=True):
            row.change = number
            row.key = row.key or number
