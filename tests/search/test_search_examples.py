"""Every search parameter of R4 finds the official examples by the values that they have.

https://hl7.org/fhir/R4/searchparameter-registry.html
"""

import gzip
from collections import defaultdict
from pathlib import Path
from typing import Any

import example_values
import orjson
import pytest
from search_fixtures import Find, Load

from hie.fhir.validation import validate
from hie.search.params.kinds import KINDS
from hie.search.queryable import queryable

# Its dates may be texts ("scheduledString"), which no date search can find.
TEXTS = {("CarePlan", "activity-date")}
VALUES = 2
"""Different values for which each parameter of each type is asked."""
LONG = ("_count", "1000")
Having = dict[tuple[str, str], dict[str, set[str]]]
"""By type and parameter, by value: the ids of the examples that have it."""


def examples(folder: Path) -> list[dict[str, Any]]:
    """The valid official examples, without what the store makes anew: the time of their last change."""
    with gzip.open(folder / "examples.ndjson.gz") as lines:
        found = [each for line in lines if not validate(each := orjson.loads(line))]
    for each in found:
        each.get("meta", {}).pop("lastUpdated", None)
    return found


@pytest.fixture(scope="module")
async def having(load: Load, shared_data: Path) -> Having:
    """The stored examples that have a value, by parameter and value."""
    resources = examples(shared_data / "r4")
    await load(*resources)
    parameters = example_values.published(shared_data / "r4")
    found: Having = defaultdict(lambda: defaultdict(set))
    for resource in resources:
        for code, value in example_values.asked(parameters, resource):
            found[resource["resourceType"], code][value].add(resource["id"])
    assert len(found) > 1200
    return found


async def test_every_parameter_finds_the_examples_that_have_a_value(
    having: Having, find: Find
) -> None:
    missed = []
    for (type_name, code), values in having.items():
        if (type_name, code) in TEXTS:
            continue
        for value, expected in list(values.items())[:VALUES]:
            found = await find(type_name, (code, value), LONG)
            missed += [(type_name, code, value, each) for each in expected - set(found)]
    assert missed == []


async def test_searches_by_every_parameter_agree_with_each_other(
    having: Having, find: Find
) -> None:
    """What follows for any two values, whatever they are: nothing is known here of how they compare.

    https://hl7.org/fhir/R4/search.html#combining, #missing, #modifiers
    """
    disagreeing = []
    for (type_name, code), values in having.items():

        async def found(*pairs: tuple[str, str], name: str = type_name) -> set[str]:
            ids = await find(name, *pairs, LONG)
            assert len(ids) == len(set(ids))
            return set(ids)

        first, second = [*values, *values][:2]
        everything = await found()
        one, other = await found((code, first)), await found((code, second))
        missing = await found((f"{code}:missing", "true"))
        present = await found((f"{code}:missing", "false"))
        agree = {
            "either": await found((code, f"{first},{second}")) == one | other,
            "both": await found((code, first), (code, second)) == one & other,
            "missing or not": missing | present == everything and not missing & present,
            "a value is not missing": one <= present,
        }
        if "not" in KINDS[queryable(type_name)[code].kind].modifiers:
            agree["not"] = await found((f"{code}:not", first)) == everything - one
        agree["sorted"] = await found(("_sort", f"{code},-_id")) == everything
        disagreeing += [
            (type_name, code, first, second, what) for what, is_so in agree.items() if not is_so
        ]
    assert disagreeing == []
