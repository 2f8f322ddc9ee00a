"""The distilled facts, against what the specification says."""

from pathlib import Path

import pytest

from hie.fhir.definitions import (
    RESOURCE_TYPES,
    compartment,
    patient_compartment,
    search_parameters,
    type_definition,
    type_name,
    type_number,
    value_set,
)
from hie.fhir.definitions.distil import TARGET, branches, main


def test_resource_types() -> None:
    assert len(RESOURCE_TYPES) == 146
    assert list(RESOURCE_TYPES) == sorted(RESOURCE_TYPES)
    assert "DomainResource" not in RESOURCE_TYPES
    assert [type_name(type_number(name)) for name in RESOURCE_TYPES] == list(RESOURCE_TYPES)


@pytest.mark.parametrize(
    ("name", "number"), [("Account", 1), ("Observation", 96), ("Patient", 103), ("VisionPrescription", 146)]
)  # fmt: skip
def test_numbers_are_stable_because_they_are_stored(name: str, number: int) -> None:
    assert type_number(name) == number


@pytest.mark.parametrize("number", [0, -1, 147])
def test_unknown_number(number: int) -> None:
    with pytest.raises(KeyError):
        type_name(number)


def test_elements() -> None:
    observation = type_definition("Observation")
    assert observation.base == "DomainResource"
    assert observation.elements["status"].minimum == 1
    assert observation.elements["value"].choice
    assert "Quantity" in observation.elements["value"].types
    assert observation.elements["component"].many
    assert observation.elements["component"].types == ("Observation.component",)
    assert type_definition("Observation.component").elements["referenceRange"].types == (
        "Observation.referenceRange",
    )
    assert observation.elements["subject"].targets == ("Device", "Group", "Location", "Patient")
    assert "final" in value_set(str(observation.elements["status"].codes))[
        "http://hl7.org/fhir/observation-status"
    ]  # fmt: skip
    assert [rule.key for rule in observation.invariants] == ["obs-6", "obs-7"]


@pytest.mark.parametrize(
    ("type_", "code", "expression"),
    [
        ("Patient", "family", "Patient.name.family"),
        ("Practitioner", "family", "Practitioner.name.family"),
        ("Patient", "_id", "Resource.id"),
        ("Patient", "_text", ""),
        ("Observation", "patient", "Observation.subject.where(resolve() is Patient)"),
        ("MedicationRequest", "code", "(MedicationRequest.medication as CodeableConcept)"),
        (
            "AllergyIntolerance",
            "code",
            "AllergyIntolerance.code | AllergyIntolerance.reaction.substance",
        ),
        ("InsurancePlan", "name", "InsurancePlan.name | InsurancePlan.alias"),
    ],
)
def test_expressions_are_those_of_the_type(type_: str, code: str, expression: str) -> None:
    assert search_parameters(type_)[code].expression == expression


def test_branches_split_outside_parentheses_only() -> None:
    assert branches("A.x.where(a | b) | (B.y as c) | A.z", "A") == "A.x.where(a | b) | A.z"


def test_numbers_of_search_parameters_are_stored_and_distinct() -> None:
    assert search_parameters("Patient")["birthdate"].number == 1373
    numbers = {
        (each.url, each.number)
        for name in RESOURCE_TYPES
        for each in search_parameters(name).values()
    }
    assert (
        len({url for url, _ in numbers}) == len({number for _, number in numbers}) == len(numbers)
    )


def test_unknown_type_has_no_parameters() -> None:
    with pytest.raises(KeyError):
        search_parameters("HumanName")


def test_compartments() -> None:
    assert patient_compartment("Observation") == ("subject", "performer")
    assert patient_compartment("Organization") == ()
    assert compartment("Encounter", "Observation") == ("encounter",)


def test_every_compartment_parameter_exists() -> None:
    for name in RESOURCE_TYPES:
        codes = set(patient_compartment(name))
        assert codes <= search_parameters(name).keys(), name


def test_shipped_facts_are_those_of_the_package(shared_data: Path, tmp_path: Path) -> None:
    main(shared_data / "r4" / "hl7.fhir.r4.core-4.0.1.tgz", tmp_path / "facts")
    assert (tmp_path / "facts").read_bytes() == TARGET.read_bytes()
