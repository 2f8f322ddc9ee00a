"""The evaluation of a parsed expression by fhirpathpy, with our functions in front of its own.

https://hl7.org/fhirpath/N1/
"""

import functools
from collections.abc import Mapping
from typing import Any

from fhirpathpy import engine
from fhirpathpy.engine import nodes, util
from fhirpathpy.engine.invocations import constants, invocation_registry
from fhirpathpy.models import models

from hie.fhir.definitions import primitives
from hie.fhir.fhirpath.comparison import COMPARISONS
from hie.fhir.fhirpath.functions import FUNCTIONS
from hie.fhir.fhirpath.quantities import QUANTITIES
from hie.fhir.fhirpath.syntax import Parsed, PathError, calls
from hie.fhir.fhirpath.typed import SYSTEM, TYPED, data_of, type_of

_ENGINE: Any = engine
_LIBRARY: Any = util
_CONSTANTS: Any = constants
_NODE: Any = nodes.ResourceNode
_SCOPE = ("$this", "$index", "$total")


def _scoped(entry: Mapping[str, Any]) -> dict[str, Any]:
    """A function that leaves `$this`, `$index` and `$total` as they were for what comes after it."""
    function = entry["fn"]

    @functools.wraps(function)
    def call(context: dict[str, Any], items: Any, *arguments: Any) -> Any:
        before = {name: context[name] for name in _SCOPE if name in context}
        try:
            return function(context, _whole(items), *arguments)
        finally:
            context.update(before)

    return {**entry, "fn": call}


def _whole(items: Any) -> Any:
    """The items with each primitive that has only extensions in its own place.

    The library reads the `null` of the array and, after the array, the extensions.
    """
    if not any(isinstance(item, _NODE) and item.data is None for item in items):
        return items
    told: dict[Any, Any] = {}
    for item in items:
        if isinstance(item, _NODE) and item.data is not None:
            told.setdefault(item.propName, item)
    placed: list[Any] = []
    moved = set()
    for item in items:
        if not isinstance(item, _NODE) or (item.data is not None and item.propName not in moved):
            placed.append(item)
        elif item.data is None and isinstance(data_of(told.get(item.propName)), dict):
            placed.append(told[item.propName])
            moved.add(item.propName)
    return placed


_OURS: dict[str, Any] = {
    **_LIBRARY.process_user_invocation_table(FUNCTIONS),
    **COMPARISONS,
    **QUANTITIES,
    **TYPED,
}
# Operators have two operands, which the library evaluates for themselves.
_TABLE = {
    name: entry if set(entry.get("arity", ())) == {2} else _scoped(entry)
    for name, entry in {**invocation_registry, **_OURS}.items()
}


def run(parsed: Parsed, start: Any, variables: Mapping[str, Any]) -> list[Any]:
    """The items that the expression finds from `start`.

    PathError if it fails, which quotes nothing of what the expression met: who may change a record
    by a path need not be one who may read it.
    """
    _CONSTANTS.constants.reset()
    context = {
        "dataRoot": [start],
        "$this": [start],
        "vars": {"context": start, **variables, **parsed.literals},
        "model": models["r4"],
        "userInvocationTable": _TABLE,
        "traceFn": lambda _name, _items: None,
    }
    try:
        found: list[Any] = _ENGINE.do_eval(context, [start], parsed.tree)
    except PathError:
        raise
    except RecursionError as error:
        raise PathError("nested too deeply") from error
    except Exception as error:  # the library raises whatever it met
        missing = ", ".join(sorted(set(calls(parsed.tree)) - set(_TABLE)))
        reason = f"there is no function {missing}" if missing else "an operand does not fit"
        raise PathError(reason) from error
    return [item for item in found if not _beside(item)]


def values(items: list[Any]) -> list[Any]:
    """The items without their places."""
    return [_LIBRARY.get_data(item) for item in items]


def _beside(item: Any) -> bool:
    """Whether it is what the library makes of the extensions of a primitive."""
    if not isinstance(item, _NODE) or not isinstance(item.data, dict):
        return False
    namespace, name = type_of(item)
    return set(item.data) == {"extension"} and (namespace == SYSTEM or name in primitives())
