"""The weight of evidence, in bits, that a registration belongs to a person; with every part named."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import log2

from hie.mpi import compare, english
from hie.mpi.comparisons import COMPARISONS
from hie.mpi.features import Features
from hie.mpi.model import Model
from hie.mpi.names import WILD, Name

MINIMUM_POPULATION = 30_000


_SAME_NAME = ("exact", "sound", "slip", "turned")
_SAME_HOME = ("both", "phone", "phone_moved", "door")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the exchange knows of its whole population when a score is made."""

    persons: int = MINIMUM_POPULATION
    registrations: int = 0
    births: Mapping[str, int] | None = None
    """How many registrations bear a birth date, for the dates in question."""

    @property
    def prior_bits(self) -> float:
        """Two strangers' registrations are one person's with a chance of one in the population."""
        return -log2(max(self.persons, MINIMUM_POPULATION))

    def birth_chance(self, date: str) -> float | None:
        """The share of registrations born on `date`, once there are enough to tell."""
        if not self.births or self.registrations < 1000:
            return None
        return max(self.births.get(date, 0) - 5, 0) / self.registrations


@dataclass(frozen=True, slots=True)
class Score:
    """The sum, the level of each field and its bits: the waterfall that a reviewer sees."""

    bits: float
    levels: compare.Levels
    parts: Mapping[str, float]

    @property
    def probability(self) -> float:
        """The sum as a probability."""
        return 1 / (1 + 2 ** -max(min(self.bits, 60.0), -60.0))


def score(left: Features, right: Features, model: Model, around: Surroundings) -> Score:
    """How strongly `left` and `right` speak for being one person."""
    return weigh(COMPARISONS[model.comparisons].compare(left, right), left, right, model, around)


def weigh(
    levels: compare.Levels, left: Features, right: Features, model: Model, around: Surroundings
) -> Score:
    """`score` for levels that are known already."""
    parts = {"prior": around.prior_bits}
    for field, level in levels.items():
        if level != "missing":
            parts[field] = model.bits[field][level]
    if model.comparisons != "english":
        _chinese(parts, levels, left, right, model, around)
    else:
        for field in ("given", "family"):
            if levels[field] == "exact":
                parts[field] = model.part_bits(field, english.shared(field, left, right))
    return Score(round(sum(parts.values()), 3), levels, parts)


def _chinese(
    parts: dict[str, float], levels: compare.Levels, left: Features, right: Features, model: Model,
    around: Surroundings,
) -> None:  # fmt: skip
    """What depends on more than the level: how frequent names and days are, what families share."""
    if (level := levels["name"]) != "missing":
        parts["name"] = model.name_bits(level, _shared_name(level, left, right))
    if levels["birth"] == "exact":
        shared = min(set(left.births) & set(right.births))
        parts["birth"] = model.birth_bits("exact", around.birth_chance(shared))
    if levels["name"] in _SAME_NAME and levels["home"] in _SAME_HOME:
        parts["home"] += model.namesake_home
    if levels["number"] == "claimed" and levels["name"] not in ("exact", "sound", "wild"):
        parts["number"] = 0.0  # a guardian's card: says who the family is, not who the child is


def _shared_name(level: str, left: Features, right: Features) -> Name | None:
    """The name whose frequency counts: of two unequal ones the one that says less, to be careful."""
    for ours in left.names:
        for theirs in right.names:
            if compare.name_level(ours, theirs) == level:
                return min(ours, theirs, key=_information)
    return None


def _information(name: Name) -> tuple[bool, int, str]:
    return name.kind == "latin", sum(c not in WILD for c in name.text), name.text
