"""The pure core of the index: numbers, dates, names, homes, comparing, deciding."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hie.mpi import birth, compare, contact, identity_number, names
from hie.mpi.decide import Candidate, decide, guards, newborn_rule
from hie.mpi.features import RESIDENT_NUMBER, Features, from_json, of_patient, to_json
from hie.mpi.model import load
from hie.mpi.quality import quality
from hie.mpi.score import Score, Surroundings, score

FAMILIES = "王李张刘陈单曾解查翟"
GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平"

days = st.dates(date(1920, 1, 1), date(2025, 12, 31))
han_names = st.builds(
    lambda family, given: family + given,
    st.sampled_from(FAMILIES),
    st.text(GIVEN, min_size=1, max_size=2),
)
phones = st.from_regex(r"1[3-9]\d{9}", fullmatch=True)


@st.composite
def numbers(draw: st.DrawFn) -> str:
    first17 = f"990101{draw(days):%Y%m%d}{draw(st.integers(1, 999)):03d}"
    return first17 + identity_number.check_character(first17)


@st.composite
def people(draw: st.DrawFn) -> Features:
    resource = {
        "name": [{"text": draw(han_names)}],
        "birthDate": draw(days).isoformat(),
        "gender": draw(st.sampled_from(["male", "female", "unknown"])),
        "telecom": [{"system": "phone", "value": draw(phones)}],
        "identifier": [{"system": RESIDENT_NUMBER, "value": draw(numbers())}],
    }
    return of_patient(resource)


def test_the_standards_own_example_number() -> None:
    parsed = identity_number.parse("11010519491231002x")
    assert parsed == identity_number.IdentityNumber("11010519491231002X", date(1949, 12, 31), False)


@given(numbers())
def test_numbers_survive_every_way_of_writing(number: str) -> None:
    full_width = "".join(chr(ord(c) + 0xFEE0) for c in number)
    for written in (
        number,
        number.lower(),
        full_width,
        f"{number[:6]} {number[6:14]}-{number[14:]}",
    ):
        parsed = identity_number.parse(written)
        assert parsed is not None
        assert parsed.number == number


@given(numbers(), st.integers(0, 16), st.integers(1, 9))
def test_one_wrong_digit_is_noticed(number: str, place: int, shift: int) -> None:
    wrong = str((int(number[place]) + shift) % 10)
    assert identity_number.parse(number[:place] + wrong + number[place + 1 :]) is None


@given(numbers().filter(lambda n: n[6:8] == "19" and n[17] != "X"))
def test_fifteen_digits_become_eighteen(number: str) -> None:
    parsed = identity_number.parse(number[:6] + number[8:17])
    assert parsed is not None
    assert parsed.number[:17] == number[:17]


@pytest.mark.parametrize(
    "filler", ["", "无", "不详", "111111111111111111", "999999999999999999", "320500190001010000"]
)
def test_fillers_are_not_numbers(filler: str) -> None:
    assert identity_number.parse(filler) is None


@pytest.mark.parametrize(
    ("left", "right", "level"),
    [
        ("1980-05-17", "1980-05-17", "exact"),
        ("1980-05-07", "1980-07-05", "swapped"),
        ("1980-01-01", "1980-05-17", "default"),
        ("1980", "1980-05-17", "default"),
        ("1980-05-17", "1990-05-17", "edit"),
        ("1980-05-17", "1980-05-71", "missing"),
        ("1980-05-30", "1980-06-01", "near"),
        ("1960-03-31", "1960-05-06", "lunar"),
        ("1980-05-17", "1980-11-23", "year"),
        ("1980-05-17", "1994-11-23", "different"),
        ("", "1980-05-17", "missing"),
    ],
)
def test_birth_levels(left: str, right: str, level: str) -> None:
    assert birth.level(birth.parse(left), birth.parse(right)) == level
    assert birth.level(birth.parse(right), birth.parse(left)) == level


@given(st.text(max_size=30))
def test_reading_is_total_and_folding_twice_changes_nothing(text: str) -> None:
    assert names.fold(names.fold(text)) == names.fold(text)
    names.parse(text)
    contact.home(text)
    assert contact.phone(contact.phone(text)) == contact.phone(text)
    birth.parse(text)
    identity_number.parse(text)


@pytest.mark.parametrize(
    ("left", "right", "level"),
    [
        ("張　偉", "张伟", "exact"),
        ("阿卜杜拉·艾合买提", "阿卜杜拉•艾合买提", "exact"),
        ("刘荣（新）", "刘荣*", "exact"),
        ("周波伟1", "周波伟", "exact"),
        ("单雄信", "SHAN XIONGXIN", "sound"),
        ("单雄信", "Dan Xiong Xin", "sound"),
        ("吕布", "LYU BU", "sound"),
        ("吕布", "LV BU", "sound"),
        ("KIM,MINJUN", "MinjunKim", "exact"),
        ("魏玥", "魏*", "wild"),
        ("程茜㛃", "程茜?", "wild"),
        ("于芳婕", "于芳洁", "sound"),
        ("张海", "张海伟", "prefix"),
        ("王强文", "王天文", "similar"),
        ("王强", "王芳", "family"),
        ("王强", "李芳", "different"),
        ("李秀之婴", "李秀之女", "mother"),
        ("李秀之婴", "刘兰秀", "newborn"),
        ("MINJUN KIM", "金民俊", "script"),
    ],
)
def test_name_levels(left: str, right: str, level: str) -> None:
    one = of_patient({"name": [{"text": left}]})
    two = of_patient({"name": [{"text": right}]})
    assert compare.names_level(one, two) == compare.names_level(two, one) == level


@pytest.mark.parametrize(
    ("left", "right", "level"),
    [
        ("苏州工业园区旺墩大道225号东亭新村26幢2655室", "东亭新村26-2655", "door"),
        ("江苏省苏州市工业园区旺墩大道225号26-2655", "园区东亭新村26栋2655", "door"),
        ("云溪区清河街道柳园路12号清河小区3号楼2单元501室", "清河小区3号楼2单元501", "door"),
        ("东亭新村26-2655", "映象花园26-2655", "different"),
        ("东亭新村26-2655", "东亭新村27-2655", "different"),
    ],
)
def test_home_levels(left: str, right: str, level: str) -> None:
    one, two = contact.home(left), contact.home(right)
    assert one is not None
    assert two is not None
    assert contact.home_level(one, two) == contact.home_level(two, one) == level


def test_a_guardians_card_is_no_proof() -> None:
    number = "990101198503091" + "2"
    number = number + "8"
    card = number[:17] + identity_number.check_character(number[:17])
    child = of_patient(
        {
            "birthDate": "2018-06-01",
            "identifier": [{"system": RESIDENT_NUMBER, "value": card}],
        }
    )
    assert child.numbers == ()
    assert child.foreign == (card,)


@given(people(), people())
def test_comparing_is_symmetric(one: Features, two: Features) -> None:
    model, around = load(), Surroundings()
    assert compare.compare(one, two) == compare.compare(two, one)
    assert score(one, two, model, around).bits == score(two, one, model, around).bits


@given(people())
def test_features_survive_storing_and_agree_with_themselves(person: Features) -> None:
    assert from_json(to_json(person)) == person
    assert score(person, person, load(), Surroundings()).bits > 10
    assert compare.union([person, person]) == compare.union([person])


def test_levels_are_monotone() -> None:
    bits = load().bits
    for field, order in {
        "name": ("exact", "prefix", "similar", "family", "different"),
        "birth": ("exact", "edit", "lunar", "year", "different"),
        "number": ("same", "slip", "different"),
        "home": ("both", "phone", "phone_moved", "one", "neither"),
    }.items():
        weights = [bits[field][level] for level in order]
        assert weights == sorted(weights, reverse=True), field


def _candidate(person: str, bits: float, *guards: str, **levels: str) -> Candidate:
    plain = dict.fromkeys(compare.LEVELS, "missing") | {"name": "exact", "birth": "exact"} | levels
    return Candidate(person, Features(), Score(bits, plain, {}), guards)


def test_decisions() -> None:
    assert decide([]).person is None
    assert decide([_candidate("a", 12.0)]).person == "a"
    assert decide([_candidate("a", 12.0, "twin")]).person is None
    assert [c.person for c in decide([_candidate("a", 12.0, "twin")]).review] == ["a"]
    assert decide([_candidate("a", 5.0)]).review
    assert not decide([_candidate("a", 1.0)]).review
    both = decide([_candidate("a", 30.0), _candidate("b", 12.0)])
    assert (both.person, both.reason) == ("a", "duplicate")


def test_a_newborn_needs_date_sex_and_home() -> None:
    fits = {"name": "newborn", "birth": "exact", "sex": "same", "home": "phone"}
    assert newborn_rule(fits)
    wrong = ({"birth": "near"}, {"sex": "different"}, {"home": "neither"}, {"name": "family"})
    for change in wrong:
        assert not newborn_rule(fits | change)


def test_quality_by_hand() -> None:
    found = quality(["x", "x", "x", "y", "y"], ["1", "1", "2", "2", "3"])
    assert (found.precision, found.recall) == (0.5, 0.25)
    assert (found.over_merged, found.split) == (1, 2)


@pytest.mark.parametrize("order", [1, -1])
def test_a_parents_card_on_a_child_born_on_the_same_day_of_the_year(order: int) -> None:
    """The card implies the parent's date, so dates and number agree; names and years say otherwise."""
    first17 = "990101" + "19700505" + "023"
    card = {
        "system": RESIDENT_NUMBER,
        "value": first17 + identity_number.check_character(first17),
    }
    parent, child = (
        of_patient({"name": [{"text": name}], "birthDate": born, "identifier": [card]})
        for name, born in (("王秀英", "1970-05-05"), ("王梓涵", "1995-05-05"))
    )
    record, known = (parent, child)[::order]
    known = compare.union([known])
    levels = compare.compare(record, known)
    assert "generation" in guards(record, known, levels)
    renamed = of_patient(
        {"name": [{"text": "王秀云"}], "birthDate": "1970-05-06", "identifier": [card]}
    )
    assert "generation" not in guards(parent, renamed, compare.compare(parent, renamed))
