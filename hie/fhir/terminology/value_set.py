"""What a value set says it contains. https://hl7.org/fhir/R4/valueset.html#compositions"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Part:
    """One `include` or `exclude`: of a system certain codes, or those that satisfy all filters, or all
    of them; and of that only what is in every one of the value sets named.
    """

    system: str | None = None
    codes: tuple[str, ...] | None = None
    filters: tuple[tuple[str, str, str], ...] = ()
    """(property, operator, value)"""
    value_sets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ValueSet:
    """A value set by its parts."""

    url: str
    include: tuple[Part, ...]
    exclude: tuple[Part, ...] = ()


def read_part(part: dict[str, Any]) -> Part:
    """An element of `compose.include` or `compose.exclude`."""
    concept = part.get("concept")
    return Part(
        part.get("system"),
        None if concept is None else tuple(each["code"] for each in concept),
        tuple((f["property"], f["op"], f["value"]) for f in part.get("filter", ())),
        tuple(part.get("valueSet", ())),
    )


def read_value_set(resource: dict[str, Any]) -> ValueSet:
    """What a valid ValueSet resource says; one that is only an expansion lists its codes."""
    compose = resource.get("compose")
    if compose is None:
        listed: dict[str, list[str]] = {}
        waiting = list(resource.get("expansion", {}).get("contains", ()))
        for each in waiting:  # grows while it is walked
            waiting += each.get("contains", ())
            if "code" in each and "system" in each and not each.get("abstract"):
                listed.setdefault(each["system"], []).append(each["code"])
        parts = [Part(system, tuple(codes)) for system, codes in listed.items()]
        return ValueSet(resource.get("url", ""), tuple(parts))
    return ValueSet(
        resource.get("url", ""),
        tuple(map(read_part, compose.get("include", ()))),
        tuple(map(read_part, compose.get("exclude", ()))),
    )
