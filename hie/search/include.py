"""Resources that come along with the matches. https://hl7.org/fhir/R4/search.html#include

They obey the caller's restriction, and there is a limit: a page whose includes exceed it is refused
and can be asked for again with a smaller `_count`, so that nothing is left out without a word.
"""

from collections.abc import Iterable, Sequence

import orjson
from psycopg.rows import class_row

from hie.fhir.definitions import type_name as name_of
from hie.fhir.definitions import type_number
from hie.search.context import Context
from hie.search.links import references_of
from hie.search.parameters import kept, patient_parameters
from hie.search.params.token import has_token
from hie.search.permitted import permitted
from hie.search.problems import too_costly
from hie.search.query import Include
from hie.search.queryable import queryable
from hie.search.sql import Sql, all_of, any_of
from hie.store.read import ROW_COLUMNS, Row

MOST_INCLUDED = 5000
DEEPEST = 10
"""How often `:iterate` is followed."""

Found = dict[tuple[int, str], Row]


async def include(
    includes: Sequence[Include], matches: Sequence[Row], context: Context
) -> list[Row]:
    """The rows that the includes add to the matches, each once, none that is a match itself.

    Problem 400 if there are more than `MOST_INCLUDED`.
    """
    if not includes or not matches:
        return []
    known: Found = {(row.type, row.id): row for row in matches}
    included: Found = {}
    fresh: list[Row] = list(matches)
    for depth in range(DEEPEST):
        active = [each for each in includes if each.iterate or depth == 0]
        if not active or not fresh:
            break
        rows = [
            *await _forward([each for each in active if not each.reverse], fresh, known, context),
            *await _backward([each for each in active if each.reverse], fresh, context),
        ]
        fresh = []
        for row in rows:
            place = (row.type, row.id)
            if place not in known:
                known[place] = included[place] = row
                fresh.append(row)
        if len(included) > MOST_INCLUDED:
            raise too_costly(
                f"The page would include more than {MOST_INCLUDED} resources; lower _count",
                f"本页附带的资源将超过 {MOST_INCLUDED} 个，请减小 _count",
            )
    return list(included.values())


async def _forward(
    includes: Sequence[Include], rows: Iterable[Row], known: Found, context: Context
) -> list[Row]:
    wanted: set[tuple[int, str]] = set()
    for row in rows if includes else ():
        name = name_of(row.type)
        resource = None
        for each in includes:
            if each.source not in (None, name):
                continue
            if resource is None:
                resource = orjson.loads(
                    context.store.bodies.expand(row.dictionary, row.body or b"")
                )
            for reference in references_of(resource, _codes(name, each)):
                target, _, logical_id = reference.rpartition("/")
                if each.target in (None, target) and _is_type(target):
                    wanted.add((type_number(target), logical_id))
    wanted -= known.keys()
    if not wanted:
        return []
    places = sorted(wanted)
    allowed = permitted(context.restriction, None)
    return await _fetch(
        context,
        Sql(
            f"SELECT {ROW_COLUMNS} FROM unnest(%s::smallint[], %s::text[]) AS wanted (type, id) "
            f"JOIN store.resource r USING (type, id) WHERE {allowed.text} ORDER BY r.key",
            ([t for t, _ in places], [i for _, i in places], *allowed.values),
        ),
    )


async def _backward(
    includes: Sequence[Include], rows: Sequence[Row], context: Context
) -> list[Row]:
    found: list[Row] = []
    for each in includes:
        source = each.source
        if source is None:
            continue
        condition = _pointing_to(each, source, rows, context)
        if condition is None:
            continue
        where = all_of(
            (
                Sql("r.type = %s", (type_number(source),)),
                permitted(context.restriction, source),
                condition,
            )
        )
        found += await _fetch(
            context,
            Sql(
                f"SELECT {ROW_COLUMNS} FROM store.resource r WHERE {where.text} "
                "ORDER BY r.key DESC LIMIT %s",
                (*where.values, MOST_INCLUDED + 1),
            ),
        )
    return found


def _pointing_to(
    include: Include, source: str, rows: Iterable[Row], context: Context
) -> Sql | None:
    """Rows of `source` that point to one of the rows by the include's parameters."""
    targets = [
        (name_of(row.type), row.id)
        for row in rows
        if include.target is None or name_of(row.type) == include.target
    ]
    conditions = []
    for code in _codes(source, include):
        parameter = queryable(source)[code]
        references = [f"{t}/{i}" for t, i in targets if t in parameter.targets]
        if not references:
            continue
        halves = [context.hasher(reference) for reference in references]
        tokens = has_token(
            {context.name(part) ^ half for part in kept(source)[code] for half in halves}
        )
        if code in patient_parameters(source) and all(r.startswith("Patient/") for r in references):
            own = Sql("r.patient_key = ANY(%s::bigint[])", (sorted(halves),))
            tokens = all_of((own, tokens))
        conditions.append(tokens)
    return any_of(conditions) if conditions else None


def _codes(type_name: str, include: Include) -> tuple[str, ...]:
    if include.code is not None:
        return (include.code,)
    return tuple(c for c, p in queryable(type_name).items() if p.kind == "reference")


def _is_type(name: str) -> bool:
    try:
        return type_number(name) > 0
    except KeyError:
        return False


async def _fetch(context: Context, statement: Sql) -> list[Row]:
    async with context.connection.cursor(row_factory=class_row(Row)) as cursor:
        await cursor.execute(statement.text, statement.values)
        return await cursor.fetchall()
