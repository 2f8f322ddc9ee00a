"""Everything the institutions send is valid FHIR R4, judged twice."""

from collections import Counter
from datetime import date
from importlib import import_module
from typing import Any

import orjson
from pydantic import ValidationError

from hie.demo.district import District, records
from hie.demo.institutions import INSTITUTIONS, directory
from hie.fhir.validation import validate

UNTIL = date(2026, 6, 30)
DISTRICT = District(seed=1, residents=300, until=UNTIL)


def sample(district: District) -> list[dict[str, Any]]:
    result = [resource for institution in INSTITUTIONS for resource in directory(institution)]
    for home in district.households():
        for record in records(district, home):
            result += record.resources()
    return [orjson.loads(orjson.dumps(resource)) for resource in result]


def test_the_whole_district_passes_the_exchanges_own_validation() -> None:
    problems = Counter(
        f"{resource['resourceType']}: {issue.expression} {issue.text.en}"
        for resource in sample(DISTRICT)
        for issue in validate(resource)
    )
    assert not problems


def test_a_part_of_it_passes_the_models_of_fhir_resources() -> None:
    problems: Counter[str] = Counter()
    for resource in sample(District(seed=2, residents=25, until=UNTIL)):
        kind = resource["resourceType"]
        model = getattr(import_module(f"fhir.resources.R4B.{kind.lower()}"), kind)
        try:
            model.model_validate(resource)
        except ValidationError as error:
            problems[f"{kind}: {error}"] += 1
    assert not problems


def test_ids_are_unique_and_references_lead_somewhere() -> None:
    resources = sample(District(seed=3, residents=60, until=UNTIL))
    names = Counter(f"{resource['resourceType']}/{resource['id']}" for resource in resources)
    assert max(names.values()) == 1

    def references(node: Any) -> list[str]:
        if isinstance(node, dict):
            own = [node["reference"]] if "reference" in node else []
            return own + [found for value in node.values() for found in references(value)]
        if isinstance(node, list):
            return [found for value in node for found in references(value)]
        return []

    missing = {found for resource in resources for found in references(resource)} - set(names)
    assert not missing
