"""Synthetic registrations with the truth beside them, after two sets of habits, for `hie mpi evaluate`.

`town`: cards mostly at hand, people move house, foreigners with Chinese names and new passports,
maternity wards that number twins. `county`: few given names, cards often missing, whole families
and village offices on one phone, years for birth dates, twins nobody numbered. Division 990101 and
prefix 199 are visibly synthetic.
"""

import random
from dataclasses import dataclass, field
from datetime import date, timedelta

from hie.mpi.identity_number import check_character

COLUMNS = (
    "rec_id", "true_person", "org", "name", "sex", "dob", "id_type", "id_no", "phone", "address",
    "ins_no", "ehc", "kind",
)  # fmt: skip
_FAMILIES = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤单仇解查区"
_MALE = "伟强磊军洋勇杰涛明超平刚辉鹏飞波斌宇浩凯健俊帆旭宁龙林峰亮建国志文华东海山河成博睿轩晨泽昊天佑子墨"
_FEMALE = (
    "芳娜敏静丽艳娟霞秀英玲桂兰萍红燕莉婷雪梅琳慧颖洁倩晶欣怡佳梦瑶涵诗雨欣妍淑珍凤琴云月春香蓉薇菲"
)
_FOREIGN_FAMILIES = [
    "Smith",
    "Johnson",
    "Garcia",
    "Mueller",
    "Nguyen",
    "Kim",
    "Park",
    "Lee",
    "Tanaka",
    "Suzuki",
    "Ivanova",
    "Rossi",
    "Silva",
    "Dubois",
    "Khan",
]
_FOREIGN_GIVEN = [
    "James",
    "Anna",
    "Maria",
    "David",
    "Linh",
    "Minjun",
    "Yuki",
    "Hans",
    "Elena",
    "Marco",
    "Ali",
    "Sora",
    "Emma",
    "Paul",
    "Olga",
]
_HOMOPHONES = {"伟": "玮", "芳": "方", "静": "婧", "丽": "莉", "杰": "捷", "涛": "滔", "明": "铭", "辉": "晖", "飞": "菲", "宇": "羽", "浩": "皓", "健": "建", "俊": "骏", "英": "瑛", "玲": "铃", "红": "虹", "燕": "艳", "婷": "亭", "洁": "杰", "欣": "心", "瑶": "遥", "诗": "施", "雨": "语"}  # fmt: skip
_LOOKALIKES = {"宇": "字", "天": "夫", "晨": "震", "莉": "荆", "洁": "浩", "未": "末", "颖": "颍", "昊": "吴", "睿": "容", "佳": "住", "琳": "彬", "玲": "铃", "薇": "徽", "淑": "椒", "泽": "译"}  # fmt: skip
_TRADITIONAL = {"张": "張", "刘": "劉", "陈": "陳", "杨": "楊", "黄": "黃", "赵": "趙", "吴": "吳", "孙": "孫", "马": "馬", "伟": "偉", "强": "強", "军": "軍", "丽": "麗", "龙": "龍", "华": "華", "国": "國", "东": "東", "兰": "蘭", "红": "紅", "凤": "鳳", "云": "雲"}  # fmt: skip
_PLACES = [
    "清河",
    "柳园",
    "北桥",
    "东湖",
    "南苑",
    "西塘",
    "梅园",
    "桂苑",
    "竹园",
    "松江",
    "云溪",
    "石桥",
    "白马",
    "青山",
    "凤凰",
    "龙泉",
]


@dataclass(frozen=True, slots=True)
class Habits:
    """How a district lives and how its clerks write. Shares are probabilities."""

    given_characters: int = 50
    no_card: float = 0.12
    card_slip: float = 0.01
    filler: float = 0.005
    no_phone: float = 0.1
    new_phone: float = 0.06
    phone_slip: float = 0.008
    office_phone: float = 0.0
    no_address: float = 0.15
    moved: float = 0.06
    birth_error: float = 0.02
    name_error: float = 0.03
    no_sex: float = 0.01
    wrong_sex: float = 0.004
    twins: float = 0.015
    numbered_twins: float = 0.8
    newborn_share: float = 0.6
    guardian_card: float = 0.1
    foreigners: float = 0.02
    insurance: float = 0.35
    health_card: float = 0.25
    foreign_with_chinese_name: float = 0.2
    new_passport: float = 0.15


TOWN = Habits()
COUNTY = Habits(
    given_characters=26,
    no_card=0.3,
    card_slip=0.02,
    filler=0.01,
    no_phone=0.2,
    new_phone=0.1,
    phone_slip=0.015,
    office_phone=0.02,
    no_address=0.3,
    moved=0.04,
    birth_error=0.04,
    name_error=0.05,
    no_sex=0.03,
    wrong_sex=0.008,
    twins=0.025,
    numbered_twins=0.4,
    newborn_share=0.4,
    guardian_card=0.2,
    foreigners=0.004,
    insurance=0.25,
    health_card=0.1,
)
HABITS = {"town": TOWN, "county": COUNTY}
_TODAY = date(2025, 6, 1)


@dataclass(slots=True)
class _Person:
    family: str
    given: str
    sex: str
    born: date
    kind: str
    number: str
    phone: str
    home: tuple[str, int, int, int, int]
    insurance: str
    card: str
    mother: "_Person | None" = None
    order: int = 0
    latin: tuple[str, str] | None = None
    passports: list[str] = field(default_factory=list)


class District:
    """One seeded population; everything random comes from `self.random`."""

    def __init__(self, habits: Habits, seed: int) -> None:
        self.habits = habits
        self.random = random.Random(seed)  # noqa: S311 - reproducible test data
        self.orders: dict[date, int] = {}
        self.offices = [self._phone() for _ in range(3)]

    def _chance(self, share: float) -> bool:
        return self.random.random() < share

    def _phone(self) -> str:
        return f"199{self.random.randrange(10**8):08d}"

    def _number(self, born: date, sex: str) -> str:
        order = self.orders.get(born, 0) + 1
        self.orders[born] = order
        sequence = (order * 2 + (sex == "M") - 2) % 1000
        first17 = f"990101{born:%Y%m%d}{sequence:03d}"
        return first17 + check_character(first17)

    def _given(self, sex: str) -> str:
        characters = (_MALE if sex == "M" else _FEMALE)[: self.habits.given_characters]
        length = 1 if self._chance(0.25) else 2
        return "".join(
            characters[
                min(int(self.random.expovariate(3.5 / len(characters))), len(characters) - 1)
            ]
            for _ in range(length)
        )

    def _family(self) -> str:
        return _FAMILIES[min(int(self.random.expovariate(0.045)), len(_FAMILIES) - 1)]

    def _person(self, born: date, kind: str, **given: object) -> _Person:
        sex = "M" if self._chance(0.51) else "F"
        sex = str(given.pop("sex", sex))
        values: dict[str, object] = {
            "family": self._family(),
            "given": self._given(sex),
            "sex": sex,
            "born": born,
            "kind": kind,
            "number": self._number(born, sex),
            "phone": self._phone(),
            "home": self._home(),
            "insurance": f"{self.random.randrange(10**10):010d}"
            if self._chance(self.habits.insurance)
            else "",
            "card": f"{self.random.getrandbits(64):016X}"
            if self._chance(self.habits.health_card)
            else "",
            **given,
        }
        return _Person(**values)  # type: ignore[arg-type]

    def _home(self) -> tuple[str, int, int, int, int]:
        draw = self.random.randrange
        floor = draw(1, 19)
        return (
            self.random.choice(_PLACES),
            draw(1, 400),
            draw(1, 40),
            draw(1, 5),
            floor * 100 + draw(1, 5),
        )

    def _day(self, youngest: int, oldest: int) -> date:
        return _TODAY - timedelta(days=self.random.randrange(youngest * 365, oldest * 365))

    def household(self) -> list[_Person]:
        """A family under one roof, or a foreigner living alone."""
        if self._chance(self.habits.foreigners):
            return [self._foreigner()]
        home = self._home()
        mother = self._person(self._day(22, 75), "adult", sex="F", home=home)
        people = [mother]
        if self._chance(0.7):
            born = mother.born - timedelta(days=self.random.randrange(-900, 2500))
            people.append(self._person(born, "adult", sex="M", home=home))
        father = people[-1]
        if mother.born.year > 1978:
            for _ in range(self.random.choice((0, 1, 1, 2, 2, 3))):
                people += self._children(mother, father)
        return people

    def _children(self, mother: _Person, father: _Person) -> list[_Person]:
        earliest = mother.born + timedelta(days=365 * 20)
        span = max((_TODAY - earliest).days, 200)
        born = earliest + timedelta(days=self.random.randrange(min(span, 365 * 20)))
        if born >= _TODAY:
            return []
        twins = self._chance(self.habits.twins)
        numbered = self._chance(self.habits.numbered_twins)
        shared = self._given("M")[0]
        found: list[_Person] = []
        for order in (1, 2) if twins else (0,):
            young = (_TODAY - born).days < 365 * 14
            kind = "twin" if twins else "child" if young else "adult"
            child = self._person(
                born, kind, family=father.family, home=mother.home, mother=mother if young else None,
                order=order if numbered else 0,
                phone=self.random.choice((mother, father)).phone if young else self._phone(),
            )  # fmt: skip
            if twins and len(child.given) == 2:
                child.given = shared + child.given[1]
            if twins and found and found[0].given == child.given:
                child.given = self._given(child.sex) + "安"
            found.append(child)
        return found

    def _foreigner(self) -> _Person:
        person = self._person(self._day(20, 70), "foreigner", number="")
        person.latin = (self.random.choice(_FOREIGN_GIVEN), self.random.choice(_FOREIGN_FAMILIES))
        person.passports = [self._passport()]
        if self._chance(self.habits.new_passport):
            person.passports.append(self._passport())
        return person

    def _passport(self) -> str:
        return f"{self.random.choice('EGHJKM')}{self.random.randrange(10**8):08d}"

    def registrations(self, person: _Person) -> list[dict[str, str]]:
        """What institutions wrote down of a person, one to a dozen times."""
        count = min(1 + int(self.random.expovariate(0.65)), 15)
        newborn = person.mother is not None and self._chance(self.habits.newborn_share * 0.25)
        phone, home = person.phone, person.home
        rows = []
        for number in range(count):
            if self._chance(self.habits.new_phone):
                phone = self._phone()
            if self._chance(self.habits.moved):
                home = self._home()
            row = self._row(person, phone, home)
            if newborn and number == 0:
                self._as_newborn(row, person)
            if newborn and person.kind == "child":
                row["kind"] = "newborn"
            rows.append(row)
        return rows

    def _row(
        self, person: _Person, phone: str, home: tuple[str, int, int, int, int]
    ) -> dict[str, str]:
        chance, habits = self._chance, self.habits
        sex = person.sex
        if chance(habits.wrong_sex):
            sex = "F" if sex == "M" else "M"
        if chance(habits.office_phone):
            phone = self.random.choice(self.offices)
        return {
            "org": str(self.random.randrange(12)),
            "name": self._name(person),
            "sex": "" if chance(habits.no_sex) else sex,
            "dob": self._born(person.born),
            "id_type": "PPN" if person.latin else "NI",
            "id_no": self._document(person),
            "phone": "" if chance(habits.no_phone) else self._written_phone(phone),
            "address": "" if chance(habits.no_address) else self._address(home),
            "ins_no": person.insurance if chance(0.7) else "",
            "ehc": person.card if chance(0.7) else "",
            "kind": person.kind,
        }

    def _name(self, person: _Person) -> str:
        if person.latin:
            return self._foreign_name(person)
        name = person.family + person.given
        if not self._chance(self.habits.name_error):
            return name
        place = self.random.randrange(1, len(name))
        changed = name[place]
        kind = self.random.randrange(8)
        if kind <= 4:
            tables = (_HOMOPHONES, _HOMOPHONES, _LOOKALIKES, _TRADITIONAL, {changed: "*"})
            return name[:place] + tables[kind].get(changed, changed) + name[place + 1 :]
        return (f"{name[0]} {name[1:]}", name[:2], f"{name}(复诊)")[kind - 5]

    def _foreign_name(self, person: _Person) -> str:
        assert person.latin is not None  # noqa: S101 - the caller has looked
        given, family = person.latin
        if self._chance(self.habits.foreign_with_chinese_name):
            return person.family + person.given
        forms = (
            f"{given} {family}",
            f"{family} {given}",
            f"{family},{given}",
            f"{given}{family}".upper(),
        )
        return self.random.choice(forms[:3] if not self._chance(0.1) else forms)

    def _born(self, born: date) -> str:
        if not self._chance(self.habits.birth_error):
            return born.isoformat()
        match self.random.randrange(5):
            case 0:
                return f"{born.year}-01-01"
            case 1:
                return f"{born.year}"
            case 2:
                return (born + timedelta(days=self.random.choice((-1, 1, 10, -10)))).isoformat()
            case 3:
                return (born - timedelta(days=self.random.randrange(18, 50))).isoformat()
            case _:
                digits = list(born.isoformat())
                digits[3] = str((int(digits[3]) + self.random.randrange(1, 9)) % 10)
                return "".join(digits)

    def _document(self, person: _Person) -> str:
        chance, habits = self._chance, self.habits
        missing = habits.no_card * (2.5 if person.mother else 1)
        if chance(missing):
            return ""
        if chance(habits.filler):
            return self.random.choice(("111111111111111111", "无", "999999999999999999"))
        if person.latin:
            return self.random.choice(person.passports)
        number = person.number
        if person.mother and chance(habits.guardian_card):
            number = person.mother.number
        if chance(habits.card_slip):
            place = self.random.randrange(6, 17)
            number = number[:place] + str((int(number[place]) + 1) % 10) + number[place + 1 :]
        return number.lower() if chance(0.1) else number

    def _written_phone(self, phone: str) -> str:
        if self._chance(self.habits.phone_slip):
            place = self.random.randrange(3, 10)
            phone = phone[:place] + phone[place + 1] + phone[place] + phone[place + 2 :]
        form = self.random.randrange(12)
        return (
            f"+86{phone}"
            if form == 0
            else f"{phone[:3]} {phone[3:7]} {phone[7:]}"
            if form == 1
            else phone
        )

    def _address(self, home: tuple[str, int, int, int, int]) -> str:
        place, number, building, unit, room = home
        forms = (
            f"云溪区{place}路{number}号{place}小区{building}号楼{unit}单元{room}室",
            f"{place}小区{building}号楼{unit}单元{room}",
            f"云溪区{place}街道{place}小区{building}栋{unit}单元{room}室",
            f"{place}小区{building}-{unit}-{room}",
        )
        return self.random.choice(forms)

    def _as_newborn(self, row: dict[str, str], person: _Person) -> None:
        assert person.mother is not None  # noqa: S101 - the caller has looked
        mother = person.mother.family + person.mother.given
        child = "子" if person.sex == "M" else "女"
        signs = [f"之{child}", "之婴", "宝宝", child]
        row["name"] = mother + self.random.choice(signs)
        if person.order:
            row["name"] = mother + self.random.choice(
                (
                    f"之{child}{'AB'[person.order - 1]}",
                    ("大双", "小双")[person.order - 1],
                    f"之{'长次'[person.order - 1]}{child}",
                )
            )
        row["id_no"] = person.mother.number if self._chance(0.3) else ""
        row["phone"] = person.mother.phone if self._chance(0.9) else ""
