"""Every search parameter of every R4 type compiles, and reads what it should."""

import gzip
from pathlib import Path

import orjson
import pytest

from hie.fhir.definitions import RESOURCE_TYPES, search_parameters
from hie.fhir.search_params import UnsupportedExpression, sources
from hie.fhir.search_params.expression import parse
from hie.kit.hashing import Hasher
from hie.search.hashes import code_alone, name_hash
from hie.search.index import extract
from hie.search.parameters import kept, parameters
from hie.search.params.kinds import KINDS
from hie.search.params.target import Target
from hie.search.primary import PRIMARY_DATE, patient_ranks
from hie.search.queryable import queryable

HASHER = Hasher(b"tests of searching")

# Described in prose only: they have no expression to compile.
WITHOUT_EXPRESSION = {"_content", "_filter", "_query", "_text"}


@pytest.mark.parametrize("type_name", RESOURCE_TYPES)
def test_every_parameter_compiles(type_name: str) -> None:
    for code, definition in search_parameters(type_name).items():
        if not definition.expression:
            assert code in WITHOUT_EXPRESSION
            continue
        places = sources(type_name, definition.expression)
        assert places, code
        parameter = queryable(type_name)[code]
        visits = [
            KINDS[parameter.kind].visit(source, [Target(parameter, 1)], HASHER) for source in places
        ]
        # a composite on the resource itself is asked for by its parts
        assert any(visits) or parameter.kind == "composite", code


@pytest.mark.parametrize("type_name", RESOURCE_TYPES)
def test_every_parameter_is_kept_under_some_name(type_name: str) -> None:
    for code, parts in kept(type_name).items():
        assert parts, code
        for part in parts:
            assert kept(type_name)[part.code] == (part,)


@pytest.mark.parametrize(("type_name", "code"), sorted(PRIMARY_DATE.items()))
def test_a_primary_date_is_a_date_parameter_with_one_value(type_name: str, code: str) -> None:
    parameter = parameters(type_name)[code]
    assert parameter.kind == "date"
    assert not any(source.many for source in parameter.sources)


def test_official_examples_are_extracted(shared_data: Path) -> None:
    text = gzip.decompress((shared_data / "r4" / "examples.ndjson.gz").read_bytes())
    count = 0
    for line in text.splitlines():
        resource = orjson.loads(line)
        indexed = extract(resource, HASHER)
        assert indexed.tokens == sorted(set(indexed.tokens))
        assert indexed.root is None
        count += 1
    assert count > 700


@pytest.mark.parametrize(
    "expression",
    [
        *(
            "Patient.name.first()",
            "a.where(b > 1)",
            "Patient.",
            "a b",
            "(a",
            "a.where(x=1)",
            "a + b",
        ),
        *("a[1e999]", "a[b]", "a[1", "a[٣]", f"a[{'1' * 5000}]"),
    ],
)
def test_what_is_outside_the_subset_is_refused(expression: str) -> None:
    with pytest.raises(UnsupportedExpression):
        parse(expression)


def test_unknown_elements_are_refused() -> None:
    with pytest.raises(UnsupportedExpression):
        sources("Patient", "Patient.nonsense")


def test_parameters_that_read_the_same_are_kept_once() -> None:
    observation = kept("Observation")
    assert [p.code for p in observation["patient"]] == ["subject"]
    assert {p.code for p in observation["combo-code"]} == {"code", "component-code"}
    assert [p.code for p in observation["code"]] == ["code"]


def test_the_primary_patient_is_the_first_of_the_first_parameter_that_has_one() -> None:
    assert list(patient_ranks("Observation")) == ["patient", "subject", "performer"]
    observation = {
        "resourceType": "Observation",
        "id": "o",
        "subject": {"reference": "Group/g"},
        "performer": [{"reference": "Practitioner/p"}, {"reference": "Patient/2"}],
    }
    assert extract(observation, HASHER).patient == "Patient/2"
    observation["subject"] = {"reference": "Patient/1/_history/3"}
    assert extract(observation, HASHER).patient == "Patient/1"
    assert extract({"resourceType": "Patient", "id": "x"}, HASHER).patient == "Patient/x"
    assert extract({"resourceType": "Organization", "id": "x"}, HASHER).patient is None


def test_a_primary_date_is_on_the_row_only() -> None:
    indexed = extract(
        {
            "resourceType": "Observation",
            "effectiveDateTime": "2020-01-02",
            "issued": "2020-01-03T00:00:00Z",
        },
        HASHER,
    )
    assert indexed.date_low is not None
    assert [row.parameter for row in indexed.dates] == []


def test_deceased_is_known_of_everybody() -> None:
    deceased = parameters("Patient")["deceased"]
    [source] = deceased.sources
    assert source.type == "boolean"
    for value, expected in (
        ({}, False),
        ({"deceasedBoolean": False}, False),
        ({"deceasedBoolean": True}, True),
        ({"deceasedDateTime": "2020"}, True),
    ):
        patient = {"resourceType": "Patient", "id": "1", **value}
        token = name_hash(HASHER, deceased.index_name) ^ HASHER(code_alone(str(expected).lower()))
        assert token in extract(patient, HASHER).tokens
