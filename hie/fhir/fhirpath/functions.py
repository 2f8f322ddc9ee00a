"""Functions of FHIRPath that the library lacks or answers otherwise. https://hl7.org/fhirpath/N1/

Each takes the input collection and its arguments.
"""

import html
import json
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from hie.fhir.fhirpath.boundaries import precision
from hie.fhir.fhirpath.syntax import DESCENDING, PathError

Collection = Sequence[Any]
_TRUE = frozenset(("true", "t", "yes", "y", "1", "1.0"))
_FALSE = frozenset(("false", "f", "no", "n", "0", "0.0"))


def _single(collection: Collection) -> Any:
    """The only item, None for an empty collection; PathError for several."""
    if len(collection) > 1:
        raise PathError(f"a single item is needed, there are {len(collection)}")
    return collection[0] if collection else None


def _single_fn(collection: Collection) -> Collection:
    _single(collection)
    return collection


def _not(collection: Collection) -> Collection:
    item = _single(collection)
    return [] if item is None else [item is False]


def _has_value(collection: Collection) -> Collection:
    return [len(collection) == 1 and not isinstance(collection[0], dict | list | None)]


def _matches_full(collection: Collection, pattern: Any) -> Collection:
    text = _single(collection)
    if not isinstance(text, str) or not isinstance(pattern, str):
        return []
    return [re.fullmatch(pattern, text, re.DOTALL) is not None]


def _replace_matches(collection: Collection, pattern: Any, new: Any) -> Collection:
    text = _single(collection)
    if not all(isinstance(each, str) for each in (text, pattern, new)):
        return []
    named = re.sub(r"\$\{?(\w+)\}?", r"\\g<\1>", new)
    return [re.sub(pattern, named, text) if pattern else text]


def _replace(collection: Collection, old: Any, new: Any) -> Collection:
    text = _single(collection)
    if not all(isinstance(each, str) for each in (text, old, new)):
        return []
    return [text.replace(old, new)]


def _index_of(collection: Collection, part: Any) -> Collection:
    text = _single(collection)
    return [text.find(part)] if isinstance(text, str) and isinstance(part, str) else []


def _starts_with(collection: Collection, part: Any) -> Collection:
    text = _single(collection)
    if text is not None and not isinstance(text, str):
        raise PathError("startsWith is for text")
    return [text.startswith(part)] if isinstance(text, str) and isinstance(part, str) else []


def _escape(collection: Collection, target: Any) -> Collection:
    text = _single(collection)
    if not isinstance(text, str):
        return []
    if target == "html":
        return [html.escape(text)]
    return [json.dumps(text, ensure_ascii=False)[1:-1]] if target == "json" else []


def _unescape(collection: Collection, target: Any) -> Collection:
    text = _single(collection)
    if not isinstance(text, str):
        return []
    if target == "html":
        return [html.unescape(text)]
    return [re.sub(r"\\(.)", r"\1", text)] if target == "json" else []


def _to_string(collection: Collection) -> Collection:
    item = _single(collection)
    if item is None or isinstance(item, dict):
        return []
    return [str(item).lower() if isinstance(item, bool) else str(item)]


def _round(collection: Collection, digits: Any = 0) -> Collection:
    item = _single(collection)
    if isinstance(item, bool) or not isinstance(item, int | float | Decimal):
        return []
    return [round(Decimal(str(item)), int(digits))]


def _iif(
    collection: Collection,
    criterion: Callable[[Collection], Collection],
    then: Callable[[Collection], Collection],
    otherwise: Callable[[Collection], Collection] | None = None,
) -> Collection:
    _single(collection)
    chosen = _single(criterion(collection))
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
    item = _single(collection)
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
    found = _boolean(_single(collection))
    return [] if found is None else [found]


def _converts_to_boolean(collection: Collection) -> Collection:
    return [_boolean(_single(collection)) is not None] if collection else []


def _precision(collection: Collection) -> Collection:
    return precision(_single(collection))


def _conforms_to(collection: Collection, profile: Any) -> Collection:
    """Whether the resource is of the type; only the definitions of R4's own types are known."""
    item = _single(collection)
    base, _, name = str(profile).rpartition("/")
    if not isinstance(item, dict):
        return []
    if base != "http://hl7.org/fhir/StructureDefinition":
        raise PathError(f"the profile {profile} is not known")
    return [item.get("resourceType") == name]


FUNCTIONS: Mapping[str, Mapping[str, Any]] = {
    "single": {"fn": _single_fn},
    "not": {"fn": _not},
    "hasValue": {"fn": _has_value},
    "matchesFull": {"fn": _matches_full, "arity": {1: ["String"]}},
    "replaceMatches": {"fn": _replace_matches, "arity": {2: ["String", "String"]}},
    "replace": {"fn": _replace, "arity": {2: ["String", "String"]}},
    "indexOf": {"fn": _index_of, "arity": {1: ["String"]}},
    "startsWith": {"fn": _starts_with, "arity": {1: ["String"]}},
    "escape": {"fn": _escape, "arity": {1: ["String"]}},
    "unescape": {"fn": _unescape, "arity": {1: ["String"]}},
    "toString": {"fn": _to_string},
    "round": {"fn": _round, "arity": {0: [], 1: ["Number"]}},
    "iif": {"fn": _iif, "arity": {2: ["Expr", "Expr"], 3: ["Expr", "Expr", "Expr"]}},
    "sort": {"fn": _sort, "variadic": "Expr"},
    DESCENDING: {"fn": _in_descending_order},
    "toBoolean": {"fn": _to_boolean},
    "convertsToBoolean": {"fn": _converts_to_boolean},
    "precision": {"fn": _precision},
    "conformsTo": {"fn": _conforms_to, "arity": {1: ["String"]}},
}
"""In the form that fhirpathpy takes."""

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
