"""Validation over whole collections: official examples, Synthea, the official validator's cases."""

import gzip
import json
from pathlib import Path
from typing import Any

import orjson
import pytest

from hie.fhir.validation import validate

# Examples of the specification that break its own definitions, and how.
INVALID_EXAMPLES = {
    ("DeviceMetric", "example"): "parent points to a DeviceDefinition, allowed is Device",
    ("DeviceUseStatement", "example"): "reasonReference points to a Procedure",
    ("MedicationRequest", "medrx0301"): "dispenseRequest.performer points to a Practitioner",
    ("Observation", "clinical-gender"): "performer points to an Encounter",
    ("Questionnaire", "qs1"): "items without the required linkId",
}

# Validator cases in JSON whose errors base validation does not look for.
BUNDLE = "rules about Bundle: links, repeated entries, resolution of references between them"
INVARIANT = "an invariant in FHIRPath"
TERMINOLOGY = "displays and codes of large or foreign code systems"
DEFINITION = "rules about conformance resources themselves"
EXTENSION = "the definition or the context of a particular extension"
OUT_OF_SCOPE = {
    "sp-diff-type": DEFINITION,
    "sp-diff-base": DEFINITION,
    "capstmt": DEFINITION,
    "obs-mz": DEFINITION,
    "questionnaire-enableWhen-dw": "the answers that a question's type allows",
    "encounter-period": INVARIANT,
    "bundle-id-2": BUNDLE,
    "bundle-id-3": TERMINOLOGY,
    "bundle-id-5": TERMINOLOGY,
    "bundle-duplicate-id": BUNDLE,
    "bundle-duplicate-ids-not": TERMINOLOGY,
    "bundle-with-contained": BUNDLE,
    "mr-covid-bnd1": TERMINOLOGY,
    "uk-msg": TERMINOLOGY,
    "ips-nz-pj": TERMINOLOGY,
    "ips-htmlrefs-backwards": EXTENSION,
    "nested-questionnaire-nested-valueset": EXTENSION,
    "vs-params-2": EXTENSION,
    "vs-params-3": EXTENSION,
    "vs-params-4": EXTENSION,
    "pat-security-bad-string": "an option of that validator: markup in plain strings is escaped when shown",
    "json-comments-1-yes": "an option of that validator: comments, which are not JSON",
    "json-comments-2-yes": "an option of that validator: comments, which are not JSON",
}


def test_official_examples_are_valid(examples: list[dict[str, Any]]) -> None:
    assert len(examples) == 726
    invalid = {
        (each["resourceType"], each.get("id")): [(i.expression, i.text.en) for i in issues]
        for each in examples
        if (issues := validate(each))
    }
    assert set(invalid) == set(INVALID_EXAMPLES), invalid


def test_synthea_resources_are_valid(shared_data: Path) -> None:
    """Twenty files of 122; `hie load` of all of them is the full test."""
    for path in sorted((shared_data / "synthea").glob("*.json.gz"))[::6]:
        bundle = orjson.loads(gzip.decompress(path.read_bytes()))
        assert validate(bundle) == []


def validator_cases() -> list[Any]:
    folder = Path(__file__).parents[3] / "shared" / "data" / "tests" / "validator"
    if not folder.is_dir():
        return [pytest.param(None, marks=pytest.mark.skip("needs the official validator cases"))]
    cases = json.loads((folder / "expected.json").read_text())
    return [
        pytest.param((folder / each["file"], each["errors"] > 0), id=each["name"])
        for each in cases
        if each["file"].endswith(".json") and each["name"] not in OUT_OF_SCOPE  # XML is not taken
    ]


@pytest.mark.parametrize("case", validator_cases())
def test_official_validator_case(case: tuple[Path, bool]) -> None:
    path, refused = case
    try:
        resource = orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError:
        assert refused
    else:
        assert bool(validate(resource)) == refused


def test_cases_named_out_of_scope_exist_and_are_not_refused(shared_data: Path) -> None:
    """So that the list shrinks when validation learns more."""
    folder = shared_data / "tests" / "validator"
    files = {
        each["name"]: each["file"] for each in json.loads((folder / "expected.json").read_text())
    }
    for name, reason in OUT_OF_SCOPE.items():
        text = (folder / files[name]).read_bytes()
        if "not JSON" in reason:
            with pytest.raises(orjson.JSONDecodeError):
                orjson.loads(text)
        else:
            assert validate(orjson.loads(text)) == [], name
