"""Patches inside the write door. https://hl7.org/fhir/R4/http.html#patch

A patch is applied to the version that stands there with its row locked, so two patches of one
resource follow each other and neither is lost. What comes out is checked like anything sent.
"""

from collections.abc import Sequence
from dataclasses import replace

import msgspec
import orjson

from hie.errors import Issue, Problem, problem
from hie.fhir.patch import patched
from hie.fhir.patch.narrative import without_stale_narrative
from hie.kit.db import Connection
from hie.records.entry import Prepared
from hie.records.exchange import Exchange
from hie.records.precondition import check_version
from hie.records.prepare import check
from hie.store.write import Place, locate


async def apply_patches(
    connection: Connection, exchange: Exchange, items: Sequence[Prepared], *, operator: bool
) -> None:
    """Give the items that patch the text and the resource that their patch results in.

    Problem 404 for what is not the sender's, 410 for what is deleted, 412 for another version than
    `If-Match` names, 400, 415 and 422 as for `patched`, 422 if the result is invalid.
    """
    if not any(item.entry.method == "PATCH" for item in items):
        return
    # All rows of the transaction at once: their locks are taken in one order.
    places = await locate(
        connection, [(item.type_number, item.id) for item in items if item.entry.method != "POST"]
    )
    issues: list[Issue] = []
    for item in items:
        if item.entry.method == "PATCH":
            place = places.get((item.type_number, item.id))
            issues += _apply(exchange, item, _own(item, place, operator))
    if any(issue.severity in ("error", "fatal") for issue in issues):
        raise Problem(422, issues)


def _own(item: Prepared, place: Place | None, operator: bool) -> Place:
    name = f"{item.entry.type}/{item.id}"
    if place is None or (place.institution != item.institution and not operator):
        raise problem(
            404, "not-found", f"There is no {name}", f"没有 {name}", item.entry.expression
        )
    if place.body is None:
        raise problem(
            410, "deleted", f"{name} was deleted", f"{name} 已被删除", item.entry.expression
        )
    return place


def _apply(exchange: Exchange, item: Prepared, place: Place) -> list[Issue]:
    entry = item.entry
    check_version(entry, place)
    before = exchange.store.bodies.expand(place.dictionary, place.body or b"")
    try:
        after = patched(before, entry.body or b"", entry.media_type or "")
        after = without_stale_narrative(before, after)
    except Problem as found:
        if entry.expression is None:
            raise
        place_in_bundle = f"{entry.expression}.resource"
        raise Problem(
            found.status, [replace(issue, expression=place_in_bundle) for issue in found.issues]
        ) from found
    item.raw = after
    if after == before:
        item.parsed = orjson.loads(after)
        return []
    checked = check(
        msgspec.structs.replace(entry, method="PUT", id=item.id, query=None, body=after)
    )
    item.parsed = checked.resource
    return [*checked.unreadable, *checked.invalid]
