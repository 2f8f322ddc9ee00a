"""When something happened, as people of the district read it.

FHIR dates have any precision from a year to a fraction of a second:
https://hl7.org/fhir/R4/datatypes.html#dateTime. China has one time zone, UTC+8.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from typing import Any

from hie.errors import Text

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
CHINA = timezone(timedelta(hours=8))


@dataclass(frozen=True, slots=True, order=True)
class Moment:
    """A FHIR date in local time. `day` may be only a year or a month; `time` is empty if unknown.

    Moments order by time, because ISO 8601 text does; an unknown one, `Moment("")`, comes first.
    """

    day: str
    time: str = ""

    @property
    def text(self) -> str:
        return f"{self.day} {self.time}".strip()

    @property
    def first_day(self) -> str:
        """`day`, or the first day of the year or month that it only is; "" if unknown."""
        return self.day + "0001-01-01"[len(self.day) :] if self.day else ""

    @property
    def words(self) -> Text:
        """Day and month, or only the month, for lists that already name the year."""
        month = self.day[5:7]
        if not month.isdigit():
            return Text("", "")
        name = MONTHS[int(month) - 1]
        if not (day := self.day[8:10]):
            return Text(name, f"{int(month)}月")
        return Text(f"{int(day)} {name}", f"{int(month)}月{int(day)}日")

    @property
    def year(self) -> str:
        return self.day[:4]


UNKNOWN = Moment("")


def parse(text: object) -> Moment:
    """The moment of a FHIR date, dateTime or instant; `UNKNOWN` if `text` is not one."""
    if not isinstance(text, str):
        return UNKNOWN
    if "T" not in text:
        return Moment(text[:10])
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return Moment(text[:10])
    if moment.tzinfo is not None:
        try:
            moment = moment.astimezone(CHINA)
        except OverflowError:  # some hours before the first year or after the last
            return Moment(text[:10])
    return Moment(moment.strftime("%Y-%m-%d"), moment.strftime("%H:%M"))


def first_of(resource: dict[str, Any], *elements: str) -> Moment:
    """The moment of the first of `elements` that `resource` has; of a Period its start, else its end."""
    for element in elements:
        value = resource.get(element)
        if isinstance(value, dict):
            value = value.get("start") or value.get("end")
        if value:
            return parse(value)
    return UNKNOWN


def start_of_day(day: str) -> str:
    """The local midnight that begins `day` (`YYYY-MM-DD`) as a FHIR dateTime.

    Raises `ValueError` if `day` is no such date.
    """
    return datetime.combine(date.fromisoformat(day), datetime.min.time(), CHINA).isoformat()


def day_after(day: str) -> str:
    """The day that follows `day` (`YYYY-MM-DD`); the calendar's last day follows itself."""
    found = date.fromisoformat(day)
    return (found if found == date.max else found + timedelta(days=1)).isoformat()


def age(birth_date: str, today: date) -> tuple[int, str] | None:
    """Completed years, or months below two years, as (number, "year" or "month"); None if unknown."""
    try:
        born = date.fromisoformat(birth_date)
    except ValueError:
        if not (birth_date[:4].isdigit() and len(birth_date) >= 4):
            return None
        return today.year - int(birth_date[:4]), "year"
    months = (today.year - born.year) * 12 + today.month - born.month - (today.day < born.day)
    if months < 0:
        return None
    return (months, "month") if months < 24 else (months // 12, "year")
