"""Dates as ranges: the specification's words as tables, and what must hold for every date."""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hie.fhir.dates import EARLIEST, LATEST, date_range, period_range, time_range


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


# https://hl7.org/fhir/R4/search.html#date: the examples' values, in the server's zone +08:00
@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("2013", "2013-01-01T00:00+08:00", "2014-01-01T00:00+08:00"),
        ("2013-01", "2013-01-01T00:00+08:00", "2013-02-01T00:00+08:00"),
        ("2013-12", "2013-12-01T00:00+08:00", "2014-01-01T00:00+08:00"),
        ("2013-01-14", "2013-01-14T00:00+08:00", "2013-01-15T00:00+08:00"),
        ("2012-02-29", "2012-02-29T00:00+08:00", "2012-03-01T00:00+08:00"),
        ("2013-01-14T10:00", "2013-01-14T10:00+08:00", "2013-01-14T10:01+08:00"),
        ("2013-01-14T10:00:00", "2013-01-14T10:00:00+08:00", "2013-01-14T10:00:01+08:00"),
        ("2015-02-07T13:28:17-05:00", "2015-02-07T13:28:17-05:00", "2015-02-07T13:28:18-05:00"),
        ("2015-02-07T13:28:17Z", "2015-02-07T13:28:17+00:00", "2015-02-07T13:28:18+00:00"),
        (
            "2015-02-07T13:28:17.239+02:00",
            "2015-02-07T13:28:17.239+02:00",
            "2015-02-07T13:28:17.240+02:00",
        ),
        (
            "2015-02-07T13:28:17.2391234Z",
            "2015-02-07T13:28:17.239123+00:00",
            "2015-02-07T13:28:17.239124+00:00",
        ),
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59+00:00", "2017-01-01T00:00:00+00:00"),
    ],
)
def test_precision(text: str, low: str, high: str) -> None:
    assert date_range(text) == (utc(low), utc(high))


@pytest.mark.parametrize(
    "text",
    ["", "13", "2013-13", "2013-02-30", "2013-1-4", "2013-01-14T25:00", "2013-01-14T10", "now",
     "2013-01-14 10:00:00", "2013-01-14T10:00:00+25:00", "0000", "２０１３", "2013-01-14T10:61"],
)  # fmt: skip
def test_not_a_date(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - datetime words some of these itself
        date_range(text)


def test_the_zone_is_a_parameter() -> None:
    assert date_range("2013", UTC).low == utc("2013-01-01T00:00+00:00")
    assert date_range("2013-01-14T10:00Z", timezone(timedelta(hours=-5))) == date_range(
        "2013-01-14T10:00Z"
    )


@pytest.mark.parametrize(
    ("value", "low", "high"),
    [
        ({"start": "2013-01", "end": "2013-03"}, "2013-01-01T00:00+08:00", "2013-04-01T00:00+08:00"),
        ({"start": "2013-01-01"}, "2013-01-01T00:00+08:00", LATEST),
        ({"end": "2012-02-05"}, EARLIEST, "2012-02-06T00:00+08:00"),
        ({"event": ["2013-03-24", "2013-01-31"]}, "2013-01-31T00:00+08:00", "2013-03-25T00:00+08:00"),
        (
            {"repeat": {"boundsPeriod": {"start": "2013-01-31", "end": "2013-03-24"}}},
            "2013-01-31T00:00+08:00",
            "2013-03-25T00:00+08:00",
        ),
        ("2013-01-31", "2013-01-31T00:00+08:00", "2013-02-01T00:00+08:00"),
    ],
)  # fmt: skip
def test_periods_and_timings(value: Any, low: Any, high: Any) -> None:
    ends = [utc(each) if isinstance(each, str) else each for each in (low, high)]
    assert time_range(value) == tuple(ends)


@pytest.mark.parametrize(
    "value",
    [{}, {"extension": []}, {"repeat": {"count": 3}}, {"code": {}, "event": []},
     {"repeat": {"boundsPeriod": {}}}],
)  # fmt: skip
def test_values_that_bound_no_time(value: Any) -> None:
    assert time_range(value) is None


def test_a_period_that_ends_before_it_starts_is_still_a_range() -> None:
    found = period_range({"start": "2013", "end": "2011"})
    assert found is not None
    assert found.low < found.high


def test_the_ends_of_time_do_not_overflow() -> None:
    assert date_range("0001").low == EARLIEST
    assert date_range("9999").high == LATEST
    assert date_range("9999-12-31T23:59:59-14:00") == (LATEST, LATEST)
    assert date_range("0001-01-01T00:00:00+14:00").low == EARLIEST


DAYS = st.dates(min_value=date(1, 1, 1), max_value=date(9999, 12, 31))
ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(DAYS, ZONES)
def test_a_day_is_inside_its_month_and_year(day: date, zone: timezone) -> None:
    text = day.isoformat()
    year, month, whole = (date_range(text[:size], zone) for size in (4, 7, 10))
    assert year.low <= month.low <= whole.low <= whole.high <= month.high <= year.high


@given(st.dates(min_value=date(2, 1, 1), max_value=date(9998, 12, 31)))
def test_days_meet_without_a_gap(day: date) -> None:
    following = (day + timedelta(days=1)).isoformat()
    assert date_range(day.isoformat()).high == date_range(following).low


@given(st.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9998, 12, 31)), ZONES)  # noqa: DTZ001 - given its zone below
def test_an_instant_is_inside_its_range(moment: datetime, zone: timezone) -> None:
    moment = moment.replace(tzinfo=zone)
    for precision in ("seconds", "milliseconds", "microseconds"):
        found = date_range(moment.isoformat(timespec=precision))
        assert found.low <= moment < found.high


@given(st.text("0123456789-T:Z+.", max_size=30))
def test_any_text_is_a_range_or_a_value_error(text: str) -> None:
    try:
        found = date_range(text)
    except ValueError:
        return
    assert EARLIEST <= found.low <= found.high <= LATEST
