"""What a search becomes: its tree, the statement, and how PostgreSQL runs it.

https://www.postgresql.org/docs/current/using-explain.html
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from psycopg import AsyncClientCursor

from hie.kit.db import Connection
from hie.search import sorting
from hie.search.arranged import matches_statement
from hie.search.contained_search import inside_of
from hie.search.context import Context
from hie.search.emit import condition
from hie.search.page_statements import part_statement, stretch_statement, types_statement
from hie.search.pages import (
    FEW,
    LONGEST,
    STRETCHES,
    candidates_of,
    having,
    is_plain,
    is_walked,
    known_condition,
    limits_of,
    parts_of,
    ranks_of,
)
from hie.search.query import (
    All,
    Any,
    Branch,
    Chain,
    CompositeValue,
    DateValue,
    FullText,
    Has,
    Ids,
    InCompartment,
    InList,
    Match,
    Missing,
    Node,
    Not,
    NumberValue,
    PositionValue,
    QuantityValue,
    Query,
    ReferenceValue,
    StringValue,
    TokenValue,
    UriValue,
    Value,
)
from hie.search.restriction import Restriction
from hie.search.sql import FALSE, TRUE, Sql, all_of
from hie.store.open import Store


@dataclass(frozen=True, slots=True)
class Limb:
    """A part of the tree in words, with the parts below it."""

    text: str
    below: tuple["Limb", ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """A statement in words and in SQL; `plan` is PostgreSQL's text."""

    purpose: str
    statement: str
    plan: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """A search explained. Later steps are taken only if the earlier ones leave the page open."""

    tree: tuple[Limb, ...]
    steps: tuple[Step, ...]


async def explain(
    connection: Connection, store: Store, query: Query, restriction: Restriction, *, run: bool
) -> Explanation:
    """The tree, the statements for the first page and their plans; with `run` also what they really took.

    Raises Problem as the search itself does.
    """
    context = Context(connection, store, restriction)
    options = "ANALYZE, BUFFERS, SETTINGS" if run else "SETTINGS"
    steps = []
    for purpose, found in await _steps(context, query):
        statement = AsyncClientCursor(connection).mogrify(found.text, found.values)
        cursor = await connection.execute(f"EXPLAIN ({options}) {found.text}", found.values)
        plan = "\n".join(row[0] for row in await cursor.fetchall())
        steps.append(Step(purpose, statement, plan))
    return Explanation(tuple(map(_branch, query.branches)), tuple(steps))


async def _steps(context: Context, query: Query) -> list[tuple[str, Sql]]:
    """What is done for the first page, in words, each with its statement."""
    steps = [] if query.contained == "true" else await _ordinary(context, query)
    inside = await inside_of(query, context)
    if inside.where != FALSE:
        page = inside.page(sorting.keys(query, context), query.count + 1, None)
        steps.append(("What is contained in others", page))
    return steps


async def _ordinary(context: Context, query: Query) -> list[tuple[str, Sql]]:
    """The same for resources of their own."""
    criteria = sorting.keys(query, context)
    where = await known_condition(query, context)
    limit = query.count + 1
    asked = query
    beyond = ""
    if where is None:
        asked = candidates_of(query)
        where = await condition(asked, context)
        limit = min(4 * limit, LONGEST)
        beyond = (
            "; these are candidates, of which then is asked what lies beyond their references: "
            f"more than {FEW} resources satisfy it"
        )
    if any(key.texts for key in criteria):
        return [
            ("All matches, to be put in order by their bodies", matches_statement(where, criteria))
        ]
    if is_walked(asked, context) and criteria[0].codes:
        number = ranks_of(criteria[0])[0]
        asked = having(asked, criteria[0], number)
        where = await condition(asked, context)
        beyond += f"; code by code, beginning with {criteria[0].codes[number or 0]}"
        criteria = criteria[1:]
    part = parts_of(criteria, None)[0]
    if not is_walked(asked, context):
        if query.type is None and not query.names_patient:
            return [("The page", types_statement(query, where, criteria, part, limit))]
        part = sorting.Part(TRUE, criteria, None)
        return [("The page", part_statement(where, criteria, part, limit, sort=False))]
    if is_plain(asked.branches[0]) and criteria[0].strings is None:
        statement = part_statement(where, criteria, part, limit, sort=False)
        return [(f"The page{beyond}", statement)]
    limits = await limits_of(context, asked, criteria)
    bounded = part._replace(condition=all_of((part.condition, limits)))
    length = min(STRETCHES * limit, LONGEST)
    walk = stretch_statement(asked, where, criteria, bounded, limit, length)
    everything = part_statement(where, criteria, part, limit, sort=True)
    return [
        (f"The page, if the next rows in this order fill it{beyond}", walk),
        ("Otherwise from all matches", everything),
    ]


def _branch(branch: Branch) -> Limb:
    order = [f"{'-' if s.descending else ''}{s.parameter.code}" for s in branch.sort]
    below = tuple(map(_limb, branch.where.nodes))
    if order:
        below = (*below, Limb(f"in order of {', '.join(order)}"))
    return Limb(branch.type, below)


def _limb(node: Node) -> Limb:  # noqa: PLR0911 - one for each node
    match node:
        case Match():
            name = f"{node.parameter.code}{':' if node.modifier else ''}{node.modifier}"
            kind = node.parameter.kind
            return Limb(f"{name} ({kind}) = {' or '.join(map(_value, node.values))}")
        case Missing():
            return Limb(
                f"{node.parameter.code} {'has no value' if node.missing else 'has a value'}"
            )
        case Ids():
            return Limb(f"_id = {' or '.join(node.ids)}")
        case InCompartment():
            return Limb(f"in the compartment of Patient {' or '.join(node.patients)}")
        case InList():
            return Limb(f"named by List/{node.id}")
        case FullText():
            sought = " or ".join(" and ".join(map(repr, words)) for words in node.alternatives)
            return Limb(f"{node.name} has {sought}")
        case Chain():
            return Limb(f"{node.parameter.code} points to a {node.type} with", (_limb(node.node),))
        case Has():
            source = node.parameter.type_name
            return Limb(
                f"a {source} points here by {node.parameter.code}, with", (_limb(node.node),)
            )
        case Not():
            return Limb("not", (_limb(node.node),))
        case All():
            return Limb("all of", tuple(map(_limb, node.nodes)))
        case Any():
            return Limb("any of", tuple(map(_limb, node.nodes)))


def _value(value: Value) -> str:  # noqa: PLR0911 - one for each kind of value
    match value:
        case TokenValue():
            system = "" if value.system is None else f"{value.system}|"
            of_type = "" if value.type is None else f"{'|'.join(value.type)}|"
            return f"{of_type}{system}{value.code or ''}"
        case ReferenceValue():
            return value.url or (f"{value.type}/{value.id}" if value.type else str(value.id))
        case DateValue():
            return f"{value.prefix} {_instant(value.low)} … {_instant(value.high)}"
        case StringValue():
            return repr(value.text)
        case UriValue():
            return value.url
        case NumberValue():
            return f"{value.prefix} {_number(value.exact)} ({_number(value.low)} … {_number(value.high)})"
        case QuantityValue():
            unit = "any unit" if value.code is None else f"{value.system or ''}|{value.code}"
            return f"{_value(value.number)} {unit}"
        case PositionValue():
            return f"within {value.kilometres} km of {value.latitude}, {value.longitude}"
        case CompositeValue():
            return " with ".join(map(_value, value.parts))


def _instant(moment: datetime) -> str:
    return moment.isoformat()


def _number(number: Decimal) -> str:
    return f"{number:f}"
