"""Habits of writing that comparing must see through, each with the level it should come out at."""

from datetime import date

import pytest

from hie.mpi import birth, contact, names
from hie.mpi.compare import name_level, names_level
from hie.mpi.decide import alias_rule
from hie.mpi.features import INSURANCE, RESIDENT_NUMBER, Features, of_patient
from hie.mpi.identity_number import check_character
from hie.mpi.lunar import is_written, lunar

ADULT = "99010119800517001" + check_character("99010119800517001")


@pytest.mark.parametrize(
    ("left", "right", "level"),
    [
        ("玉素甫·艾合买提", "玉素甫艾合买提", "exact"),
        ("艾合买提 玉素甫", "玉素甫．艾合买提", "turned"),
        ("晨伟张", "张晨伟", "turned"),
        ("亚森", "亚森·库尔班", "prefix"),
        ("李金欣", "王李金欣", "prefix"),
        ("阿不都热合曼", "阿不都热和曼", "slip"),
        ("SCHNEIDERJÜRGEN", "Jürgen Schneider", "exact"),
        ("Okafor, Chinedu", "Chinedu J. Okafor", "prefix"),
        ("Choi Soeon", "SOYEON CHOI", "slip"),
        ("S Smith", "Susan Smith", "initial"),
        ("S Smith", "Peter Smith", "family"),
        ("ou yangzhenfang", "欧阳珍芳", "sound"),
        ("陶建超", "Hoffmann Stefan", "script"),
    ],
)
def test_names(left: str, right: str, level: str) -> None:
    one, two = names.parse(left)[0], names.parse(right)[0]
    assert name_level(one, two) == name_level(two, one) == level


@pytest.mark.parametrize(
    "text",
    [
        "董佳嫣之子", "董佳嫣的子", "董佳嫣之子(新生儿)", "董佳嫣之婴", "董佳嫣BB", "董佳嫣宝宝", "新生儿董佳嫣",
        "董佳嫣之子A", "董佳嫣大双", "董佳嫣双胎1",
    ],
)  # fmt: skip
def test_newborns_are_called_after_their_mothers(text: str) -> None:
    (name,) = names.parse(text)
    assert (name.kind, name.text) == ("newborn", "董佳嫣")


def test_a_long_named_mother() -> None:
    (name,) = names.parse("古丽娜尔·阿迪力BB")
    assert (name.kind, name.text) == ("newborn", "古丽娜尔阿迪力")


def test_a_mother_is_not_her_child() -> None:
    mother, child = (Features(names=names.parse(text)) for text in ("王凤怡", "王凤怡女"))
    assert names_level(mother, child) == names_level(child, mother) == "family"


@pytest.mark.parametrize(
    ("solar", "expected"),
    [
        (date(1900, 1, 31), (1900, 1, 1)),  # where the table begins
        (date(1988, 2, 7), (1987, 12, 20)),
        (date(2000, 2, 5), (2000, 1, 1)),  # new year's days
        (date(2024, 2, 10), (2024, 1, 1)),
        (date(2020, 6, 20), (2020, 4, 29)),  # in the leap fourth month
        (date(2033, 12, 22), (2033, 11, 1)),  # the leap month that many calendars had wrong
        (date(1899, 12, 31), None),
        (date(2099, 12, 31), None),
    ],
)
def test_lunar_days(solar: date, expected: tuple[int, int, int] | None) -> None:
    assert lunar(solar) == expected


def test_lunar_birthdays_are_recognised() -> None:
    assert is_written(date(1988, 2, 7), date(1987, 12, 20))
    assert is_written(date(1988, 2, 7), date(1988, 12, 20))
    assert birth.level("1988-02-07", "1987-12-20") == "calendar"
    assert birth.level("1988-02-07", "1988-01-15") == "lunar"  # as far off, but another day


@pytest.mark.parametrize(
    ("left", "right", "level"),
    [
        ("云岭县青坪镇双河村2组50号", "双河村50号", "door"),
        ("双河村民委员会2组50号", "青坪镇双河村2组", "place"),
        ("双河村2组50号", "双河村2组51号", "different"),
        ("海悦花园小区25座1602室", "海悦花园25-1602", "door"),
        ("临港市临港区迎宾大道203号滨江一号29号楼1404室", "滨江一号", "place"),
        ("海悦花园28号楼", "临港区海悦花园28幢202室", "place"),
    ],
)
def test_homes(left: str, right: str, level: str) -> None:
    one, two = contact.home(left), contact.home(right)
    assert one is not None
    assert two is not None
    assert contact.home_level(one, two) == contact.home_level(two, one) == level


def test_numbers_in_the_wrong_field() -> None:
    found = of_patient(
        {
            "birthDate": "1980-05-17",
            "identifier": [
                {"system": INSURANCE, "value": ADULT},
                {"system": RESIDENT_NUMBER, "value": "19900001234"},
            ],
        }
    )
    assert found.numbers == (ADULT,)
    assert found.phones == ("19900001234",)
    assert found.cards == ()


@pytest.mark.parametrize(("home", "links"), [("phone", True), ("both", True), ("door_new", False)])
def test_a_foreigners_chinese_name(home: str, links: bool) -> None:
    levels = {"name": "script", "birth": "exact", "sex": "same", "home": home}
    assert alias_rule(levels) is links
    assert not alias_rule({**levels, "birth": "near"})
    assert not alias_rule({**levels, "sex": "different"})
