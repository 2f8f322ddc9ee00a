"""Chains and `_has`: conditions on other resources. https://hl7.org/fhir/R4/search.html#chaining, #has

Resources that belong to no patient, and Patients themselves, have the hash of their own reference as
patient key; from it SQL computes the token of a reference to them. For the others the ids are
fetched first, up to a limit.

A golden Patient stands for the person: who finds it by a chain finds what points to any of its linked
source records, and what points to one of those finds the golden Patient by `_has`. Links are read in the
same statement, so that a relink counts with the next search.
"""

from collections.abc import Sequence

import orjson

from hie.fhir.definitions import type_number
from hie.search.context import LARGEST_EXPANSION, Context
from hie.search.links import references_of
from hie.search.parameters import Parameter, kept, patient_parameters
from hie.search.params.token import has_token
from hie.search.permitted import permitted
from hie.search.primary import patient_ranks
from hie.search.problems import too_costly
from hie.search.query import Chain, Has
from hie.search.sql import FALSE, Sql, all_of

FEW = 64
"""Numbers that are compared with the array of each row."""

OF_PERSONS = """
WITH found AS MATERIALIZED ({keys})
SELECT f.patient_key FROM found f
UNION ALL
SELECT g.patient_key FROM found f JOIN mpi.person p USING (patient_key)
JOIN mpi.registration g ON g.person = coalesce(p.merged_into, p.id)
"""
"""The patient keys found, and where one is a golden record's those of all its source records."""

AND_PERSONS = """
WITH found AS MATERIALIZED ({keys})
SELECT f.patient_key FROM found f
UNION ALL
SELECT p.patient_key FROM found f JOIN mpi.registration g USING (patient_key)
JOIN mpi.person p ON p.id = g.person
"""
"""The patient keys found, and where one is a source record's that of its golden record."""


def stands_alone(type_name: str) -> bool:
    """Whether the patient key of a row of this type is the hash of its own reference."""
    return type_name == "Patient" or not patient_ranks(type_name)


def _rows(type_name: str, inner: Sql, context: Context) -> Sql:
    return all_of(
        (
            Sql("r.type = %s", (type_number(type_name),)),
            permitted(context.restriction, type_name),
            inner,
        )
    )


def _is_patient(parameter: Parameter, type_name: str) -> bool:
    """Whether a row's patient key says all about where the parameter points to."""
    codes = patient_parameters(type_name)
    return parameter.code in codes and len(patient_ranks(type_name)) == len(codes)


async def chained(node: Chain, inner: Sql, type_name: str, context: Context) -> Sql:
    """Rows whose reference points to a row of `node.type` that satisfies `inner`."""
    rows = _rows(node.type, inner, context)
    keys = f"SELECT r.patient_key FROM store.resource r WHERE {rows.text}"
    if node.type == "Patient":
        keys = OF_PERSONS.format(keys=keys)
        if _is_patient(node.parameter, type_name):
            return Sql(f"r.patient_key IN ({keys})", rows.values)
    names = [context.name(part) for part in kept(type_name)[node.parameter.code]]
    if stands_alone(node.type):
        return Sql(
            "r.tokens && coalesce((SELECT array_agg(name # patient_key) "
            f"FROM unnest(%s::bigint[]) AS name, ({keys}) AS target), '{{}}')",
            (names, *rows.values),
        )
    cursor = await context.connection.execute(
        f"SELECT r.id FROM store.resource r WHERE {rows.text} LIMIT %s",
        (*rows.values, LARGEST_EXPANSION + 1),
    )
    ids = [row[0] for row in await cursor.fetchall()]
    _check(len(ids), node.parameter)
    return _pointing_to(node, ids, names, context)


async def chained_from(node: Chain, inner: Sql, candidates: Sql, context: Context) -> Sql:
    """The same, for few candidates: what they point to is read from them and then asked.

    Where there are too many candidates after all, it is asked the other way round.
    """
    source = node.parameter.type_name
    cursor = await context.connection.execute(
        f"SELECT r.dictionary, r.body FROM store.resource r WHERE {candidates.text} LIMIT %s",
        (*candidates.values, LARGEST_EXPANSION + 1),
    )
    found = await cursor.fetchall()
    if len(found) > LARGEST_EXPANSION:
        return await chained(node, inner, source, context)
    pointed = _pointed_to(found, node.parameter, node.type, context)
    if not pointed:
        return FALSE
    rows = _rows(node.type, inner, context)
    cursor = await context.connection.execute(
        f"SELECT r.id FROM store.resource r WHERE r.id = ANY(%s::text[]) AND {rows.text}",
        (pointed, *rows.values),
    )
    ids = [row[0] for row in await cursor.fetchall()]
    names = [context.name(part) for part in kept(source)[node.parameter.code]]
    return _pointing_to(node, ids, names, context)


def _pointing_to(node: Chain, ids: Sequence[str], names: Sequence[int], context: Context) -> Sql:
    """Rows that point to one of the resources of the chain's type."""
    if not ids:
        return FALSE
    halves = [context.hasher(f"{node.type}/{logical_id}") for logical_id in ids]
    tokens = sorted({name ^ half for name in names for half in halves})
    if len(tokens) <= FEW:
        return has_token(set(tokens))
    # comparing whole arrays with each row would take longer than looking each number up
    return Sql(
        "r.key IN (SELECT x.key FROM unnest(%s::bigint[]) AS token "
        "JOIN store.resource x ON x.tokens @> ARRAY[token])",
        (tokens,),
    )


def _pointed_to(
    found: Sequence[tuple[int, bytes]], parameter: Parameter, type_name: str, context: Context
) -> list[str]:
    """The ids of the resources of a type to which bodies point by the parameter."""
    prefix = f"{type_name}/"
    return sorted(
        {
            reference.removeprefix(prefix)
            for dictionary, body in found
            for reference in references_of(
                orjson.loads(context.store.bodies.expand(dictionary, body)), (parameter.code,)
            )
            if reference.startswith(prefix)
        }
    )


async def pointing_here(node: Has, inner: Sql, type_name: str, context: Context) -> Sql:
    """Rows to which a row that satisfies `inner` points by `node.parameter`."""
    source = node.parameter.type_name
    rows = _rows(source, inner, context)
    if stands_alone(type_name):
        keys = f"SELECT r.patient_key FROM store.resource r WHERE {rows.text}"
        values = rows.values
        if type_name != "Patient" or not _is_patient(node.parameter, source):
            names = [context.name(part) for part in kept(source)[node.parameter.code]]
            keys = (
                "SELECT name # token AS patient_key FROM store.resource r, unnest(r.tokens) AS token, "
                f"unnest(%s::bigint[]) AS name WHERE {rows.text}"
            )
            values = (names, *values)
        if type_name == "Patient":
            keys = AND_PERSONS.format(keys=keys)
        return Sql(f"r.patient_key IN ({keys})", values)
    cursor = await context.connection.execute(
        f"SELECT r.dictionary, r.body FROM store.resource r WHERE {rows.text} LIMIT %s",
        (*rows.values, LARGEST_EXPANSION + 1),
    )
    found = await cursor.fetchall()
    _check(len(found), node.parameter)
    ids = _pointed_to(found, node.parameter, type_name, context)
    return Sql(
        "(r.type = %s AND r.id = ANY(%s::text[]))",
        (type_number(type_name), ids),
    )


def _check(found: int, parameter: Parameter) -> None:
    if found > LARGEST_EXPANSION:
        raise too_costly(
            f"Search parameter '{parameter.code}': more than {LARGEST_EXPANSION} "
            "resources satisfy the chained condition; narrow it",
            f"检索参数“{parameter.code}”：满足链式条件的资源超过 {LARGEST_EXPANSION} 个，请缩小范围",
        )
