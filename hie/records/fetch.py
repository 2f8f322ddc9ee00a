"""Reading one resource or one version. https://hl7.org/fhir/R4/http.html#read

The restriction is part of the statement: what may not be seen is answered as what is not there. So
is the entry in the audit trail: what a read gives is on record in the transaction that gives it.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

import psycopg

from hie.access.caller import Caller, Unconfirmed, expired
from hie.access.policy import require, restriction
from hie.audit.log import AuditError
from hie.audit.rows import noting
from hie.auth.tokens import IN_FORCE
from hie.errors import Issue, Problem, Text, problem
from hie.fhir.definitions import type_number
from hie.kit.db import Connection, Database
from hie.kit.joined import hexadecimal, of_asker, table, type_of
from hie.mpi.people import SOURCES, linked
from hie.records.disclosure import RESIDENT, disclosed
from hie.records.exchange import Exchange
from hie.records.present import Present, as_launch_patient, unchanged
from hie.search.restriction import condition
from hie.store import read as stored
from hie.store.read import Condition, Row


class Fetched(NamedTuple):
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


class Deleted(Problem):
    """410, with the version that whoever brings the resource back can name in `If-Match`."""

    def __init__(self, type_name: str, row: Row) -> None:
        text = Text(
            f"{type_name}/{row.id} was deleted with version {row.version}",
            f"{type_name}/{row.id} 已在版本 {row.version} 中删除",
        )
        super().__init__(410, [Issue("deleted", text)])
        self.version = row.version
        self.last_updated = row.last_updated


async def presentation(source: Database | Connection, caller: Caller) -> Present:
    """How bodies are shown to this caller: a person's context sees one patient, not the sources."""
    if caller.patient is None:
        return unchanged
    sources = await linked(source, [caller.patient])
    return as_launch_patient(caller.patient, sources.get(caller.patient, ()))


def _condition(caller: Caller, type_name: str) -> Condition:
    require(caller, "r", type_name)
    return Condition(*condition(restriction(caller, "r"), type_name, by_id=True))


def _shown(exchange: Exchange, present: Present, type_name: str, row: Row) -> Fetched:
    if row.body is None:
        raise Deleted(type_name, row)
    body = exchange.store.bodies.expand(row.dictionary, row.body)
    return Fetched(type_name, row.id, row.version, row.last_updated, present(type_name, body))


READER = {
    "token": "bytea",
    "thumbprint": "text",
    "type": "smallint",
    "id": "text",
    "client_id": "text",
    "account": "text",
    "fhir_user": "text",
    "of_institution": "integer",
    "patient": "text",
    "type_name": "text",
    "request_id": "text",
    "address": "text",
}
"""Who asks for what, beside the values of the restriction."""

NOTE = noting(
    "found WHERE body IS NOT NULL",
    action="'R'",
    interaction="'read'",
    outcome="0",
    client_id="client_id",
    account="account",
    fhir_user="fhir_user",
    institution="of_institution",
    patient="resident",
    entity_type="type_name",
    entity_id="id",
    entity_version="version",
    request_id="request_id",
    address="address",
)


@lru_cache(maxsize=1000)
def _statement(condition: str, types: tuple[tuple[str, str], ...], *, in_person: bool) -> str:
    """One statement for all who read just then: the token, the row, whom it concerns, the trail.

    The token is asked for as a value, so that the planner cannot make a list of all tokens of that,
    and with OFFSET, so that it is asked for once.
    """
    resident, sources = RESIDENT.format(key="v.patient_key"), "NULL"
    if in_person:
        resident, sources = "asker.patient", SOURCES.format(person="asker.patient")
    return f"""
    WITH found AS MATERIALIZED (
        SELECT asker.*, token.in_force, {resident} AS resident, {sources} AS sources,
            v.version, v.last_updated, v.dictionary, v.body
        FROM {table({**READER, **dict(types)})}
        CROSS JOIN LATERAL (
            SELECT asker.token IS NULL OR (SELECT true {of_asker(IN_FORCE)}) IS TRUE OFFSET 0
        ) AS token (in_force)
        LEFT JOIN LATERAL ({of_asker(stored.READ.format(condition=condition))}) v
            ON token.in_force
    ), noted AS ({NOTE})
    SELECT place, in_force, sources, version, last_updated, dictionary, body FROM found
    """


@lru_cache(maxsize=5000)
def _reading(caller: Caller, type_name: str) -> tuple[str, Mapping[str, object]]:
    """The statement by which the caller reads, and of its values those that all reads share."""
    allowed = _condition(caller, type_name)
    types = tuple((name, type_of(value)) for name, value in allowed.values.items())
    values = {
        **allowed.values,
        "type": type_number(type_name),
        "client_id": caller.client_id,
        "account": caller.account,
        "fhir_user": caller.user,
        "of_institution": caller.institution,
        "patient": caller.patient,
        "type_name": type_name,
    }
    return _statement(allowed.sql, types, in_person=caller.patient is not None), values


async def fetch(
    exchange: Exchange, asking: Caller | Unconfirmed, type_name: str, logical_id: str
) -> Fetched:
    """The current version. Problem 403 without the scope, 404 if not there to see, 410 if deleted.

    401 if the token of an unconfirmed caller is no longer in force.
    """
    caller, token = (asking, None) if isinstance(asking, Caller) else (asking.caller, asking.token)
    statement, values = _reading(caller.standing, type_name)
    own = {
        **values,
        "token": None if token is None else hexadecimal(token),
        "id": logical_id,
        "request_id": asking.request_id,
        "address": asking.network_address,
    }
    if not exchange.audit.prepared:
        await exchange.audit.prepare()
    database = exchange.store.database
    try:
        [found] = await database.fetch_joined(statement, own)
    except psycopg.Error as error:
        if AuditError.explains(error):
            raise AuditError(f"The audit trail could not be written: {error}") from error
        raise
    in_force, sources, version, last_updated, dictionary, body = found
    if not in_force:
        raise expired()
    if body is None:
        allowed = _condition(caller, type_name)
        gone = await stored.deletion(database, type_number(type_name), logical_id, allowed)
        raise missing(type_name, logical_id) if gone is None else Deleted(type_name, gone)
    expanded = exchange.store.bodies.expand(dictionary, body)
    if caller.patient is not None:
        expanded = as_launch_patient(caller.patient, sources)(type_name, expanded)
    return Fetched(type_name, logical_id, version, last_updated, expanded)


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
