"""Reading one resource, one version, or its history. https://hl7.org/fhir/R4/http.html#read

The restriction is part of the statement: what may not be seen is answered as what is not there.
"""

from dataclasses import dataclass
from datetime import datetime

from hie.access.caller import Caller
from hie.access.policy import require, restriction
from hie.errors import Problem, problem
from hie.fhir.definitions import type_number
from hie.kit.db import Connection
from hie.mpi.people import linked
from hie.records.bundle import Link, bundle, past
from hie.records.disclosure import disclosed
from hie.records.exchange import Exchange
from hie.records.present import Present, as_launch_patient, unchanged
from hie.search.restriction import condition
from hie.store import read as stored
from hie.store.read import Condition, Row


@dataclass(frozen=True, slots=True)
class Fetched:
    """One version as it goes out."""

    type: str
    id: str
    version: int
    last_updated: datetime
    body: bytes


def missing(type_name: str, logical_id: str) -> Problem:
    """The answer for what is not there, and for what the caller may not see."""
    return problem(
        404,
        "not-found",
        f"There is no {type_name}/{logical_id}",
        f"没有 {type_name}/{logical_id}",
    )


def _deleted(type_name: str, row: Row) -> Problem:
    return problem(
        410,
        "deleted",
        f"{type_name}/{row.id} was deleted with version {row.version}",
        f"{type_name}/{row.id} 已在版本 {row.version} 中删除",
    )


async def presentation(connection: Connection, caller: Caller) -> Present:
    """How bodies are shown to this caller: a person's context sees one patient, not the sources."""
    if caller.patient is None:
        return unchanged
    sources = await linked(connection, [caller.patient])
    return as_launch_patient(caller.patient, sources.get(caller.patient, ()))


def _condition(caller: Caller, type_name: str) -> Condition:
    require(caller, "r", type_name)
    return Condition(*condition(restriction(caller, "r"), type_name))


async def _shown(
    connection: Connection, exchange: Exchange, caller: Caller, type_name: str, row: Row
) -> Fetched:
    if row.body is None:
        raise _deleted(type_name, row)
    body = exchange.store.bodies.expand(row.dictionary, row.body)
    present = await presentation(connection, caller)
    return Fetched(type_name, row.id, row.version, row.last_updated, present(type_name, body))


async def fetch(exchange: Exchange, caller: Caller, type_name: str, logical_id: str) -> Fetched:
    """The current version. Problem 403 without the scope, 404 if not there to see, 410 if deleted."""
    async with exchange.store.database.connection() as connection:
        allowed = _condition(caller, type_name)
        row = await stored.read(connection, type_number(type_name), logical_id, allowed)
        if row is None:
            raise missing(type_name, logical_id)
        fetched = await _shown(connection, exchange, caller, type_name, row)
    await disclosed(exchange, caller, "read", type_name, rows=[row], logical_id=logical_id)
    return fetched


async def fetch_version(
    exchange: Exchange, caller: Caller, type_name: str, logical_id: str, version: int
) -> Fetched:
    """One version, current or not. Problem 403, 404, 410 as for `fetch`."""
    async with exchange.store.database.connection() as connection:
        allowed = _condition(caller, type_name)
        row = await stored.vread(connection, type_number(type_name), logical_id, version, allowed)
        if row is None:
            raise missing(type_name, f"{logical_id}/_history/{version}")
        fetched = await _shown(connection, exchange, caller, type_name, row)
    await disclosed(exchange, caller, "vread", type_name, rows=[row], logical_id=logical_id)
    return fetched


async def fetch_history(
    exchange: Exchange,
    caller: Caller,
    type_name: str,
    logical_id: str,
    *,
    before: int,
    count: int,
) -> bytes:
    """A history Bundle of up to `count` versions below number `before`, newest first."""
    base = exchange.settings.fhir_base
    async with exchange.store.database.connection() as connection:
        allowed = _condition(caller, type_name)
        rows = await stored.history(
            connection,
            type_number(type_name),
            logical_id,
            allowed,
            before=before,
            limit=count + 1,
        )
        if not rows:
            raise missing(type_name, logical_id)
        present = await presentation(connection, caller)
    shown = rows[:count]
    expand = exchange.store.bodies.expand
    entries = [
        past(
            base,
            type_name,
            logical_id,
            present(type_name, expand(r.dictionary, r.body)) if r.body is not None else None,
            version=r.version,
            last_updated=r.last_updated,
        )
        for r in shown
    ]
    await disclosed(
        exchange, caller, "history-instance", type_name, rows=shown, logical_id=logical_id
    )
    here = f"{base}/{type_name}/{logical_id}/_history?_count={count}"
    links = [Link("self", here)]
    if len(rows) > count:
        links.append(Link("next", f"{here}&_before={shown[-1].version}"))
    return bundle("history", entries, links=links)
