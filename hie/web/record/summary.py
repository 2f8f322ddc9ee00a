"""What a clinician wants to know first: problems, allergies, medication, latest values."""

from collections.abc import Iterable
from dataclasses import dataclass

from hie.web.record.entry import Entry
from hie.web.record.institution import Institution
from hie.web.record.moment import Moment

_ONGOING = {"active", "recurrence", "relapse"}


@dataclass(frozen=True, slots=True)
class Item:
    """One problem, allergy or medication, put together from all institutions that recorded it."""

    newest: Entry
    since: Moment
    institutions: tuple[Institution, ...]
    times: int


def _together(entries: Iterable[Entry]) -> list[Item]:
    groups: dict[str, list[Entry]] = {}
    for entry in entries:
        groups.setdefault(entry.title.zh or entry.code, []).append(entry)
    items = []
    for members in groups.values():
        members.sort(key=lambda e: e.moment)
        items.append(
            Item(
                newest=members[-1],
                since=members[0].moment,
                institutions=tuple(dict.fromkeys(e.institution for e in reversed(members))),
                times=len(members),
            )
        )
    return sorted(items, key=lambda item: item.newest.moment, reverse=True)


def problems(entries: Iterable[Entry]) -> list[Item]:
    """Diagnoses that are ongoing by the newest record of each, newest first."""
    items = _together(e for e in entries if e.kind == "diagnosis")
    return [item for item in items if item.newest.status in _ONGOING]


def allergies(entries: Iterable[Entry]) -> list[Item]:
    """Allergies not known to be resolved; one without a status counts."""
    items = _together(e for e in entries if e.kind == "allergy")
    return [item for item in items if item.newest.status in _ONGOING | {""}]


def medication(entries: Iterable[Entry]) -> list[Item]:
    """Medication whose newest prescription is active."""
    items = _together(e for e in entries if e.kind == "prescription")
    return [item for item in items if item.newest.status == "active"]
