"""Strings, also Chinese ones. https://hl7.org/fhir/R4/search.html#string"""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from search_fixtures import Find, Load

from hie.errors import Problem
from hie.search.escape import escape, split, unescape
from hie.search.params.normal import normal
from hie.search.params.sound import sounds
from hie.search.params.string import without_prefixes


def patient(logical_id: str, *names: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": logical_id, "name": list(names), **more}


@pytest.fixture(scope="module")
async def loaded(load: Load) -> None:
    await load(
        patient("eve", {"given": ["Eve"]}),
        patient("evelyn", {"given": ["Evelyn"]}),
        patient("severine", {"family": "Carréno Quiñones", "given": ["Séverine", "Ann-Lee"]}),
        patient("zhang", {"text": "张伟", "family": "张", "given": ["伟"]}),
        patient("traditional", {"text": "張偉明"}),
        patient("parts", {"family": "欧阳", "given": ["娜娜"]}),
        patient("zeng", {"text": "曾国藩", "family": "曾", "given": ["国藩"]}),
        patient("shan", {"family": "单", "given": ["雄信"]}),
        patient("lv", {"text": "吕布"}),
        patient("long", {"text": "x" * 3000 + "end"}),
        patient(
            "home",
            address=[{"line": ["云溪区 清河路1号"], "city": "Ŵrocław", "postalCode": "990101"}],
        ),
        patient("nameless"),
    )


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        # the specification's own example
        ("given", "eve", "eve evelyn"),
        ("given:contains", "eve", "eve evelyn severine"),
        ("given:exact", "Eve", "eve"),
        ("given:exact", "eve", ""),
        # accents, punctuation and spaces
        ("family", "carreno", "severine"),
        ("family", "CARRÉNO  quinones", "severine"),
        ("given", "ann lee", "severine"),
        ("given", "annlee", "severine"),
        ("given:exact", "Ann-Lee", "severine"),
        ("family", "quinones", ""),
        ("family:contains", "quinones", "severine"),
        # Chinese: characters of either script, pinyin with and without space, initials
        ("name", "张伟", "traditional zhang"),
        ("name", "張偉", "traditional zhang"),
        ("name:exact", "张伟", "zhang"),
        ("name", "张", "traditional zhang"),
        ("name", "zhangwei", "traditional zhang"),
        ("name", "Zhang Wei", "traditional zhang"),
        ("name", "zhangweiming", "traditional"),
        ("name", "zw", "traditional zhang"),
        ("name", "zwm", "traditional"),
        ("family", "zhang", "zhang"),
        ("given", "wei", "zhang"),
        ("name", "欧阳娜娜", "parts"),
        ("name", "ouyangnana", "parts"),
        ("name", "oynn", "parts"),
        # a surname is found by its own reading and by the character's usual one
        ("name", "zengguofan", "zeng"),
        ("name", "zgf", "zeng"),
        ("family", "zeng", "zeng"),
        ("family", "ceng", "zeng"),
        ("name", "shanxiongxin", "shan"),
        ("name", "danxiongxin", "shan"),
        ("family", "shan", "shan"),
        ("name", "lvbu", "lv"),
        ("name", "lyubu", "lv"),
        # longer than an index entry
        ("name", "x" * 3000, "long"),
        ("name", "x" * 3000 + "end", "long"),
        ("name", "x" * 3000 + "fin", ""),
        ("name:exact", "x" * 3000 + "end", "long"),
        ("address", "wroclaw", "home"),
        ("address", "云溪区清河路", "home"),
        ("address-city", "ŴROC", "home"),
        ("address-postalcode", "9901", "home"),
        ("name", "eve,zhangwei", "eve evelyn traditional zhang"),
        ("name:missing", "true", "home nameless"),
        ("given", "%", ""),
        ("given", "_ve", ""),
    ],
)
async def test_strings(loaded: None, find: Find, name: str, value: str, expected: str) -> None:
    assert sorted(await find("Patient", (name, value))) == expected.split()


async def test_an_empty_string_is_refused(find: Find) -> None:
    with pytest.raises(Problem):
        await find("Patient", ("name", " "))


async def test_sorting_by_name(loaded: None, find: Find) -> None:
    found = await find("Patient", ("given:missing", "false"), ("_sort", "given"))
    assert found[:3] == ["severine", "shan", "eve"] or found.index("eve") < found.index("evelyn")
    back = await find("Patient", ("given", "eve"), ("_sort", "-given"))
    assert back == ["evelyn", "eve"]


@given(st.text(max_size=40))
def test_normal_is_stable(text: str) -> None:
    once = normal(text)
    assert normal(once) == once


@given(st.lists(st.text(alphabet=r"a,|$\\", max_size=8), min_size=1, max_size=5))
def test_escapes_are_undone(pieces: list[str]) -> None:
    joined = ",".join(map(escape, pieces))
    assert [unescape(piece) for piece in split(joined, ",")] == pieces


@given(st.sets(st.text(alphabet="ab", max_size=5)), st.text(alphabet="ab", max_size=5))
def test_prefixes_find_the_same_without_them(values: set[str], sought: str) -> None:
    found = any(value.startswith(sought) for value in values if value)
    assert any(value.startswith(sought) for value in without_prefixes(values)) == found


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("章伟", "wei"),
        ("張偉", "wei"),
        ("zhangwei", "wei"),
        ("Zang Wei", "wei"),
        ("张", "wei"),
        ("伟", "wei"),
        ("李伟", ""),
        ("李明", ""),
        ("Smyth", "smith"),
        ("Smith", "smith"),
        ("Jon", "smith"),
        ("Miller", ""),
        ("王,smyth", "smith"),
    ],
)
async def test_names_as_they_sound(sounding: None, find: Find, value: str, expected: str) -> None:
    assert sorted(await find("RelatedPerson", ("phonetic", value))) == expected.split()


@pytest.fixture(scope="module")
async def sounding(load: Load) -> None:
    patient = {"reference": "Patient/p"}
    names = {
        "wei": {"family": "张", "given": ["伟"], "text": "张伟"},
        "smith": {"family": "Smith", "given": ["John"]},
    }
    await load(
        *(
            {"resourceType": "RelatedPerson", "id": logical_id, "patient": patient, "name": [name]}
            for logical_id, name in names.items()
        )
    )


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("陈静", "程晶", True),
        ("刘娜", "牛腊", True),
        ("黄", "王", False),
        ("张", "江", False),
        ("Stephen", "Steven", True),
        ("Catherine", "Katherine", True),
        ("Smith", "Miller", False),
        ("欧阳娜", "ouyangla", True),
    ],
)
def test_sounds(one: str, other: str, alike: bool) -> None:
    assert bool(sounds(one) & sounds(other)) == alike


async def test_sounds_have_no_modifiers(find: Find) -> None:
    with pytest.raises(Problem):
        await find("Patient", ("phonetic:exact", "x"))
