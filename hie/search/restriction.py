"""What a caller may see, as a node of every query. https://hl7.org/fhir/R4/security.html

A `Restriction` is a union of rules. Nothing runs against the resource tables without one, and it is
part of the SQL before LIMIT, counts and includes alike. Only `hie.access` builds restrictions.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from hie.fhir.definitions import type_number
from hie.search.sql import Sql, Ways


@dataclass(frozen=True, slots=True)
class Rule:
    """Rows that satisfy every field given; `None` in a field means that the field allows anything."""

    types: frozenset[str] | None = None
    """Resource types, by name."""
    patients: Sql | Ways | None = None
    """A subselect of patient keys (`store.resource.patient_key`): the compartments that may be seen.

    It is asked within each statement, so that what decides it (links between records, openings)
    counts at once and costs no statement of its own. It must not refer to the row, but for `one`.
    """
    institution: int | None = None
    """The owning institution's number."""
    marks: tuple[tuple[int, ...], ...] = ()
    """Groups of numbers: a row has one of each group in its token array."""
    hidden: Sql | Ways | None = None
    """A condition on the row `r`: rows that satisfy it are not seen, whatever else allows them."""


@dataclass(frozen=True, slots=True, eq=False)
class Restriction:
    """The union of its rules: a row may be seen if one rule allows it. No rules: nothing may.

    Two of them are never taken for the same, so that their conditions can be kept.
    """

    rules: tuple[Rule, ...]

    def for_type(self, type_name: str) -> tuple[Rule, ...]:
        """The rules that can allow rows of `type_name`."""
        return tuple(r for r in self.rules if r.types is None or type_name in r.types)


EVERYTHING = Restriction((Rule(),))
NOTHING = Restriction(())


def _named(part: Sql | Ways, name: str, values: dict[str, object], by_id: bool) -> str:
    """The text with named places for its values, which join `values`."""
    if isinstance(part, Ways):
        part = part.one if by_id else part.many
    text = part.text
    for number, value in enumerate(part.values):
        text = text.replace("%s", f"%({name}_{number})s", 1)
        values[f"{name}_{number}"] = value
    return text


def _rule_condition(
    rule: Rule, name: str, *, by_type: bool, by_id: bool
) -> tuple[str, dict[str, object]]:
    terms: list[str] = []
    values: dict[str, object] = {}
    if by_type and rule.types is not None:
        terms.append(f"r.type = ANY(%({name}_types)s::smallint[])")
        values[f"{name}_types"] = sorted(type_number(t) for t in rule.types)
    if rule.patients is not None:
        # An array, because the planner then uses the index by patient whatever it expects to find.
        text = _named(rule.patients, f"{name}_patients", values, by_id)
        terms.append(f"r.patient_key = ANY(ARRAY({text}))")
    if rule.institution is not None:
        terms.append(f"r.institution = %({name}_institution)s")
        values[f"{name}_institution"] = rule.institution
    for number, group in enumerate(rule.marks):
        terms.append(f"r.tokens && %({name}_marks_{number})s::bigint[]")
        values[f"{name}_marks_{number}"] = list(group)
    if rule.hidden is not None:
        terms.append(f"({_named(rule.hidden, f'{name}_hidden', values, by_id)}) IS NOT TRUE")
    return " AND ".join(terms) or "true", values


@lru_cache(maxsize=2000)
def condition(
    restriction: Restriction, type_name: str | None, *, by_id: bool = False
) -> tuple[str, Mapping[str, object]]:
    """The restriction as a parenthesised SQL condition on rows `r`, with its named values.

    With `type_name` the query already fixes the type, and only the rules that can allow it remain;
    with None (a search over several types) each rule also tests the type. `by_id`: the statement
    finds its row by type and id.
    """
    rules = restriction.rules if type_name is None else restriction.for_type(type_name)
    parts: list[str] = []
    values: dict[str, object] = {}
    for number, rule in enumerate(rules):
        part, more = _rule_condition(rule, f"rule_{number}", by_type=type_name is None, by_id=by_id)
        if part == "true":
            return "(true)", {}
        parts.append(f"({part})")
        values |= more
    return f"({' OR '.join(parts) or 'false'})", values
