"""How well persons agree with the truth, where the truth is known: pairs, merges, splits.

Precision and recall over pairs of registrations, as is usual in record linkage: Christen, "Data
Matching" (2012), chapter 7.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Quality:
    """Figures of one population, or of one kind within it."""

    registrations: int
    precision: float
    recall: float
    f1: float
    over_merged: int
    """Persons made of registrations of more than one true person."""
    split: int
    """True persons whose registrations are in more than one person."""

    def plain(self) -> dict[str, float]:
        """As a JSON object."""
        return {
            "registrations": self.registrations,
            "precision": round(self.precision, 6),
            "recall": round(self.recall, 6),
            "f1": round(self.f1, 6),
            "over_merged": self.over_merged,
            "split": self.split,
        }


def _pairs(counts: Iterable[int]) -> int:
    return sum(count * (count - 1) // 2 for count in counts)


def quality(truth: Sequence[Hashable], found: Sequence[Hashable]) -> Quality:
    """`truth` and `found` name each registration's true person and the person it was put into."""
    together = Counter(zip(truth, found, strict=True))
    right = _pairs(together.values())
    linked, wanted = _pairs(Counter(found).values()), _pairs(Counter(truth).values())
    precision = right / linked if linked else 1.0
    recall = right / wanted if wanted else 1.0
    inside: dict[Hashable, int] = defaultdict(int)
    spread: dict[Hashable, int] = defaultdict(int)
    for true_person, person in together:
        inside[person] += 1
        spread[true_person] += 1
    return Quality(
        registrations=len(truth),
        precision=precision,
        recall=recall,
        f1=2 * precision * recall / (precision + recall) if precision + recall else 0.0,
        over_merged=sum(count > 1 for count in inside.values()),
        split=sum(count > 1 for count in spread.values()),
    )


def by_kind(rows: Sequence[Mapping[str, str]], found: Sequence[Hashable]) -> dict[str, Quality]:
    """The same for the registrations of each `kind`, where the file names kinds."""
    groups: dict[str, list[int]] = defaultdict(list)
    for place, row in enumerate(rows):
        if kind := row.get("kind"):
            groups[kind].append(place)
    return {
        kind: quality([rows[n]["true_person"] for n in places], [found[n] for n in places])
        for kind, places in sorted(groups.items())
    }
