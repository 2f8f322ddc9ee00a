"""Histories of a resource, a type, or everything. https://hl7.org/fhir/R4/http.html#history

Each page is computed under the restriction that holds then; the cursor in the next link is signed
for the caller. What may not be seen is left out, its deletion too.
"""

from dataclasses import replace

import orjson

from hie.access.caller import Caller, Permission
from hie.access.policy import require, restriction
from hie.errors import problem
from hie.fhir.definitions import type_name as name_of
from hie.fhir.definitions import type_number
from hie.fhir.references import parse_reference
from hie.fhir.subset import WHOLE, Subset
from hie.kit.clock import now
from hie.kit.db import Connection
from hie.records.bundle import Link, bundle, past, with_parameters
from hie.records.cursor import sign, verify
from hie.records.disclosure import disclosed
from hie.records.exchange import Exchange
from hie.records.fetch import missing, presentation
from hie.records.present import Present, partly
from hie.search.restriction import condition
from hie.store.history import Asked, Listed, Past, history
from hie.store.read import Condition, deletion, read

MOST_LISTED = 10_000
"""Entries of a List beyond which `_list` is refused."""


async def fetch_history(
    exchange: Exchange,
    caller: Caller,
    asked: Asked,
    *,
    count: int,
    cursor: str | None = None,
    parameters: tuple[tuple[str, str], ...] = (),
    subset: Subset = WHOLE,
    list_id: str | None = None,
) -> bytes:
    """A history Bundle, newest versions first. `parameters` are those of the links, as sent.

    `list_id`: only what this List refers to; nothing if there is no such List to see.

    The history of a resource needs the permission to read, others that to search, as SMART says.
    Problem 403 without the scope, 404 for a resource that is not there to see, 400 for a cursor
    that belongs to another caller or history.
    """
    allowed = _allowed(caller, asked)
    name = None if asked.type_number is None else name_of(asked.type_number)
    address = "/".join(part for part in (name, asked.id, "_history") if part)
    address = with_parameters(address, [*parameters, *subset.parameters()])
    before = int(verify(exchange.cursor_key, caller, address, cursor)) if cursor else None
    async with exchange.store.database.connection() as connection:
        if list_id is not None:
            listed = await _listed(connection, exchange, caller, list_id)
            asked = replace(asked, listed=listed)
        found = await history(connection, asked, allowed, before=before, limit=count + 1)
        if not found and asked.id is not None:
            await _require_known(connection, asked, allowed)
        present = partly(await presentation(connection, caller), subset)
    shown = found[:count]
    base = exchange.settings.fhir_base
    entries = [_entry(exchange, present, version) for version in shown]
    level = "system" if name is None else "type" if asked.id is None else "instance"
    await disclosed(
        exchange,
        caller,
        f"history-{level}",
        name,
        rows=[version.row for version in shown],
        logical_id=asked.id,
        query=None if asked.id else address,
    )
    links = [Link("self", f"{base}/{address}")]
    if len(found) > count:
        token = sign(exchange.cursor_key, caller, address, str(shown[-1].change))
        links.append(Link("next", with_parameters(f"{base}/{address}", [("_cursor", token)])))
    return bundle("history", entries, links=links, moment=now())


def _entry(exchange: Exchange, present: Present, version: Past) -> bytes:
    row = version.row
    name = name_of(row.type)
    body = None
    if row.body is not None:
        body = present(name, exchange.store.bodies.expand(row.dictionary, row.body))
    return past(
        exchange.settings.fhir_base,
        name,
        row.id,
        body,
        version=row.version,
        last_updated=row.last_updated,
        request=_request(version),
    )


def _request(version: Past) -> tuple[str, int]:
    """The method and the status with which the version came to be; a patch is an update."""
    if version.row.body is None:
        return "DELETE", 204
    if version.row.version == 1 and not version.by_put:
        return "POST", 201
    return "PUT", 201 if version.created else 200


def _allowed(caller: Caller, asked: Asked) -> Condition:
    if asked.type_number is None:
        visible = restriction(caller, "s")
        if not visible.rules:
            raise problem(
                403,
                "forbidden",
                "No granted scope allows 'search' on any type",
                "所授权限范围不允许对任何类型执行“search”",
            )
        return Condition(*condition(visible, None))
    name = name_of(asked.type_number)
    permission: Permission = "s" if asked.id is None else "r"
    require(caller, permission, name)
    return Condition(*condition(restriction(caller, permission), name))


async def _listed(
    connection: Connection, exchange: Exchange, caller: Caller, list_id: str
) -> tuple[Listed, ...]:
    """What the entries of the List refer to, but for those that it marks as deleted."""
    allowed = Condition(*condition(restriction(caller, "s"), "List"))
    row = await read(connection, type_number("List"), list_id, allowed)
    if row is None or row.body is None:
        return ()
    resource = orjson.loads(exchange.store.bodies.expand(row.dictionary, row.body))
    entries = resource.get("entry", ())
    if len(entries) > MOST_LISTED:
        raise problem(
            400,
            "too-costly",
            f"_list: the List has more than {MOST_LISTED} entries",
            f"_list：该 List 的条目超过 {MOST_LISTED} 个",
            "_list",
        )
    references = [each["item"].get("reference", "") for each in entries if not each.get("deleted")]
    return tuple(
        Listed(type_number(one.type), one.id, one.version)
        for one in map(parse_reference, references)
        if one.kind == "relative" and one.type is not None and one.id is not None
    )


async def _require_known(connection: Connection, asked: Asked, allowed: Condition) -> None:
    """Problem 404 unless the resource is there, only without versions of the time asked for."""
    if asked.type_number is not None and asked.id is not None:
        place = (asked.type_number, asked.id, allowed)
        if not (await read(connection, *place) or await deletion(connection, *place)):
            raise missing(name_of(asked.type_number), asked.id)
