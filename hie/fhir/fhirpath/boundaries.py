"""lowBoundary, highBoundary and precision. https://build.fhir.org/ig/HL7/FHIRPath/#lowboundaryprecision-integer-decimal--date--datetime--time

A value written with some precision stands for all values that would be written so; these are the
least and the greatest of them.
"""

import re
from calendar import monthrange
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from fhirpathpy.engine import nodes

# The library's own values; it gives no types for them.
FP_DateTime: Any = nodes.FP_DateTime
FP_Quantity: Any = nodes.FP_Quantity
FP_Time: Any = nodes.FP_Time
MOST_DIGITS = 28
DEFAULT_DIGITS = 8
_DATE = re.compile(
    r"(\d{4})(?:-(\d\d))?(?:-(\d\d))?(?:T(\d\d)?(?::(\d\d))?(?::(\d\d))?(?:\.(\d{3}))?(.*))?"
)
_TIME = re.compile(r"(\d\d)(?::(\d\d))?(?::(\d\d))?(?:\.(\d{3}))?")
# How many digits a date or time has, down to and including each part.
_DATE_DIGITS = (4, 6, 8, 10, 12, 14, 17)
_TIME_DIGITS = (2, 4, 6, 9)


def boundary(value: Any, digits: Any, *, high: bool, timed: bool) -> list[Any]:
    """The least or the greatest value; nothing if there is none of so many digits.

    `timed` says of a date that it is one of a dateTime, so that its boundary has a time.
    """
    if isinstance(value, FP_Quantity):
        found = _decimal(Decimal(value.value), digits, high=high)
        return [FP_Quantity(found[0], value.unit)] if found else []
    if isinstance(value, FP_DateTime):
        return _date(str(value.asStr), digits, high=high, timed=timed)
    if isinstance(value, FP_Time):
        return _time(str(value.asStr), digits, high=high)
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return _decimal(Decimal(str(value)), digits, high=high)
    if isinstance(value, str) and _DATE.fullmatch(value):
        return _date(value, digits, high=high, timed=timed)
    return []


def _decimal(value: Decimal, digits: Any, *, high: bool) -> list[Decimal]:
    wanted = DEFAULT_DIGITS if digits is None else int(digits)
    if not 0 <= wanted <= MOST_DIGITS:
        return []
    exponent = value.as_tuple().exponent
    half = Decimal(5).scaleb(int(exponent) - 1)
    end = value + half if high else value - half
    return [end.quantize(Decimal(1).scaleb(-wanted), ROUND_CEILING if high else ROUND_FLOOR)]


def _date(text: str, digits: Any, *, high: bool, timed: bool) -> list[Any]:
    match = _DATE.fullmatch(text)
    if match is None:
        return []
    parts: list[str | None] = list(match.groups())
    zone = parts.pop() or ("-12:00" if high else "+14:00")
    wanted = int(digits) if digits is not None else (17 if timed else 8)
    if wanted not in _DATE_DIGITS:
        return []
    given = [part for part in parts if part is not None]
    year, month = int(given[0]), int(given[1]) if len(given) > 1 else (12 if high else 1)
    latest = ("", "12", f"{monthrange(year, month)[1]:02d}", "23", "59", "59", "999")
    earliest = ("", "01", "01", "00", "00", "00", "000")
    filled = [*given, *(latest if high else earliest)[len(given) :]]
    kept = filled[: _DATE_DIGITS.index(wanted) + 1]
    made = "-".join(kept[:3])
    if len(kept) > 3:
        made += "T" + ":".join(kept[3:6]) + (f".{kept[6]}" if len(kept) > 6 else "") + zone
    return [FP_DateTime(made)]


def _time(text: str, digits: Any, *, high: bool) -> list[Any]:
    match = _TIME.fullmatch(text.removeprefix("T"))
    wanted = int(digits) if digits is not None else 9
    if match is None or wanted not in _TIME_DIGITS:
        return []
    given = [part for part in match.groups() if part is not None]
    ends = ("", "59", "59", "999") if high else ("", "00", "00", "000")
    kept = [*given, *ends[len(given) :]][: _TIME_DIGITS.index(wanted) + 1]
    return [FP_Time(":".join(kept[:3]) + (f".{kept[3]}" if len(kept) > 3 else ""))]


def precision(value: Any) -> list[int]:
    """The number of digits: after the point of a number, all of a date or time."""
    if isinstance(value, FP_DateTime):
        match = _DATE.fullmatch(str(value.asStr))
        return [sum(len(part) for part in match.groups()[:-1] if part)] if match else []
    if isinstance(value, FP_Time):
        return [sum(character.isdigit() for character in str(value.asStr))]
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return [max(0, -int(Decimal(value).as_tuple().exponent))]
    return []
