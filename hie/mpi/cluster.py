"""Open reviews that hang together: pairs that share a person are one piece of work for a human.

Who decides on 甲 and 乙 should see that 丙 is doubtful too: the third often tells which of both is right.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hie.mpi.review import Review


@dataclass(frozen=True, slots=True)
class Cluster:
    """Reviews connected by their persons, the most probable first."""

    reviews: tuple[Review, ...]

    @property
    def persons(self) -> frozenset[str]:
        """Everybody concerned."""
        return frozenset(
            person for one in self.reviews for person in (one.doubt.person, one.doubt.other)
        )


def clusters(reviews: Sequence[Review]) -> list[Cluster]:
    """The reviews in clusters, those with the most probable pair first."""
    first: dict[str, str] = {}

    def root(person: str) -> str:
        while (above := first.setdefault(person, person)) != person:
            first[person] = first.setdefault(above, above)
            person = above
        return person

    for one in reviews:
        first[root(one.doubt.person)] = root(one.doubt.other)
    together: dict[str, list[Review]] = {}
    for one in sorted(reviews, key=lambda review: (-review.doubt.bits, review.number)):
        together.setdefault(root(one.doubt.person), []).append(one)
    return [Cluster(tuple(found)) for found in together.values()]


def cluster_of(number: int, reviews: Iterable[Review]) -> Cluster:
    """The cluster of the review `number`; an empty one if it is not among them."""
    for one in clusters(list(reviews)):
        if any(review.number == number for review in one.reviews):
            return one
    return Cluster(())
