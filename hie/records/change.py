"""From one prepared entry to the version that it comes to. https://hl7.org/fhir/R4/http.html#update

Ownership, `If-Match` and the test for "nothing changed" are decided here, with the row locked.
"""

from collections.abc import Mapping
from datetime import datetime

import msgspec
import orjson

from hie.access.sensitive import classes_of, label
from hie.errors import problem
from hie.kit.db import Connection
from hie.kit.json import splice
from hie.records.entry import Entry, Prepared
from hie.records.exchange import Exchange
from hie.records.meta import meta_for
from hie.records.precondition import check_version, not_yours
from hie.search.index import Indexed, extract
from hie.store.write import Place, Version


class Change(msgspec.Struct):
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


def present(exchange: Exchange, item: Prepared, place: Place) -> Change:
    """For a conditional create that matched: what is there already, and nothing to write."""
    body = place.body and exchange.store.bodies.expand(place.dictionary, place.body)
    return Change(200, item.entry.type, item.id, place.version, place.last_updated, body)


async def change_of(
    connection: Connection,
    exchange: Exchange,
    item: Prepared,
    place: Place | None,
    moment: datetime,
    operator: bool,
) -> Change:
    """What the entry comes to, given what stands under its id, which must be locked.

    An `operator` may change what an institution owns. Raises Problem 403, 404, 412.
    """
    entry = item.entry
    if place and place.institution != item.institution and not operator:
        raise not_yours(entry, item)
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
    # Not in place: if the transaction is tried again, the resource is still as its text.
    id_given = _gives_id(item.entry, resource)
    resource = {**resource, "id": item.id, "meta": meta}
    if item.parsed is not None:
        item.parsed = resource
    indexed = extract(resource, exchange.store.hasher)
    row = _row(exchange, item, place, version, moment, institution.number, indexed, body, id_given)
    status = 200 if place and place.body is not None else 201
    return Change(status, entry.type, item.id, version, moment, body, row, indexed, classes)


def _gives_id(entry: Entry, resource: Mapping[str, object]) -> bool:
    """Whether the sender says which id the resource has; otherwise the exchange has given it one."""
    return entry.method == "PUT" and (entry.id is not None or "id" in resource)


def _row(
    exchange: Exchange,
    item: Prepared,
    place: Place | None,
    version: int,
    moment: datetime,
    institution: int,
    indexed: Indexed,
    body: bytes,
    id_given: bool,
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
        id_given=id_given,
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
