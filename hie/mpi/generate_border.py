"""A third generator of registrations, written to be hard: by hand, without regard to what `compare` forgives.

`delta`: a manufacturing city. Travel permits of Hong Kong, Macao and Taiwan beside Cantonese spellings,
foreigners whose names every clerk writes in another order, dormitories and company phones, namesakes born
on one day, married names, given names of one character, homophones of the input method. `steppe`: Uyghur,
Mongolian and Tibetan names in several transliterations, sons with their fathers' names, 1 January as the
official birthday, one village doctor's telephone on a whole village. Both: ward names for newborns of many
forms, temporary numbers, moved or renamed people, nearly empty records, and a few people who are registered
everywhere. Division 990103 and prefix 197 are visibly synthetic.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta

from hie.kit.pinyin import syllables
from hie.mpi import border_words as words
from hie.mpi.identity_number import check_character
from hie.mpi.lunar import lunar

_TODAY = date(2025, 11, 1)


@dataclass(frozen=True, slots=True)
class Mores:
    """How a district lives. Shares are probabilities."""

    permits: float
    foreigners: float
    minority: float
    workers: float
    """Households that are a room in a dormitory."""
    doubles: float
    """Adults who bear the name and birth date of a stranger."""
    twins: float
    wards: float
    """Of the children under five, those with a ward's record."""
    parents_card: float
    no_card: float
    slips: float
    village_phone: float
    official_january: float
    """Older people whose card itself says 1 January."""
    lunar: float
    empty: float


MORES = {
    "delta": Mores(
        permits=0.04, foreigners=0.03, minority=0.01, workers=0.25, doubles=0.006, twins=0.015, wards=0.6,
        parents_card=0.1, no_card=0.22, slips=0.025, village_phone=0.0, official_january=0.002, lunar=0.003,
        empty=0.002,
    ),
    "steppe": Mores(
        permits=0.001, foreigners=0.003, minority=0.45, workers=0.02, doubles=0.003, twins=0.012, wards=0.5,
        parents_card=0.2, no_card=0.25, slips=0.025, village_phone=0.06, official_january=0.12, lunar=0.02,
        empty=0.003,
    ),
}  # fmt: skip


@dataclass(slots=True)
class _Resident:
    kind: str
    sex: str
    born: date
    name: str
    number: str
    phones: list[str]
    home: tuple[str, int, int, int]
    village: int = 0
    insurance: str = ""
    card: str = ""
    former: str = ""
    latin: tuple[str, str, str, str] | None = None
    """Origin, given, middle and family name."""
    permits: list[str] = field(default_factory=list)
    mother: "_Resident | None" = None
    father: "_Resident | None" = None
    order: int = 0
    by_moon: bool = False


@dataclass(frozen=True, slots=True)
class _Clerk:
    """One institution's ways."""

    asks_card: float
    asks_phone: float
    asks_address: float
    date_form: int
    traditional: bool
    capitals: bool
    given_first: bool
    dot: str
    ward: tuple[str, ...]
    insurance: float
    card: float
    temporary: bool
    """Whether a number of its own stands where the card's should."""


class District:
    def __init__(self, mores: Mores, seed: int) -> None:
        self.mores = mores
        self.random = random.Random(seed)  # noqa: S311 - reproducible test data
        self.sequence: dict[date, int] = {}
        self.companies = [self._phone() for _ in range(8)]
        self.doctors = [self._phone() for _ in words.TOWNS]
        self.clerks = [self._clerk() for _ in range(18)]
        self.adults: list[_Resident] = []

    def _chance(self, share: float) -> bool:
        return self.random.random() < share

    def _clerk(self) -> _Clerk:
        draw = self.random
        wards = ("{m}之{c}", "{m}之婴", "{m}婴", "{m}{c}婴", "新生儿", "{m}之{n}{c}", "{m}宝宝", "{m}BB", "{m}之{c}(新生儿)")  # fmt: skip
        return _Clerk(
            asks_card=draw.uniform(0.5, 1.0), asks_phone=draw.uniform(0.75, 1.0), asks_address=draw.uniform(0.4, 1.0),
            date_form=draw.choice((0, 0, 0, 1, 2)), traditional=draw.random() < 0.06, capitals=draw.random() < 0.4,
            given_first=draw.random() < 0.5, dot=draw.choice(("·", "·", "", ".", " ", "•", "・", "-")),
            ward=tuple(draw.sample(wards, 2)), insurance=draw.choice((0.0, 0.0, 0.6, 0.95)),
            card=draw.choice((0.0, 0.2, 0.6)), temporary=draw.random() < 0.1,
        )  # fmt: skip

    def _phone(self) -> str:
        return f"197{self.random.randrange(10**8):08d}"

    def _number(self, born: date, sex: str) -> str:
        step = self.sequence.get(born, self.random.randrange(30)) + 1
        self.sequence[born] = step
        first17 = f"990103{born:%Y%m%d}{(step * 2 + (sex == 'M')) % 1000:03d}"
        return first17 + check_character(first17)

    def _family(self) -> str:
        if self._chance(0.012):
            return self.random.choice(words.COMPOUND)
        rank = int(self.random.paretovariate(0.8)) - 1
        return (
            words.FAMILIES[rank]
            if rank < len(words.FAMILIES)
            else self.random.choice(words.FAMILIES)
        )

    def _given(self, sex: str) -> str:
        characters = words.MEN if sex == "M" else words.WOMEN
        return "".join(self.random.choices(characters, k=1 if self._chance(0.18) else 2))

    def _day(self, youngest: float, oldest: float) -> date:
        return _TODAY - timedelta(days=int(self.random.uniform(youngest, oldest) * 365.25))

    def _home(self) -> tuple[str, int, int, int]:
        draw = self.random.randrange
        if self.mores.minority > 0.1:
            return self.random.choice(words.TOWNS), draw(1, 9), draw(1, 6), draw(1, 90)
        return (
            self.random.choice(words.ESTATES),
            draw(1, 24),
            draw(1, 4),
            draw(2, 30) * 100 + draw(1, 7),
        )

    def _resident(
        self, kind: str, sex: str, born: date, name: str, home: tuple[str, int, int, int]
    ) -> _Resident:
        old = kind in ("adult", "minority") and born.year < 1975
        if old and self._chance(self.mores.official_january):
            born = born.replace(month=1, day=1)
        return _Resident(
            kind=kind, sex=sex, born=born, name=name, number=self._number(born, sex), phones=[self._phone()],
            home=home, village=home[1] % len(words.TOWNS), by_moon=self._chance(self.mores.lunar * 4),
            insurance=f"{self.random.randrange(10**8, 10**9)}" if self._chance(0.5) else "",
            card=f"{self.random.getrandbits(60):015X}" if self._chance(0.4) else "",
        )  # fmt: skip

    def _adult(
        self, home: tuple[str, int, int, int], sex: str, born: date, *, minority: bool = False
    ) -> _Resident:
        if self.adults and self._chance(self.mores.doubles):
            other = self.random.choice(self.adults)
            person = self._resident("namesake", other.sex, other.born, other.name, home)
            other.kind = "namesake"
        else:
            name = self._minority_name(sex) if minority else self._family() + self._given(sex)
            person = self._resident("minority" if minority else "adult", sex, born, name, home)
            if person.kind == "adult":
                self.adults.append(person)
        if self._chance(0.3):
            person.phones.append(self._phone())
        if sex == "F" and self._chance(0.01):
            person.former = self.random.choice(words.FAMILIES) + person.name  # after her husband
        elif person.kind == "adult" and self._chance(0.006):
            person.former = person.name[0] + self._given(sex)
        return person

    def _minority_name(self, sex: str) -> str:
        if self._chance(0.2):
            return self.random.choice(words.MONGOLIAN[sex])
        if self._chance(0.3):
            second = words.TIBETAN if sex == "M" else words.TIBETAN_WOMEN
            return self.random.choice(words.TIBETAN) + self.random.choice(("", *second))
        own = self.random.choice(words.STEPPE_MEN if sex == "M" else words.STEPPE_WOMEN)
        return f"{own}·{self.random.choice(words.STEPPE_MEN)}"

    def household(self) -> list[_Resident]:
        """Whoever shares a door: a family of up to three generations, colleagues, visitors."""
        if self._chance(self.mores.foreigners):
            return self._foreigners()
        if self._chance(self.mores.permits):
            return self._permit_holders()
        if self._chance(self.mores.workers):
            home = (
                self.random.choice(words.WORKS),
                self.random.randrange(1, 9),
                0,
                self.random.randrange(101, 620),
            )
            company = self.random.choice(self.companies)
            people = [
                self._adult(home, self.random.choice("MF"), self._day(17, 48))
                for _ in range(self.random.randrange(1, 5))
            ]
            for person in people:
                if self._chance(0.1):
                    person.phones = [company]
            return people
        home = self._home()
        minority = self._chance(self.mores.minority)
        mother = self._adult(home, "F", self._day(20, 82), minority=minority)
        people = [mother]
        father = None
        if self._chance(0.82):
            years = timedelta(days=self.random.randrange(-1000, 3000))
            father = self._adult(home, "M", mother.born - years, minority=minority)
            people.append(father)
        if mother.born.year > 1980 and self._chance(0.2):
            born = mother.born - timedelta(days=365 * self.random.randrange(21, 32))
            people.append(self._adult(home, self.random.choice("MF"), born, minority=minority))
        born = mother.born + timedelta(days=int(self.random.uniform(19, 35) * 365))
        for _ in range(self.random.choice((0, 1, 1, 2, 2, 3, 4))):
            if mother.born.year > 1975 and born < _TODAY:
                people += self._born(born, mother, father, minority=minority)
            born += timedelta(days=int(self.random.uniform(0.9, 6) * 365))
        if self.mores.village_phone and self._chance(0.4):
            for person in people:
                person.phones = [mother.phones[0]]
        return people

    def _born(
        self, born: date, mother: _Resident, father: _Resident | None, *, minority: bool
    ) -> list[_Resident]:
        twins = self._chance(self.mores.twins)
        numbered, alike = self._chance(0.65), self._chance(0.4)
        family = (father or mother).name[
            : 2 if (father or mother).name[:2] in words.COMPOUND else 1
        ]
        if self._chance(0.08):
            family = mother.name[0]
        grown = born < _TODAY - timedelta(days=365 * 15)
        found: list[_Resident] = []
        for order in (1, 2) if twins else (0,):
            sex = found[0].sex if found and alike else self.random.choice("MF")
            name = self._minority_name(sex) if minority else family + self._given(sex)
            if father and sex == "M" and not twins and self._chance(0.04 if minority else 0.003):
                name = father.name
            if found and alike and len(found[0].name) == 3:
                name = found[0].name[:2] + self._given(sex)[0]
            while found and name == found[0].name:
                name = self._minority_name(sex) if minority else family + self._given(sex)
            kind = "twin" if twins else "adult" if grown else "child"
            person = self._resident(kind, sex, born, name, mother.home)
            if not grown:
                parents = [mother, *([father] if father else [])]
                person.mother, person.father, person.by_moon = mother, father, False
                person.phones = [parent.phones[0] for parent in parents]
            person.order = order if numbered else 0
            found.append(person)
        return found

    def _foreigners(self) -> list[_Resident]:
        origin = self.random.choice(list(words.FOREIGN))
        families, given = words.FOREIGN[origin]
        givens = given.split("|") if "|" in given else given.split()
        family, home, people = self.random.choice(families.split()), self._home(), []
        for _ in range(self.random.choice((1, 1, 1, 2, 3))):
            person = self._resident(
                "foreigner",
                self.random.choice("MF"),
                self._day(1, 68),
                self._family() + self._given("M"),
                home,
            )
            middle = (
                self.random.choice(words.MIDDLE) if origin == "plain" and self._chance(0.6) else ""
            )
            person.latin = (origin, self.random.choice(givens), middle, family)
            person.permits = [self._passport() for _ in range(self.random.choice((1, 1, 1, 2)))]
            people.append(person)
        return people

    def _passport(self) -> str:
        draw = self.random
        return draw.choice(
            (
                f"{draw.randrange(10**9):09d}",
                f"{draw.choice('MNRTXAZ')}{draw.randrange(10**8):08d}",
                f"{draw.choice('CDF')}{draw.choice('ABGK')}{draw.randrange(10**7):07d}",
            )
        )

    def _permit_holders(self) -> list[_Resident]:
        home, family, people = self._home(), self._family(), []
        for _ in range(self.random.choice((1, 1, 2, 2, 3))):
            sex = self.random.choice("MF")
            person = self._resident(
                "permit", sex, self._day(1, 80), family + self._given(sex), home
            )
            digits = f"{self.random.randrange(10**8):08d}"
            person.permits = [self.random.choice("HHHMT") + digits]
            if person.permits[0][0] == "T":
                person.permits = [digits]
            if not self._chance(0.3):
                person.number = ""  # no residence permit of 18 digits
            people.append(person)
        return people

    def registrations(self, person: _Resident) -> Iterator[dict[str, str]]:
        """What the institutions know of one person: most know little, a few know somebody forty times."""
        count = min(int(self.random.paretovariate(1.15) + self.random.random()), 40)
        young = person.mother is not None and (_TODAY - person.born).days < 365 * 5
        wards = self.random.choice((1, 1, 2)) if young and self._chance(self.mores.wards) else 0
        kind = "newborn" if wards and person.kind == "child" else person.kind
        phone, home = person.phones[0], person.home
        for number in range(count + wards):
            place = self.random.randrange(len(self.clerks))
            if number and self._chance(0.06):
                home = self._home()
            if self._chance(0.3):
                phone = self.random.choice(person.phones)
            if not person.mother and self._chance(0.05):
                phone = self._phone()
            row = self._row(person, self.clerks[place], phone, home, early=number < count // 3)
            if number < wards:
                self._in_ward(row, person, self.clerks[place])
            elif self._chance(self.mores.empty):
                keep = self.random.choice((("name",), ("name", "dob"), ("name", "phone")))
                row = {column: value if column in keep else "" for column, value in row.items()}
            yield {"org": str(place), **row, "kind": kind}

    def _row(
        self,
        person: _Resident,
        clerk: _Clerk,
        phone: str,
        home: tuple[str, int, int, int],
        *,
        early: bool,
    ) -> dict[str, str]:
        chance, mores = self._chance, self.mores
        if chance(mores.village_phone):
            phone = self.doctors[person.village]
        if chance(mores.slips / 2) and person.kind != "newborn":
            phone = self.random.choice(("13800138000", "00000000000", "13900000000", "110", phone))
        sex = {"M": "F", "F": "M"}[person.sex] if chance(0.004) else person.sex
        kind, number = self._document(person, clerk)
        return {
            "name": self._name(person, clerk, early=early),
            "sex": "" if chance(0.012) else sex,
            "dob": self._birth(person, clerk),
            "id_type": kind,
            "id_no": number,
            "phone": self._typed(phone) if chance(clerk.asks_phone) else "",
            "address": self._address(home) if chance(clerk.asks_address) else "",
            "ins_no": person.insurance if chance(clerk.insurance) else "",
            "ehc": person.card if chance(clerk.card) else "",
        }

    def _name(self, person: _Resident, clerk: _Clerk, *, early: bool) -> str:
        if person.latin:
            return self._foreign_name(person, clerk)
        name = person.name
        if person.former and early:
            name = person.former
        if person.kind == "permit":
            return self._permit_name(name, clerk)
        if "·" in name:
            return self._transliterated(name, clerk)
        if clerk.traditional:
            return str(words.TO_TRADITIONAL.convert(name))
        return self._slipped(name) if self._chance(self.mores.slips) else name

    def _slipped(self, name: str) -> str:
        place = self.random.randrange(len(name))
        character = name[place]
        wrong = self.random.choice(
            (self.random.choice(words.SAME_SOUND.get(character, character)), words.SAME_SOUND.get(character, character)[0],
             words.SHAPES.get(character, character), "*", "?", "")
        )  # fmt: skip
        if len(name) == 2 and not wrong:
            wrong = character
        other = name[:place] + wrong + name[place + 1 :]
        return self.random.choice(
            (other, other, other, f"{name}（家属）", f"{name}2", " ".join(name))
        )

    def _permit_name(self, name: str, clerk: _Clerk) -> str:
        letters = [words.CANTONESE.get(c) or syllables(c)[0].upper() for c in name]
        if self._chance(0.15):
            return (
                f"{letters[0]} {' '.join(letters[1:])}"
                if clerk.given_first
                else f"{letters[0]}, {''.join(letters[1:]).title()}"
            )
        return str(words.TO_TRADITIONAL.convert(name)) if self._chance(0.35) else name

    def _transliterated(self, name: str, clerk: _Clerk) -> str:
        if self._chance(0.15):
            for part, variants in words.PARTS.items():
                name = name.replace(part, self.random.choice(variants.split()))
        own, father = name.split("·")
        if self._chance(0.05):
            return own
        return f"{own}{clerk.dot}{father}"

    def _foreign_name(self, person: _Resident, clerk: _Clerk) -> str:
        assert person.latin is not None  # noqa: S101 - the caller has looked
        origin, given, middle, family = person.latin
        if self._chance(0.06):
            return person.name
        if origin != "plain" and self._chance(0.2):
            given, family = words.SPELLINGS.get(given, given), words.SPELLINGS.get(family, family)
        if self._chance(0.3):
            given = given.replace("-", self.random.choice(("", " ")))
        if middle and self._chance(0.6):
            given = f"{given} {self.random.choice((middle, middle[0], middle[0] + '.'))}"
        elif self._chance(0.03):
            given = given[0]
        forms = (f"{given} {family}", f"{family} {given}") if clerk.given_first else (f"{family} {given}", f"{family}, {given}", f"{family}/{given}")  # fmt: skip
        written = self.random.choice(forms)
        if self._chance(self.mores.slips):
            place = self.random.randrange(1, len(written))
            written = (
                written[:place]
                + self.random.choice(("", written[place] * 2))
                + written[place + 1 :]
            )
        return written.upper()[:28] if clerk.capitals else written

    def _birth(self, person: _Resident, clerk: _Clerk) -> str:
        born, chance = person.born, self._chance
        moon = lunar(born) if person.by_moon and chance(0.4) else None
        if moon and moon[2] < 29:
            born = date(*moon)
        elif chance(self.mores.slips * 0.7):
            return self._misdated(born)
        return (born.isoformat(), f"{born:%Y%m%d}", f"{born:%Y/%m/%d}")[clerk.date_form]

    def _misdated(self, born: date) -> str:
        text = born.isoformat()
        place = self.random.choice((2, 3, 5, 6, 8, 9))
        choices: tuple[Callable[[], str], ...] = (
            lambda: f"{born.year}-01-01",
            lambda: f"{born.year}",
            lambda: f"{born:%Y-%m}",
            lambda: f"{born.year}-{born.day:02d}-{born.month:02d}" if born.day < 13 else text,
            lambda: f"{born.year + (100 if born.year < 1926 else -100)}{text[4:]}",
            lambda: (
                f"{born.year + self.random.choice((-1, 1, 10, -10, 2))}-{born.month:02d}-{min(born.day, 28):02d}"
            ),
            lambda: text[:place] + words.CONFUSED[text[place]] + text[place + 1 :],
            (born + timedelta(days=self.random.choice((-1, 1, 2)))).isoformat,
        )
        return self.random.choice(choices)()

    def _document(self, person: _Resident, clerk: _Clerk) -> tuple[str, str]:
        chance, draw = self._chance, self.random
        usual = "PPN" if person.permits and not person.number else "NI"
        if clerk.temporary and chance(0.3):
            return usual, f"LS{draw.randrange(10**9):09d}"
        if not chance(clerk.asks_card * (1 - self.mores.no_card)):
            return usual, draw.choice(("", "", "", "", "", "无", "99999", "不祥"))
        if person.latin or (person.permits and (not person.number or chance(0.5))):
            permit = draw.choice(person.permits)
            if permit[0] in "HM" and person.kind == "permit" and chance(0.2):
                permit += f"{draw.randrange(1, 4):02d}"  # with the number of the issue
            if chance(self.mores.slips):
                place = draw.randrange(1, len(permit))
                permit = permit[:place] + draw.choice("0123456789OI") + permit[place + 1 :]
            return ("PPN" if chance(0.95) else ""), permit
        number = person.number
        if parents := [parent for parent in (person.mother, person.father) if parent]:
            if chance(self.mores.parents_card):
                number = draw.choice(parents).number
            elif chance(0.3):
                return usual, ""
        if person.born.year < 1985 and chance(0.04):
            number = number[:6] + number[8:17]
        if number and chance(self.mores.slips * 0.8):
            place = draw.randrange(2, len(number) - 1)
            number = draw.choice(
                (number[:place] + words.CONFUSED[number[place]] + number[place + 1 :], number[:place] + number[place + 1 :],
                 number[:place] + number[place + 1] + number[place] + number[place + 2 :], number[:-1])
            )  # fmt: skip
        return usual, number

    def _typed(self, phone: str) -> str:
        if len(phone) == 11 and self._chance(self.mores.slips / 2):
            place = self.random.randrange(3, 11)
            return (
                phone[:place]
                + self.random.choice(("", words.CONFUSED[phone[place]]))
                + phone[place + 1 :]
            )
        return self.random.choice((phone, phone, phone, phone, f"{phone} ", f"+86 {phone}", f"{phone[:3]}-{phone[3:7]}-{phone[7:]}"))  # fmt: skip

    def _address(self, home: tuple[str, int, int, int]) -> str:
        name, one, two, three = home
        street = words.STREETS[(one + len(name)) % len(words.STREETS)]
        if name in words.WORKS:
            forms = [f"{name}宿舍{one}栋", f"高新区{name}员工宿舍{one}栋{three}", f"{name}宿舍", f"{name}{one}栋{three}房"]  # fmt: skip
        elif name in words.TOWNS:
            forms = [f"{name}乡{one}村{two}组{three}号", f"北原县{name}乡{one}村{two}组{three}号", f"{name}乡{one}村", f"北原县{name}乡{one}村{three}号"]  # fmt: skip
        else:
            forms = [f"{name}{one}栋{two}单元{three}", f"南岸市高新区{street}{one * 3}号{name}{one}栋{two}单元{three}室", f"高新区{name}{one}栋{two}-{three}", f"{name}{one}号楼{two}单元{three}房", f"{street}{one * 3}号", f"{name}"]  # fmt: skip
        return self.random.choice(forms)

    def _in_ward(self, row: dict[str, str], person: _Resident, clerk: _Clerk) -> None:
        assert person.mother is not None  # noqa: S101 - the caller has looked
        mother = person.mother
        child = "子" if person.sex == "M" else "女"
        name = mother.name.replace("·", clerk.dot)
        form = self.random.choice(clerk.ward)
        row["name"] = form.format(m=name, c=child, n=self.random.choice("长次"))
        if person.order:
            at = person.order - 1
            row["name"] = name + self.random.choice(
                (f"{'大小'[at]}宝", f"之{child}{'AB'[at]}", f"之{'长次'[at]}{child}", f"双胎之{'大小'[at]}", f"之{child}{at + 1}")
            )  # fmt: skip
        day = person.born + timedelta(days=int(self._chance(0.02)))
        row["dob"] = day.isoformat()
        row["id_type"], row["id_no"] = "NI", mother.number if self._chance(0.35) else ""
        row["phone"] = mother.phones[0] if self._chance(0.9) else ""
        row["ins_no"], row["ehc"] = (mother.insurance if self._chance(0.15) else ""), ""
