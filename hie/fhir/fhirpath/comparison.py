"""Comparison of dates of unequal precision, of quantities, and equivalence of collections.

https://hl7.org/fhirpath/N1/#comparison and https://hl7.org/fhirpath/N1/#equivalent. Everything else is
left to the library.
"""

import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from types import EllipsisType
from typing import Any

from fhirpathpy.engine import nodes
from fhirpathpy.engine.invocations import equality

from hie.fhir.fhirpath.quantities import amount_of, compared, equivalent
from hie.fhir.fhirpath.syntax import PathError
from hie.fhir.fhirpath.typed import SYSTEM, data_of, type_of

Collection = Sequence[Any]
_LIBRARY: Any = equality
_DATE_TIME: Any = nodes.FP_DateTime
_DATE = re.compile(
    r"(\d{4})(?:-(\d\d))?(?:-(\d\d))?(?:T(?:(\d\d)(?::(\d\d))?(?::(\d\d(?:\.\d+)?))?)?(Z|[+-]\d\d:\d\d)?)?"
)
_DATE_TYPES = frozenset(("date", "dateTime", "instant"))


def _single(collection: Collection) -> Any:
    """The only item, None if there is none or several.

    The library puts the extensions of a primitive behind it as an item of their own.
    """
    items = [i for i in collection if not _only_extensions(data_of(i))]
    return items[0] if len(items) == 1 else None


def _only_extensions(value: Any) -> bool:
    return isinstance(value, dict) and set(value) == {"extension"}


def _date(item: Any) -> str | None:
    """The text of a date; a text that is written like a whole day, or more, is taken for one."""
    value = data_of(item)
    if isinstance(value, _DATE_TIME):
        return str(value.asStr)
    typed = isinstance(item, nodes.ResourceNode) and item.path in _DATE_TYPES
    if isinstance(value, str) and (typed or len(value) >= len("2026-01-31")):
        return value if _DATE.fullmatch(value) else None
    return None


def _compared(one: Any, other: Any) -> int | EllipsisType | None:
    """-1, 0, 1; None if that cannot be said; ... if it is the library's matter."""
    left, right = _date(one), _date(other)
    if left is not None and right is not None:
        return compare_dates(left, right)
    left_amount, right_amount = amount_of(one), amount_of(other)
    if left_amount is not None and right_amount is not None:
        return compared(left_amount, right_amount)
    return ...


def _components(text: str) -> tuple[list[Decimal], str | None]:
    match = _DATE.fullmatch(text)
    assert match is not None  # noqa: S101 - the caller has looked
    *parts, zone = match.groups()
    return [Decimal(part) for part in parts if part is not None], zone


def _in_utc(parts: list[Decimal], zone: str) -> list[Decimal]:
    sign = -1 if zone[0] == "-" else 1
    offset = (
        timedelta()
        if zone == "Z"
        else sign * timedelta(hours=int(zone[1:3]), minutes=int(zone[4:]))
    )
    whole = [int(part) for part in parts[:5]]
    moved = datetime(*whole) - offset  # type: ignore[arg-type]  # noqa: DTZ001 - year to minute, at most
    shifted = [moved.year, moved.month, moved.day, moved.hour, moved.minute]
    return [*map(Decimal, shifted[: len(whole)]), *parts[5:]]


def compare_dates(one: str, other: str) -> int | None:
    """-1, 0 or 1; None where the precision, or a missing zone, does not allow to say."""
    (left, left_zone), (right, right_zone) = _components(one), _components(other)
    if min(len(left), len(right)) > 3:
        if (left_zone is None) != (right_zone is None):
            return None
        if left_zone is not None and right_zone is not None:
            left, right = _in_utc(left, left_zone), _in_utc(right, right_zone)
    for a, b in zip(left, right, strict=False):
        if a != b:
            return -1 if a < b else 1
    return 0 if len(left) == len(right) else None


def _plain(items: Collection) -> list[Any]:
    """The items as the library compares them: values of FHIRPath's own types without a place."""
    return [data_of(item) if type_of(item)[0] == SYSTEM else item for item in items]


def _operator(
    library: Callable[..., Any], holds: Callable[[int], bool], *, order: bool = False
) -> Callable[[Any, Collection, Collection], Any]:
    def compare(_context: Any, one: Collection, other: Collection) -> Any:
        left, right = _single(one), _single(other)
        found: int | EllipsisType | None = ...
        if left is not None and right is not None:
            found = _compared(left, right)
            # To Python true is 1.
            if isinstance(data_of(left), bool) != isinstance(data_of(right), bool):
                if order:
                    raise PathError("a boolean cannot be compared with another type")
                return [holds(1)]
            if order and found is ... and amount_of(left) and amount_of(right):
                return []
        if isinstance(found, EllipsisType):
            return library(None, _plain(one), _plain(other))
        return [] if found is None else [holds(found)]

    return compare


def _equivalent(*, same: bool) -> Callable[[Any, Collection, Collection], Any]:
    library = _LIBRARY.equival if same else _LIBRARY.unequival

    def compare(_context: Any, one: Collection, other: Collection) -> Any:
        left, right = _single(one), _single(other)
        if left is not None and right is not None:
            a, b = amount_of(left), amount_of(right)
            if a and b:
                return [equivalent(a, b) is same]
        if len(one) < 2 or len(one) != len(other):
            return library(None, _plain(one), _plain(other))
        rest = list(other)
        for item in one:
            match = next((o for o in rest if _LIBRARY.equival(None, [item], [o]) == [True]), None)
            if match is None:
                return [not same]
            rest.remove(match)
        return [same]

    return compare


_ANY: dict[str, Any] = {"arity": {2: ["Any", "Any"]}}
_NULLABLE: dict[str, Any] = {**_ANY, "nullable": True}
COMPARISONS = {
    "=": {"fn": _operator(_LIBRARY.equal, lambda n: n == 0), **_NULLABLE},
    "!=": {"fn": _operator(_LIBRARY.unequal, lambda n: n != 0), **_NULLABLE},
    "~": {"fn": _equivalent(same=True), **_ANY},
    "!~": {"fn": _equivalent(same=False), **_ANY},
    "<": {"fn": _operator(_LIBRARY.lt, lambda n: n < 0, order=True), **_NULLABLE},
    ">": {"fn": _operator(_LIBRARY.gt, lambda n: n > 0, order=True), **_NULLABLE},
    "<=": {"fn": _operator(_LIBRARY.lte, lambda n: n <= 0, order=True), **_NULLABLE},
    ">=": {"fn": _operator(_LIBRARY.gte, lambda n: n >= 0, order=True), **_NULLABLE},
}
"""In the form of the library's own functions."""
