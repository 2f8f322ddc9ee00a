"""Real records in memory, and what it means for them to match: the naive side of the oracle.

It shares nothing with the index but the units' conversion and how texts are folded: elements are read
from the JSON by hand, and every question is answered by looking at every resource.
"""

import gzip
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pytest

from hie.fhir.dates import time_range

Resource = dict[str, Any]
SYNTHEA = Path(__file__).parents[3] / "shared" / "data" / "synthea"
PATIENTS = 5


def follow(resource: Resource, path: str) -> list[Any]:
    elements: list[Any] = [resource]
    for name in path.split("."):
        elements = [
            member
            for element in elements
            for value in [element.get(name)]
            if value is not None
            for member in (value if isinstance(value, list) else [value])
        ]
    return elements


class Read(NamedTuple):
    """A search parameter as the naive side knows it: its kind and the elements that it reads."""

    kind: str
    paths: tuple[str, ...]
    target: str = ""
    """Of a reference the type that it points to in the records."""

    def elements(self, resource: Resource) -> list[Any]:
        return [each for path in self.paths for each in follow(resource, path)]


def token(*paths: str) -> Read:
    return Read("token", paths)


def reference(path: str, target: str) -> Read:
    return Read("reference", (f"{path}.reference",), target)


def date(*paths: str) -> Read:
    return Read("date", paths)


SUBJECT = reference("subject", "Patient")
ENCOUNTER = reference("encounter", "Encounter")
PARAMETERS: dict[str, dict[str, Read]] = {
    "Observation": {
        "code": token("code"),
        "category": token("category"),
        "status": token("status"),
        "combo-code": token("code", "component.code"),
        "value-concept": token("valueCodeableConcept"),
        "patient": SUBJECT,
        "subject": SUBJECT,
        "encounter": ENCOUNTER,
        "date": date("effectiveDateTime"),
        "value-quantity": Read("quantity", ("valueQuantity",)),
        "component-value-quantity": Read("quantity", ("component.valueQuantity",)),
        "code-value-quantity": Read("composite", ("",)),
        "component-code-value-quantity": Read("composite", ("component",)),
    },
    "Condition": {
        "code": token("code"),
        "clinical-status": token("clinicalStatus"),
        "patient": SUBJECT,
        "subject": SUBJECT,
        "encounter": ENCOUNTER,
        "onset-date": date("onsetDateTime"),
        "recorded-date": date("recordedDate"),
        "abatement-date": date("abatementDateTime"),
    },
    "Encounter": {
        "class": token("class"),
        "type": token("type"),
        "status": token("status"),
        "patient": SUBJECT,
        "subject": SUBJECT,
        "service-provider": reference("serviceProvider", "Organization"),
        "participant": reference("participant.individual", "Practitioner"),
        "date": date("period"),
    },
    "Procedure": {
        "code": token("code"),
        "status": token("status"),
        "patient": SUBJECT,
        "encounter": ENCOUNTER,
        "date": date("performedPeriod", "performedDateTime"),
    },
    "DiagnosticReport": {
        "code": token("code"),
        "category": token("category"),
        "status": token("status"),
        "patient": SUBJECT,
        "encounter": ENCOUNTER,
        "result": reference("result", "Observation"),
        "date": date("effectiveDateTime"),
        "issued": date("issued"),
    },
    "Immunization": {
        "vaccine-code": token("vaccineCode"),
        "status": token("status"),
        "patient": reference("patient", "Patient"),
        "date": date("occurrenceDateTime"),
    },
    "MedicationRequest": {
        "code": token("medicationCodeableConcept"),
        "status": token("status"),
        "intent": token("intent"),
        "patient": SUBJECT,
        "encounter": ENCOUNTER,
        "requester": reference("requester", "Practitioner"),
        "authoredon": date("authoredOn"),
    },
    "Patient": {
        "gender": token("gender"),
        "identifier": token("identifier"),
        "birthdate": date("birthDate"),
        "family": Read("string", ("name.family",)),
        "given": Read("string", ("name.given",)),
        "address-city": Read("string", ("address.city",)),
    },
    "Organization": {
        "type": token("type"),
        "active": token("active"),
        "name": Read("string", ("name",)),
        "address-city": Read("string", ("address.city",)),
    },
    "Practitioner": {
        "active": token("active"),
        "family": Read("string", ("name.family",)),
        "given": Read("string", ("name.given",)),
    },
}
TYPES = tuple(PARAMETERS)


def codings(element: Any) -> list[tuple[str | None, str | None]]:
    """(system, code) of whatever a token parameter reads."""
    if isinstance(element, bool):
        return [(None, str(element).lower())]
    if isinstance(element, str):
        return [(None, element)]
    if "coding" in element or "text" in element:
        return [(each.get("system"), each.get("code")) for each in element.get("coding", ())]
    return [(element.get("system"), element.get("value", element.get("code")))]


def displays(element: Any) -> list[str]:
    """The texts of a Coding or CodeableConcept."""
    if not isinstance(element, dict):
        return []
    texts = [element.get("text"), *(each.get("display") for each in element.get("coding", ()))]
    return [each for each in texts if each]


def range_of(value: Any) -> tuple[datetime, datetime] | None:
    return time_range(value)


def words_of(resource: Resource) -> set[str]:
    """All words in the texts of a resource, as a reader would see them."""
    return set(re.split(r"[\W_]+", " ".join(_texts(resource)).casefold()))


def _texts(element: Any) -> Iterator[str]:
    if isinstance(element, str):
        yield element
    elif isinstance(element, list):
        for each in element:
            yield from _texts(each)
    elif isinstance(element, dict):
        for key, value in element.items():
            if key == "div":
                yield re.sub(r"<[^>]*>", " ", value)
            elif key not in ("resourceType", "id", "meta", "reference", "url", "system", "data"):
                yield from _texts(value)


@dataclass
class World:
    """All records, in the order in which they were stored."""

    resources: list[Resource]
    lists: dict[str, set[str]] = field(default_factory=dict)

    @cached_property
    def by_type(self) -> dict[str, list[Resource]]:
        found: dict[str, list[Resource]] = {name: [] for name in TYPES}
        for resource in self.resources:
            found[resource["resourceType"]].append(resource)
        return found

    @cached_property
    def by_place(self) -> dict[str, Resource]:
        return {place(resource): resource for resource in self.resources}

    @cached_property
    def position(self) -> dict[str, int]:
        return {place(resource): number for number, resource in enumerate(self.resources)}

    @cached_property
    def pointing(self) -> dict[tuple[str, str, str], list[Resource]]:
        """(target, source type, parameter) → resources that point to it."""
        found: dict[tuple[str, str, str], list[Resource]] = {}
        for resource in self.resources:
            name = resource["resourceType"]
            for code, read in PARAMETERS[name].items():
                for each in set(read.elements(resource)) if read.kind == "reference" else ():
                    found.setdefault((each, name, code), []).append(resource)
        return found

    def values(self, type_name: str, code: str) -> list[Any]:
        read = PARAMETERS[type_name][code]
        return [each for resource in self.by_type[type_name] for each in read.elements(resource)]


def place(resource: Resource) -> str:
    return f"{resource['resourceType']}/{resource['id']}"


def patient_of(resource: Resource) -> str | None:
    """`Patient/…` to whose record the resource belongs."""
    if resource["resourceType"] == "Patient":
        return place(resource)
    found = follow(resource, "subject.reference") or follow(resource, "patient.reference")
    return found[0] if found else None


def load_world() -> World:
    """The first few patients with everything about them, their references made relative."""
    if not SYNTHEA.is_dir():
        pytest.skip(f"needs the test data of the project in {SYNTHEA}")
    found: dict[str, Resource] = {}
    for path in sorted(SYNTHEA.glob("*.json.gz"))[:PATIENTS]:
        text = gzip.decompress(path.read_bytes())
        for entry in orjson.loads(text)["entry"]:
            text = text.replace(
                f'"{entry["fullUrl"]}"'.encode(), f'"{place(entry["resource"])}"'.encode()
            )
        for entry in orjson.loads(text)["entry"]:
            if entry["resource"]["resourceType"] in TYPES:
                found[place(entry["resource"])] = entry["resource"]
    world = World(list(found.values()))
    places = list(found)
    world.lists = {f"list{n}": set(places[n :: 7 + n]) for n in range(3)}
    return world


def list_resources(world: World) -> list[Resource]:
    """The Lists of the world as resources."""
    return [
        {
            "resourceType": "List",
            "id": logical_id,
            "status": "current",
            "mode": "working",
            "entry": [{"item": {"reference": each}} for each in sorted(members)],
        }
        for logical_id, members in world.lists.items()
    ]


def compare_date(
    prefix: str, low: datetime, high: datetime
) -> Callable[[datetime, datetime], bool]:
    """The specification's table of prefixes. https://hl7.org/fhir/R4/search.html#prefix"""

    def test(start: datetime, end: datetime) -> bool:
        inside = low <= start and end <= high
        return {
            "": inside,
            "eq": inside,
            "ne": not inside,
            "gt": end > high,
            "lt": start < low,
            "ge": end > high or inside,
            "le": start < low or inside,
            "sa": start >= high,
            "eb": end <= low,
        }[prefix]

    return test


def compare_number(prefix: str, number: Decimal, half: Decimal) -> Callable[[Decimal], bool]:
    """The same for numbers, of which `half` is half their implicit precision."""
    low, high = number - half, number + half

    def test(value: Decimal) -> bool:
        return {
            "": low <= value < high,
            "eq": low <= value < high,
            "ne": not low <= value < high,
            "gt": value > number,
            "lt": value < number,
            "ge": value >= number,
            "le": value <= number,
            "sa": value > number,
            "eb": value < number,
        }[prefix]

    return test
