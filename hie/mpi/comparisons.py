"""The comparisons to choose from: one definition each, named by a model, for training and for scoring."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hie.mpi import blocking, compare, encoded, english, features
from hie.mpi.features import Features


@dataclass(frozen=True, slots=True)
class Comparisons:
    """How patients become features, which of them meet, and how two of them compare."""

    levels: Mapping[str, tuple[str, ...]]
    of_patient: Callable[[Mapping[str, Any]], Features]
    compare: Callable[[Features, Features], dict[str, str]]
    texts: Callable[[Features], Iterator[str]]
    fewest: int
    """How many block keys two registrations share at least that `batch` looks at."""
    blocks: Mapping[str, frozenset[str]]
    """For training: leading letter of block keys → the fields that agree because of the block."""

    def keys(self, found: Features, hasher: Callable[[str], int]) -> list[int]:
        """The block keys of `found` as 64-bit numbers, sorted and unique."""
        return sorted({blocking.key(text, hasher) for text in self.texts(found)})


COMPARISONS = {
    "chinese": Comparisons(
        levels=compare.LEVELS,
        of_patient=features.of_patient,
        compare=compare.compare,
        texts=blocking.texts,
        fewest=2,
        blocks={
            "i": frozenset({"number", "birth"}),
            "n": frozenset({"name", "birth"}),
            "t": frozenset({"home"}),
            "c": frozenset({"card"}),
        },
    ),
    "encoded": Comparisons(
        levels=compare.LEVELS,
        of_patient=encoded.of_patient,
        compare=encoded.compare_encoded,
        texts=encoded.texts,
        fewest=2,
        blocks={},
    ),
    "english": Comparisons(
        levels=english.LEVELS,
        of_patient=english.of_patient,
        compare=english.compare,
        texts=english.texts,
        fewest=1,
        blocks={
            "i": frozenset({"number"}),
            "n": frozenset({"given", "family"}),
            "b": frozenset({"birth"}),
            "r": frozenset({"street", "postcode"}),
        },
    ),
}
