"""The order of results, and the place in it where a page ends. https://hl7.org/fhir/R4/search.html#sort

Without `_sort`: a search on one patient's rows gives the newest primary date first, which is the order
of their index; any other gives what was created last first. The row's key is always the last criterion,
so that the order is total and pages cannot overlap.
"""

from dataclasses import dataclass

from hie.search.parameters import Parameter, kept
from hie.search.params.kinds import KINDS
from hie.search.query import Query
from hie.search.sql import Sql, any_of


@dataclass(frozen=True, slots=True)
class Key:
    """One criterion of the order. Rows without a value come last in both directions."""

    expression: Sql
    descending: bool
    type: str
    """PostgreSQL type of the value, as which a cursor's text is read."""
    nullable: bool


ROW_KEY = Key(Sql("r.key"), True, "bigint", False)
_PRIMARY_DATE = Key(Sql("r.date_low"), True, "timestamptz", True)
_TYPES = {"date": "timestamptz", "string": "text", "number": "numeric", "quantity": "numeric"}


def sortable(parameter: Parameter) -> bool:
    """Whether `_sort` can name the parameter."""
    return parameter.code == "_id" or KINDS[parameter.kind].order is not None


def keys(query: Query) -> list[Key]:
    """The criteria of the query's order."""
    if not query.sort:
        return [_PRIMARY_DATE, ROW_KEY] if query.names_patient else [ROW_KEY]
    found = []
    for sort in query.sort:
        if sort.parameter.code == "_id":
            found.append(Key(Sql("r.id"), sort.descending, "text", False))
            continue
        order = KINDS[sort.parameter.kind].order
        assert order is not None  # noqa: S101 - the parser let only sortable parameters pass
        parts = kept(query.type)[sort.parameter.code]
        found.append(
            Key(
                order(sort.parameter, parts, sort.descending),
                sort.descending,
                _TYPES[sort.parameter.kind],
                sort.parameter.code != "_lastUpdated",
            )
        )
    return [*found, ROW_KEY]


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


def beyond(criteria: list[Key], place: list[str | None]) -> Sql:
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
    return any_of(alternatives)


def _and(parts: list[Sql]) -> Sql:
    return Sql(
        " AND ".join(part.text for part in parts),
        tuple(value for part in parts for value in part.values),
    )
