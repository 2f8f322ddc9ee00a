"""A second generator of registrations, of other districts: what it has in common with the first is the columns.

`port`: foreigners, migrant workers on company phones, scanned cards, a clinic that writes only pinyin,
maternity wards of its own habits. `valley`: minority names with middle dots, lunar birthdays, cards of 15
digits, villages that were renamed, one telephone a house, children on a parent's card. Each
institution has habits of its own and keeps to them. Surnames after the frequencies of the 2020 census
(《二〇二〇年全国姓名报告》); division 990102 and prefix 198 are visibly synthetic.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Literal

from opencc import OpenCC

from hie.kit.pinyin import syllables
from hie.mpi.identity_number import check_character
from hie.mpi.lunar import lunar


def _words(text: str) -> list[str]:
    return text.split()


_FAMILIES = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩邓冯曹彭曾肖田董潘袁蔡蒋余于杜叶程魏苏吕丁任卢姚沈钟姜崔谭陆范汪廖石金韦贾夏付方邹熊白孟秦邱侯江尹薛闫雷龙黎史陶贺毛段郝顾龚邵覃武钱戴严莫孔向常汤康易乔赖文兰施洪柳俞章"
_MEN = "建国华明文军伟志强永林海平东波辉斌杰超勇毅俊峰松涛立新宏庆春生德荣福贵学忠世豪子轩浩宇梓晨奕铭泽沐宸嘉睿家乐皓然振振义成云飞鸿"
_WOMEN = "秀英玉兰淑珍桂芳红梅艳丽娟敏静燕霞琴芬凤莲婷婷欣怡雨桐梓涵诗琪一诺语嫣思颖佳慧美玲晓雪春香金花月娥小青若曦可馨"
_UYGHUR_MEN = _words(
    "买买提 艾合买提 吐尔逊 阿不都拉 热合曼 卡德尔 玉素甫 依明 阿迪力 库尔班 亚森 肉孜 托合提 麦麦提 艾力"
)
_UYGHUR_WOMEN = _words(
    "古丽 阿依古丽 帕提古丽 热娜 祖丽胡马尔 阿米娜 米热古丽 图尔荪阿依 迪丽努尔 古丽娜尔 海丽切姆 茹仙古丽"
)
_FOREIGN = {
    "Smith Brown Taylor Wilson Martin White Walker Hall": "John Michael Sarah Emily Robert Laura Kevin Alice Peter Susan",
    "Nguyen Tran Pham Le Hoang": "VanAnh ThiHoa VanMinh QuocBao ThiLan",
    "Sato Watanabe Yamamoto Kobayashi": "Haruto Yui Kenji Naoko Takashi",
    "Kim Lee Choi Jung": "Jihoon Soyeon Minseo Hyunwoo Eunji",
    "Schneider Weber Hoffmann": "Jürgen Anke Björn Käthe Stefan",
    "Fernandez Gonzalez Oliveira Santos": "José Lucía Fernanda Joao Carlos",
    "Okafor Mensah Diallo Abebe": "Chinedu Amina Kwame Fatou Samuel",
}
_VILLAGES = _words("大塘 上坪 石门 白水 双河 新庄 杨树湾 李家寨 下洼 马场 红岩 梨树")
_RENAMED = {"大塘": "塘前", "石门": "石门新", "马场": "兴业", "下洼": "新洼", "李家寨": "康宁"}
_ESTATES = _words(
    "海悦花园 金港湾 蓝湾国际 港城家园 望海苑 锦绣天地 滨江一号 联丰公寓 工人新村 临港青年城"
)
_ROADS = _words("港湾大道 海韵路 船厂路 兴业街 迎宾大道 渔人街")
_SCANNED = {"0": "8", "8": "0", "1": "7", "7": "1", "3": "8", "5": "6", "6": "5", "2": "7"}
_SOUNDS = {"建": "健", "华": "花", "明": "铭", "伟": "玮", "志": "智", "辉": "晖", "杰": "洁", "静": "净", "丽": "莉", "燕": "艳", "霞": "侠", "芳": "方", "英": "瑛", "玲": "灵", "怡": "宜", "轩": "宣", "浩": "皓", "宇": "雨", "林": "琳", "萍": "平"}  # fmt: skip
_SHAPES = {"未": "末", "王": "玉", "芬": "芳", "梅": "海", "涛": "铸", "宏": "宠", "杰": "木", "晓": "晚", "睿": "睁", "铭": "铬", "泽": "择", "浩": "洁", "沐": "沭", "宸": "震", "轩": "斩"}  # fmt: skip
_TRADITIONAL = OpenCC("s2t")
_TODAY = date(2025, 9, 1)

Place = tuple[str, int, int, int]


@dataclass(frozen=True, slots=True)
class Customs:
    """How a district lives. Shares are probabilities."""

    rural: bool
    foreigners: float
    minority: float
    migrants: float
    twins: float
    numbered_twins: float
    newborns: float
    """Of the children under six, those that a ward registered before they had a name."""
    parents_card: float
    """Children's registrations that show a parent's card."""
    no_card: float
    slips: float
    """Fields of a registration that are mistyped or misread."""
    moves: float
    lunar: float
    maiden: float


CUSTOMS = {
    "port": Customs(
        rural=False, foreigners=0.05, minority=0.01, migrants=0.2, twins=0.015, numbered_twins=0.75, newborns=0.7,
        parents_card=0.12, no_card=0.2, slips=0.02, moves=0.12, lunar=0.002, maiden=0.002,
    ),
    "valley": Customs(
        rural=True, foreigners=0.002, minority=0.12, migrants=0.02, twins=0.012, numbered_twins=0.5, newborns=0.5,
        parents_card=0.25, no_card=0.25, slips=0.03, moves=0.05, lunar=0.04, maiden=0.004,
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Clerk:
    """The habits of one institution."""

    birth: Literal["iso", "compact", "slash", "han", "day-first"]
    pinyin: bool
    asks_card: float
    scans: bool
    asks_phone: float
    asks_address: float
    short_address: bool
    ward: str
    """How this institution's maternity ward calls a child without a name."""
    insurance: float
    card: float


@dataclass(slots=True)
class _Resident:
    kind: str
    sex: str
    born: date
    name: str
    number: str
    phones: list[str]
    home: Place
    insurance: str
    card: str
    latin: tuple[str, str] | None = None
    passports: list[str] = field(default_factory=list)
    mother: "_Resident | None" = None
    father: "_Resident | None" = None
    order: int = 0
    lunar: bool = False


class District:
    def __init__(self, customs: Customs, seed: int) -> None:
        self.customs = customs
        self.random = random.Random(seed)  # noqa: S311 - reproducible test data
        self.sequence: dict[date, int] = {}
        self.companies = [self._phone() for _ in range(6)]
        self.clerks = [self._clerk(n) for n in range(14)]

    def _chance(self, share: float) -> bool:
        return self.random.random() < share

    def _clerk(self, number: int) -> _Clerk:
        draw = self.random
        return _Clerk(
            birth=draw.choice(("iso", "iso", "iso", "compact", "slash", "han"))
            if number
            else "day-first",
            pinyin=number == 1 and not self.customs.rural,
            asks_card=draw.uniform(0.6, 1.0),
            scans=number % 4 == 2,
            asks_phone=draw.uniform(0.7, 1.0),
            asks_address=draw.uniform(0.4, 1.0),
            short_address=number % 3 == 0,
            ward=draw.choice(
                ("之{}", "之{}", "{}", "之婴", "婴", "BB", "宝宝", "之{}(新生儿)", "的{}")
            ),
            insurance=draw.choice((0.0, 0.5, 0.9)),
            card=draw.choice((0.0, 0.3, 0.7)),
        )

    def _phone(self) -> str:
        return f"198{self.random.randrange(10**8):08d}"

    def _number(self, born: date, sex: str) -> str:
        step = self.sequence.get(born, self.random.randrange(40)) + 1
        self.sequence[born] = step
        first17 = f"990102{born:%Y%m%d}{(step * 2 + (sex == 'M') - 1) % 1000:03d}"
        return first17 + check_character(first17)

    def _zipf(self, characters: str) -> str:
        return characters[min(int(self.random.paretovariate(0.75)) - 1, len(characters) - 1)]

    def _family(self) -> str:
        return self._zipf(_FAMILIES) if self._chance(0.75) else self.random.choice(_FAMILIES)

    def _given(self, sex: str) -> str:
        characters = _MEN if sex == "M" else _WOMEN
        one, two = self.random.choice(characters), self.random.choice(characters)
        return one if self._chance(0.15) else one + two

    def _place(self) -> Place:
        draw = self.random.randrange
        if self.customs.rural:
            return (self.random.choice(_VILLAGES), draw(1, 12), draw(1, 120), 0)
        return (
            self.random.choice(_ESTATES),
            draw(1, 30),
            draw(1, 4),
            draw(1, 25) * 100 + draw(1, 5),
        )

    def _resident(self, kind: str, sex: str, born: date, name: str, home: Place) -> _Resident:
        has_card, hexadecimal = self._chance(0.5), f"{self.random.getrandbits(64):016X}"
        return _Resident(
            kind=kind, sex=sex, born=born, name=name, number=self._number(born, sex), phones=[self._phone()],
            home=home, insurance=f"Y{self.random.randrange(10**9):09d}" if self._chance(0.6) else "",
            card=hexadecimal if has_card else "", lunar=self._chance(self.customs.lunar * 4),
        )  # fmt: skip

    def _day(self, youngest: float, oldest: float) -> date:
        return _TODAY - timedelta(days=int(self.random.uniform(youngest, oldest) * 365.25))

    def household(self) -> list[_Resident]:
        """Whoever lives behind one door."""
        if self._chance(self.customs.foreigners):
            return self._foreigners()
        home = self._place()
        if self._chance(self.customs.migrants):
            return [
                self._adult(self._day(18, 45), home) for _ in range(self.random.randrange(1, 4))
            ]
        minority = self._chance(self.customs.minority)
        wife = self._adult(self._day(21, 80), home, "F", minority=minority)
        people = [wife]
        husband = None
        if self._chance(0.8):
            born = wife.born - timedelta(days=self.random.randrange(-700, 2500))
            husband = self._adult(born, home, "M", minority=minority)
            people.append(husband)
        if wife.born.year >= 1979:
            born = wife.born + timedelta(days=int(self.random.uniform(20, 33) * 365))
            for _ in range(self.random.choice((0, 1, 1, 1, 2, 2, 3))):
                if born < _TODAY:
                    people += self._births(born, wife, husband, minority=minority)
                born += timedelta(days=int(self.random.uniform(1.1, 5) * 365))
        if self.customs.rural and self._chance(0.5):
            for person in people:  # the telephone of the house
                person.phones = [wife.phones[0]] if self._chance(0.6) else person.phones
        return people

    def _adult(
        self, born: date, home: Place, sex: str = "", *, minority: bool = False
    ) -> _Resident:
        sex = sex or self.random.choice("MF")
        name = self._minority_name(sex) if minority else self._family() + self._given(sex)
        person = self._resident("minority" if minority else "adult", sex, born, name, home)
        if self._chance(0.25):
            person.phones.append(self._phone())
        return person

    def _minority_name(self, sex: str) -> str:
        own = self.random.choice(_UYGHUR_MEN if sex == "M" else _UYGHUR_WOMEN)
        return f"{own}·{self.random.choice(_UYGHUR_MEN)}"

    def _births(
        self, born: date, mother: _Resident, father: _Resident | None, *, minority: bool
    ) -> list[_Resident]:
        twins = self._chance(self.customs.twins)
        numbered = self._chance(self.customs.numbered_twins)
        family = (father if father and not self._chance(0.06) else mother).name[0]
        young = born > _TODAY - timedelta(days=365 * 16)
        found: list[_Resident] = []
        for order in (1, 2) if twins else (0,):
            sex = self.random.choice("MF")
            name = self._minority_name(sex) if minority else family + self._given(sex)
            if found and len(name) == len(found[0].name) == 3 and self._chance(0.6):
                name = found[0].name[:2] + name[2]
            while found and name == found[0].name:
                name = family + self._given(sex)
            person = self._resident(
                "twin" if twins else "child" if young else "adult", sex, born, name, mother.home
            )
            if young:
                person.mother, person.father, person.lunar = mother, father, False
                person.phones = [p.phones[0] for p in (mother, father) if p]
                self.random.shuffle(person.phones)
            person.order = order if numbered else 0
            found.append(person)
        return found

    def _foreigners(self) -> list[_Resident]:
        families, given = self.random.choice(list(_FOREIGN.items()))
        family, home = self.random.choice(families.split()), self._place()
        people = []
        for _ in range(self.random.choice((1, 1, 2, 3))):
            person = self._resident(
                "foreigner",
                self.random.choice("MF"),
                self._day(1, 70),
                self._family() + self._given("M"),
                home,
            )
            person.latin = (self.random.choice(given.split()), family)
            person.passports = [
                self._passport() for _ in range(self.random.choice((1, 1, 1, 1, 2)))
            ]
            people.append(person)
        return people

    def _passport(self) -> str:
        return f"{self.random.choice('ABCLPX')}{self.random.choice('0123456789KM')}{self.random.randrange(10**7):07d}"

    def registrations(self, person: _Resident) -> Iterator[dict[str, str]]:
        """What the institutions know of one person."""
        places = self.random.sample(
            range(len(self.clerks)), min(1 + int(self.random.expovariate(0.55)), 12)
        )
        years = (_TODAY - person.born).days / 365.25
        nameless = person.mother is not None and years < 6 and self._chance(self.customs.newborns)
        wards = (
            1 + self._chance(0.3) if nameless else 0
        )  # the ward, and perhaps the newborn station
        phone, home = self.random.choice(person.phones), person.home
        kind = "newborn" if nameless and person.kind == "child" else person.kind
        for number, place in enumerate(places):
            if number and self._chance(self.customs.moves):
                home = self._place()
            if self._chance(0.35):
                phone = self.random.choice(person.phones)
            if self._chance(self.customs.moves * 0.6) and not person.mother:
                phone = self._phone()
            clerk = self.clerks[place]
            row = self._row(person, clerk, phone, home)
            if number < wards:
                self._nameless(row, person, clerk)
            yield {"org": str(place), **row, "kind": kind}

    def _row(self, person: _Resident, clerk: _Clerk, phone: str, home: Place) -> dict[str, str]:
        chance, slips = self._chance, self.customs.slips
        sex = person.sex if not chance(slips / 6) else "M" if person.sex == "F" else "F"
        document = self._document(person, clerk)
        if chance(0.01) and not person.mother:
            phone = self.random.choice(self.companies)
        insurance = person.insurance if chance(clerk.insurance) else ""
        if insurance and chance(0.03) and person.number and not person.latin:
            insurance = person.number  # the social security number is the identity number
        return {
            "name": self._name(person, clerk),
            "sex": sex if not chance(0.01) else "",
            "dob": self._born(person, clerk),
            "id_type": "PPN" if person.latin else "NI",
            "id_no": document,
            "phone": self._typed_phone(phone) if chance(clerk.asks_phone) else "",
            "address": self._address(home, clerk) if chance(clerk.asks_address) else "",
            "ins_no": insurance,
            "ehc": person.card if chance(clerk.card) else "",
        }

    def _name(self, person: _Resident, clerk: _Clerk) -> str:
        if person.latin:
            return self._foreign_name(person)
        name = person.name
        if "·" in name:
            return self._minority_spelling(name)
        if clerk.pinyin:
            return self._pinyin(name)
        return self._chinese_name(person, name)

    def _pinyin(self, name: str) -> str:
        family, given = syllables(name[0])[0], "".join(syllables(name[1:]))
        return self.random.choice(
            (f"{family} {given}", f"{given} {family}", f"{family}{given}".upper())
        )

    def _chinese_name(self, person: _Resident, name: str) -> str:
        if person.sex == "F" and person.kind == "adult" and self._chance(self.customs.maiden):
            return self._family() + name  # the husband's name before her own
        if not self._chance(self.customs.slips):
            return name
        place = self.random.randrange(len(name))
        tables = (_SOUNDS, _SOUNDS, _SHAPES, {name[place]: "□"}, {name[place]: "?"})
        kind = self.random.randrange(8)
        if kind < 5:
            return name[:place] + tables[kind].get(name[place], name[place]) + name[place + 1 :]
        return (_TRADITIONAL.convert(name), f"{name[0]}　{name[1:]}", f"{name}*")[kind - 5]

    def _minority_spelling(self, name: str) -> str:
        dot = self.random.choice(("·", "·", "•", ".", "", " ", "．", "-"))
        written = name.replace("·", dot)
        if self._chance(0.08):
            return name.partition("·")[0]
        if self._chance(0.06):
            return written[:8]
        if self._chance(0.04):
            own, father = name.split("·")
            return f"{father}{dot}{own}"
        return written

    def _foreign_name(self, person: _Resident) -> str:
        assert person.latin is not None  # noqa: S101 - the caller has looked
        given, family = person.latin
        if self._chance(0.12):
            return person.name
        forms = [
            f"{given} {family}", f"{family} {given}", f"{family.upper()} {given}", f"{family}, {given}",
            f"{given} {self.random.choice('ABCDEJM')}. {family}", f"{family}{given}".upper(), f"{given}{family}",
        ]  # fmt: skip
        written = self.random.choice(forms)
        if self._chance(0.06):
            written = f"{given[0]} {family}"
        if self._chance(self.customs.slips):
            place = self.random.randrange(1, len(written))
            written = written[:place] + written[place + 1 :]
        return written

    def _born(self, person: _Resident, clerk: _Clerk) -> str:
        born = person.born
        written = lunar(born) if person.lunar and self._chance(0.5) else None
        if written and written[2] < 29:
            born = date(*written)
        elif self._chance(self.customs.slips * 0.6):
            return self._wrong_birth(born)
        if clerk.birth == "day-first" and (born.day > 12 or self._chance(0.7)):
            return born.isoformat()
        return {
            "iso": born.isoformat(),
            "compact": f"{born:%Y%m%d}",
            "slash": f"{born.year}/{born.month}/{born.day}",
            "han": f"{born.year}年{born.month}月{born.day}日",
            "day-first": f"{born.year}-{born.day:02d}-{born.month:02d}",
        }[clerk.birth]

    def _wrong_birth(self, born: date) -> str:
        text = born.isoformat()
        place = self.random.choice((3, 6, 8, 9))
        days, year = self.random.choice((1, -1, 10, -10, 2)), self.random.choice((1, -1))
        return self.random.choice(
            (
                f"{born.year}-01-01",
                (born + timedelta(days=days)).isoformat(),
                text[:place] + _SCANNED.get(text[place], text[place]) + text[place + 1 :],
                born.replace(year=born.year + year, day=min(born.day, 28)).isoformat(),
            )
        )

    def _document(self, person: _Resident, clerk: _Clerk) -> str:
        chance, customs = self._chance, self.customs
        if not chance(clerk.asks_card * (1 - customs.no_card)):
            return self.random.choice(("无", "000000000000000000", "不详")) if chance(0.02) else ""
        if person.latin:
            passport = self.random.choice(person.passports)
            return passport.replace("0", "O", 1) if chance(customs.slips) else passport
        number = person.number
        parents = [parent for parent in (person.mother, person.father) if parent]
        if parents:
            if chance(customs.parents_card):
                number = self.random.choice(parents).number
            elif chance(0.35):
                return ""
        if person.born.year < 1980 and chance(0.06):
            number = number[:6] + number[8:17]
        if chance(customs.slips):
            place = self.random.randrange(6, len(number) - 1)
            if clerk.scans:
                return (
                    number[:place]
                    + _SCANNED.get(number[place], number[place])
                    + number[place + 1 :]
                )
            return (
                number[:place] + number[place + 1] + number[place] + number[place + 2 :]
                if chance(0.5)
                else number[:place] + str(self.random.randrange(10)) + number[place + 1 :]
            )
        return number

    def _typed_phone(self, phone: str) -> str:
        if self._chance(self.customs.slips / 2):
            place = self.random.randrange(3, 11)
            return phone[:place] + str(self.random.randrange(10)) + phone[place + 1 :]
        return self.random.choice(
            (phone, phone, phone, phone, f"+86-{phone}", f"{phone[:3]}-{phone[3:7]}-{phone[7:]}", f"0{phone}")
        )  # fmt: skip

    def _address(self, home: Place, clerk: _Clerk) -> str:
        name, one, two, three = home
        if self.customs.rural:
            village = _RENAMED.get(name, name) if self._chance(0.3) else name
            if clerk.short_address:
                return self.random.choice((f"{village}村{one}组", f"{village}村{two}号"))
            return self.random.choice(
                (f"云岭县青坪镇{village}村{one}组{two}号", f"青坪镇{village}村{one}组{two}号", f"{village}村民委员会{one}组{two}号")
            )  # fmt: skip
        if clerk.short_address:
            return self.random.choice((name, f"{name}{one}号楼"))
        road = f"{_ROADS[len(name) % len(_ROADS)]}{one * 7}号"
        return self.random.choice(
            (
                f"{name}{one}幢{three}室", f"临港区{name}{one}栋{three}", f"临港市临港区{road}{name}{one}号楼{three}室",
                f"{road}{name}{one}-{three}", f"{name}小区{one}座{three}室",
            )
        )  # fmt: skip

    def _nameless(self, row: dict[str, str], person: _Resident, clerk: _Clerk) -> None:
        assert person.mother is not None  # noqa: S101 - the caller has looked
        mother = person.mother
        child = "子" if person.sex == "M" else "女"
        sign = clerk.ward.format(child)
        if person.order:
            number = person.order - 1
            sign = self.random.choice(
                (f"之{child}{'12'[number]}", f"之{'长次'[number]}{child}", ("大双", "小双")[number],
                 f"之双胎{'AB'[number]}" if self._chance(0.2) else f"之{child}{'AB'[number]}")
            )  # fmt: skip
        row["name"] = mother.name + sign
        row["dob"] = person.born.isoformat()
        row["id_no"] = mother.number if self._chance(0.35) else ""
        row["phone"] = mother.phones[0] if self._chance(0.85) else ""
        row["ins_no"] = mother.insurance if self._chance(0.1) else ""
        row["ehc"] = ""
