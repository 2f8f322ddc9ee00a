"""Random searches over real records equal a naive evaluation in memory.

The naive side shares nothing with the index: it reads the JSON by hand, for the parameters below.
"""

import gzip
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from search_fixtures import Search, load_resources

from hie.fhir.dates import time_range
from hie.search.params.normal import normal
from hie.search.params.ucum import factor_between
from hie.store.open import Store

Resource = dict[str, Any]
Values = Callable[[Resource], list[Any]]
PATIENTS = 5


def codings(*paths: str) -> Values:
    def read(resource: Resource) -> list[Any]:
        found = []
        for path in paths:
            elements = follow(resource, path)
            for element in elements:
                if isinstance(element, str):
                    found.append((None, element))
                elif "coding" in element:
                    found += [(c.get("system"), c.get("code")) for c in element["coding"]]
                elif "value" in element:
                    found.append((element.get("system"), element["value"]))
                else:
                    found.append((element.get("system"), element.get("code")))
        return found

    return read


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


def reading(*paths: str) -> Values:
    return lambda resource: [each for path in paths for each in follow(resource, path)]


TOKENS: dict[str, dict[str, Values]] = {
    "Observation": {
        "code": codings("code"),
        "category": codings("category"),
        "status": codings("status"),
        "combo-code": codings("code", "component.code"),
        "value-concept": codings("valueCodeableConcept"),
    },
    "Condition": {
        "code": codings("code"),
        "clinical-status": codings("clinicalStatus"),
    },
    "Encounter": {"class": codings("class"), "type": codings("type"), "status": codings("status")},
    "Patient": {"gender": codings("gender"), "identifier": codings("identifier")},
}
REFERENCES: dict[str, dict[str, Values]] = {
    "Observation": {
        "patient": reading("subject.reference"),
        "subject": reading("subject.reference"),
        "encounter": reading("encounter.reference"),
    },
    "Condition": {"patient": reading("subject.reference")},
    "Encounter": {"subject": reading("subject.reference")},
    "Patient": {},
}
DATES: dict[str, dict[str, Values]] = {
    "Observation": {"date": reading("effectiveDateTime")},
    "Condition": {
        "onset-date": reading("onsetDateTime"),
        "recorded-date": reading("recordedDate"),
        "abatement-date": reading("abatementDateTime"),
    },
    "Encounter": {"date": reading("period")},
    "Patient": {"birthdate": reading("birthDate")},
}
STRINGS: dict[str, dict[str, Values]] = {
    "Observation": {},
    "Condition": {},
    "Encounter": {},
    "Patient": {
        "family": reading("name.family"),
        "given": reading("name.given"),
        "address-city": reading("address.city"),
    },
}
QUANTITIES: dict[str, dict[str, Values]] = {
    "Observation": {
        "value-quantity": reading("valueQuantity"),
        "component-value-quantity": reading("component.valueQuantity"),
    },
    "Condition": {},
    "Encounter": {},
    "Patient": {},
}
TYPES = list(TOKENS)
PREFIXES = ["", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb"]


SYNTHEA = Path(__file__).parents[3] / "shared" / "data" / "synthea"


@cache
def records() -> dict[str, list[Resource]]:
    """Resources of the first few patients by type, their references made relative."""
    if not SYNTHEA.is_dir():
        pytest.skip(f"needs the test data of the project in {SYNTHEA}")
    found: dict[str, dict[str, Resource]] = {}
    for path in sorted(SYNTHEA.glob("*.json.gz"))[:PATIENTS]:
        text = gzip.decompress(path.read_bytes())
        for entry in orjson.loads(text)["entry"]:
            place = f"{entry['resource']['resourceType']}/{entry['resource']['id']}"
            text = text.replace(f'"{entry["fullUrl"]}"'.encode(), f'"{place}"'.encode())
        for entry in orjson.loads(text)["entry"]:
            resource = entry["resource"]
            if resource["resourceType"] in TYPES:
                found.setdefault(resource["resourceType"], {})[resource["id"]] = resource
    return {name: list(by_id.values()) for name, by_id in found.items()}


def values(type_name: str, read: Values) -> list[Any]:
    return [value for resource in records()[type_name] for value in read(resource)]


@pytest.fixture(scope="module")
async def loaded(store: Store) -> None:
    for resources in records().values():
        await load_resources(store, resources)


@dataclass(frozen=True)
class Criterion:
    name: str
    text: str
    holds: Callable[[Resource], bool]


def token(draw: Any, type_name: str) -> Criterion:
    name, read = draw(st.sampled_from(sorted(TOKENS[type_name].items(), key=lambda item: item[0])))
    known = sorted(set(values(type_name, read)), key=str) or [("urn:x", "none")]
    system, code = draw(st.sampled_from(known))
    form = draw(st.sampled_from(["code", "both", "system", "none", "upper"]))
    modifier = draw(st.sampled_from(["", "", ":not", ":missing"]))
    if modifier == ":missing":
        wanted = draw(st.booleans())
        return Criterion(name + modifier, str(wanted).lower(), lambda r: (not read(r)) == wanted)
    if system is None or form == "code":
        text, test = code, lambda s, c: c == code
    elif form == "upper":
        text, test = code.upper(), lambda s, c: c == code
    elif form == "system":
        text, test = f"{system}|", lambda s, c: s == system
    elif form == "none":
        text, test = f"|{code}", lambda s, c: s is None and c == code
    else:
        text, test = f"{system}|{code}", lambda s, c: (s, c) == (system, code)

    def holds(resource: Resource) -> bool:
        return any(test(*value) for value in read(resource)) != (modifier == ":not")

    return Criterion(name + modifier, text.replace(",", r"\,").replace("$", r"\$"), holds)


def reference(draw: Any, type_name: str) -> Criterion:
    name, read = draw(st.sampled_from(sorted(REFERENCES[type_name].items(), key=lambda i: i[0])))
    known = sorted(set(values(type_name, read)))
    chosen = draw(st.lists(st.sampled_from(known), min_size=1, max_size=2))
    short = draw(st.booleans())
    text = ",".join(each.partition("/")[2] if short else each for each in chosen)
    return Criterion(name, text, lambda r: any(value in chosen for value in read(r)))


def date(draw: Any, type_name: str) -> Criterion:
    name, read = draw(st.sampled_from(sorted(DATES[type_name].items(), key=lambda item: item[0])))
    known = [v["start"] if isinstance(v, dict) else v for v in values(type_name, read)]
    moment = draw(st.sampled_from(known or ["2015-01-01"]))
    text = moment[: draw(st.sampled_from([4, 7, 10, 99]))]
    prefix = draw(st.sampled_from(PREFIXES))
    limits = time_range(text)
    assert limits is not None
    low, high = limits

    def one(start: datetime, end: datetime) -> bool:
        return {
            "": low <= start and end <= high,
            "eq": low <= start and end <= high,
            "ne": not (low <= start and end <= high),
            "gt": end > high,
            "lt": start < low,
            "ge": end > high or (low <= start and end <= high),
            "le": start < low or (low <= start and end <= high),
            "sa": start >= high,
            "eb": end <= low,
        }[prefix]

    def holds(resource: Resource) -> bool:
        ranges = [time_range(value) for value in read(resource)]
        return any(one(*each) for each in ranges if each is not None)

    return Criterion(name, prefix + text, holds)


def string(draw: Any, type_name: str) -> Criterion:
    name, read = draw(st.sampled_from(sorted(STRINGS[type_name].items(), key=lambda item: item[0])))
    value = draw(st.sampled_from(sorted(set(values(type_name, read)))))
    cut = draw(st.integers(1, len(value)))
    modifier = draw(st.sampled_from(["", ":exact", ":contains"]))
    piece = value[:cut] if modifier != ":contains" else value[max(0, cut - 2) : cut]
    sought = normal(piece)
    if not sought:
        piece, sought = value, normal(value)

    def test(text: str) -> bool:
        if modifier == ":exact":
            return text == piece
        found = normal(text)
        return sought in found if modifier else found.startswith(sought)

    return Criterion(name + modifier, piece, lambda r: any(map(test, read(r))))


def quantity(draw: Any, type_name: str) -> Criterion:
    names = sorted(QUANTITIES[type_name].items(), key=lambda item: item[0])
    name, read = draw(st.sampled_from(names))
    known = {(str(each["value"]), each["system"], each["code"]) for each in values(type_name, read)}
    sent, system, code = draw(st.sampled_from(sorted(known)))
    digits = draw(st.integers(0, 3))
    number = Decimal(sent).quantize(Decimal(1).scaleb(-digits))
    prefix = draw(st.sampled_from(PREFIXES))
    unit = draw(st.booleans())
    half = Decimal(5).scaleb(-digits - 1)
    low, high = number - half, number + half

    def one(element: Resource) -> bool:
        value = Decimal(str(element["value"]))
        if unit:
            factor = factor_between(element["code"], code) if element["system"] == system else None
            if factor is None:
                return False
            value *= factor
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

    text = f"{prefix}{number}" + (f"|{system}|{code}" if unit else "")
    return Criterion(name, text, lambda r: any(map(one, read(r))))


MAKERS = [
    (token, TOKENS),
    (reference, REFERENCES),
    (date, DATES),
    (string, STRINGS),
    (quantity, QUANTITIES),
]


@st.composite
def searches(draw: Any) -> tuple[str, list[Criterion], int]:
    type_name = draw(st.sampled_from(TYPES))
    makers = [make for make, table in MAKERS if table[type_name]]
    chosen = draw(st.lists(st.sampled_from(makers), min_size=1, max_size=3))
    size = draw(st.sampled_from([7, 100, 1000]))
    return type_name, [make(draw, type_name) for make in chosen], size


@given(drawn=searches())
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
async def test_random_searches(
    loaded: None, search: Search, drawn: tuple[str, list[Criterion], int]
) -> None:
    type_name, criteria, size = drawn
    pairs = [(each.name, each.text) for each in criteria]
    expected = {
        resource["id"]
        for resource in records()[type_name]
        if all(each.holds(resource) for each in criteria)
    }
    found: list[str] = []
    cursor = None
    while True:
        page = await search(
            type_name, *pairs, ("_count", str(size)), ("_total", "accurate"), cursor=cursor
        )
        assert page.total == len(expected)
        found += [row.id for row in page.matches]
        cursor = page.next
        if cursor is None or len(found) > 100:
            break
    assert len(found) == len(set(found))
    if cursor is None:
        assert set(found) == expected
    else:
        assert set(found) < expected
