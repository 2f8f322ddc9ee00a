"""Quantities: what they measure, their order, sign, sum and product, in UCUM and calendar units.

https://hl7.org/fhirpath/N1/#quantity and https://hl7.org/fhirpath/N1/#math
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from types import EllipsisType
from typing import Any, NamedTuple

from fhirpathpy.engine import nodes
from fhirpathpy.engine.invocations import math, misc

from hie.fhir.fhirpath.syntax import SIGNS, PathError
from hie.fhir.fhirpath.typed import data_of
from hie.fhir.ucum import Canonical, canonical

Collection = Sequence[Any]
_LIBRARY: Any = math
_CONVERSIONS: Any = misc
_QUANTITY: Any = nodes.FP_Quantity
_NODE: Any = nodes.ResourceNode
_UNITY = frozenset(("1", ""))
_BASE_UNITS = frozenset(("m", "s", "g", "rad", "K", "C", "cd"))
_UCUM_OF_CALENDAR = {
    "year": "a",
    "month": "mo",
    "week": "wk",
    "day": "d",
    "hour": "h",
    "minute": "min",
    "second": "s",
    "millisecond": "ms",
}
_UCUM_OF_CALENDAR |= {f"{word}s": unit for word, unit in _UCUM_OF_CALENDAR.items()}
# Of unequal length in the calendar: they are neither equal to UCUM's month and year nor not.
_MONTHS = {"month": 1, "months": 1, "year": 12, "years": 12}


class Amount(NamedTuple):
    """A quantity: its number and its unit, in UCUM or a word of the calendar."""

    number: Decimal
    unit: str


def amount_of(item: Any) -> Amount | None:
    """The amount of a quantity, be it a literal or an element; None for anything else."""
    value = data_of(item)
    if isinstance(value, _QUANTITY):
        return Amount(Decimal(str(value.value)), str(value.unit or "").strip("'"))
    if isinstance(value, dict) and "value" in value and ("code" in value or "unit" in value):
        return Amount(Decimal(str(value["value"])), str(value.get("code", value.get("unit"))))
    return None


def compared(one: Amount, other: Amount) -> int | EllipsisType | None:
    """-1, 0, 1; None if that cannot be said; ... if they do not measure the same."""
    left, right = one.number, other.number
    if one.unit != other.unit:
        if (one.unit in _MONTHS) != (other.unit in _MONTHS) and {
            _UCUM_OF_CALENDAR.get(one.unit),
            _UCUM_OF_CALENDAR.get(other.unit),
        } & {one.unit, other.unit}:
            return None
        (left_size, left_kind), (right_size, right_kind) = _measure(one), _measure(other)
        if left_kind != right_kind:
            return ...
        left, right = left * left_size, right * right_size
    return (left > right) - (left < right)


def equivalent(one: Amount, other: Amount) -> bool:
    """Whether they are the same in the less granular unit, at the precision of the less precise."""
    sizes = [canonical(_UCUM_OF_CALENDAR.get(each.unit, each.unit) or "1") for each in (one, other)]
    if sizes[0][1] != sizes[1][1]:
        return False
    largest = max(size for size, _ in sizes)
    places = Decimal(1).scaleb(-min(_decimals(one.number), _decimals(other.number)))
    left, right = (
        (each.number * size / largest).quantize(places)
        for each, (size, _) in zip((one, other), sizes, strict=True)
    )
    return left == right


def _decimals(number: Decimal) -> int:
    """Digits after the point, trailing zeros left aside."""
    return max(0, -int(number.normalize().as_tuple().exponent))


def _measure(amount: Amount) -> Canonical:
    """The size of the unit and what it measures."""
    if amount.unit in _MONTHS:
        return Decimal(_MONTHS[amount.unit]), (("month of the calendar", 1),)
    return canonical(_UCUM_OF_CALENDAR.get(amount.unit, amount.unit) or "1")


def _made(number: Decimal, unit: str) -> Any:
    return _QUANTITY(number, unit if unit in _UCUM_OF_CALENDAR else f"'{unit or '1'}'")


def _number(item: Any) -> Decimal | None:
    value = data_of(item)
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    return Decimal(str(value))


def _operands(one: Collection, other: Collection) -> list[Amount]:
    """Both as amounts, numbers with the unit 1. PathError if they are neither."""
    found = []
    for items in (one, other):
        number = _number(items[0]) if len(items) == 1 else None
        amount = Amount(number, "1") if number is not None else None
        amount = amount or (amount_of(items[0]) if len(items) == 1 else None)
        if amount is None:
            raise PathError("a single number or quantity is needed")
        found.append(amount)
    return found


def _product(one: Amount, other: Amount, power: int) -> Collection:
    """one * other**power; nothing for units that cannot be multiplied."""
    number = one.number * other.number if power == 1 else one.number / other.number
    if other.unit in _UNITY:
        return [_made(number, one.unit)]
    if one.unit in _UNITY and power == 1:
        return [_made(number, other.unit)]
    if one.unit == other.unit and power == -1:
        return [_made(number, "1")]
    (left, dimensions), (right, others) = _measure(one), _measure(other)
    powers = dict(dimensions)
    for name, exponent in others:
        powers[name] = powers.get(name, 0) + exponent * power
    if not set(powers) <= _BASE_UNITS:
        return []
    written = [f"{name}{'' if n == 1 else n}" for name, n in sorted(powers.items()) if n]
    return [_made(number * left * right**power, ".".join(written) or "1")]


def _times(_context: Any, one: Collection, other: Collection) -> Collection:
    left, right = _operands(one, other)
    if _number(one[0]) is not None and _number(other[0]) is not None:
        whole = all(isinstance(data_of(items[0]), int) for items in (one, other))
        return [int(left.number * right.number) if whole else left.number * right.number]
    return _product(left, right, 1)


def _divided(_context: Any, one: Collection, other: Collection) -> Collection:
    left, right = _operands(one, other)
    if not right.number:
        return []
    if _number(one[0]) is not None and _number(other[0]) is not None:
        return [left.number / right.number]
    return _product(left, right, -1)


def _sum(sign: int, library: Callable[..., Any]) -> Callable[..., Any]:
    def add(context: Any, one: Collection, other: Collection) -> Any:
        amounts = [amount_of(items[0]) if len(items) == 1 else None for items in (one, other)]
        left, right = amounts
        if left is None or right is None:
            given = list(other) if right is None else [_made(*right)]
            found = library(context, list(one), given)
            dated = isinstance(one[0], _NODE) and one[0].path == "System.Date"
            return _NODE(found, "System.Date") if dated else found
        (left_size, left_kind), (right_size, right_kind) = _measure(left), _measure(right)
        if left_kind != right_kind:
            return []
        # In the more granular of both units.
        unit, size = min((left_size, left.unit), (right_size, right.unit))[::-1]
        total = left.number * left_size + sign * right.number * right_size
        return [_made(total / size, unit)]

    return add


def _alone(change: Callable[[Decimal], Decimal]) -> dict[str, Any]:
    """A function of one number or quantity; a whole number stays one."""

    def apply(_context: Any, items: Collection) -> Collection:
        if not items:
            return []
        amount = _operands(items, [1])[0]
        if _number(items[0]) is None:
            return [_made(change(amount.number), amount.unit)]
        changed = change(amount.number)
        return [int(changed) if isinstance(data_of(items[0]), int) else changed]

    return {"fn": apply}


def _comparable(_context: Any, items: Collection, other: Collection) -> Collection:
    if not items or not other:
        return []
    left, right = _operands(items, other)
    return [_measure(left)[1] == _measure(right)[1]]


def _to_quantity(context: Any, items: Collection, unit: Any = None) -> Any:
    found = _CONVERSIONS.to_quantity(context, list(items))
    amount = amount_of(found)
    if amount is None or not unit:
        return found
    wanted = Amount(Decimal(1), str(unit).strip("'"))
    (size, kind), (other_size, other_kind) = _measure(amount), _measure(wanted)
    return _made(amount.number * size / other_size, wanted.unit) if kind == other_kind else []


_ANY: dict[str, Any] = {"arity": {2: ["Any", "Any"]}, "nullable": True}
QUANTITIES: Mapping[str, Mapping[str, Any]] = {
    "*": {"fn": _times, **_ANY},
    "/": {"fn": _divided, **_ANY},
    "+": {"fn": _sum(1, _LIBRARY.plus), **_ANY},
    "-": {"fn": _sum(-1, _LIBRARY.minus), **_ANY},
    SIGNS["-"]: _alone(operator.neg),
    SIGNS["+"]: _alone(operator.pos),
    "abs": _alone(abs),
    "comparable": {"fn": _comparable, "arity": {1: ["Any"]}},
    "toQuantity": {"fn": _to_quantity, "arity": {0: [], 1: ["String"]}},
}
"""In the form of the library's own functions."""
