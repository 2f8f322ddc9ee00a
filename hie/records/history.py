"""Histories of a resource, a type, or everything. https://hl7.org/fhir/R4/http.html#history

Each page is computed under the restriction that holds then; the cursor in the next link is signed
for the caller. What may not be seen is left out, its deletion too.
"""

from hie.access.caller import Caller, Permission
from hie.access.policy import require, restriction
from hie.errors import problem
from hie.fhir.definitions import type_name as name_of
from hie.fhir.subset import WHOLE, Subset
from hie.kit.clock import now
from hie.kit.db import Connection
from hie.records.bundle import Link, bundle, past, with_parameters
from hie.records.cursor import sign, verify
from hie.records.disclosure import disclosed
from hie.records.exchange import Exchange
from hie.records.fetch import missing, presentation
from hie.records.present import partly
from hie.search.restriction import condition
from hie.store.history import Asked, history
from hie.store.read import Condition, deletion, read


async def fetch_history(
    exchange: Exchange,
    caller: Caller,
    asked: Asked,
    *,
    count: int,
    cursor: str | None = None,
    parameters: tuple[tuple[str, str], ...] = (),
    subset: Subset = WHOLE,
) -> bytes:
    """A history Bundle, newest versions first. `parameters` are those of the links, as sent.

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
        found = await history(connection, asked, allowed, before=before, limit=count + 1)
        if not found and asked.id is not None:
            await _require_known(connection, asked, allowed)
        present = partly(await presentation(connection, caller), subset)
    shown = found[:count]
    base = exchange.settings.fhir_base
    expand = exchange.store.bodies.expand
    entries = [
        past(
            base,
            name_of(row.type),
            row.id,
            None
            if row.body is None
            else present(name_of(row.type), expand(row.dictionary, row.body)),
            version=row.version,
            last_updated=row.last_updated,
        )
        for row, _ in shown
    ]
    level = "system" if name is None else "type" if asked.id is None else "instance"
    await disclosed(
        exchange,
        caller,
        f"history-{level}",
        name,
        rows=[row for row, _ in shown],
        logical_id=asked.id,
        query=None if asked.id else address,
    )
    links = [Link("self", f"{base}/{address}")]
    if len(found) > count:
        token = sign(exchange.cursor_key, caller, address, str(shown[-1].change))
        links.append(Link("next", with_parameters(f"{base}/{address}", [("_cursor", token)])))
    return bundle("history", entries, links=links, moment=now())


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


async def _require_known(connection: Connection, asked: Asked, allowed: Condition) -> None:
    """Problem 404 unless the resource is there, only without versions of the time asked for."""
    if asked.type_number is not None and asked.id is not None:
        place = (asked.type_number, asked.id, allowed)
        if not (await read(connection, *place) or await deletion(connection, *place)):
            raise missing(name_of(asked.type_number), asked.id)
