"""A place in a resource's JSON, found by the elements that lead there. https://hl7.org/fhir/R4/json.html

An element of a primitive datatype stands in two members: its value in `birthDate`, its id and
extensions in `_birthDate`; a repeating one in two arrays side by side. Choices carry their type in
the member's name: `value` is found as `valueQuantity`.
"""

import re
from dataclasses import dataclass
from typing import Any

from hie.fhir.definitions import Element, member, primitives, type_definition

_STEP = re.compile(r"\.([A-Za-z]\w*)(?:\[(\d+)\])?")

Object = dict[str, Any]


@dataclass(slots=True)
class Place:
    """Member `key` of `parent`; with `index` one item of its array."""

    parent: Object
    key: str
    index: int | None
    element: Element
    type: str
    """The element's datatype, or the path of its inline type."""


@dataclass(slots=True)
class Holder:
    """An object that elements can be added to, with its type."""

    value: Object
    type: str


def element_of(type_name: str, name: str) -> Element | None:
    """The definition of the child called `name`; a choice by its own name or its name with type."""
    owner = "Element" if type_name in primitives() else type_name
    found = type_definition(owner).elements.get(name)
    if found is None:
        typed = member(owner, name)
        found = typed[0] if typed else None
    return found


def find(resource: Object, place: str) -> Place | Holder:
    """The place written as `Patient.name[0].given[1]`, or for `Patient` alone the resource itself.

    LookupError if there is no such place.
    """
    holder = Holder(resource, resource["resourceType"])
    steps = _STEP.findall(place)
    for number, (name, index) in enumerate(steps):
        found = _member(holder, name, int(index) if index else None)
        if number == len(steps) - 1:
            return found
        holder = inside(found)
    return holder


def _member(holder: Holder, name: str, index: int | None) -> Place:
    element = element_of(holder.type, name)
    if element is None:
        raise LookupError(f"{holder.type} has no element {name}")
    key, type_name = name, element.types[0]
    if element.choice:
        key, type_name = _chosen(holder, element)
    return Place(holder.value, key, index if element.many else None, element, type_name)


def _chosen(holder: Holder, element: Element) -> tuple[str, str]:
    """The member that a choice stands in, and its datatype."""
    for name in holder.value:
        key = name.removeprefix("_")
        found = member(holder.type, key)
        if found is not None and found[0] == element:
            return key, found[1]
    raise LookupError(f"{holder.type}.{element.name} is not there")


def inside(place: Place) -> Holder:
    """The object at the place, made if the element has a value and nothing beside it yet."""
    if place.type in primitives():
        return Holder(_beside(place), place.type)
    value = place.parent[place.key]
    value = value if place.index is None else value[place.index]
    type_name = place.type
    if isinstance(value, dict) and "resourceType" in value:
        type_name = value["resourceType"]
    if not isinstance(value, dict):
        raise LookupError(f"{place.key} is no object")
    return Holder(value, type_name)


def _beside(place: Place) -> Object:
    """What stands in `_key` beside a primitive value."""
    beside = f"_{place.key}"
    if place.index is None:
        found: Object = place.parent.setdefault(beside, {})
        return found
    align(place.parent, place.key)
    items = place.parent.setdefault(beside, [None] * len(place.parent[place.key]))
    if items[place.index] is None:
        items[place.index] = {}
    made: Object = items[place.index]
    return made


def align(parent: Object, key: str) -> None:
    """Give two arrays that stand side by side the same length."""
    values, beside = parent.get(key), parent.get(f"_{key}")
    if isinstance(values, list) and isinstance(beside, list):
        longest = max(len(values), len(beside))
        values += [None] * (longest - len(values))
        beside += [None] * (longest - len(beside))


def lists(parent: Object, key: str) -> list[list[Any]]:
    """The array of a repeating element, with the one beside it if there is one; both of one length."""
    align(parent, key)
    return [parent[name] for name in (key, f"_{key}") if isinstance(parent.get(name), list)]
