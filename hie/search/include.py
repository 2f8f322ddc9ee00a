"""Resources that come along with the matches. https://hl7.org/fhir/R4/search.html#include

They obey the caller's restriction. What points to a linked source record comes along with the golden
Patient. A page that would become too long is cut by `execute`, which says so with a next link.
"""

from collections.abc import Iterable, Sequence

import orjson
from psycopg.rows import class_row

from hie.errors import Problem
from hie.fhir.definitions import RESOURCE_TYPES, type_number
from hie.fhir.definitions import type_name as name_of
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

MOST_FOUND = 20_000
"""Resources that one page may make the server read for its includes."""
SOURCES = """
SELECT g.id FROM mpi.person p JOIN mpi.registration g ON g.person = coalesce(p.merged_into, p.id)
WHERE p.patient_key = ANY(%s)
"""
DEEPEST = 10
"""How often `:iterate` is followed."""

Found = dict[tuple[int, str], Row]


async def include(
    includes: Sequence[Include], matches: Sequence[Row], context: Context
) -> list[Row]:
    """The rows that the includes add to the matches, each once, none that is a match itself, by key.

    Problem 400 if there are more than `MOST_FOUND`.
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
        if len(included) > MOST_FOUND:
            raise too_many()
    return sorted(included.values(), key=lambda row: row.key)


def too_many() -> Problem:
    """The Problem for includes that reach too far."""
    return too_costly(
        f"_include, _revinclude: more than {MOST_FOUND} resources would have to be read; "
        "lower _count or name the references to follow",
        f"_include、_revinclude：需要读取的资源超过 {MOST_FOUND} 个，请减小 _count 或指明要跟随的引用",
    )


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
    if not includes:
        return []
    targets = [(name_of(row.type), row.id) for row in rows]
    targets += await _sources_of(rows, context)
    found: list[Row] = []
    for each in includes:
        pointing = _pointing_to(each, targets, context)
        if pointing is None:
            continue
        where = all_of((permitted(context.restriction, each.source), pointing))
        found += await _fetch(
            context,
            Sql(
                f"SELECT {ROW_COLUMNS} FROM store.resource r WHERE {where.text} "
                "ORDER BY r.key LIMIT %s",
                (*where.values, MOST_FOUND + 1),
            ),
        )
    return found


async def _sources_of(rows: Iterable[Row], context: Context) -> list[tuple[str, str]]:
    """The source records of golden Patients: what points to one of them belongs to the person."""
    patients = [row.patient_key for row in rows if name_of(row.type) == "Patient"]
    if not patients:
        return []
    cursor = await context.connection.execute(SOURCES, (patients,))
    return [("Patient", row[0]) for row in await cursor.fetchall()]


def _pointing_to(
    include: Include, targets: Sequence[tuple[str, str]], context: Context
) -> Sql | None:
    """Rows of the include's source, or of any type, that point to one of the targets."""
    wanted = [each for each in targets if include.target in (None, each[0])]
    conditions = []
    for source in RESOURCE_TYPES if include.source is None else (include.source,):
        tokens: set[int] = set()
        own: set[int] | None = set()
        for code in _codes(source, include):
            parameter = queryable(source)[code]
            references = [f"{t}/{i}" for t, i in wanted if t in parameter.targets]
            halves = {context.hasher(reference) for reference in references}
            tokens |= {context.name(part) ^ half for part in kept(source)[code] for half in halves}
            if own is not None and halves:
                patients = all(each.startswith("Patient/") for each in references)
                primary = patients and code in patient_parameters(source)
                own = own | halves if primary else None
        if tokens:
            found = [Sql("r.type = %s", (type_number(source),)), has_token(tokens)]
            if own:
                # the rows of a patient are together: the token index need not be asked
                found.insert(1, Sql("r.patient_key = ANY(%s::bigint[])", (sorted(own),)))
            conditions.append(all_of(found))
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
