"""Reading one resource or one version. https://hl7.org/fhir/R4/http.html#read

The restriction is part of the statement: what may not be seen is answered as what is not there.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from hie.access.caller import Caller, Unconfirmed, expired
from hie.access.policy import require, restriction
from hie.auth.tokens import IN_FORCE
from hie.errors import Problem, problem
from hie.fhir.definitions import type_number
from hie.kit.db import Connection, Database
from hie.mpi.people import SOURCES, linked
from hie.records.disclosure import RESIDENT, disclosed
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


async def presentation(source: Database | Connection, caller: Caller) -> Present:
    """How bodies are shown to this caller: a person's context sees one patient, not the sources."""
    if caller.patient is None:
        return unchanged
    sources = await linked(source, [caller.patient])
    return as_launch_patient(caller.patient, sources.get(caller.patient, ()))


def _condition(caller: Caller, type_name: str) -> Condition:
    require(caller, "r", type_name)
    return Condition(*condition(restriction(caller, "r"), type_name))


def _shown(exchange: Exchange, present: Present, type_name: str, row: Row) -> Fetched:
    if row.body is None:
        raise _deleted(type_name, row)
    body = exchange.store.bodies.expand(row.dictionary, row.body)
    return Fetched(type_name, row.id, row.version, row.last_updated, present(type_name, body))


@lru_cache(maxsize=1000)
def _reading(condition: str, *, in_person: bool) -> str:
    """One statement for a read: the token, the row, and with it whom it concerns or is shown to."""
    beside = (
        SOURCES.format(person="%(patient)s") if in_person else RESIDENT.format(key="v.patient_key")
    )
    return f"""
    SELECT token.in_force, {beside}, v.*
    FROM (SELECT %(token)s::bytea IS NULL OR EXISTS (SELECT {IN_FORCE})) AS token (in_force)
    LEFT JOIN LATERAL ({stored.READ.format(condition=condition)}) v ON token.in_force
    """


async def fetch(
    exchange: Exchange, asking: Caller | Unconfirmed, type_name: str, logical_id: str
) -> Fetched:
    """The current version. Problem 403 without the scope, 404 if not there to see, 410 if deleted.

    401 if the token of an unconfirmed caller is no longer in force.
    """
    caller, token = (asking, None) if isinstance(asking, Caller) else (asking.caller, asking.token)
    allowed = _condition(caller, type_name)
    database = exchange.store.database
    number = type_number(type_name)
    asked = {"type": number, "id": logical_id, **allowed.values}
    own = {"token": token, "thumbprint": None, "patient": caller.patient}
    statement = _reading(allowed.sql, in_person=caller.patient is not None)
    [(in_force, beside, *columns)] = await database.fetch(statement, {**asked, **own})
    if not in_force:
        raise expired()
    if columns[0] is None:
        gone = await stored.deletion(database, number, logical_id, allowed)
        raise missing(type_name, logical_id) if gone is None else _deleted(type_name, gone)
    row = Row(*columns)
    known = {}
    present: Present = unchanged
    if caller.patient is None:
        known[row.patient_key] = beside
    else:
        present = as_launch_patient(caller.patient, beside)
    fetched = _shown(exchange, present, type_name, row)
    await disclosed(
        exchange, caller, "read", type_name, rows=[row], logical_id=logical_id, known=known
    )
    return fetched


async def fetch_version(
    exchange: Exchange, caller: Caller, type_name: str, logical_id: str, version: int
) -> Fetched:
    """One version, current or not. Problem 403, 404, 410 as for `fetch`."""
    database = exchange.store.database
    allowed = _condition(caller, type_name)
    row = await stored.vread(database, type_number(type_name), logical_id, version, allowed)
    if row is None:
        raise missing(type_name, f"{logical_id}/_history/{version}")
    fetched = _shown(exchange, await presentation(database, caller), type_name, row)
    await disclosed(exchange, caller, "vread", type_name, rows=[row], logical_id=logical_id)
    return fetched
