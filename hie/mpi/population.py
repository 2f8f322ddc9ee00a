"""Synthetic populations by name, each with habits of its own, for evaluating and training."""

from collections.abc import Iterator

from hie.mpi.generate import HABITS, generate
from hie.mpi.generate_border import MORES, generate_border
from hie.mpi.generate_mixed import CUSTOMS, generate_mixed

POPULATIONS = (*HABITS, *CUSTOMS, *MORES)


def population(name: str, persons: int, seed: int) -> Iterator[dict[str, str]]:
    """Registrations of about `persons` people of the population `name`, one of `POPULATIONS`."""
    if name in HABITS:
        return generate(persons, HABITS[name], seed)
    if name in CUSTOMS:
        return generate_mixed(persons, CUSTOMS[name], seed)
    return generate_border(persons, MORES[name], seed)
