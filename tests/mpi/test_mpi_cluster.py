"""Reviews that hang together are one piece of work, whatever their order."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from hie.mpi.cluster import cluster_of, clusters
from hie.mpi.review import Doubt, Review

PAIRS = st.lists(
    st.tuples(st.integers(0, 8), st.integers(0, 8), st.floats(-5, 20, allow_nan=False)), max_size=12
)


def reviews(pairs: list[tuple[int, int, float]]) -> list[Review]:
    return [
        Review(
            number,
            datetime(2026, 1, 1, tzinfo=UTC),
            Doubt("possible", f"r{number}", f"p{one}", f"p{two}", bits, ()),
        )
        for number, (one, two, bits) in enumerate(pairs)
    ]


@given(PAIRS, st.randoms())
def test_every_review_is_in_one_cluster_and_clusters_share_nobody(pairs, random) -> None:
    given_reviews = reviews(pairs)
    found = clusters(given_reviews)
    assert sorted(r.number for one in found for r in one.reviews) == list(range(len(pairs)))
    persons = [person for one in found for person in one.persons]
    assert len(persons) == len(set(persons))
    for one in found:
        bits = [r.doubt.bits for r in one.reviews]
        assert bits == sorted(bits, reverse=True)
        assert cluster_of(one.reviews[0].number, given_reviews) == one
    random.shuffle(given_reviews)
    assert clusters(given_reviews) == found


def test_a_chain_is_one_cluster() -> None:
    (one,) = clusters(reviews([(1, 2, 5.0), (3, 4, 9.0), (2, 3, 1.0)]))
    assert [review.number for review in one.reviews] == [1, 0, 2]
    assert one.persons == {"p1", "p2", "p3", "p4"}
    assert cluster_of(7, reviews([(1, 2, 5.0)])).reviews == ()
