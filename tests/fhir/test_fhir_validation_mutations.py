"""A valid resource broken in one place must be refused with an issue at that place."""

import copy
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hie.fhir.definitions import Element, Type, primitives, type_definition
from hie.fhir.validation import validate


class Spot(NamedTuple):
    """A value inside a resource: how to reach it, where it is reported, and what it should be."""

    steps: tuple[str | int, ...]
    path: str
    element: Element | None
    """None for an item of an array."""
    type: str


def found_as(definition: Type, key: str) -> tuple[Element, str] | None:
    """The element and datatype that a JSON member stands for."""
    plain = key.removeprefix("_")
    for element in definition.elements.values():
        for type_ in element.types:
            suffix = type_[0].upper() + type_[1:] if element.choice else ""
            if plain == element.name + suffix:
                return element, "Element" if plain != key else type_
    return None


def spots(
    value: dict[str, Any], type_: str, steps: tuple[str | int, ...], path: str
) -> Iterator[Spot]:
    """Every value below an object, with its place as validation would report it."""
    definition = type_definition(value["resourceType"] if type_ == "Resource" else type_)
    for key, member in value.items():
        known = found_as(definition, key)
        if known is None:
            continue
        element, name = known
        here = f"{path}.{element.name}"
        yield Spot((*steps, key), here, element, name)
        items = enumerate(member) if isinstance(member, list) else [(None, member)]
        for position, item in items:
            inner = (*steps, key) if position is None else (*steps, key, position)
            place = here if position is None else f"{here}[{position}]"
            if position is not None and item is not None:
                yield Spot(inner, place, None, name)
            if isinstance(item, dict):
                yield from spots(item, name, inner, place)


def put(resource: dict[str, Any], steps: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    broken = copy.deepcopy(resource)
    owner: Any = broken
    for step in steps[:-1]:
        owner = owner[step]
    owner[steps[-1]] = value
    return broken


def get(resource: Any, steps: tuple[str | int, ...]) -> Any:
    for step in steps:
        resource = resource[step]
    return resource


def breakages(resource: dict[str, Any], spot: Spot) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Name, broken resource and the place where the problem must be reported."""
    value = get(resource, spot.steps)
    simple = spot.type in primitives()
    yield "null", put(resource, spot.steps, None), spot.path
    if isinstance(value, list):
        yield "item for array", put(resource, spot.steps, value[0]), spot.path
        yield "empty array", put(resource, spot.steps, []), spot.path
        return
    yield "array for item", put(resource, spot.steps, [value]), spot.path
    if isinstance(value, dict):
        yield "text for object", put(resource, spot.steps, "x"), spot.path
        missing = ".resourceType" if spot.type == "Resource" else ""
        yield "empty object", put(resource, spot.steps, {}), spot.path + missing
        unknown = {**value, "xyzzy": 1}
        yield "unknown element", put(resource, spot.steps, unknown), f"{spot.path}.xyzzy"
        name = value.get("resourceType") if spot.type == "Resource" else spot.type
        for element in type_definition(str(name)).elements.values():
            if element.minimum and not element.choice and "_" + element.name not in value:
                rest = {key: each for key, each in value.items() if key != element.name}
                rest["id"] = "x"
                yield "required", put(resource, spot.steps, rest), f"{spot.path}.{element.name}"
    if simple:
        yield "object for primitive", put(resource, spot.steps, {"id": "x"}), spot.path
        yield "empty text", put(resource, spot.steps, ""), spot.path
        yield "control character", put(resource, spot.steps, "a\x00"), spot.path


@given(st.data())
@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_broken_place_is_named(small: list[dict[str, Any]], data: st.DataObject) -> None:
    resource = data.draw(st.sampled_from(small))
    name = resource["resourceType"]
    places = list(spots(resource, "Resource", (), name))
    spot = data.draw(st.sampled_from(places))
    breakage, broken, path = data.draw(st.sampled_from(list(breakages(resource, spot))))
    issues = validate(broken)
    assert path in [issue.expression for issue in issues], (breakage, path, issues)
    for issue in issues:
        assert issue.text.en
        assert issue.text.zh


@pytest.fixture(scope="session")
def small(examples: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Valid examples of moderate size."""
    return [each for each in examples if len(str(each)) < 20_000 and not validate(each)]


def test_all_problems_are_listed() -> None:
    patient = {
        "resourceType": "Patient",
        "gender": "男",
        "birthDate": "1990-02-30",
        "name": {"family": "张"},
        "telecom": [{"system": "phone", "value": ""}, {"use": "house"}],
        "deceasedBoolean": False,
        "deceasedDateTime": "2020",
        "multipleBirthString": "x",
        "colour": "red",
        "managingOrganization": {"reference": "Practitioner/1"},
    }
    assert {(issue.expression, issue.code) for issue in validate(patient)} == {
        ("Patient.gender", "code-invalid"),
        ("Patient.birthDate", "value"),
        ("Patient.name", "structure"),
        ("Patient.telecom[0].value", "value"),
        ("Patient.telecom[1].use", "code-invalid"),
        ("Patient.deceased", "structure"),
        ("Patient.multipleBirthString", "structure"),
        ("Patient.colour", "structure"),
        ("Patient.managingOrganization.reference", "value"),
    }


@pytest.mark.parametrize(
    ("member", "places"),
    [
        ({"_birthDate": {"extension": [{"url": "http://a.example/x", "valueCode": "y"}]}}, []),
        ({"_birthDate": {"extension": [{"url": "http://a.example/x"}]}}, ["birthDate.extension[0]"]),
        ({"birthDate": None, "_birthDate": {"id": "x"}}, ["birthDate"]),
        ({"extension": [{"url": "http://a.example/x", "valueCode": "y", "extension": [
            {"url": "z", "valueCode": "y"}]}]}, ["extension[0]"]),
        ({"extension": [{"valueCode": "y"}]}, ["extension[0].url"]),
        ({"extension": [{"url": "a", "valueCode": "y", "valueString": "y"}]}, ["extension[0].value"]),
        ({"name": [{"given": ["a", None], "_given": [None, {"id": "x"}]}]}, []),
        ({"name": [{"given": ["a", None]}]}, ["name[0].given[1]"]),
        ({"name": [{"given": ["a", None], "_given": [None, None]}]}, ["name[0].given[1]"]),
        ({"name": [{"given": ["a"], "_given": [None, {"id": "x"}]}]}, ["name[0].given"]),
        ({"name": [{"_given": [{"id": "x"}]}]}, []),
        ({"name": [{"_given": [None]}]}, ["name[0].given[0]"]),
        ({"name": [{"_given": {"id": "x"}}]}, ["name[0].given"]),
        ({"contained": [{"resourceType": "Organization", "id": "o", "name": "x"}],
          "managingOrganization": {"reference": "#o"}}, []),
        ({"managingOrganization": {"reference": "#o"}}, ["managingOrganization.reference"]),
        ({"contained": [{"resourceType": "Patient", "id": "o"}],
          "managingOrganization": {"reference": "#o"}}, ["managingOrganization.reference"]),
        ({"contained": [{"resourceType": "Patient", "id": "o", "contained": [
            {"resourceType": "Patient", "id": "p"}]}]}, ["contained[0].contained[0]"]),
        ({"contained": [{"resourceType": "Patient", "id": "o", "meta": {"versionId": "1"}}]},
         ["contained[0].meta"]),
        ({"contained": [{"resourceType": "Person2"}]}, ["contained[0].resourceType"]),
        ({"managingOrganization": {"reference": "Organization?identifier=a|b"}}, []),
        ({"managingOrganization": {"reference": "Patient?identifier=a|b"}},
         ["managingOrganization.reference"]),
        ({"managingOrganization": {"reference": "https://a.example/fhir/Organization/1"}}, []),
        ({"managingOrganization": {"reference": "Organization/1", "type": "Organization"}}, []),
        ({"link": [{"other": {"reference": "Patient/1", "type": "RelatedPerson"}, "type": "refer"}]},
         ["link[0].other.reference"]),
        ({"managingOrganization": {"reference": "Organisation 1"}}, ["managingOrganization.reference"]),
        ({"managingOrganization": {"reference": "urn:uuid:1"}}, ["managingOrganization.reference"]),
        ({"managingOrganization": {"display": "云溪区第一人民医院"}}, []),
    ],
)  # fmt: skip
def test_rules_of_json_extensions_and_references(member: dict[str, Any], places: list[str]) -> None:
    issues = validate({"resourceType": "Patient", **member})
    assert [issue.expression for issue in issues] == [f"Patient.{place}" for place in places]


def test_a_concept_needs_a_code_of_its_required_set() -> None:
    condition: dict[str, Any] = {"resourceType": "Condition", "subject": {"reference": "Patient/1"}}
    system = "http://terminology.hl7.org/CodeSystem/condition-clinical"
    good = {"clinicalStatus": {"coding": [{"system": system, "code": "active"}]}}
    assert validate(condition | good) == []
    for bad in ({"coding": [{"system": system, "code": "x"}]}, {"text": "active"}):
        assert [i.code for i in validate(condition | {"clinicalStatus": bad})] == ["code-invalid"]


@pytest.mark.parametrize(
    "resource",
    [{}, {"active": True}, {"resourceType": "Element"}, {"resourceType": "x"}, {"resourceType": 1}],
)
def test_unknown_resource_type(resource: dict[str, Any]) -> None:
    assert [issue.expression for issue in validate(resource)] == ["Resource.resourceType"]


def test_very_many_problems_are_counted() -> None:
    issues = validate({"resourceType": "Patient", "name": [{"x": 1}] * 500})
    assert len(issues) == 101
    assert "400" in issues[-1].text.en
    assert issues[-1].severity == "information"


def test_nesting_without_end_is_refused() -> None:
    extension: dict[str, Any] = {"url": "a", "valueCode": "b"}
    for _ in range(1000):
        extension = {"url": "a", "extension": [extension]}
    issues = validate({"resourceType": "Patient", "extension": [extension]})
    assert [issue.code for issue in issues] == ["too-costly"]
