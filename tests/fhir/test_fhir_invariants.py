"""The rules of R4 in FHIRPath hold for the official examples, and are noticed when they do not."""

import gzip
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from hie.fhir.definitions import RESOURCE_TYPES, type_definition
from hie.fhir.validation import validate
from hie.fhir.validation.invariants import LEFT_OUT, broken, rules

# Not as the specification wants it: a request and a response in one Bundle of responses.
WRONG_EXAMPLES = {("Bundle", "bundle-response-simplesummary")}


def found(resource: dict[str, Any]) -> set[tuple[str, str]]:
    """Key and place of each rule that does not hold."""
    return {
        (rule.invariant.key, str(issue.expression))
        for rule in rules(resource)
        if (issue := broken(rule)) is not None and issue.severity == "error"
    }


def test_the_examples_keep_the_rules(shared_data: Path) -> None:
    seen: set[str] = set()
    evaluated: set[str] = set()
    with gzip.open(shared_data / "r4" / "examples.ndjson.gz", "rb") as file:
        for line in file:
            example = json.loads(line, parse_float=Decimal)
            name = (example["resourceType"], example["id"])
            if (
                name[0] in seen
                or len(line) > 20_000
                or name in WRONG_EXAMPLES
                or validate(json.loads(line))
            ):
                continue
            seen.add(name[0])
            for rule in rules(example):
                issue = broken(rule)
                evaluated.add(rule.invariant.key)
                assert issue is None or issue.severity == "warning", (name, issue)
    assert len(seen) > 115
    assert len(evaluated) > 100


def test_what_is_left_out_is_a_rule() -> None:
    keys: set[str] = set()
    for name in ("DomainResource", "Narrative", "CareTeam", "Questionnaire", *RESOURCE_TYPES):
        definition = type_definition(name)
        keys |= {rule.key for rule in definition.invariants}
        for element in definition.elements.values():
            keys |= {rule.key for rule in element.invariants}
            for inline in element.types:
                if "." in inline:
                    keys |= {rule.key for rule in type_definition(inline).invariants}
                    for inner in type_definition(inline).elements.values():
                        keys |= {rule.key for rule in inner.invariants}
    assert set(LEFT_OUT) <= keys


PATIENT = {"resourceType": "Patient"}
OBSERVATION = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}


@pytest.mark.parametrize(
    ("resource", "key", "place"),
    [
        (PATIENT | {"contact": [{"gender": "male"}]}, "pat-1", "Patient.contact[0]"),
        (
            PATIENT | {"name": [{"period": {"start": "2026", "end": "2025"}}]},
            "per-1",
            "Patient.name[0].period",
        ),
        (PATIENT | {"telecom": [{"value": "1"}]}, "cpt-2", "Patient.telecom[0]"),
        (PATIENT | {"photo": [{"data": "AA=="}]}, "att-1", "Patient.photo[0]"),
        (
            OBSERVATION | {"valueInteger": 1, "dataAbsentReason": {"text": "x"}},
            "obs-6",
            "Observation",
        ),
        (OBSERVATION | {"referenceRange": [{"age": {}}]}, "obs-3", "Observation.referenceRange[0]"),
        (
            OBSERVATION | {"valueQuantity": {"value": 1, "code": "kg"}},
            "qty-3",
            "Observation.valueQuantity",
        ),
    ],
)
def test_a_broken_rule_has_its_place(resource: dict[str, Any], key: str, place: str) -> None:
    assert (key, place) in found(resource)
    assert not found(PATIENT | {"contact": [{"name": {"text": "张伟"}}]})
