"""Dates and times: HL7 2.5.1 section 2.A.22 (DTM) to https://hl7.org/fhir/R4/datatypes.html#dateTime"""

import re
from datetime import datetime
from unicodedata import normalize

from hie.ingest.hl7v2.fault import UnmappableError
from hie.ingest.hl7v2.source import Source

_TIME = re.compile(
    r"(?P<year>\d{4})(?:(?P<month>\d\d)(?:(?P<day>\d\d)"
    r"(?:(?P<hour>\d\d)(?:(?P<minute>\d\d)(?:(?P<second>\d\d)(?P<fraction>\.\d{1,9})?)?)?)?)?)?"
    r"(?P<zone>[+-]\d{4})?",
    re.ASCII,
)
_CLOCK = re.compile(r"(\d\d)(\d\d)(\d\d)?(\.\d{1,9})?(?:[+-]\d{4})?", re.ASCII)


def _matched(text: str, where: str) -> re.Match[str]:
    # Full-width digits (１９９０) come from Chinese input methods and mean the same.
    match = _TIME.fullmatch(normalize("NFKC", text).replace(" ", ""))
    if match:
        year, month, day, hour, minute, second = (
            int(match[part] or default)
            for part, default in (
                ("year", 1),
                ("month", 1),
                ("day", 1),
                ("hour", 0),
                ("minute", 0),
                ("second", 0),
            )
        )
        try:
            datetime(year, month, day, hour, minute, min(second, 59))  # noqa: DTZ001 - a check only
        except ValueError:
            match = None
        else:
            if second <= 60:  # a leap second is allowed in both standards
                return match
    raise UnmappableError(where, f"{text} is not a date or time.", f"{text} 不是有效的日期时间。")


def _day(match: re.Match[str]) -> str:
    return "-".join(part for part in match.group("year", "month", "day") if part)


def date(text: str, where: str) -> str:
    """A FHIR date of the same precision, at most a day. Raises UnmappableError, naming `where`."""
    return _day(_matched(text, where))


def date_time(text: str, source: Source, where: str) -> str:
    """A FHIR dateTime of the same precision; a time without a zone is in the sender's."""
    match = _matched(text, where)
    if match["hour"] is None:
        return _day(match)
    clock = f"{match['hour']}:{match['minute'] or '00'}:{match['second'] or '00'}"
    return f"{_day(match)}T{clock}{match['fraction'] or ''}{_zone(match, source)}"


def instant(text: str, source: Source, where: str) -> str | None:
    """A FHIR instant; None if the text is less precise than a second."""
    return date_time(text, source, where) if _matched(text, where)["second"] else None


def has_clock(text: str) -> bool:
    """Whether a time of day other than midnight is given: many systems pad dates with zeros."""
    match = _TIME.fullmatch(text)
    if match is None:
        return False
    return any(int(part) for part in match.group("hour", "minute", "second") if part)


def clock(text: str) -> str | None:
    """A FHIR time from an HL7 TM; None if it is not one."""
    match = _CLOCK.fullmatch(text)
    if match is None:
        return None
    hour, minute, second, fraction = match.groups()
    if int(hour) > 23 or int(minute) > 59 or int(second or 0) > 59:
        return None
    return f"{hour}:{minute}:{second or '00'}{fraction or ''}"


def _zone(match: re.Match[str], source: Source) -> str:
    zone = match["zone"]
    return f"{zone[:3]}:{zone[3:]}" if zone else source.zone
