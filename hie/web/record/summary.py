"""What a clinician wants to know first: problems, allergies, medication, latest values."""

from collections.abc import Iterable
from dataclasses import dataclass

from hie.errors import Text
from hie.web.record.entry import Entry
from hie.web.record.institution import Institution
from hie.web.record.moment import Moment

_ONGOING = {"active", "recurrence", "relapse"}


@dataclass(frozen=True, slots=True)
class Item:
    """One problem, allergy or medication, put together from all institutions that recorded it."""

    title: Text
    newest: Entry
    status: str
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
                # Some senders write Chinese only; prefer words that have both languages.
                title=next(
                    (e.title for e in members if e.title.en != e.title.zh), members[-1].title
                ),
                newest=members[-1],
                # Many senders state no status at a later visit: the last one stated holds.
                status=next((e.status for e in reversed(members) if e.status), ""),
                since=members[0].moment,
                institutions=tuple(dict.fromkeys(e.institution for e in reversed(members))),
                times=len(members),
            )
        )
    return sorted(items, key=lambda item: item.newest.moment, reverse=True)


def problems(entries: Iterable[Entry]) -> list[Item]:
    """Diagnoses that are ongoing by the last status stated for each, newest first."""
    items = _together(e for e in entries if e.kind == "diagnosis")
    return [item for item in items if item.status in _ONGOING]


def allergies(entries: Iterable[Entry]) -> list[Item]:
    """Allergies not known to be resolved; one without a status counts."""
    items = _together(e for e in entries if e.kind == "allergy")
    return [item for item in items if item.status in _ONGOING | {""}]


def medication(entries: Iterable[Entry]) -> list[Item]:
    """Medication whose last stated status is active."""
    items = _together(e for e in entries if e.kind == "prescription")
    return [item for item in items if item.status == "active"]
