"""The lifelong record as occasions, newest first: a visit with all it brought, or one day at one place."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from hie.errors import Text
from hie.web.record.entry import KINDS, Entry
from hie.web.record.institution import Institution
from hie.web.record.moment import Moment

_ORDER = {kind: position for position, kind in enumerate(KINDS)}


@dataclass(frozen=True, slots=True)
class Occasion:
    """A visit and its entries; `visit` is None for entries that belong to no visit shown."""

    visit: Entry | None
    moment: Moment
    institution: Institution
    entries: tuple[Entry, ...]

    @property
    def reasons(self) -> tuple[Text, ...]:
        """The visit's reasons that are not also recorded as diagnoses of it."""
        known = {entry.title for entry in self.of("diagnosis")}
        return tuple(r for r in self.visit.reasons if r not in known) if self.visit else ()

    def of(self, kind: str) -> tuple[Entry, ...]:
        """The entries of one kind, earliest first."""
        return tuple(e for e in self.entries if e.kind == kind)


@dataclass(frozen=True, slots=True)
class Year:
    """The occasions of one calendar year; `year` is "" for what has no date."""

    year: str
    occasions: tuple[Occasion, ...]


def _occasion(members: list[Entry]) -> Occasion:
    visit = next((e for e in members if e.kind == "visit"), None)
    rest = sorted(
        (e for e in members if e.kind != "visit"),
        key=lambda e: (_ORDER[e.kind], e.moment, e.reference),
    )
    newest = max(members, key=lambda e: e.moment)
    return Occasion(
        visit=visit,
        moment=visit.moment if visit else newest.moment,
        institution=(visit or newest).institution,
        entries=tuple(rest),
    )


def occasions(entries: Iterable[Entry]) -> list[Occasion]:
    """Entries put together by their visit, or else by day and institution; newest occasion first."""
    groups: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        key = (entry.visit, "") if entry.visit else (entry.moment.day, entry.institution.code)
        groups.setdefault(key, []).append(entry)
    found = [_occasion(members) for members in groups.values()]
    return sorted(found, key=lambda o: (o.moment, o.institution), reverse=True)


def years(entries: Iterable[Entry]) -> tuple[Year, ...]:
    """The occasions by calendar year, newest first."""
    by_year = groupby(occasions(entries), key=lambda o: o.moment.year)
    return tuple(Year(year, tuple(members)) for year, members in by_year)
