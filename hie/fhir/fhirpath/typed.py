"""Functions and operators that need the type of an item.

https://hl7.org/fhirpath/N1/#types and https://hl7.org/fhir/R4/fhirpath.html#types. They are in the form
of the library's own, which gets the context of the evaluation first.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from fhirpathpy.engine import nodes
from fhirpathpy.engine.invocations import logic

from hie.fhir.definitions import primitives, type_definition
from hie.fhir.fhirpath.boundaries import boundary
from hie.fhir.fhirpath.syntax import PathError

Collection = Sequence[Any]
_LIBRARY: Any = logic
_NODE: Any = nodes.ResourceNode
SYSTEM = "System"
FHIR = "FHIR"
SYSTEM_TYPES = frozenset(
    ("Any", "Boolean", "String", "Integer", "Decimal", "Date", "DateTime", "Time", "Quantity")
)
# Order matters: a boolean of Python is also an integer.
_CLASSES: tuple[tuple[Any, str], ...] = (
    (bool, "Boolean"),
    (int, "Integer"),
    ((float, Decimal), "Decimal"),
    (nodes.FP_DateTime, "DateTime"),
    (nodes.FP_Time, "Time"),
    (nodes.FP_Quantity, "Quantity"),
    (str, "String"),
)


def data_of(item: Any) -> Any:
    """The value of an item, without its place."""
    return item.data if isinstance(item, _NODE) else item


def type_of(item: Any) -> tuple[str, str]:
    """Namespace and name of an item's type; an empty name if it cannot be said."""
    path = item.path if isinstance(item, _NODE) else None
    if path is None:
        value = data_of(item)
        return SYSTEM, next((name for kind, name in _CLASSES if isinstance(value, kind)), "")
    namespace, _, name = str(path).rpartition(".")
    return (SYSTEM, name) if namespace == SYSTEM else (FHIR, str(path))


def known_type(name: str) -> bool:
    """Whether R4 or FHIRPath has such a type."""
    if name in SYSTEM_TYPES or name in primitives():
        return True
    try:
        type_definition(name)
    except KeyError:
        return False
    return "." not in name


def base_of(name: str) -> str:
    """The type that a type of R4 specializes; empty for none."""
    if name in primitives():
        return primitives()[name].base
    try:
        return type_definition(name).base
    except KeyError:
        return ""


def _is(item: Any, wanted: Any, *, derived_primitives: bool) -> bool:
    """Whether the item is of the type, or of one that specializes it."""
    namespace, name = type_of(item)
    if wanted.namespace not in (None, namespace):
        return False
    if namespace == SYSTEM or (name in primitives() and not derived_primitives):
        return name == str(wanted.name)
    while name and name != wanted.name:
        name = base_of(name)
    return bool(name)


def _checked(wanted: Any) -> None:
    if wanted.namespace not in (None, SYSTEM, FHIR) or not known_type(str(wanted.name)):
        raise PathError(f"there is no type {wanted.name}")


def _one(items: Collection, operator: str) -> Collection:
    if len(items) > 1:
        raise PathError(f"'{operator}' is for one item, there are {len(items)}")
    return items


def _is_type(_context: Any, items: Collection, wanted: Any) -> Collection:
    _checked(wanted)
    return [_is(item, wanted, derived_primitives=True) for item in _one(items, "is")]


def _of_type(_context: Any, items: Collection, wanted: Any) -> Collection:
    # `value.ofType(string)` asks which of a choice's types was chosen, and code is another.
    _checked(wanted)
    return [item for item in items if _is(item, wanted, derived_primitives=False)]


def _as_type(context: Any, items: Collection, wanted: Any) -> Collection:
    return _of_type(context, _one(items, "as"), wanted)


def _truth(items: Collection) -> bool | list[Any]:
    """The boolean that a collection stands for, in the library's form: a list for nothing.

    A single item that is no boolean is true: https://hl7.org/fhirpath/N1/#singleton-evaluation-of-collections
    """
    if len(items) > 1:
        raise PathError(f"a single boolean is needed, there are {len(items)} items")
    value = data_of(items[0]) if items else []
    return value if isinstance(value, bool | list) else True


def _logical(operator: Callable[..., Any]) -> dict[str, Any]:
    def combine(context: Any, one: Collection, other: Collection) -> Any:
        return operator(context, _truth(one), _truth(other))

    return {"fn": combine, "arity": {2: ["Any", "Any"]}}


def _boundary(*, high: bool) -> dict[str, Any]:
    def find(_context: Any, items: Collection, digits: Any = None) -> Collection:
        if len(items) > 1:
            raise PathError(f"a single item is needed, there are {len(items)}")
        if not items:
            return []
        timed = type_of(items[0])[1] in ("DateTime", "dateTime", "instant")
        return boundary(data_of(items[0]), digits, high=high, timed=timed)

    return {"fn": find, "arity": {0: [], 1: ["Integer"]}}


_TYPE: dict[str, Any] = {"arity": {1: ["TypeSpecifier"]}}
_TYPE_OPERATOR: dict[str, Any] = {"arity": {2: ["Any", "TypeSpecifier"]}}
TYPED: Mapping[str, Mapping[str, Any]] = {
    "is": {"fn": _is_type, **_TYPE},
    "isOp": {"fn": _is_type, **_TYPE_OPERATOR},
    "as": {"fn": _as_type, **_TYPE},
    "asOp": {"fn": _as_type, **_TYPE_OPERATOR},
    "ofType": {"fn": _of_type, **_TYPE},
    "and": _logical(_LIBRARY.and_op),
    "or": _logical(_LIBRARY.or_op),
    "xor": _logical(_LIBRARY.xor_op),
    "implies": _logical(_LIBRARY.implies_op),
    "lowBoundary": _boundary(high=False),
    "highBoundary": _boundary(high=True),
}
