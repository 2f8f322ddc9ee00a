"""The order of results, and the place in it where a page ends. https://hl7.org/fhir/R4/search.html#sort

Without `_sort`: a search on one patient's rows gives the newest primary date first, which is the order
of their index; any other gives what was created last first. The row's key is always the last criterion,
so that the order is total and pages cannot overlap.

Dates, strings, numbers and quantities are in the index and are put in order by the database, and so are
codes that are known beforehand (`closed_codes.py`). Other tokens, references and addresses are there only
as hashes: their texts are read from the bodies (`arranged.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from hie.fhir.definitions import type_number
from hie.search.closed_codes import closed_codes, rank
from hie.search.context import Context
from hie.search.parameters import Parameter, kept
from hie.search.params.kinds import KINDS
from hie.search.query import Branch, Query
from hie.search.sort_texts import Texts, sort_texts
from hie.search.sql import TRUE, Sql, any_of, grouped


@dataclass(frozen=True, slots=True)
class Key:
    """One criterion of the order. Rows without a value come last in both directions."""

    expression: Sql
    descending: bool
    type: str
    """PostgreSQL type of the value, as which a cursor's text is read."""
    nullable: bool
    texts: Mapping[int, Texts] = field(default_factory=dict)
    """By type number: what reads the values from a body, where the index cannot give them."""
    strings: int | None = None
    """The number of the one parameter whose rows of `search.string` give the values, in their order."""
    codes: tuple[str, ...] = ()
    """If the values are places in this list of all codes that there can be."""


ROW_KEY = Key(Sql("r.key"), True, "bigint", False)
_PRIMARY_DATE = Key(Sql("r.date_low"), True, "timestamptz", True)
_TYPES = {"date": "timestamptz", "string": "text", "number": "numeric", "quantity": "numeric"}
INDEXED = frozenset({"r.key", "r.last_updated", "r.date_low", "r.id"})
"""What the rows of a type are kept in order of."""
_FROM_BODY = frozenset({"token", "reference", "uri"})


def sortable(parameter: Parameter) -> bool:
    """Whether `_sort` can name the parameter: all but composites, which are several values at once."""
    return parameter.kind in _FROM_BODY or KINDS[parameter.kind].order is not None


def keys(query: Query, context: Context) -> list[Key]:
    """The criteria of the query's order."""
    sorts = max((len(branch.sort) for branch in query.branches), default=0)
    if not sorts:
        return [_PRIMARY_DATE, ROW_KEY] if query.names_patient else [ROW_KEY]
    return [*(_key(query.branches, place, context) for place in range(sorts)), ROW_KEY]


def _key(branches: Sequence[Branch], place: int, context: Context) -> Key:
    """The criterion at `place`, for rows of all branches: the parameter may read other things in each."""
    first = branches[0].sort[place]
    if first.parameter.code == "_id":
        return Key(Sql("r.id"), first.descending, "text", False)
    if first.parameter.kind in _FROM_BODY:
        parts = kept(branches[0].type)[first.parameter.code]
        codes = closed_codes(first.parameter, parts) if len(branches) == 1 else ()
        if codes:
            ranks = rank(parts[0], codes, context)
            return Key(ranks, first.descending, "bigint", True, codes=codes)
        texts = {type_number(b.type): sort_texts(b.sort[place].parameter) for b in branches}
        return Key(Sql("NULL"), first.descending, "text", True, texts)
    orders = []
    for branch in branches:
        parameter = branch.sort[place].parameter
        order = KINDS[parameter.kind].order
        assert order is not None  # noqa: S101 - the parser let only sortable parameters pass
        found = order(parameter, kept(branch.type)[parameter.code], first.descending)
        orders.append((found, type_number(branch.type)))
    parts = kept(branches[0].type)[first.parameter.code]
    alone = first.parameter.kind == "string" and len(branches) == len(parts) == 1
    return Key(
        _by_type(grouped(orders)),
        first.descending,
        _TYPES[first.parameter.kind],
        first.parameter.code != "_lastUpdated",
        strings=parts[0].number if alone else None,
    )


def _by_type(orders: Sequence[tuple[Sql, list[int]]]) -> Sql:
    if len(orders) == 1:
        return orders[0][0]
    return Sql(
        "(CASE "
        + " ".join(f"WHEN r.type = ANY(%s::smallint[]) THEN {sql.text}" for sql, _ in orders)
        + " END)",
        tuple(value for sql, types in orders for value in (types, *sql.values)),
    )


def order_by(criteria: list[Key]) -> Sql:
    """The ORDER BY clause."""
    return Sql(
        ", ".join(
            f"{key.expression.text} {'DESC' if key.descending else 'ASC'}"
            + (" NULLS LAST" if key.nullable else "")
            for key in criteria
        ),
        tuple(value for key in criteria for value in key.expression.values),
    )


def has_index(criteria: Sequence[Key]) -> bool:
    """Whether rows of one type can be read in this order."""
    first = criteria[0]
    if first.codes:
        return has_index(criteria[1:])
    return first.expression.text in INDEXED or (first.strings is not None and len(criteria) == 2)


class Part(NamedTuple):
    """Some of the rows, all of which come before those of the next part."""

    condition: Sql
    order: list[Key]
    place: Sequence[str | None] | None
    """Behind which values of the part's order the rows are."""


def parts(criteria: list[Key], place: Sequence[str | None] | None) -> list[Part]:
    """First what has a value of the first criterion, then what has none: each is in order in an index."""
    first, *others = criteria
    if not first.nullable:
        return [Part(TRUE, criteria, place)]
    text, values = first.expression
    having = Sql(f"{text} IS NOT NULL", values)
    rest = Sql(f"{text} IS NULL", values)
    if place is not None and place[0] is None:
        return [Part(rest, others, place[1:])]
    return [
        Part(having, [replace(first, nullable=False), *others], place),
        Part(rest, others, None),
    ]


def beyond(criteria: list[Key], place: Sequence[str | None]) -> Sql:
    """Rows behind the place where the last page ended, given as the values of its last row."""
    alternatives = []
    same: list[Sql] = []
    for key, value in zip(criteria, place, strict=True):
        text, values = key.expression
        if value is not None:
            sign = "<" if key.descending else ">"
            after = f"{text} {sign} %s::{key.type}"
            if key.nullable:
                after = f"({after} OR {text} IS NULL)"
                values = (*values, value, *values)
            else:
                values = (*values, value)
            alternatives.append(_and([*same, Sql(after, values)]))
            same.append(Sql(f"{text} = %s::{key.type}", (*key.expression.values, value)))
        else:
            same.append(Sql(f"{text} IS NULL", values))
    first = criteria[0]
    if len(criteria) == 1 or first.nullable or place[0] is None:
        return any_of(alternatives)
    # all that comes later is also on this side of the first value, which an index can start from
    text, values = first.expression
    sign = "<=" if first.descending else ">="
    bound = Sql(f"{text} {sign} %s::{first.type}", (*values, place[0]))
    return _and([bound, any_of(alternatives)])


def _and(parts: list[Sql]) -> Sql:
    return Sql(
        " AND ".join(part.text for part in parts),
        tuple(value for part in parts for value in part.values),
    )
