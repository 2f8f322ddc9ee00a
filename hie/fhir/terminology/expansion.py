"""The codes that a value set stands for. https://hl7.org/fhir/R4/valueset.html#expansion

Only what can be told from the definitions at hand: a set that rests on a code system which is not
here, or on a filter that is not understood, is refused and never half expanded.
"""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from hie.fhir.terminology.code_system import CodeSystem
from hie.fhir.terminology.value_set import Part, ValueSet

DEEPEST = 10
"""How many value sets may be nested in each other."""

Codes = dict[str, frozenset[str] | None]
"""By system its codes; None stands for all that there are."""


class CannotExpand(ValueError):  # noqa: N818 - says what it is
    """Something that the value set rests on is not here; the text says what."""


class Terms(NamedTuple):
    """Where definitions are found by their address; None if they are not here."""

    value_set: Callable[[str], Awaitable[ValueSet | None]]
    code_system: Callable[[str], Awaitable[CodeSystem | None]]


async def expand(value_set: ValueSet, terms: Terms, depth: int = 0) -> Codes:
    """The codes of the value set by system. Raises CannotExpand."""
    if depth > DEEPEST:
        raise CannotExpand(f"{value_set.url} (nested more than {DEEPEST} deep)")
    found: Codes = {}
    for part in value_set.include:
        found = _union(found, await _part(part, terms, depth))
    for part in value_set.exclude:
        found = await _minus(found, await _part(part, terms, depth), terms)
    return found


async def _part(part: Part, terms: Terms, depth: int) -> Codes:
    found: Codes | None = None
    if part.system is not None:
        found = {part.system: await _of_system(part, part.system, terms)}
    for url in part.value_sets:
        nested = await terms.value_set(url)
        if nested is None:
            raise CannotExpand(url)
        codes = await expand(nested, terms, depth + 1)
        found = codes if found is None else _intersection(found, codes)
    return found or {}


async def _of_system(part: Part, url: str, terms: Terms) -> frozenset[str] | None:
    if part.codes is not None:
        return frozenset(part.codes)
    if not part.filters:
        return None
    system = await _known(url, terms)
    found = frozenset(system.parents)
    for filter_ in part.filters:
        found &= _satisfying(system, *filter_)
    return found


async def _known(url: str, terms: Terms) -> CodeSystem:
    system = await terms.code_system(url)
    if system is None or not system.complete:
        raise CannotExpand(url)
    return system


def _satisfying(  # noqa: PLR0911 - one for each operator
    system: CodeSystem, name: str, operator: str, value: str
) -> frozenset[str]:
    """The codes that a filter lets through. https://hl7.org/fhir/R4/valueset-filter-operator.html"""
    every = frozenset(system.parents)
    if name in ("concept", "code"):
        match operator:
            case "is-a":
                return system.below(value)
            case "descendent-of":
                return system.below(value) - {value}
            case "is-not-a":
                return every - system.below(value)
            case "generalizes":
                return system.above(value)
            case "=":
                return frozenset({value}) & every
            case "in":
                return frozenset(value.split(",")) & every
            case "not-in":
                return every - frozenset(value.split(","))
    if name == "parent" and operator == "=":
        return frozenset(system.children.get(value, ()))
    raise CannotExpand(f"{system.url}: {name} {operator} {value}")


def _union(one: Codes, other: Codes) -> Codes:
    found = dict(one)
    for system, codes in other.items():
        known = found.get(system, frozenset())
        found[system] = None if known is None or codes is None else known | codes
    return found


def _intersection(one: Codes, other: Codes) -> Codes:
    found: Codes = {}
    for system in one.keys() & other.keys():
        first, second = one[system], other[system]
        if first is None or second is None:
            found[system] = second if first is None else first
        else:
            found[system] = first & second
    return found


async def _minus(one: Codes, other: Codes, terms: Terms) -> Codes:
    found = dict(one)
    for system in one.keys() & other.keys():
        codes, removed = one[system], other[system]
        if removed is None:
            del found[system]
            continue
        if codes is None:
            codes = frozenset((await _known(system, terms)).parents)
        found[system] = codes - removed
    return found
