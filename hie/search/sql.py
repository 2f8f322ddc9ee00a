"""Pieces of SQL with their values, to be put together. The values travel separately: nothing that a
caller sends ever becomes SQL text.
"""

from collections.abc import Iterable
from typing import NamedTuple


class Sql(NamedTuple):
    """SQL text with a `%s` for each of its values, in order."""

    text: str
    values: tuple[object, ...] = ()


class Ways(NamedTuple):
    """The same in two ways, of which each is the cheaper one where it is used."""

    many: Sql
    """For statements over many rows: what does not depend on the row is worked out once."""
    one: Sql
    """For a statement that has the row at hand by its id: what there is beside it costs nothing."""


TRUE = Sql("TRUE")
FALSE = Sql("FALSE")


def all_of(parts: Iterable[Sql]) -> Sql:
    """The conjunction; TRUE if there are no parts."""
    listed = [part for part in parts if part != TRUE]
    if FALSE in listed:
        return FALSE
    if len(listed) < 2:
        return listed[0] if listed else TRUE
    return Sql(
        " AND ".join(part.text for part in listed),
        tuple(value for part in listed for value in part.values),
    )


def any_of(parts: Iterable[Sql]) -> Sql:
    """The disjunction, in parentheses; FALSE if there are no parts."""
    listed = [part for part in parts if part != FALSE]
    if TRUE in listed:
        return TRUE
    if len(listed) < 2:
        return listed[0] if listed else FALSE
    return Sql(
        "(" + " OR ".join(f"({part.text})" for part in listed) + ")",
        tuple(value for part in listed for value in part.values),
    )


def negation(part: Sql) -> Sql:
    """NOT part."""
    if part in (TRUE, FALSE):
        return FALSE if part == TRUE else TRUE
    return Sql(f"NOT ({part.text})", part.values)


def grouped(parts: Iterable[tuple[Sql, int]]) -> list[tuple[Sql, list[int]]]:
    """Each different piece once, with all the numbers that came with it."""
    found: dict[str, tuple[Sql, list[int]]] = {}
    for part, number in parts:
        found.setdefault(repr(part), (part, []))[1].append(number)
    return list(found.values())
