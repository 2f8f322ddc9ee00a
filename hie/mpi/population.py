"""Synthetic populations by name, each with habits of its own, for evaluating and training."""

from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from hie.mpi import generate, generate_border, generate_mixed
from hie.mpi.generate import HABITS
from hie.mpi.generate_border import MORES
from hie.mpi.generate_mixed import CUSTOMS

POPULATIONS = (*HABITS, *CUSTOMS, *MORES)


class District(Protocol):
    """What a generator makes: people, and how the institutions write each of them down."""

    def household(self) -> list[Any]:
        """The next people."""

    def registrations(self, person: Any) -> Iterable[dict[str, str]]:
        """The person's registrations in the columns of `hie.mpi.generate.COLUMNS`, without numbers."""


def _district(name: str, seed: int) -> tuple[str, District]:
    """The population `name`, and the letter that its registrations' numbers begin with."""
    if name in HABITS:
        return "r", generate.District(HABITS[name], seed)
    if name in CUSTOMS:
        return "m", generate_mixed.District(CUSTOMS[name], seed)
    return "b", generate_border.District(MORES[name], seed)


def population(name: str, persons: int, seed: int) -> Iterator[dict[str, str]]:
    """Registrations of about `persons` people of the population `name`, one of `POPULATIONS`."""
    letter, district = _district(name, seed)
    made = written = 0
    while made < persons:
        for person in district.household():
            for row in district.registrations(person):
                yield {"rec_id": f"{letter}{written}", "true_person": str(made), **row}
                written += 1
            made += 1
