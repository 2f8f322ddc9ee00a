"""Chains: conditions on what a row refers to. https://hl7.org/fhir/R4/search.html#chaining

Resources that belong to no patient, and Patients themselves, have the hash of their own reference as
patient key; from it SQL computes the token of a reference to them. For the others ids are fetched first.

A golden Patient stands for the person: who finds it by a chain finds what points to any of its linked
source records. Links are read when a search runs, so that a relink counts with the next one.
"""

from collections.abc import Collection, Sequence

import orjson

from hie.fhir.definitions import type_number
from hie.search.context import LARGEST_EXPANSION, Context
from hie.search.links import references_of
from hie.search.other_end import (
    Inner,
    allowed_rows,
    by_parameter,
    check,
    few,
    limit,
    names_primary,
    patients_of,
    rows_of,
    rows_with,
    stands_alone,
    values,
)
from hie.search.parameters import Parameter, kept
from hie.search.query import Chain
from hie.search.sql import FALSE, Sql, all_of

OF_PERSONS = """
WITH found AS MATERIALIZED ({keys})
SELECT f.patient_key FROM found f
UNION ALL
SELECT g.patient_key FROM found f JOIN mpi.person p USING (patient_key)
JOIN mpi.registration g ON g.person = coalesce(p.merged_into, p.id)
"""
"""The patient keys found, and where one is a golden record's those of all its source records."""

GOLDEN = """
SELECT g.patient_key, p.patient_key FROM mpi.registration g JOIN mpi.person p ON p.id = g.person
WHERE g.patient_key = ANY(%(keys)s)
UNION ALL
SELECT g.patient_key, p.patient_key FROM mpi.registration g
JOIN mpi.person p ON p.merged_into = g.person WHERE g.patient_key = ANY(%(keys)s)
"""
"""The same the other way round: source records, each with a golden record that stands for it."""


async def chained(
    node: Chain, inner: Inner, type_name: str, context: Context, scope: Sql | None
) -> Sql:
    """Rows whose reference points to a row of `node.type` for which the inner condition holds."""
    if (
        node.type == "Patient"
        and names_primary(node.parameter, type_name)
        and not context.contained
    ):
        return await _of_patients(node, inner, type_name, context, scope)
    names = [context.name(part) for part in kept(type_name)[node.parameter.code]]
    if scope is not None and not stands_alone(node.type):
        cursor = await context.connection.execute(
            f"SELECT r.dictionary, r.body FROM store.resource r WHERE {scope.text} LIMIT %s",
            (*scope.values, LARGEST_EXPANSION + 1),
        )
        bodies = await cursor.fetchall()
        if len(bodies) <= LARGEST_EXPANSION:
            pointed = pointed_to(bodies, node.parameter, node.type, context)
            return await _pointing_to(node, inner, pointed, names, context)
    rows = allowed_rows(node.type, await inner(None), context)
    if rows == FALSE:
        return FALSE
    if stands_alone(node.type):
        return await _of_keys(node.type, rows, names, context, scope)
    cursor = await context.connection.execute(
        f"SELECT r.id FROM store.resource r WHERE {rows.text} LIMIT %s",
        (*rows.values, limit(context) + 1),
    )
    ids = [row[0] for row in await cursor.fetchall()]
    check(ids, node.parameter, context)
    return rows_with(_tokens(node.type, ids, names, context), context.rows)


async def _of_keys(
    type_name: str, rows: Sql, names: Sequence[int], context: Context, scope: Sql | None
) -> Sql:
    """Rows that refer by one of the names to such a row, whose key is the hash of its reference."""
    text = f"SELECT r.patient_key FROM store.resource r WHERE {rows.text}"
    keys = Sql(OF_PERSONS.format(keys=text) if type_name == "Patient" else text, rows.values)
    if context.few is not None:
        return rows_with({name ^ key for key in await few(context, keys) for name in names})
    if scope is not None:
        return Sql(
            "(r.tokens || '{}') && coalesce((SELECT array_agg(name # patient_key) "
            f"FROM unnest(%s::bigint[]) AS name, ({keys.text}) AS target), '{{}}')",
            (names, *keys.values),
        )
    return Sql(
        f"r.key IN (SELECT x.key FROM ({keys.text}) AS target CROSS JOIN unnest(%s::bigint[]) AS name "
        f"CROSS JOIN LATERAL (SELECT x.key FROM {context.rows} x "
        "WHERE x.tokens @> ARRAY[name # target.patient_key] OFFSET 0) AS x)",
        (*keys.values, names),
    )


async def _of_patients(
    node: Chain, inner: Inner, type_name: str, context: Context, scope: Sql | None
) -> Sql:
    """Rows of the patients who satisfy the condition."""
    here = by_parameter(node.parameter, type_name, context)
    patients = None if scope is None else await patients_of(scope, context)
    if patients is not None:
        return all_of((rows_of(await _satisfying(patients, inner, context)), here))
    rows = allowed_rows("Patient", await inner(None), context)
    if rows == FALSE:
        return FALSE
    text = f"SELECT r.patient_key FROM store.resource r WHERE {rows.text}"
    keys = Sql(OF_PERSONS.format(keys=text), rows.values)
    if context.few is not None:
        return all_of((rows_of(await few(context, keys)), here))
    return all_of((Sql(f"r.patient_key IN ({keys.text})", keys.values), here))


async def _satisfying(patients: Collection[int], inner: Inner, context: Context) -> set[int]:
    """Those of the patient keys whose own or whose golden Patient satisfies the condition."""
    cursor = await context.connection.execute(GOLDEN, {"keys": list(patients)})
    golden = await cursor.fetchall()
    there = all_of(
        (
            Sql("r.type = %s", (type_number("Patient"),)),
            rows_of({*patients, *(key for _, key in golden)}),
        )
    )
    rows = allowed_rows("Patient", await inner(there), context)
    if FALSE in (rows, there):
        return set()
    statement = all_of((there, rows))
    found = set(
        await values(
            context,
            Sql(
                f"SELECT r.patient_key FROM store.resource r WHERE {statement.text}",
                statement.values,
            ),
        )
    )
    return (found & set(patients)) | {source for source, key in golden if key in found}


async def _pointing_to(
    node: Chain, inner: Inner, pointed: Sequence[str], names: Sequence[int], context: Context
) -> Sql:
    """Rows that point to one of the resources with these ids that satisfies the condition."""
    if not pointed:
        return FALSE
    there = Sql("r.type = %s AND r.id = ANY(%s::text[])", (type_number(node.type), list(pointed)))
    rows = allowed_rows(node.type, all_of((there, await inner(there))), context)
    if rows == FALSE:
        return FALSE
    cursor = await context.connection.execute(
        f"SELECT r.id FROM store.resource r WHERE {rows.text}", rows.values
    )
    ids = [row[0] for row in await cursor.fetchall()]
    return rows_with(_tokens(node.type, ids, names, context))


def _tokens(type_name: str, ids: Sequence[str], names: Sequence[int], context: Context) -> set[int]:
    """The tokens of references to the resources."""
    halves = [context.hasher(f"{type_name}/{logical_id}") for logical_id in ids]
    return {name ^ half for name in names for half in halves}


def pointed_to(
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
