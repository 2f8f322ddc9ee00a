"""Functions of FHIRPath that the library lacks or answers otherwise. https://hl7.org/fhirpath/N1/

Each takes the input collection and its arguments.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from hie.fhir.fhirpath.boundaries import precision
from hie.fhir.fhirpath.strings import STRINGS, single
from hie.fhir.fhirpath.syntax import DESCENDING, PathError

Collection = Sequence[Any]
_TRUE = frozenset(("true", "t", "yes", "y", "1", "1.0"))
_FALSE = frozenset(("false", "f", "no", "n", "0", "0.0"))


def _single_fn(collection: Collection) -> Collection:
    single(collection)
    return collection


def _not(collection: Collection) -> Collection:
    item = single(collection)
    return [] if item is None else [item is False]


def _has_value(collection: Collection) -> Collection:
    return [len(collection) == 1 and not isinstance(collection[0], dict | list | None)]


def _round(collection: Collection, digits: Any = 0) -> Collection:
    item = single(collection)
    if isinstance(item, bool) or not isinstance(item, int | float | Decimal):
        return []
    return [round(Decimal(str(item)), int(digits))]


def _iif(
    collection: Collection,
    criterion: Callable[[Collection], Collection],
    then: Callable[[Collection], Collection],
    otherwise: Callable[[Collection], Collection] | None = None,
) -> Collection:
    single(collection)
    chosen = single(criterion(collection))
    if chosen is not None and not isinstance(chosen, bool):
        raise PathError("the criterion of iif is no boolean")
    if chosen:
        return then(collection)
    return otherwise(collection) if otherwise else []


class _Descending:
    """A key of `sort` whose order is turned round."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Descending) and bool(self.value == other.value)

    def __lt__(self, other: Any) -> bool:
        return bool(other.value < self.value)

    __hash__ = None  # type: ignore[assignment]  # its value may have none


def _in_descending_order(collection: Collection) -> Collection:
    item = single(collection)
    return [] if item is None else [_Descending(item)]


def _sort(collection: Collection, *keys: Callable[[Any], Collection]) -> Collection:
    """In the order of the keys; what has no key comes first."""

    def place(item: Any) -> list[tuple[bool, Any]]:
        found = [key(item) for key in keys] or [[item]]
        return [(bool(each), getattr(each[0], "data", each[0]) if each else None) for each in found]

    return sorted(collection, key=place)


def _boolean(value: Any) -> bool | None:
    """https://hl7.org/fhirpath/N1/#toboolean--boolean"""
    if isinstance(value, str):
        text = value.lower()
        return (text in _TRUE) if text in _TRUE | _FALSE else None
    if isinstance(value, bool | int | Decimal) and value in (0, 1):
        return bool(value)
    return None


def _to_boolean(collection: Collection) -> Collection:
    found = _boolean(single(collection))
    return [] if found is None else [found]


def _converts_to_boolean(collection: Collection) -> Collection:
    return [_boolean(single(collection)) is not None] if collection else []


def _precision(collection: Collection) -> Collection:
    return precision(single(collection))


def _conforms_to(collection: Collection, profile: Any) -> Collection:
    """Whether the resource is of the type; only the definitions of R4's own types are known."""
    item = single(collection)
    base, _, name = str(profile).rpartition("/")
    if not isinstance(item, dict):
        return []
    if base != "http://hl7.org/fhir/StructureDefinition":
        raise PathError("no profiles are known but those of R4's own types")
    return [item.get("resourceType") == name]


FUNCTIONS: Mapping[str, Mapping[str, Any]] = {
    **STRINGS,
    "single": {"fn": _single_fn},
    "not": {"fn": _not},
    "hasValue": {"fn": _has_value},
    "round": {"fn": _round, "arity": {0: [], 1: ["Number"]}},
    "iif": {"fn": _iif, "arity": {2: ["Expr", "Expr"], 3: ["Expr", "Expr", "Expr"]}},
    "sort": {"fn": _sort, "variadic": "Expr"},
    DESCENDING: {"fn": _in_descending_order},
    "toBoolean": {"fn": _to_boolean},
    "convertsToBoolean": {"fn": _converts_to_boolean},
    "precision": {"fn": _precision},
    "conformsTo": {"fn": _conforms_to, "arity": {1: ["String"]}},
}
"""In the form that fhirpathpy takes from its callers."""

VARIABLES: Mapping[str, str] = {
    "sct": "http://snomed.info/sct",
    "loinc": "http://loinc.org",
    "ucum": "http://unitsofmeasure.org",
}
"""https://hl7.org/fhir/R4/fhirpath.html#vars"""
_NAMED = re.compile(r"%(?:`((?:vs|ext)-[^`]+)`|\"((?:vs|ext)-[^\"]+)\")")
_PLACES = {"vs": "ValueSet", "ext": "StructureDefinition"}


def variables_of(expression: str) -> dict[str, str]:
    """The variables that FHIR defines, with those of value sets and extensions that are named."""
    named = {one or other for one, other in _NAMED.findall(expression)}
    found = dict(VARIABLES)
    for name in named:
        kind, _, code = name.partition("-")
        found[name] = f"http://hl7.org/fhir/{_PLACES[kind]}/{code}"
    return found
