"""Rules that other districts' habits taught: spellings by ear, pinyin, permits, masks, moves, twins' cards."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pypinyin import lazy_pinyin

from hie.mpi import compare, contact, names
from hie.mpi.decide import Candidate, guards, newborn_rule
from hie.mpi.features import HEALTH_CARD, RESIDENT_NUMBER, Features, of_patient
from hie.mpi.identity_number import check_character
from hie.mpi.model import load
from hie.mpi.pinyin import is_pinyin
from hie.mpi.score import Surroundings, score


def bearer(name: str, **more: object) -> Features:
    return of_patient({"name": [{"text": name}], **more})


@given(st.text("王李张刘陈杨黄赵欧阳伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平吕律绿", min_size=1))
def test_what_is_read_from_characters_is_pinyin(text: str) -> None:
    assert is_pinyin(" ".join(lazy_pinyin(text)))
    assert is_pinyin("".join(lazy_pinyin(text)))


@pytest.mark.parametrize("text", ["", "smith", "minjun kim", "haruto sato", "zhang 3", "petrov"])
def test_other_names_are_not_pinyin(text: str) -> None:
    assert not is_pinyin(text)


@pytest.mark.parametrize(
    ("left", "right", "level"),
    [
        ("李一兰", "tongjing guo", "different"),
        ("郭桐静", "tongjing guo", "sound"),
        ("李一兰", "Kenji Watanabe", "script"),
        ("艾合买提·努尔买买提", "艾海提.努尔麦麦提", "slip"),
        ("阿不都热依木·阿不都艾尼", "阿卜杜热伊木 阿布都艾尼", "slip"),
        ("古丽米热·玉山", "帕丽达·玉山", "different"),
        ("Dmitry Petrov", "PETROV Dmitrii", "slip"),
        ("Yekaterina Volkov", "Volkov, Ekaterina", "slip"),
        ("Mohammed Haddad", "Muhammad Haddad", "slip"),
        ("Anna Smith", "Emma Smith", "family"),
        ("Ravi Tan", "Rani Lim", "different"),
    ],
)
def test_spellings_by_ear(left: str, right: str, level: str) -> None:
    one, two = bearer(left), bearer(right)
    assert compare.names_level(one, two) == compare.names_level(two, one) == level


foreign = st.text("abdeiklmnorstuvyz -", min_size=1, max_size=24)


@given(foreign, foreign)
def test_names_in_letters_compare_alike_both_ways(one: str, two: str) -> None:
    left, right = names.parse(one), names.parse(two)
    for a, b in zip(left, right, strict=False):
        assert compare.name_level(a, b) == compare.name_level(b, a)


@given(st.from_regex(r"1[3-9]\d{9}", fullmatch=True))
def test_a_mobile_number_with_the_trunk_zero(number: str) -> None:
    assert contact.phone(f"0{number}") == contact.phone(f"+86 0{number}") == contact.phone(number)


def permit(value: str) -> tuple[str, ...]:
    kind = {"coding": [{"code": "PPN"}]}
    return of_patient({"identifier": [{"type": kind, "value": value}]}).passports


def test_a_permit_of_hong_kong_is_one_whatever_its_issue() -> None:
    assert permit("H1234567801") == permit("h12345678") == ("H12345678",)
    assert permit("H1234567801") != permit("M12345678")
    assert permit("C12345678") == ("C12345678",)


def test_a_number_two_digits_off_is_no_slip() -> None:
    sound = "990102200308170617"
    card = [{"system": RESIDENT_NUMBER, "value": value} for value in (sound, "990102200308179917")]
    one, far = (of_patient({"birthDate": "2003-08-17", "identifier": [c]}) for c in card)
    assert one.numbers == (sound,)
    assert far.damaged == ("990102200308179917",)
    assert compare.number_level(one, far) == compare.number_level(far, one) == "missing"
    near = of_patient({"identifier": [{"system": RESIDENT_NUMBER, "value": sound[:-2] + "27"}]})
    assert compare.number_level(one, near) == "slip"


def test_a_mask_says_nothing_and_the_rest_of_the_name_does() -> None:
    model, whole = load(), bearer("曾强涛", birthDate="1980-05-17")

    def bits(name: str) -> float:
        masked = bearer(name, birthDate="1980-05-17")
        return score(whole, masked, model, Surroundings()).parts["name"]

    assert bits("曾强涛") > bits("曾*涛") > bits("曾**") > 0


@pytest.mark.parametrize(
    ("birth", "home", "guarded"),
    [
        ("1980-01-01", ("19968976835", "石桥小区2-1-303"), True),
        ("1980-01-01", ("19935324851", "石桥小区2-1-303"), False),
        ("1980-05-17", ("19968976835", "石桥小区2-1-303"), False),
        ("1980-05-27", ("19968976835", ""), True),
        ("1980-17-05", ("", ""), False),
    ],
)
def test_a_name_alone_is_too_little(birth: str, home: tuple[str, str], guarded: bool) -> None:
    def living(born: str, phone: str, door: str) -> Features:
        return bearer("丹增", birthDate=born, telecom=[{"value": phone}], address=[{"text": door}])

    one = living("1980-05-17", "19935324851", "清河小区3-2-501")
    two = living(birth, *home)
    for left, right in ((one, two), (two, one)):
        assert ("elsewhere" in guards(left, right, compare.compare(left, right))) is guarded


def test_a_mistyped_sex_needs_a_card_where_the_name_is_not_the_same() -> None:
    def written(name: str, sex: str, card: str) -> Features:
        return bearer(
            name,
            gender=sex,
            birthDate="2021-11-28",
            identifier=[{"system": HEALTH_CARD, "value": card}],
        )

    girl = written("曹丽", "female", "5CB55F44EF2A8F8F")
    for card, guarded in (("5CB55F44EF2A8F8F", False), ("", True)):
        other = written("曹莉", "male", card)
        assert ("sex" in guards(girl, other, compare.compare(girl, other))) is guarded


def ward(name: str, phone: str, card: str = "") -> Features:
    return bearer(
        name,
        gender="male",
        birthDate="2024-07-27",
        telecom=[{"value": phone}],
        address=[{"text": "翰林花园42-851"}],
        identifier=[{"system": HEALTH_CARD, "value": card}],
    )


def certain(one: Features, two: Features) -> bool:
    result = score(one, two, load(), Surroundings())
    return Candidate("x", two, result, guards(one, two, result.levels)).certain


def test_a_newborn_behind_the_same_door_with_the_other_parents_phone() -> None:
    placeholder = ward("沈英燕之子", "15976710231", "2E6676A3856BED7B")
    child = ward("马鑫勇", "15104903941")
    assert newborn_rule(compare.compare(placeholder, child))
    assert certain(placeholder, child)
    assert certain(child, placeholder)
    twin = ward("马鑫勇", "15104903941", "C6B970E70FF04D12")
    assert not certain(placeholder, twin)  # each of twins has a card of his own
    again = ward("沈英燕之婴", "15104903941")
    assert not certain(placeholder, again)  # two placeholders with two phones are two children


def at_home(name: str, number: str = "") -> Features:
    return bearer(
        name,
        birthDate="2022-11-26",
        telecom=[{"value": "19926395916"}],
        address=[{"text": "凤凰小区27-2-1703"}],
        identifier=[{"system": RESIDENT_NUMBER, "value": number}],
    )


@pytest.mark.parametrize(
    ("left", "right", "guarded"),
    [("黄刚强", "黄强", True), ("黄刚强", "黄刚", False), ("黄刚强", "黄刚强", False)],
)
def test_twins_of_whom_one_lacks_the_middle_of_the_others_name(
    left: str, right: str, guarded: bool
) -> None:
    one, two = at_home(left), at_home(right)
    for a, b in ((one, two), (two, one)):
        assert ("twin" in guards(a, b, compare.compare(a, b))) is guarded
    number = "990101202211260037"
    proven = at_home(left, number), at_home(right, number)
    assert proven[0].numbers == proven[1].numbers == (number,)
    assert "twin" not in guards(*proven, compare.compare(*proven))


@pytest.mark.parametrize(
    ("born", "guarded"),
    [("1995-05-05", True), ("1996-11-20", True), ("1970-05-06", False), ("1870-05-05", False)],
)
def test_a_son_with_his_fathers_name_and_card(born: str, guarded: bool) -> None:
    first17 = "99010119700505023"
    card = {"system": RESIDENT_NUMBER, "value": first17 + check_character(first17)}
    father = bearer("巴特尔", birthDate="1970-05-05", identifier=[card])
    other = bearer("巴特尔", birthDate=born, identifier=[card])
    for a, b in ((father, other), (other, father)):
        assert ("generation" in guards(a, b, compare.compare(a, b))) is guarded
