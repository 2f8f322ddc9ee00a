"""Dates of FHIR as ranges of time, honouring their precision.

`2013-01` is the whole of January. https://hl7.org/fhir/R4/search.html#date and
https://hl7.org/fhir/R4/datatypes.html#dateTime. A range holds its low end and not its high end, so
ranges of any precision meet without gaps.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Any, NamedTuple

CHINA_STANDARD_TIME = timezone(timedelta(hours=8), "Asia/Shanghai")
"""The server's local zone, which the specification gives to values without a zone of their own."""

# A day inside what datetime can hold, so that any zone can show these values.
EARLIEST = datetime(1, 1, 2, tzinfo=UTC)
LATEST = datetime(9999, 12, 30, tzinfo=UTC)

_DATE = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)"
    r"(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(Z|[+-]\d\d:\d\d)?)?)?)?",
    re.ASCII,
)
_DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)
_SECOND = timedelta(seconds=1)
USUAL_LENGTH = len("2013-01-14T10:00:00.000000+08:00")


class Range(NamedTuple):
    """From `low` up to, not including, `high`; both in UTC."""

    low: datetime
    high: datetime


def date_range(text: str, zone: tzinfo = CHINA_STANDARD_TIME) -> Range:
    """The time that a date, dateTime or instant covers; ValueError if it is none.

    Taken as well is what only a search may leave out: the seconds of a time, and its zone.
    """
    # Digits of a second may go on for ever: what is remembered must be short.
    return _remembered(text, zone) if len(text) <= USUAL_LENGTH else _covered(text, zone)


def _covered(text: str, zone: tzinfo) -> Range:
    match = _DATE.fullmatch(text)
    if match is None:
        raise ValueError(f"not a date: {text!r}")
    year, month, day, hour, minute, second, fraction, offset = match.groups()
    if hour is None:
        return _whole_days(int(year), int(month or 0), int(day or 0), zone)
    leap = second == "60"  # a leap second is counted with the second before it
    low = datetime(
        int(year),
        int(month),
        int(day),
        int(hour),
        int(minute),
        59 if leap else int(second or 0),
        int(fraction[:6].ljust(6, "0")) if fraction and not leap else 0,
        zone if offset is None else _offset(offset),
    )
    if second is None:
        length = _MINUTE
    elif fraction and not leap:
        length = timedelta(microseconds=10 ** (6 - min(len(fraction), 6)))
    else:
        length = _SECOND
    low = _utc(low)
    return Range(low, min(low + length, LATEST))


# What was done in one visit has one date.
_remembered = lru_cache(maxsize=16384)(_covered)


def period_range(period: Mapping[str, Any], zone: tzinfo = CHINA_STANDARD_TIME) -> Range | None:
    """The time of a Period; a missing end is open. None if it has neither; ValueError if malformed.

    The end is included: `"end": "2012-02-05"` reaches to midnight after that day.
    https://hl7.org/fhir/R4/datatypes.html#Period
    """
    start, end = period.get("start"), period.get("end")
    if start is None and end is None:
        return None
    return _ordered(
        EARLIEST if start is None else date_range(start, zone).low,
        LATEST if end is None else date_range(end, zone).high,
    )


def timing_range(timing: Mapping[str, Any], zone: tzinfo = CHINA_STANDARD_TIME) -> Range | None:
    """The outer limits of a Timing, None if it has none; ValueError if malformed.

    Only the limits matter to search, not the schedule between them
    (https://hl7.org/fhir/R4/search.html#date).
    """
    ranges = [date_range(each, zone) for each in timing.get("event", ()) if each is not None]
    bounds = timing.get("repeat", {}).get("boundsPeriod")
    if bounds is not None:
        limits = period_range(bounds, zone)
        if limits is not None:
            ranges.append(limits)
    if not ranges:
        return None
    return Range(min(each.low for each in ranges), max(each.high for each in ranges))


def time_range(value: Any, zone: tzinfo = CHINA_STANDARD_TIME) -> Range | None:
    """The range of whatever a date search parameter may point at: text, Period or Timing.

    None if the value bounds no time; ValueError if it is malformed.
    """
    if isinstance(value, str):
        return date_range(value, zone)
    if "event" in value or "repeat" in value:
        return timing_range(value, zone)
    return period_range(value, zone)


def _whole_days(year: int, month: int, day: int, zone: tzinfo) -> Range:
    low = datetime(year, month or 1, day or 1, tzinfo=zone)
    if day:
        high = low + _DAY if low.date() < LATEST.date() else LATEST
    elif month == 12 or not month:
        high = LATEST if year == LATEST.year else datetime(year + 1, 1, 1, tzinfo=zone)
    else:
        high = datetime(year, month + 1, 1, tzinfo=zone)
    return Range(_utc(low), _utc(high))


def _offset(text: str) -> tzinfo:
    if text == "Z":
        return UTC
    length = timedelta(hours=int(text[1:3]), minutes=int(text[4:6]))
    return timezone(-length if text[0] == "-" else length)


def _utc(moment: datetime) -> datetime:
    """The moment in UTC, held inside EARLIEST and LATEST."""
    if moment.year in (EARLIEST.year, LATEST.year):
        naive = moment.replace(tzinfo=UTC)
        if naive < EARLIEST + _DAY:
            return EARLIEST
        if naive > LATEST - _DAY:
            return LATEST
    return moment.astimezone(UTC)


def _ordered(low: datetime, high: datetime) -> Range:
    """A range even where the sender's end lies before the start."""
    return Range(low, high) if low <= high else Range(high, low)
