"""The rows of a page, so that its cost does not depend on luck.

A search on certain patients is one statement: their rows are few. Any other has two ways that both can
be the wrong one: to walk the rows in the order asked for until the page is full, which is endless where
matches are rare; or to find all matches and sort them, which is endless where they are many. PostgreSQL
chooses by what it expects, and expects conditions to be independent of each other. So a stretch of the
order is walked first, and only what that leaves open is found the other way.

What lies beyond references is too much to be resolved unless few satisfy it. If they are counted to be
more, the rest of the conditions gives the candidates, in stretches, and it is asked only of them.
"""

from dataclasses import replace

import psycopg

from hie.search import cursor as cursors
from hie.search import sorting
from hie.search.arranged import arranged
from hie.search.context import Context, Numerous
from hie.search.emit import condition, emit, far, reads, within
from hie.search.page_statements import (
    Found,
    part_statement,
    rows_named,
    stretch_statement,
    types_statement,
)
from hie.search.query import (
    All,
    Branch,
    DateValue,
    Ids,
    InCompartment,
    InList,
    Match,
    Not,
    Query,
    TokenValue,
)
from hie.search.sql import FALSE, TRUE, Sql, all_of
from hie.store.read import Row

FEW = 64
"""Patients beyond a reference up to which their rows are asked for; of other resources more."""
STRETCHES = 20
"""A stretch of the order is so many times as long as the page."""
LONGEST = 1000
"""But no longer than this."""
FARTHEST = 20_000
"""How long a second stretch may be, if the first one had matches."""
CANDIDATES = 2500
"""Rows of which one search asks what lies beyond their references, before it resolves that instead."""

ENDED = frozenset({"eq", "lt", "le", "sa", "eb"})
"""Prefixes that limit the low end of a date, of which the index is made."""

Place = list[str | None]


async def known_condition(query: Query, context: Context) -> Sql | None:
    """The condition for the whole query; None if it reaches too far for one, and has to be walked."""
    nodes = query.branches[0].where.nodes
    if not is_walked(query, context) or not any(map(far, nodes)) or any(map(reads, nodes)):
        return await condition(query, context)
    try:
        return await condition(query, replace(context, few=FEW))
    except Numerous:
        return None


def is_walked(query: Query, context: Context) -> bool:
    """Whether the search is on all rows of a type, in an order in which an index has them."""
    if query.type is None or query.names_patient:
        return False
    ordered = sorting.has_index(sorting.keys(query, context))
    # a rule on certain patients leaves their rows only
    rules = context.restriction.for_type(query.type)
    return ordered and all(rule.patients is None for rule in rules)


def is_plain(branch: Branch) -> bool:
    """Whether PostgreSQL knows how many rows match: nothing is asked, or one token."""
    nodes = branch.where.nodes
    if any(isinstance(node, Ids | InList | InCompartment) for node in nodes):
        return True
    return not nodes or (
        len(nodes) == 1
        and isinstance(nodes[0], Match)
        and nodes[0].parameter.kind in ("token", "reference", "uri")
    )


async def page_rows(
    context: Context,
    query: Query,
    where: Sql | None,
    criteria: list[sorting.Key],
    limit: int,
    place: Place | None,
) -> list[Found]:
    """Up to `limit` rows behind the place. `where` comes from `known_condition`."""
    if where is None:
        return await _reaching(context, query, criteria, limit, place)
    if any(key.texts for key in criteria):
        return await arranged(context, where, criteria, limit, place)
    if is_walked(query, context) and criteria[0].codes:
        return await _by_code(context, query, where, criteria, limit, place)
    if is_walked(query, context):
        walk = not is_plain(query.branches[0]) or criteria[0].strings is not None
        return await _walked(context, query, where, criteria, limit, place, walk=walk)
    if query.type is not None or query.names_patient:
        part = sorting.Part(TRUE, criteria, place)
        return await run(context, part_statement(where, criteria, part, limit, sort=False))
    found: list[Found] = []
    for part in parts_of(criteria, place):
        found += await run(
            context, types_statement(query, where, criteria, part, limit - len(found))
        )
        if len(found) == limit:
            break
    return found


async def _by_code(
    context: Context,
    query: Query,
    where: Sql,
    criteria: list[sorting.Key],
    limit: int,
    place: Place | None,
) -> list[Found]:
    """The rows of one code after the other, each in the rest of the order; then those that have none.

    Few matches are sorted at once.
    """
    ranks = ranks_of(criteria[0])
    first = ranks[0] if place is None else _rank(criteria[0], place[0])
    if await _are_few(context, where):
        part = sorting.Part(TRUE, criteria, place)
        return await run(context, part_statement(where, criteria, part, limit, sort=True))
    found: list[Found] = []
    for number in ranks[ranks.index(first) :]:
        rest = place[1:] if place is not None and number == first else None
        asked = having(query, criteria[0], number)
        own = all_of(
            (where, await emit(asked.branches[0].where.nodes[-1], str(query.type), context))
        )
        rows = await page_rows(context, asked, own, criteria[1:], limit - len(found), rest)
        width = len(Row._fields)
        found += [(*row[:width], number, *row[width:]) for row in rows]
        if len(found) == limit:
            break
    return found


async def _are_few(context: Context, where: Sql) -> bool:
    rows = f"SELECT FROM store.resource r WHERE {where.text} LIMIT {LONGEST}"
    statement = f"SELECT count(*) FROM ({rows}) m"
    cursor = await context.connection.execute(statement, where.values)
    row = await cursor.fetchone()
    return row is not None and row[0] < LONGEST


def ranks_of(key: sorting.Key) -> list[int | None]:
    """The places of the key's codes in the order asked for; at the end None, which stands for no code."""
    ranks = range(len(key.codes))
    return [*(reversed(ranks) if key.descending else ranks), None]


def _rank(key: sorting.Key, text: str | None) -> int | None:
    if text is None:
        return None
    if text.isdecimal() and int(text) < len(key.codes):
        return int(text)
    raise cursors.foreign()


def having(query: Query, key: sorting.Key, number: int | None) -> Query:
    """The search of those that have the code, or none of them, in the rest of the order."""
    [branch] = query.branches
    codes = key.codes if number is None else (key.codes[number],)
    values = tuple(TokenValue(None, code) for code in codes)
    match = Match(branch.sort[0].parameter, "", values)
    node = Not(match) if number is None else match
    where = All((*branch.where.nodes, node))
    return replace(query, branches=(replace(branch, where=where, sort=branch.sort[1:]),))


def parts_of(criteria: list[sorting.Key], place: Place | None) -> list[sorting.Part]:
    """The parts of the order, or the whole of one that no index has."""
    if criteria[0].expression.text in sorting.INDEXED:
        return sorting.parts(criteria, place)
    return [sorting.Part(TRUE, criteria, place)]


def candidates_of(query: Query) -> Query:
    """The search without what lies beyond references."""
    [branch] = query.branches
    near = tuple(node for node in branch.where.nodes if not far(node))
    return replace(query, branches=(replace(branch, where=All(near)),))


async def _walked(
    context: Context,
    query: Query,
    where: Sql,
    criteria: list[sorting.Key],
    limit: int,
    place: Place | None,
    *,
    walk: bool,
) -> list[Found]:
    """The rows with a value of the first criterion, then if need be those without."""
    found: list[Found] = []
    limits = await limits_of(context, query, criteria)
    for part in sorting.parts(criteria, place):
        rest = limit - len(found)
        rows: list[Found] = []
        # rows without a string are in no index: they are not walked
        if walk and (criteria[0].strings is None or part.order[0].strings is not None):
            bounded = part._replace(condition=all_of((part.condition, limits)))
            rows = await _stretch(context, query, where, criteria, bounded, rest)
        if len(rows) < rest:
            statement = part_statement(where, criteria, part, rest, sort=walk)
            rows = await run(context, statement)
        found += rows
        if len(found) == limit:
            break
    return found


async def limits_of(context: Context, query: Query, criteria: list[sorting.Key]) -> Sql:
    """What the search asks of the value by which it is sorted, where this says where the walk begins."""
    [branch] = query.branches
    conditions = []
    for node in branch.where.nodes:
        if isinstance(node, Match) and node.parameter.kind == "date" and len(node.values) == 1:
            [value] = node.values
            column = "r.last_updated" if node.parameter.code == "_lastUpdated" else "r.date_low"
            primary = node.parameter.primary or column == "r.last_updated"
            if (
                primary
                and criteria[0].expression.text == column
                and isinstance(value, DateValue)
                and value.prefix in ENDED
            ):
                conditions.append(await emit(node, branch.type, context))
    return all_of(conditions)


async def _stretch(
    context: Context,
    query: Query,
    where: Sql,
    criteria: list[sorting.Key],
    part: sorting.Part,
    limit: int,
) -> list[Found]:
    """The matches in a stretch of the order; in a longer one, if by their number that fills the page."""
    length = min(STRETCHES * limit, LONGEST)
    rows = await run(context, stretch_statement(query, where, criteria, part, limit, length))
    if not 0 < len(rows) < limit:
        return rows
    needed = 2 * length * limit // len(rows)
    if needed > FARTHEST:
        return []
    return await run(context, stretch_statement(query, where, criteria, part, limit, needed))


async def _reaching(
    context: Context,
    query: Query,
    criteria: list[sorting.Key],
    limit: int,
    place: Place | None,
) -> list[Found]:
    """The rows of a search that reaches beyond references, candidate by candidate."""
    candidates = candidates_of(query)
    own = await condition(candidates, context)
    found: list[Found] = []
    size = min(4 * limit, LONGEST)
    asked = 0
    while asked < CANDIDATES:
        rows = await page_rows(context, candidates, own, criteria, size, place)
        found += await satisfying(context, query, rows)
        if len(found) >= limit or len(rows) < size:
            return found[:limit]
        place = [cursors.text(value) for value in rows[-1][len(Row._fields) :]]
        asked += size
        size = min(3 * size, LONGEST)
    everything = await condition(query, context)
    rest = limit - len(found)
    return found + await _walked(context, query, everything, criteria, rest, place, walk=False)


async def satisfying(context: Context, query: Query, rows: list[Found]) -> list[Found]:
    """Those of the candidates that satisfy also what lies beyond references."""
    [branch] = query.branches
    beyond = [node for node in branch.where.nodes if far(node)]
    where = await within(branch, beyond, rows_named(rows), context)
    if where == FALSE:
        return []
    keys = await _keys(context, where)
    return [row for row in rows if Row(*row[: len(Row._fields)]).key in keys]


async def _keys(context: Context, where: Sql) -> set[int]:
    statement = f"SELECT r.key FROM store.resource r WHERE {where.text}"
    cursor = await context.connection.execute(statement, where.values)
    return {row[0] for row in await cursor.fetchall()}


async def run(context: Context, statement: Sql) -> list[Found]:
    """What a statement of a page gives. Problem 400 if the place behind which it begins is none."""
    try:
        cursor = await context.connection.execute(statement.text, statement.values)
    except psycopg.DataError:
        # only a place can hold what is no value of the column
        raise cursors.foreign() from None
    return await cursor.fetchall()
