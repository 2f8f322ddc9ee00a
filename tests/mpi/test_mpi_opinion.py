"""Cohen's kappa against worked examples."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hie.mpi.opinion import VERDICTS, kappa


def table(**counts: int) -> list[tuple[str, str]]:
    letters = {"s": "same", "d": "different", "u": "unsure"}
    return [
        (letters[pair[0]], letters[pair[1]]) for pair, count in counts.items() for _ in range(count)
    ]


@pytest.mark.parametrize(
    ("pairs", "observed", "expected"),
    [
        # Two raters of 50 cases, yes/yes 20, yes/no 5, no/yes 10, no/no 15: po .7, pe .5, kappa .4
        (table(ss=20, sd=5, ds=10, dd=15), 0.7, 0.4),
        # 100 cases each, the same agreement, other margins: kappa .1304 and .2593
        (table(ss=45, sd=15, ds=25, dd=15), 0.6, 0.1304),
        (table(ss=25, sd=35, ds=5, dd=35), 0.6, 0.2593),
        (table(ss=1, dd=1, uu=1), 1.0, 1.0),
        (table(sd=1, ds=1), 0.0, -1.0),
    ],
)
def test_worked_examples(pairs, observed: float, expected: float) -> None:
    found = kappa(pairs)
    assert found.reviews == len(pairs)
    assert found.observed == pytest.approx(observed)
    assert found.kappa == pytest.approx(expected, abs=1e-4)


def test_it_is_undefined_without_reviews_or_without_variety() -> None:
    assert kappa([]).kappa is None
    assert kappa(table(ss=7)).kappa is None
    assert kappa(table(ss=7)).observed == 1


@given(st.lists(st.tuples(st.sampled_from(VERDICTS), st.sampled_from(VERDICTS)), min_size=1))
def test_it_is_symmetric_and_at_most_one(pairs) -> None:
    one, other = kappa(pairs), kappa([(second, first) for first, second in pairs])
    assert one.kappa == pytest.approx(other.kappa) if one.kappa is not None else other.kappa is None
    assert one.kappa is None or one.kappa <= 1 + 1e-9
