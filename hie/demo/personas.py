"""Residents whose story is fixed, for demonstrations and tests, and the people who can log in.

Households 0 to 2 of every district. 张明华 has diabetes, and three institutions know a part of it,
each under a differently written registration; 周雨欣 has newborn twins without identity cards;
陈国强 and 王秀英 share one telephone. Three of them asked at a station where the clerk misheard their
names: what becomes of that is for the data steward.
"""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Literal

from hie.demo.health import Profile
from hie.demo.institutions import H1, H2
from hie.demo.names import Gender, Name
from hie.demo.population import (
    COMMUNITIES,
    Household,
    Resident,
    birthday,
    card_number,
    phone_number,
)
from hie.demo.registration import Registration, exact

STATION = COMMUNITIES[0].station
NUMBER_OF_HOUSEHOLDS = 3

_FULL_WIDTH = str.maketrans("0123456789X", "０１２３４５６７８９Ｘ")


def _adult(
    household: int, place: int, name: Name, gender: Gender, year: int, *, phone: bool = True
) -> Resident:
    birth = birthday(household, place, year)
    return Resident(
        household, place, name, gender, birth,
        card_number(household, place, birth, gender),
        phone_number(household, place) if phone else None,
        COMMUNITIES[0], f"{12 + household}号{301 + place}室",
    )  # fmt: skip


def household(number: int, until: date) -> Household:
    """The persona household with this number (0, 1 or 2)."""
    common = phone_number(number, 0)
    if number == 0:
        return Household(0, common, (
            _adult(0, 1, Name("张", "明华"), "male", 1958),
            _adult(0, 2, Name("李", "桂芳"), "female", 1960),
        ))  # fmt: skip
    if number == 1:
        mother = _adult(1, 2, Name("周", "雨欣"), "female", 1995)
        twin = Resident(
            1, 3, Name("孙", "一诺"), "female", until - timedelta(days=40), None, None,
            COMMUNITIES[0], mother.room, mother=mother.name.text, birth_order=1,
        )  # fmt: skip
        other = replace(twin, place=4, name=Name("孙", "一凡"), gender="male", birth_order=2)
        father = _adult(1, 1, Name("孙", "志远"), "male", 1993)
        return Household(1, common, (replace(father, room=mother.room), mother, twin, other))
    return Household(2, common, (
        _adult(2, 1, Name("陈", "国强"), "male", 1948, phone=False),
        _adult(2, 2, Name("王", "秀英"), "female", 1950, phone=False),
    ))  # fmt: skip


def profile(resident: Resident) -> Profile | None:
    """The fixed profile of a persona, or None."""
    return {
        "00000-1": Profile(
            years=5, hospitals=(H1, H2), hypertension=True, diabetes=True, a1c=(9.4, 6.8),
            creatinine=(82, 121), systolic=(162, 134), weight=71.5, height=168.0,
            allergy="青霉素", illnesses_a_year=0.6,
        ),
        "00002-1": Profile(
            years=3, hospitals=(H2, H1), hypertension=True, systolic=(168, 138), weight=66.0,
            height=170.0,
        ),
        "00002-2": Profile(
            years=3, hospitals=(H1,), diabetes=True, a1c=(7.2, 8.6), weight=58.0, height=155.0,
            allergy="磺胺类药物",
        ),
    }.get(resident.key)  # fmt: skip


def registration(institution: str, resident: Resident, home: Household) -> Registration | None:
    """How an institution wrote 张明华: differently each time. None for everybody else."""
    made = exact(institution, resident, home)
    if resident.key != "00000-1":
        return None
    if institution == H2:  # by hand, in traditional script, without the card
        return replace(made, name=made.name.traditional(), card=None)
    if institution == STATION and made.card:
        return replace(made, card=made.card.translate(_FULL_WIDTH))
    return made


GUARDIANS = (("00001-3", "00001-2"), ("00001-4", "00001-2"))
"""Children and who acts for them: the twins and their mother."""

MISHEARD = {
    "00000-2": Name("李", "贵芳"),
    "00002-1": Name("陈", "果强"),
    "00002-2": Name("王", "秀瑛"),
}
"""Who asked at a station's counter without an identity card, and what the clerk heard."""


def walk_in(institution: str, resident: Resident, home: Household) -> Registration | None:
    """A registration that a data steward has to look at: a name that sounds alike, the wrong sex."""
    if institution != COMMUNITIES[2].station or resident.key not in MISHEARD:
        return None
    ticked: Gender = "female" if resident.gender == "male" else "male"
    made = exact(institution, replace(resident, gender=ticked), home)
    return replace(made, name=MISHEARD[resident.key], card=None, keeps_record=False)


@dataclass(frozen=True, slots=True)
class Login:
    """Somebody who can log in: `person` is a resident's key or a Practitioner's id."""

    login: str
    kind: Literal["resident", "staff"]
    name: str
    person: str
    institution: str | None
    roles: tuple[str, ...]
    role: str
    role_zh: str


LOGINS = (
    Login("zhang.minghua", "resident", "张明华", "00000-1", None, (), "resident with diabetes", "居民，糖尿病"),
    Login("zhou.yuxin", "resident", "周雨欣", "00001-2", None, (), "resident, mother of twins", "居民，双胞胎母亲"),
    Login("chen.guoqiang", "resident", "陈国强", "00002-1", None, (), "resident, elderly", "居民，老年"),
    Login("li.jing", "staff", "李静", "yx-h1-li-jing", H1, ("clinician",), "clinician at the hospital", "医院医生"),
    Login("wang.lei", "staff", "王磊", "yx-s1-wang-lei", STATION, ("clinician",), "clinician at the station", "社区医生"),
    Login("gao.jie", "staff", "高洁", "yx-h1-gao-jie", H1, ("steward",), "data steward", "数据管理员"),
    Login("shen.yue", "staff", "沈悦", "yx-h1-shen-yue", H1, ("auditor",), "auditor", "审计员"),
    Login("fan.min", "staff", "范敏", "yx-h1-fan-min", H1, ("reviewer",), "reviewer of emergency access", "紧急调阅复核员"),
)  # fmt: skip
