"""Types of FHIR R4: resources, datatypes, their inline elements, and primitives.

https://hl7.org/fhir/R4/resourcelist.html, https://hl7.org/fhir/R4/datatypes.html
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from hie.fhir.definitions.facts import facts

RESOURCE_TYPES: tuple[str, ...] = tuple(facts()["resources"])
"""The resource types of R4 that can be stored, alphabetical."""

_NUMBERS = {name: number for number, name in enumerate(RESOURCE_TYPES, start=1)}


def type_number(name: str) -> int:
    """The stable number of a resource type, from 1; KeyError if R4 has no such type."""
    return _NUMBERS[name]


def type_name(number: int) -> str:
    """The resource type with this number; KeyError if there is none."""
    if not 0 < number <= len(RESOURCE_TYPES):
        raise KeyError(number)
    return RESOURCE_TYPES[number - 1]


@dataclass(frozen=True, slots=True)
class Invariant:
    """A rule in FHIRPath on the element that carries it."""

    key: str
    severity: str
    expression: str


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a type. `name` of a choice lacks its `[x]`."""

    name: str
    minimum: int
    many: bool
    """Whether JSON has an array here."""
    choice: bool
    types: tuple[str, ...]
    """Datatypes; for an inline element or a content reference the path of its type."""
    targets: tuple[str, ...]
    """Resource types that a Reference may name; empty: any."""
    codes: str | None
    """Address of the closed value set, a key of `value_set`, if one is required."""
    summary: bool
    modifier: bool
    """Whether it changes what the rest means, so that nobody may go without it."""
    invariants: tuple[Invariant, ...]


@dataclass(frozen=True, slots=True)
class Type:
    """A resource type, complex datatype or inline element (`Patient.contact`)."""

    name: str
    kind: str
    """`resource`, `complex-type` or `inline`."""
    base: str
    elements: Mapping[str, Element]
    """By name, in the order of the definition, inherited elements included."""
    invariants: tuple[Invariant, ...]


@dataclass(frozen=True, slots=True)
class Primitive:
    """A primitive datatype. `regex` is the specification's, to be matched in full."""

    name: str
    base: str
    regex: str | None
    minimum: int | None
    maximum: int | None
    longest: int | None


@cache
def type_definition(name: str) -> Type:
    """The definition of a resource, datatype or inline element; KeyError if R4 has none."""
    found = facts()["types"][name]
    elements = {}
    for key, each in found["elements"].items():
        plain = key.removesuffix("[x]")
        elements[plain] = Element(
            name=plain,
            minimum=each.get("min", 0),
            many="max" in each,
            choice=plain != key,
            types=tuple(each["types"]),
            targets=tuple(each.get("targets", ())),
            codes=each.get("codes"),
            summary=each.get("summary", False),
            modifier=each.get("modifier", False),
            invariants=tuple(Invariant(*rule) for rule in each.get("invariants", ())),
        )
    return Type(
        name=name,
        kind=found["kind"],
        base=found["base"],
        elements=elements,
        invariants=tuple(Invariant(*rule) for rule in found.get("invariants", ())),
    )


@cache
def member(type_name: str, name: str) -> tuple[Element, str] | None:
    """The element that `name` stands for in the type's JSON, and its datatype; None if nothing does.

    `valueQuantity` is the element `value` as a Quantity. KeyError if R4 has no such type.
    """
    elements = type_definition(type_name).elements
    element = elements.get(name)
    if element is not None and not element.choice:
        return element, element.types[0]
    for element in elements.values():
        if element.choice and name.startswith(element.name):
            suffix = name[len(element.name) :]
            for datatype in element.types:
                if datatype[0].upper() + datatype[1:] == suffix:
                    return element, datatype
    return None


@cache
def primitives() -> Mapping[str, Primitive]:
    """The primitive datatypes by name."""
    return {
        name: Primitive(
            name=name,
            base=each["base"],
            regex=each.get("regex"),
            minimum=each.get("minValueInteger"),
            maximum=each.get("maxValueInteger"),
            longest=each.get("maxLength"),
        )
        for name, each in facts()["primitives"].items()
    }


def value_set(url: str) -> Mapping[str, list[str]]:
    """Codes by system of a closed value set named by `Element.codes`."""
    codes: Mapping[str, list[str]] = facts()["valueSets"][url]
    return codes
