"""The whole district as a stream: what each institution sends about each resident.

Constant memory: one household at a time. A household's content depends on the seed, its number and
the day until which the story is told, never on how many residents are asked for.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from hie.demo import personas
from hie.demo.health import draw_profile, history
from hie.demo.institutions import BY_CODE, Resource
from hie.demo.population import Household, Resident, household, random_for
from hie.demo.registration import Registration, patient, register
from hie.demo.resources import Sender
from hie.demo.visits import Visit

DEFAULT_RESIDENTS = 300
DEFAULT_SEED = 1


@dataclass(frozen=True, slots=True)
class District:
    """Which district: the seed, how many residents, and the day on which the story ends."""

    seed: int
    residents: int
    until: date

    def households(self) -> Iterator[Household]:
        """The households in order; the last one is cut so that the number of residents is exact."""
        left = self.residents
        number = 0
        while left > 0:
            home = (
                personas.household(number, self.until)
                if number < personas.NUMBER_OF_HOUSEHOLDS
                else household(self.seed, number, self.until)
            )
            if len(home.residents) > left:
                home = Household(home.number, home.phone, home.residents[:left])
            yield home
            left -= len(home.residents)
            number += 1


@dataclass(frozen=True, slots=True)
class Record:
    """What one institution knows about one resident."""

    registration: Registration
    visits: tuple[Visit, ...]
    until: date

    def resources(self) -> Iterator[Resource]:
        """The record as FHIR resources, the Patient first."""
        yield patient(self.registration)
        sender = Sender(self.registration, self.until)
        for visit in self.visits:
            yield from sender.resources(visit)


def visits(district: District, resident: Resident) -> list[Visit]:
    """Everything that happened to a resident, oldest first."""
    random = random_for(district.seed, "health", resident.key)
    profile = personas.profile(resident) or draw_profile(random, resident, district.until)
    return history(random, resident, profile, district.until)


def records(district: District, home: Household) -> Iterator[Record]:
    """The records of a household's members, one for each institution that met them."""
    for resident in home.residents:
        seen = visits(district, resident)
        for institution in BY_CODE:
            there = tuple(visit for visit in seen if visit.institution == institution)
            if there:
                made = personas.registration(institution, resident, home) or register(
                    district.seed, institution, resident, home, district.until
                )
                yield Record(made, there, district.until)
            elif walk_in := personas.walk_in(institution, resident, home):
                yield Record(walk_in, (), district.until)
