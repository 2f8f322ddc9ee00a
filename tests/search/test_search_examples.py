"""Every search parameter of R4 finds the official examples by the values that they have.

https://hl7.org/fhir/R4/searchparameter-registry.html
"""

import gzip
from collections import defaultdict
from pathlib import Path
from typing import Any

import example_values
import orjson
from search_fixtures import Find, Load

from hie.fhir.validation import validate

# Its dates may be texts ("scheduledString"), which no date search can find.
TEXTS = {("CarePlan", "activity-date")}
VALUES = 2
"""Different values for which each parameter of each type is asked."""


def examples(folder: Path) -> list[dict[str, Any]]:
    """The valid official examples, without what the store makes anew: the time of their last change."""
    with gzip.open(folder / "examples.ndjson.gz") as lines:
        found = [each for line in lines if not validate(each := orjson.loads(line))]
    for each in found:
        each.get("meta", {}).pop("lastUpdated", None)
    return found


async def test_every_parameter_finds_the_examples_that_have_a_value(
    load: Load, find: Find, shared_data: Path
) -> None:
    resources = examples(shared_data / "r4")
    await load(*resources)
    parameters = example_values.published(shared_data / "r4")
    having: dict[tuple[str, str], dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for resource in resources:
        for code, value in example_values.asked(parameters, resource):
            having[resource["resourceType"], code][value].add(resource["id"])
    assert len(having) > 1200
    missed = []
    for (type_name, code), values in having.items():
        if (type_name, code) in TEXTS:
            continue
        for value, expected in list(values.items())[:VALUES]:
            found = await find(type_name, (code, value), ("_count", "1000"))
            missed += [(type_name, code, value, each) for each in expected - set(found)]
    assert missed == []
