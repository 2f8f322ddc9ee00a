"""The specification's table of date prefixes, in its own words. https://hl7.org/fhir/R4/search.html#prefix"""

from typing import Any

import pytest
from search_fixtures import Find, Load

ROW_DATES = {
    "day": {"effectiveDateTime": "2013-01-14"},
    "month": {"effectiveDateTime": "2013-01"},
    "midnight": {"effectiveDateTime": "2013-01-14T00:00:00+08:00"},
    "morning": {"effectiveDateTime": "2013-01-14T10:00:00+08:00"},
    "before": {"effectiveDateTime": "2013-01-13T23:59:59+08:00"},
    "after": {"effectiveDateTime": "2013-01-15T00:00:00+08:00"},
    "open": {"effectivePeriod": {"start": "2013-01-14"}},
    "ending": {"effectivePeriod": {"end": "2013-01-14"}},
    "around": {"effectivePeriod": {"start": "2013-01-01", "end": "2013-12-31"}},
    "none": {},
}
DAY = {"day", "midnight", "morning"}

CASES = [
    # "the range of the search value fully contains the range of the target value"
    ("2013-01-14", DAY),
    ("eq2013-01-14", DAY),
    ("eq2013-01", DAY | {"month", "before", "after"}),
    ("2013-01-14T10:00:00+08:00", {"morning"}),
    ("2013-01-14T10:00+08:00", {"morning"}),
    ("2013-01-14T02:00:00Z", {"morning"}),
    ("2013", DAY | {"month", "before", "after", "around"}),
    # "the range of the search value does not fully contain the range of the target value"
    ("ne2013-01-14", {"month", "before", "after", "open", "ending", "around"}),
    # with gt the quoted rule is "the range above the search value intersects with the range of the target value"
    ("gt2013-01-14", {"month", "after", "open", "around"}),
    ("gt2013-01-14T10:00:00+08:00", {"day", "month", "after", "open", "ending", "around"}),
    # with lt the quoted rule is "the range below the search value intersects with the range of the target value"
    ("lt2013-01-14", {"month", "before", "ending", "around"}),
    # gt, or eq
    ("ge2013-01-14", DAY | {"month", "after", "open", "around"}),
    # lt, or eq
    ("le2013-01-14", DAY | {"month", "before", "ending", "around"}),
    # "the range of the search value does not overlap with the range of the target value, and the
    # range above the search value contains the range of the target value"
    ("sa2013-01-13", DAY | {"after", "open"}),
    ("sa2013-01-14", {"after"}),
    # "... and the range below the search value contains the range of the target value"
    ("eb2013-01-15", DAY | {"before", "ending"}),
    ("eb2013-01-14", {"before"}),
    # "the range of the search value overlaps with the range of the target value"
    ("ap2013-01-14", set(ROW_DATES) - {"none"}),
    ("ap2500-01-14", {"open"}),
    # several values: any of them
    ("2013-01-13,2013-01-15", {"before", "after"}),
]


def observation(logical_id: str, times: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Observation", "id": logical_id, **times}


@pytest.fixture(scope="module")
async def dated(load: Load) -> None:
    await load(*(observation(name, times) for name, times in ROW_DATES.items()))
    # the same moments under a parameter that has rows of its own
    await load(
        *(
            {
                "resourceType": "Encounter",
                "id": name,
                "location": [
                    {"location": {"display": "x"}, "period": {"start": text, "end": text}}
                ],
            }
            for name, text in (("day", "2013-01-14"), ("month", "2013-01"))
        )
    )


@pytest.mark.parametrize(("text", "expected"), CASES)
async def test_prefixes(dated: None, find: Find, text: str, expected: set[str]) -> None:
    assert set(await find("Observation", ("date", text))) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2013-01-14", {"day"}),
        ("2013-01", {"day", "month"}),
        ("gt2013-01-14", {"month"}),
        ("sa2013-01-13", {"day"}),
        ("ne2013-01-14", {"month"}),
    ],
)
async def test_rows_of_their_own(dated: None, find: Find, text: str, expected: set[str]) -> None:
    assert set(await find("Encounter", ("location-period", text))) == expected


async def test_two_dates_bound_a_range(dated: None, find: Find) -> None:
    found = await find("Observation", ("date", "ge2013-01-14"), ("date", "lt2013-01-15"))
    assert set(found) == DAY | {"month", "open", "around"}


async def test_missing_dates(dated: None, find: Find) -> None:
    assert await find("Observation", ("date:missing", "true")) == ["none"]
    assert "none" not in await find("Observation", ("date:missing", "false"))


async def test_last_updated_is_an_instant(dated: None, find: Find) -> None:
    assert len(await find("Observation", ("_lastUpdated", "gt2020"))) == len(ROW_DATES)
    assert await find("Observation", ("_lastUpdated", "lt2020")) == []
    assert await find("Observation", ("_lastUpdated", "sa2999")) == []
