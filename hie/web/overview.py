"""What stands above the timeline: the person, the institutions, problems, allergies, results."""

from asyncio import gather
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from hie.web.fhir_client import FhirClient, Refused
from hie.web.record import summary
from hie.web.record.coded import Resource
from hie.web.record.entry import Entry, entries
from hie.web.record.institution import Institution, owners
from hie.web.record.moment import CHINA
from hie.web.record.person import Person, person
from hie.web.record.summary import Item
from hie.web.record.trend import Series, series

PAGE_LENGTH = "200"
MOST_ENTRIES = 400
MOST_RESULTS = 1000


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose record it is, and which institutions have registered the person."""

    person: Person
    institutions: tuple[Institution, ...]


@dataclass(frozen=True, slots=True)
class Overview:
    """The summary; `complete` is False if one of the lists was too long to be read to its end."""

    problems: list[Item]
    allergies: list[Item]
    medication: list[Item]
    complete: bool


@dataclass(frozen=True, slots=True)
class Results:
    """Series of numeric results; `since` is the day down to which they were read, None for all."""

    series: list[Series]
    since: str | None


def _linked(golden: Resource, kind: str) -> list[str]:
    """The Patients that the links of this kind name. http://hl7.org/fhir/R4/valueset-link-type.html"""
    references = [
        str(link.get("other", {}).get("reference", ""))
        for link in golden.get("link", ())
        if link.get("type") == kind
    ]
    return [r.removeprefix("Patient/") for r in references if r.startswith("Patient/")]


async def _golden(fhir: FhirClient, patient: str) -> Resource:
    """The golden record; of a person who was merged away that of the one who goes on."""
    found = await fhir.read("Patient", patient)
    for survivor in _linked(found, "replaced-by"):
        return await fhir.read("Patient", survivor)
    return found


def _today() -> date:
    return datetime.now(CHINA).date()


async def person_of(fhir: FhirClient, patient: str) -> Person:
    """The person of a golden record, which may be read without opening the record."""
    return person(await _golden(fhir, patient), _today())


async def subject(fhir: FhirClient, patient: str) -> Subject:
    """The person of a golden record, with the institutions of the records that it links.

    Raises `Refused` (403) if there are such records but none may be read: an empty page would say
    "no allergies" about a person of whom nothing is known to the reader.
    """
    golden = await _golden(fhir, patient)
    ids = _linked(golden, "seealso")
    sources: list[Resource] = []
    if ids:
        parameters = [("_id", ",".join(ids)), ("_count", PAGE_LENGTH)]
        sources, _ = await fhir.search("Patient", parameters, at_most=len(ids))
        if not sources:
            raise Refused(403, None)
    return Subject(person(golden, _today()), owners(sources))


async def _entries(
    fhir: FhirClient, type_name: str, parameters: Sequence[tuple[str, str]]
) -> tuple[list[Entry], bool]:
    found, more = await fhir.search(
        type_name, [*parameters, ("_count", PAGE_LENGTH)], at_most=MOST_ENTRIES
    )
    return entries(found), not more


async def overview(fhir: FhirClient, patient: str) -> Overview:
    """Problems, allergies and current medication from all institutions."""
    of_patient = ("patient", patient)
    (diagnoses, first), (allergies, second), (medication, third) = await gather(
        _entries(fhir, "Condition", [of_patient, ("_sort", "-recorded-date")]),
        _entries(fhir, "AllergyIntolerance", [of_patient]),
        _entries(fhir, "MedicationRequest", [of_patient, ("_sort", "-authoredon")]),
    )
    return Overview(
        problems=summary.problems(diagnoses),
        allergies=summary.allergies(allergies),
        medication=summary.medication(medication),
        complete=first and second and third,
    )


async def _results(fhir: FhirClient, parameters: Sequence[tuple[str, str]]) -> Results:
    found, more = await fhir.search("Observation", parameters, at_most=MOST_RESULTS)
    lines = entries(found)
    since = min((line.moment.day for line in lines if line.moment.day), default=None)
    return Results(series(lines), since if more else None)


async def results(fhir: FhirClient, patient: str) -> Results:
    """The newest numeric results, by test."""
    return await _results(fhir, [("patient", patient), ("_sort", "-date"), ("_count", PAGE_LENGTH)])


async def results_of_test(fhir: FhirClient, patient: str, test: str) -> Results:
    """The numeric results of the test `system|code`, also where it is a component; one series a unit."""
    parameters = [
        ("patient", patient),
        ("combo-code", test.replace(",", "\\,")),
        ("_sort", "-date"),
        ("_count", PAGE_LENGTH),
    ]
    found = await _results(fhir, parameters)
    return Results([line for line in found.series if line.test == test], found.since)
