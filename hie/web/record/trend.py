"""Results of one test over time, from every institution, and the geometry of their charts."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from hie.errors import Text
from hie.web.record.entry import Entry
from hie.web.record.institution import Institution
from hie.web.record.measurement import Measurement, plain
from hie.web.record.moment import Moment

MOST_MARKS = 8


@dataclass(frozen=True, slots=True)
class Point:
    """One value of a series, with the observation it comes from."""

    moment: Moment
    value: Measurement
    institution: Institution
    reference: str


@dataclass(frozen=True, slots=True)
class Series:
    """All numeric values of one test in one unit, oldest first."""

    test: str
    name: Text
    unit: str
    points: tuple[Point, ...]

    @property
    def latest(self) -> Point:
        return self.points[-1]

    @property
    def change(self) -> str:
        """ "up", "down" or "same" from the value before to the latest; "" for a single value."""
        if len(self.points) < 2:
            return ""
        before, after = (p.value.number or 0.0 for p in self.points[-2:])
        return "same" if before == after else "up" if after > before else "down"


@dataclass(frozen=True, slots=True)
class Dot:
    """A point of a chart in its own coordinates."""

    x: float
    y: float
    point: Point


@dataclass(frozen=True, slots=True)
class Chart:
    """Everything a template needs to draw a series as SVG of `width` × `height` units."""

    width: int
    height: int
    dots: tuple[Dot, ...]
    line: str
    band: tuple[float, float] | None
    """Top and height of the reference range."""
    levels: tuple[tuple[float, str], ...]
    marks: tuple[tuple[float, str], ...]
    """Labels below the time axis."""


def series(entries: Iterable[Entry]) -> list[Series]:
    """The numeric results by test and unit; the series with the newest value first."""
    groups: dict[tuple[str, str], list[Point]] = {}
    for entry in entries:
        for value in entry.values:
            if value.number is not None and value.test and entry.moment.day:
                point = Point(entry.moment, value, entry.institution, entry.reference)
                groups.setdefault((value.test, value.unit_code), []).append(point)
    found = []
    for (test, _), points in groups.items():
        points.sort(key=lambda p: p.moment)
        newest = points[-1].value
        found.append(Series(test, newest.name, newest.unit, tuple(points)))
    return sorted(found, key=lambda s: (s.latest.moment, s.name), reverse=True)


def _ordinal(moment: Moment) -> float:
    try:
        day = date.fromisoformat(moment.day)
    except ValueError:
        day = date(int(moment.day[:4]), 7, 1)
    hour, _, minute = moment.time.partition(":")
    return day.toordinal() + (int(hour) / 24 + int(minute) / 1440 if minute else 0.0)


def _extent(points: Sequence[Point]) -> tuple[float, float]:
    """Lowest and highest level to draw: the values, and the newest range if it is near them."""
    numbers = [p.value.number for p in points if p.value.number is not None]
    low, high = min(numbers), max(numbers)
    newest = points[-1].value
    edges = [edge for edge in (newest.low, newest.high) if edge is not None]
    low, high = min([low, *edges]), max([high, *edges])
    margin = (high - low) * 0.12 or abs(high) * 0.1 or 1.0
    return low - margin, high + margin


def _steps(low: float, high: float) -> list[float]:
    """Three to six round numbers inside low…high."""
    rough = (high - low) / 5
    magnitude = 10.0 ** (len(f"{rough:.0f}") - 1) if rough >= 1 else 1.0
    while magnitude > rough:
        magnitude /= 10
    step = next(magnitude * m for m in (1, 2, 5, 10) if magnitude * m >= rough)
    first = int(low // step) + 1
    return [step * n for n in range(first, int(high // step) + 1)]


def _marks(series: Series, x_of: Callable[[float], float]) -> tuple[tuple[float, str], ...]:
    """Where the calendar years begin; for a shorter series its first and last day."""
    first, last = series.points[0].moment, series.latest.moment
    years = range(int(first.year) + 1, int(last.year) + 1)
    if len(years) > 1:
        every = -(-len(years) // MOST_MARKS)
        return tuple((x_of(date(year, 1, 1).toordinal()), str(year)) for year in years[::every])
    days = dict.fromkeys((first, last))
    return tuple((x_of(_ordinal(moment)), moment.day) for moment in days)


def chart(series: Series, width: int, height: int, *, axes: bool = True) -> Chart:
    """Lay a series out; without axes it is a sparkline that fills the whole area."""
    left, right, top, bottom = (44, 14, 12, 26) if axes else (5, 5, 5, 5)
    low, high = _extent(series.points)
    first, last = _ordinal(series.points[0].moment), _ordinal(series.latest.moment)
    span = last - first

    def x_of(ordinal: float) -> float:
        share = (ordinal - first) / span if span else 0.5
        return round(left + share * (width - left - right), 1)

    def y_of(level: float) -> float:
        return round(top + (high - level) / (high - low) * (height - top - bottom), 1)

    dots = tuple(
        Dot(x_of(_ordinal(p.moment)), y_of(p.value.number), p)
        for p in series.points
        if p.value.number is not None
    )
    newest = series.latest.value
    band = None
    if newest.low is not None or newest.high is not None:
        upper = y_of(newest.high) if newest.high is not None else float(top)
        lower = y_of(newest.low) if newest.low is not None else float(height - bottom)
        band = (upper, round(lower - upper, 1))
    return Chart(
        width=width,
        height=height,
        dots=dots,
        line=" ".join(f"{dot.x},{dot.y}" for dot in dots),
        band=band,
        levels=tuple((y_of(level), plain(level)) for level in _steps(low, high)) if axes else (),
        marks=_marks(series, x_of) if axes else (),
    )
