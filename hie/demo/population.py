"""Households of the synthetic district: who lives together, born when, reachable how.

A household depends on the seed and on its own number only, so the district can be produced as a
stream, from the middle, and in parallel. Numbers on cards and telephones are unique by construction.

Resident identity card: GB 11643 (division 6, birth date 8, order 3 with odd for men, check 1).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from random import Random

from hie.demo.names import Gender, Name, given_name, latin_name, surname

# A card's order number is 2 * sequence + sex with sequence < 500: 50 rounds of 10 places in a
# household. One round has a household for each day of a year; then the next division code starts.
_DAYS = 365
_ROUNDS = 50


@dataclass(frozen=True, slots=True)
class Community:
    """A fictional neighbourhood and the station that looks after it."""

    name: str
    street: str
    street_code: str
    station: str


COMMUNITIES = (
    Community("清河社区", "清河路", "001", "YX-S1"),
    Community("柳园社区", "柳园街", "002", "YX-S2"),
    Community("北桥社区", "北桥路", "003", "YX-S3"),
)


@dataclass(frozen=True, slots=True)
class Resident:
    """One person as he or she really is; institutions write this down each in its own way."""

    household: int
    place: int  # 1 … 9 within the household
    name: Name
    gender: Gender
    birth: date
    card: str | None  # identity card number
    phone: str | None  # one's own; None: reached through the household's phone
    community: Community
    room: str
    mother: str | None = None  # the mother's name, of children
    birth_order: int | None = None  # of twins
    passport: str | None = None

    @property
    def key(self) -> str:
        """A short name that is unique in the district, used in resource ids."""
        return f"{self.household:05d}-{self.place}"

    @property
    def address(self) -> str:
        return f"云溪区{self.community.street}{self.room}"

    def age(self, day: date) -> int:
        """Completed years on `day`; negative before birth."""
        return (
            day.year - self.birth.year - ((day.month, day.day) < (self.birth.month, self.birth.day))
        )


@dataclass(frozen=True, slots=True)
class Household:
    """People at one address; `phone` is the number that all may give."""

    number: int
    phone: str
    residents: tuple[Resident, ...]


def random_for(seed: int, *parts: object) -> Random:
    """A generator of its own for one part of the district; the same for the same arguments."""
    return Random(":".join(map(str, (seed, *parts))))  # noqa: S311 - a simulation, not a secret


def check_character(first: str) -> str:
    """The 18th character for the first 17: ISO 7064 MOD 11-2."""
    total = sum(int(digit) * pow(2, 17 - place, 11) for place, digit in enumerate(first))
    return "10X98765432"[total % 11]


def birthday(household: int, place: int, year: int) -> date:
    """The birthday of a card holder: part of what makes card numbers unique."""
    day = (household * 151 + place * 37) % _DAYS
    return date(year, 1, 1) + timedelta(days=day)


def card_number(household: int, place: int, birth: date, gender: Gender) -> str:
    """An identity card number that no other (household, place) of the district has."""
    division = 990101 + household // (_DAYS * _ROUNDS)
    sequence = household // _DAYS % _ROUNDS * 10 + place
    first = f"{division}{birth:%Y%m%d}{2 * sequence + (gender == 'male'):03d}"
    return first + check_character(first)


def phone_number(household: int, place: int) -> str:
    """A visibly invented mobile number; place 0 is the household's common one."""
    return str(19900000000 + household * 10 + place)


class _Builder:
    """Adds members to one household, place by place."""

    def __init__(self, seed: int, number: int, until: date) -> None:
        self.random = random_for(seed, "household", number)
        self.number = number
        self.until = until
        self.community = self.random.choices(COMMUNITIES, (45, 33, 22))[0]
        self.room = f"{self.random.randint(1, 180)}号{self.random.randint(101, 1806)}室"
        self.members: list[Resident] = []

    def add(self, gender: Gender, age: int, family: str | None = None) -> Resident:
        """An adult or child of about `age` with a card; children inherit a family name."""
        place = len(self.members) + 1
        birth = birthday(self.number, place, self.until.year - age - 1)
        name = Name(family or surname(self.random), given_name(self.random, gender, birth.year))
        own_phone = age >= 14 and self.random.random() < (0.97 if age < 65 else 0.55)
        # Children often have no card yet; their number exists, but nobody has it at hand.
        has_card = self.random.random() < (0.995 if age >= 16 else 0.55 if age >= 3 else 0.25)
        member = Resident(
            self.number, place, name, gender, birth,
            card_number(self.number, place, birth, gender) if has_card else None,
            phone_number(self.number, place) if own_phone else None,
            self.community, self.room,
        )  # fmt: skip
        self.members.append(member)
        return member

    def couple(self, age: int) -> tuple[Resident, Resident]:
        husband = self.add("male", age)
        return husband, self.add("female", max(20, age + self.random.randint(-4, 2)))

    def child(self, age: int, father: Resident, mother: Resident) -> Resident:
        gender: Gender = self.random.choice(("male", "female"))
        child = replace(self.add(gender, age, father.name.family), mother=mother.name.text)
        if age == 0:
            birth = self.until - timedelta(days=self.random.randint(5, 300))
            child = replace(child, card=None, birth=birth)
        self.members[-1] = child
        return child

    def twins(self, age: int, father: Resident, mother: Resident) -> None:
        first = replace(self.child(age, father, mother), birth_order=1)
        self.members[-1] = first
        second = self.child(age, father, mother)
        # The first is always at place 3, so place 9 of the card numbers is free for the second.
        card = second.card and card_number(self.number, 9, first.birth, second.gender)
        self.members[-1] = replace(second, birth=first.birth, birth_order=2, card=card)

    def foreigner(self) -> None:
        gender: Gender = self.random.choice(("male", "female"))
        member = self.add(gender, self.random.randint(24, 60))
        self.members[-1] = replace(
            member,
            name=latin_name(self.random, gender),
            card=None,
            passport=f"TEST{self.number:06d}{member.place}",
        )

    def alone(self) -> None:
        self.add(self.random.choice(("male", "female")), self.random.randint(22, 64))

    def alone_and_old(self) -> None:
        self.add(self.random.choice(("male", "female")), self.random.randint(66, 91))

    def without_children(self) -> None:
        self.couple(self.random.randint(24, 62))

    def old_couple(self) -> None:
        self.couple(self.random.randint(63, 84))

    def parents(self, children: int) -> None:
        age = self.random.randint(27, 46)
        parents = self.couple(age)
        for _ in range(children):
            self.child(self.random.randint(0, max(0, age - 26)), *parents)

    def three_generations(self, grandparents: int) -> None:
        age = self.random.randint(29, 45)
        father, mother = self.couple(age)
        self.child(self.random.randint(0, age - 26), father, mother)
        self.add("female", age + self.random.randint(22, 30))
        if grandparents == 2:
            self.add("male", age + self.random.randint(23, 32), father.name.family)

    def single_parent(self) -> None:
        mother = self.add("female", self.random.randint(28, 48))
        self.child(self.random.randint(1, 16), mother, mother)

    def with_twins(self) -> None:
        self.twins(self.random.randint(0, 9), *self.couple(self.random.randint(30, 40)))


# Kinds of household with their shares in a hundred: 2.5 people on average, one in five over 65.
_KINDS: tuple[tuple[int, Callable[[_Builder], None]], ...] = (
    (12, _Builder.alone),
    (12, _Builder.alone_and_old),
    (13, _Builder.without_children),
    (13, _Builder.old_couple),
    (18, lambda builder: builder.parents(1)),
    (12, lambda builder: builder.parents(2)),
    (6, lambda builder: builder.three_generations(1)),
    (6, lambda builder: builder.three_generations(2)),
    (5, _Builder.single_parent),
    (2, _Builder.with_twins),
    (1, _Builder.foreigner),
)


def household(seed: int, number: int, until: date) -> Household:
    """The household with this number, as it stands on the day `until`."""
    builder = _Builder(seed, number, until)
    (build,) = builder.random.choices([kind for _, kind in _KINDS], [share for share, _ in _KINDS])
    build(builder)
    return Household(number, phone_number(number, 0), tuple(builder.members))


def households(seed: int, until: date, start: int = 0) -> Iterator[Household]:
    """All households from number `start` on, without end."""
    number = start
    while True:
        yield household(seed, number, until)
        number += 1
