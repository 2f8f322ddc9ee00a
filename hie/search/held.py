"""Chains that end in what a row contains itself. https://hl7.org/fhir/R4/search.html#contained

"A chained condition will be evaluated inside contained resources": `medication.code` finds a prescription
by the medication that it contains and refers to as `#mix`, as well as by one that stands for itself.
"""

from hie.fhir.definitions import type_number
from hie.search.contained import contained_rows, pointer_hash
from hie.search.context import Context, Numerous
from hie.search.other_end import Inner, limit
from hie.search.parameters import kept
from hie.search.parse_contained import answerable
from hie.search.permitted import permitted, permitted_inside
from hie.search.query import Chain
from hie.search.sql import FALSE, TRUE, Sql, all_of, any_of

ANY_HELD = "SELECT FROM search.contained WHERE tokens && %s::bigint[] LIMIT 1"


async def with_held(
    found: Sql, node: Chain, inner: Inner, type_name: str, context: Context, scope: Sql | None
) -> Sql:
    """The rows that the chain has found, and those that contain what it asks for.

    `inner` gives the condition on contained resources. What cannot be asked of these is not.
    """
    marks = [
        pointer_hash(context.hasher, context.name(part))
        for part in kept(type_name)[node.parameter.code]
    ]
    if not answerable(node.node):
        return found
    if await (await context.connection.execute(ANY_HELD, (marks,))).fetchone() is None:
        return found
    own = Sql("r.type = %s", (type_number(type_name),))
    pointed = Sql("r.type = %s AND r.tokens && %s::bigint[]", (type_number(node.type), marks))
    there = all_of((pointed, permitted_inside(context.restriction, node.type), await inner(None)))
    visible = all_of((own, permitted(context.restriction, type_name), scope or TRUE))
    if FALSE in (there, visible):
        return found
    rows = contained_rows(visible)
    holding = Sql(
        f"SELECT r.patient_key, r.container FROM {rows.text} WHERE {there.text}",
        (*rows.values, *there.values),
    )
    return await _either(found, own, holding, context)


async def _either(found: Sql, own: Sql, holding: Sql, context: Context) -> Sql:
    """What is found or holds; by their keys, so that an index gives them, unless there are many."""
    most = limit(context)
    cursor = await context.connection.execute(f"{holding.text} LIMIT {most + 1}", holding.values)
    keys = sorted({row[1] for row in await cursor.fetchall()})
    if not keys:
        return found
    if len(keys) <= most:
        named = Sql("r.key = ANY(%s::bigint[])", (keys,))
        return any_of((found, named))
    if context.few is not None:
        raise Numerous
    both = holding
    if found != FALSE:
        rest = all_of((own, found))
        both = Sql(
            f"SELECT r.patient_key, r.key FROM store.resource r WHERE {rest.text} UNION ALL {holding.text}",
            (*rest.values, *holding.values),
        )
    return Sql(f"(r.patient_key, r.key) IN ({both.text})", both.values)
