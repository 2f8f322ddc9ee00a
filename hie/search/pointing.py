"""`_has`: conditions on what refers to a row. https://hl7.org/fhir/R4/search.html#has

What points to a linked source record finds the golden Patient: it stands for the person.
"""

from collections.abc import Collection

from hie.fhir.definitions import type_number
from hie.search.context import LARGEST_EXPANSION, Context
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
    tested,
    values,
)
from hie.search.parameters import kept
from hie.search.query import Has
from hie.search.reached import pointed_to
from hie.search.sql import FALSE, Sql, all_of

AND_PERSONS = """
WITH found AS MATERIALIZED ({keys})
SELECT f.patient_key FROM found f
UNION ALL
SELECT p.patient_key FROM found f JOIN mpi.registration g USING (patient_key)
JOIN mpi.person p ON p.id = g.person
"""
"""The patient keys found, and where one is a source record's that of its golden record."""

SOURCES = """
SELECT p.patient_key, g.patient_key FROM mpi.person p JOIN mpi.registration g ON g.person = p.id
WHERE p.patient_key = ANY(%s)
"""
"""The same the other way round: golden records, each with a source record."""

ANY_ROW = """
SELECT wanted.patient_key FROM unnest(%s::bigint[]) AS wanted (patient_key) WHERE EXISTS (
    SELECT FROM store.resource r WHERE r.patient_key = wanted.patient_key AND {rows} OFFSET 0
)
"""
"""Those of the patients who have such a row. OFFSET keeps it from being asked of all patients at once."""

POINTED_AT = """
SELECT DISTINCT token FROM unnest(%s::bigint[]) AS token CROSS JOIN LATERAL (
    SELECT r.* FROM store.resource r WHERE r.tokens @> ARRAY[token] OFFSET 0
) AS r WHERE {rows}
"""
"""Those of the tokens that such a row has, each looked up by itself."""


async def pointing_here(
    node: Has, inner: Inner, type_name: str, context: Context, scope: Sql | None
) -> Sql:
    """Rows to which a row for which the inner condition holds points by `node.parameter`."""
    if scope is not None:
        within = _patients_within if stands_alone(type_name) else _ids_within
        found = await within(node, inner, type_name, context, scope)
        if found is not None:
            return found
    source = node.parameter.type_name
    rows = allowed_rows(source, await inner(None), context)
    if rows == FALSE:
        return FALSE
    if stands_alone(type_name):
        keys = _keys(node, rows, type_name, context)
        if context.few is not None:
            return rows_of(await few(context, keys))
        return Sql(f"r.patient_key IN ({keys.text})", keys.values)
    cursor = await context.connection.execute(
        f"SELECT r.dictionary, r.body FROM store.resource r WHERE {rows.text} LIMIT %s",
        (*rows.values, limit(context) + 1),
    )
    bodies = await cursor.fetchall()
    check(bodies, node.parameter, context)
    return _rows_named(type_name, pointed_to(bodies, node.parameter, type_name, context))


def _keys(node: Has, rows: Sql, type_name: str, context: Context) -> Sql:
    """The keys of all to which the rows point. While these are counted, equal ones count each."""
    source = node.parameter.type_name
    different = "" if context.few is not None else "DISTINCT "
    if type_name == "Patient" and names_primary(node.parameter, source):
        own = all_of((rows, by_parameter(node.parameter, source, context)))
        text = f"SELECT {different}r.patient_key FROM store.resource r WHERE {own.text}"
        values_ = own.values
    else:
        names = [context.name(part) for part in kept(source)[node.parameter.code]]
        text = (
            f"SELECT {different}name # token AS patient_key FROM store.resource r, "
            f"unnest(r.tokens) AS token, unnest(%s::bigint[]) AS name WHERE {rows.text}"
        )
        values_ = (names, *rows.values)
    return Sql(AND_PERSONS.format(keys=text) if type_name == "Patient" else text, values_)


async def _patients_within(
    node: Has, inner: Inner, type_name: str, context: Context, scope: Sql
) -> Sql | None:
    """Rows of the scope, for types whose key is the hash of their own reference; None: too many."""
    own = await patients_of(scope, context)
    if own is None:
        return None
    stands_for = [(key, key) for key in own]
    if type_name == "Patient":
        cursor = await context.connection.execute(SOURCES, (list(own),))
        stands_for += await cursor.fetchall()
    everyone = {key for _, key in stands_for}
    found = await _pointed_patients(node, inner, type_name, everyone, context)
    return rows_of({key for key, source in stands_for if source in found})


async def _pointed_patients(
    node: Has, inner: Inner, type_name: str, keys: Collection[int], context: Context
) -> set[int]:
    """Those of the keys to which a row that satisfies the condition points."""
    source = node.parameter.type_name
    number = Sql("r.type = %s", (type_number(source),))
    if not keys:
        return set()
    if type_name == "Patient" and names_primary(node.parameter, source):
        condition = await inner(all_of((number, rows_of(keys))))
        rows = all_of(
            (
                allowed_rows(source, condition, context),
                by_parameter(node.parameter, source, context),
            )
        )
        if rows == FALSE:
            return set()
        own = tested(rows)
        statement = Sql(ANY_ROW.format(rows=own.text), (list(keys), *own.values))
        return set(await values(context, statement))
    tokens = {
        context.name(part) ^ key: key for part in kept(source)[node.parameter.code] for key in keys
    }
    return {tokens[each] for each in await _tokens_within(node, inner, tokens, context)}


async def _ids_within(
    node: Has, inner: Inner, type_name: str, context: Context, scope: Sql
) -> Sql | None:
    """Rows of the scope, for the other types; None if there are too many."""
    cursor = await context.connection.execute(
        f"SELECT r.id FROM store.resource r WHERE {scope.text} LIMIT %s",
        (*scope.values, LARGEST_EXPANSION + 1),
    )
    ids = [row[0] for row in await cursor.fetchall()]
    if len(ids) > LARGEST_EXPANSION:
        return None
    parts = kept(node.parameter.type_name)[node.parameter.code]
    tokens = {
        context.name(part) ^ context.hasher(f"{type_name}/{logical_id}"): logical_id
        for part in parts
        for logical_id in ids
    }
    found = await _tokens_within(node, inner, tokens, context)
    return _rows_named(type_name, sorted({tokens[each] for each in found}))


async def _tokens_within(
    node: Has, inner: Inner, tokens: Collection[int], context: Context
) -> set[int]:
    """Those of the tokens that a row of the parameter's type has which satisfies the condition."""
    source = node.parameter.type_name
    there = all_of((Sql("r.type = %s", (type_number(source),)), rows_with(tokens)))
    if there == FALSE:
        return set()
    rows = allowed_rows(source, await inner(there), context)
    if rows == FALSE:
        return set()
    statement = Sql(POINTED_AT.format(rows=rows.text), (sorted(tokens), *rows.values))
    return set(await values(context, statement))


def _rows_named(type_name: str, ids: Collection[str]) -> Sql:
    if not ids:
        return FALSE
    return Sql("(r.type = %s AND r.id = ANY(%s::text[]))", (type_number(type_name), list(ids)))
