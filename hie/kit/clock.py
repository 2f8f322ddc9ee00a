"""The one place that asks for the time. FHIR instants: https://hl7.org/fhir/R4/datatypes.html#instant"""

import time
from datetime import UTC, date, datetime
from functools import lru_cache

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def now() -> datetime:
    """The present moment in UTC, cut to milliseconds, the precision that the exchange reports."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def seconds() -> float:
    """The present moment as seconds since 1970."""
    return time.time()


@lru_cache(maxsize=64)  # all rows of a transaction have the same
def instant(moment: datetime) -> str:
    """`moment` as a FHIR instant in UTC, such as `2026-03-01T08:00:00.123Z`."""
    return (
        moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
    )


def http_date(moment: datetime) -> str:
    """`moment` for the `Last-Modified` header. https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7"""
    at = moment.astimezone(UTC)
    return f"{_http_day(at.toordinal())} {at.isoformat()[11:19]} GMT"


@lru_cache(maxsize=1000)
def _http_day(ordinal: int) -> str:
    day = date.fromordinal(ordinal)
    return f"{DAYS[day.weekday()]}, {day.day:02} {MONTHS[day.month - 1]} {day.year:04}"
