"""Buckets: never more than allowed in any minute, never less than allowed over time."""

from hypothesis import given
from hypothesis import strategies as st

from hie.kit import rates
from hie.kit.rates import Rates


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@given(st.integers(1, 50), st.lists(st.floats(0, 30), max_size=200))
def test_a_minute_has_at_most_twice_and_at_least_once_what_is_allowed(
    allowed: int, pauses: list[float]
) -> None:
    clock, granted = Clock(), []
    bucket = Rates(clock)
    for pause in pauses:
        clock.now += pause
        wait = bucket.take("x", allowed)
        if wait == 0.0:
            granted.append(clock.now)
        else:
            assert 0 < wait <= 60
    for moment in granted:
        in_minute = [one for one in granted if moment <= one < moment + 60]
        assert len(in_minute) <= 2 * allowed + 1


def test_the_wait_that_is_told_is_the_wait_that_is_needed() -> None:
    clock = Clock()
    bucket = Rates(clock)
    assert [bucket.take("x", 3) for _ in range(3)] == [0.0] * 3
    wait = bucket.take("x", 3)
    assert 0 < wait <= 20
    clock.now += wait + 0.001
    assert bucket.take("x", 3) == 0.0
    assert bucket.take("x", 3) > 0


def test_one_does_not_spend_anothers() -> None:
    bucket = Rates(Clock())
    assert bucket.take("x", 1) == 0.0
    assert bucket.take("x", 1) > 0
    assert bucket.take("y", 1) == 0.0


def test_a_flood_of_names_does_not_fill_the_memory(monkeypatch) -> None:
    monkeypatch.setattr(rates, "MOST_KEPT", 100)
    bucket = Rates(Clock())
    for _ in range(5):
        bucket.take("busy", 5)
    for number in range(1000):
        bucket.take(str(number), 5)
    assert len(bucket._full_at) <= 100
    assert bucket.take("busy", 5) > 0
