"""How much recall the data allow at all: `python tests/bench/identity_ceiling.py FILE…` (files with the truth).

Two registrations can be argued to be one person's when at least two of name, birth date, home (telephone or
door) and a number or card agree up to what `compare` forgives. What is counted are the true pairs that such
arguments connect, over other registrations of the person too: who knew the truth could not find more.
"""

import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path

from hie.mpi.compare import compare
from hie.mpi.features import Features, of_patient
from hie.mpi.registration_file import patient, read

NAMES = {"exact", "sound", "slip", "turned", "wild", "prefix", "initial", "mother", "similar"}
BIRTHS = {"exact", "swapped", "calendar", "edit", "near", "default", "lunar"}
HOMES = {"both", "phone", "phone_moved", "door", "door_new", "slip"}


def arguable(left: Features, right: Features) -> bool:
    """Whether two independent fields agree."""
    levels = compare(left, right)
    own = [levels[field] in ("same", "slip") for field in ("number", "passport", "card", "other")]
    fields = (levels["name"] in NAMES, levels["birth"] in BIRTHS, levels["home"] in HOMES, any(own))
    return sum(fields) > 1


def groups(members: Sequence[Features]) -> Iterator[int]:
    """The sizes of the groups that arguments connect among one person's registrations."""
    label = list(range(len(members)))
    for one, two in combinations(range(len(members)), 2):
        if label[one] != label[two] and arguable(members[one], members[two]):
            label = [label[one] if own == label[two] else own for own in label]
    yield from Counter(label).values()


def ceiling(file: Path) -> float:
    """The share of true pairs in `file` that can be argued for."""
    people: dict[str, list[Features]] = defaultdict(list)
    for row in read(file):
        people[row["true_person"]].append(of_patient(patient(row)))
    every = sum(len(own) * (len(own) - 1) for own in people.values())
    found = sum(size * (size - 1) for own in people.values() for size in groups(own))
    return found / max(every, 1)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        print(f"{name}: recall at most {ceiling(Path(name)):.4f}")
