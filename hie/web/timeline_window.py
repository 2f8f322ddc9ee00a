"""One stretch of a person's timeline, read newest first from as many searches as there are types.

Each type is searched in the order of its own date. A search that has more pages is complete only
down to its last line's day; the stretch ends above the latest of those days, so that no line of
a day that is shown is missing. The next stretch begins below it.
"""

from asyncio import gather
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass

from hie.records.meta import INSTITUTION_SYSTEM
from hie.web.fhir_client import BundlePage, FhirClient
from hie.web.record.entry import KINDS, Entry, entries
from hie.web.record.moment import day_after, start_of_day

PAGE_LENGTH = 60
MOST_UNDATED = 1000

DATE_PARAMETERS = {
    "Encounter": "date",
    "Condition": "recorded-date",
    "Observation": "date",
    "DiagnosticReport": "date",
    "MedicationRequest": "authoredon",
    "Immunization": "date",
    "AllergyIntolerance": "date",
    "Procedure": "date",
    "DocumentReference": "date",
}


@dataclass(frozen=True, slots=True)
class Window:
    """The lines of a stretch; `before` is the day at which the next, older one ends, if any."""

    entries: tuple[Entry, ...]
    before: str | None


@dataclass(slots=True)
class _Feed:
    """One type's search, read page by page; `complete_after` is None once all of it was read."""

    pages: AsyncIterator[BundlePage]
    lines: list[Entry]
    complete_after: str | None = ""

    async def read(self) -> None:
        page = await anext(self.pages)
        found = entries(page.resources)
        self.lines += found
        dated = [line.moment.first_day for line in found if line.moment.day]
        self.complete_after = min(dated, default="") if page.more else None


def _parameters(
    type_name: str, patient: str, institution: str | None, dated: tuple[str, str]
) -> list[tuple[str, str]]:
    """The search of one type; `dated` is the modifier and the value of its date parameter."""
    date = DATE_PARAMETERS[type_name]
    modifier, value = dated
    parameters = [
        ("patient", patient),
        (f"{date}{modifier}", value),
        ("_sort", f"-{date}"),
        ("_count", str(PAGE_LENGTH)),
    ]
    if institution:
        parameters.append(("_tag", f"{INSTITUTION_SYSTEM}|{institution}"))
    return parameters


async def _undated(
    fhir: FhirClient, patient: str, types: Collection[str], institution: str | None
) -> list[Entry]:
    """What has no date in its type's order: it stands at the end of the last stretch."""
    searches = [
        fhir.search(
            name,
            _parameters(name, patient, institution, (":missing", "true")),
            at_most=MOST_UNDATED,
        )
        for name in types
    ]
    return [line for found, _ in await gather(*searches) for line in entries(found)]


async def _missing_visits(fhir: FhirClient, lines: Collection[Entry]) -> list[Entry]:
    """The visits that lines refer to but that are not among them: they began before the stretch."""
    known = {line.reference for line in lines}
    wanted = sorted({line.visit for line in lines if line.visit} - known)
    if not wanted:
        return []
    ids = ",".join(reference.removeprefix("Encounter/") for reference in wanted)
    parameters = [("_id", ids), ("_count", str(len(wanted)))]
    found, _ = await fhir.search("Encounter", parameters, at_most=len(wanted))
    return entries(found)


async def window(
    fhir: FhirClient,
    patient: str,
    *,
    kinds: Collection[str] = tuple(KINDS),
    institution: str | None = None,
    before: str | None = None,
) -> Window:
    """The newest lines of the kinds given that happened before the day `before`.

    Raises `ValueError` if `before` is not a date, `Refused` if the exchange refuses.
    """
    types = [name for kind in kinds for name in KINDS[kind]]
    dated = ("", f"lt{start_of_day(before)}") if before else (":missing", "false")
    feeds = [
        _Feed(fhir.pages(name, _parameters(name, patient, institution, dated)), [])
        for name in types
    ]
    await gather(*(feed.read() for feed in feeds))
    while True:
        open_days = [feed.complete_after for feed in feeds if feed.complete_after is not None]
        horizon = max(open_days, default=None)
        lines = [
            line
            for feed in feeds
            for line in feed.lines
            if horizon is None or line.moment.first_day > horizon
        ]
        if lines or horizon is None:
            break
        # A whole page within one day: read on until the day is complete.
        await gather(*(feed.read() for feed in feeds if feed.complete_after == horizon))
    if horizon is None:
        lines += await _undated(fhir, patient, types, institution)
    following = None if horizon is None else day_after(horizon)
    return Window((*lines, *await _missing_visits(fhir, lines)), following)
