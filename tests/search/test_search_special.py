"""Searches that no single index answers: `_filter`, `_list`, `_text`, `_content`, `near`.

https://hl7.org/fhir/R4/search_filter.html, https://hl7.org/fhir/R4/search.html
"""

from typing import Any

import pytest
from search_fixtures import Find, Load

from hie.errors import Problem
from hie.search.filter_grammar import DEEPEST, LONGEST, parse_filter
from hie.search.restriction import NOTHING, Restriction, Rule
from hie.search.sql import Sql
from hie.store.open import Store

DIV = '<div xmlns="http://www.w3.org/1999/xhtml"><p>{}</p></div>'


def resource(place: str, /, **elements: Any) -> dict[str, Any]:
    type_name, logical_id = place.split("/")
    return {"resourceType": type_name, "id": logical_id, **elements}


def quantity(value: float) -> dict[str, Any]:
    return {"value": value, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"}


@pytest.fixture(scope="module")
async def loaded(load: Load) -> None:
    await load(
        resource(
            "Patient/peter",
            name=[{"family": "Chalmers", "given": ["Peter", "James"]}],
            birthDate="1974-12-25",
            gender="male",
            active=True,
        ),
        resource(
            "Patient/petra", name=[{"family": "Petersen", "given": ["Petra"]}], gender="female"
        ),
        resource("Patient/wei", name=[{"text": "张伟", "family": "张", "given": ["伟"]}]),
        resource(
            "Observation/weight",
            subject={"reference": "Patient/peter"},
            code={"coding": [{"system": "http://loinc.org", "code": "29463-7"}], "text": "Weight"},
            effectivePeriod={"start": "2020-01-01", "end": "2020-01-31"},
            valueQuantity=quantity(81.5),
            note=[{"text": "After the Christmas holidays; 体重增加，伴有糖尿病"}],
        ),
        resource(
            "Observation/other",
            subject={"reference": "Patient/petra"},
            code={"coding": [{"system": "http://loinc.org", "code": "1-8"}]},
            effectiveDateTime="2021-05-05",
            text={
                "status": "additional",
                "div": DIV.format("頭痛 and <b>di</b>zziness &amp; more"),
            },
        ),
        resource("Observation/bare", status="final", valueString="Crème brûlée"),
        resource(
            "List/mine",
            entry=[
                {"item": {"reference": "Patient/peter"}},
                {"item": {"reference": "Patient/wei"}, "deleted": True},
                {"item": {"reference": "Observation/other/_history/1"}},
                {"item": {"display": "not a resource"}},
            ],
        ),
        resource("Location/tiananmen", position={"latitude": 39.9087, "longitude": 116.3975}),
        resource("Location/tongzhou", position={"latitude": 39.9093, "longitude": 116.6564}),
        resource("Location/shanghai", position={"latitude": 31.2304, "longitude": 121.4737}),
        resource("Location/nowhere", name="nowhere"),
    )


FILTERS = [
    # the examples of the page
    ("Patient", 'name co "pet"', "peter petra"),
    ("Patient", 'given eq "peter" and birthdate ge 1974-10-10', "peter"),
    ("Observation", "code eq http://loinc.org|1-8", "other"),
    ("Observation", 'subject.name co "pet"', "other weight"),
    # each operation of the table
    ("Patient", "family eq chalmers", "peter"),
    ("Patient", "family eq chal", ""),
    ("Patient", "family ne chalmers", "petra wei"),
    ("Patient", "family co alm", "peter"),
    ("Patient", "family sw chal", "peter"),
    ("Patient", "family ew ERS", "peter"),
    ("Patient", "name eq 张伟", "wei"),
    ("Patient", "name sw zhangw", "wei"),
    ("Patient", "gender eq MALE", "peter"),
    ("Patient", "gender ne male", "petra"),
    ("Patient", "birthdate pr true", "peter"),
    ("Patient", "birthdate pr false", "petra wei"),
    ("Patient", "birthdate lt 1975 and birthdate gt 1974-01", "peter"),
    ("Observation", "date po 2020-01-15", "weight"),
    ("Observation", "date po 2021", "other"),
    ("Observation", "date sa 2020-12-31", "other"),
    ("Observation", "date eb 2020-12-31", "weight"),
    ("Observation", "value-quantity gt 81500|http://unitsofmeasure.org|g", ""),
    ("Observation", "value-quantity ge 81500|http://unitsofmeasure.org|g", "weight"),
    ("Observation", "value-quantity ap 80", "weight"),
    ("Observation", "subject re Patient/petra", "other"),
    ("Observation", "code pr false", "bare"),
    (
        "Patient",
        "gender in http://hl7.org/fhir/ValueSet/administrative-gender",
        "peter petra",
    ),
    ("Patient", "gender ni http://hl7.org/fhir/ValueSet/administrative-gender", "wei"),
    ("Patient", "gender ss male", "peter"),
    # logic, from left to right
    ("Patient", "gender eq male or gender eq female and family eq chalmers", "peter"),
    ("Patient", "gender eq male or (gender eq female and family eq chalmers)", "peter"),
    ("Patient", "not (gender eq male)", "petra wei"),
    ("Patient", 'not(gender eq male or name co "pet")', "wei"),
    # a condition on the resource that a path leads over
    ("Observation", 'subject:Patient[gender eq female].name co "pet"', "other"),
    ("Observation", 'subject[gender eq male].family co "petersen"', ""),
    ("Observation", 'code eq "http://loinc.org|1-8"', "other"),
]


@pytest.mark.parametrize(("type_name", "text", "expected"), FILTERS)
async def test_filters(loaded: None, find: Find, type_name: str, text: str, expected: str) -> None:
    assert sorted(await find(type_name, ("_filter", text))) == expected.split()


@pytest.mark.parametrize(
    "text",
    [
        "family",
        "family eq",
        "family eq x or",
        "(family eq x",
        "family zz x",
        "birthdate co 19",
        "birthdate eq soon",
        "nonsense eq 1",
        "name.family eq x",
        "family[gender eq male] eq x",
        'family eq "a\\u0000b"',
        'family eq " "',
        "birthdate pr maybe",
        "(" * (DEEPEST + 1) + "family eq x" + ")" * (DEEPEST + 1),
        "family eq x" + " or family eq x" * 101,
        "family eq " + "x" * LONGEST,
    ],
)
async def test_filters_that_cannot_be_understood_are_refused(find: Find, text: str) -> None:
    with pytest.raises(Problem) as caught:
        await find("Patient", ("_filter", text))
    assert caught.value.status == 400
    assert caught.value.issues[0].expression


def test_a_refusal_says_where() -> None:
    with pytest.raises(ValueError, match=r"character 13: 'zz\)'"):
        parse_filter("family eq x zz)")


async def test_a_list_names_resources(loaded: None, find: Find, store: Store) -> None:
    assert await find("Patient", ("_list", "mine")) == ["peter"]
    assert await find("Observation", ("_list", "mine")) == ["other"]
    assert await find("Patient", ("_list", "mine"), ("gender", "female")) == []
    assert await find("Patient", ("_list", "none")) == []
    assert await find("Observation", ("patient._list", "mine")) == ["weight"]
    # neither through a List that may not be seen nor to what may not be seen
    patients = Restriction((Rule(types=frozenset({"Patient"})),))
    assert await find("Patient", ("_list", "mine"), restriction=patients) == []
    lists = Restriction((Rule(types=frozenset({"List"})),))
    assert await find("Patient", ("_list", "mine"), restriction=lists) == []
    with pytest.raises(Problem):
        await find("Patient", ("_list", "$current-problems"))


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        # words from their beginning, in any order and case, whatever the accents
        ("_content", "christmas", "weight"),
        ("_content", "christ", "weight"),
        ("_content", "mas", ""),
        ("_content", "holidays after", "weight"),
        ("_content", "holidays tomorrow", ""),
        ("_content", '"christmas holidays"', "weight"),
        ("_content", '"holidays christmas"', ""),
        ("_content", "tomorrow,holidays", "weight"),
        ("_content", "creme BRULEE", "bare"),
        ("_content", "29463-7", "weight"),
        # Chinese anywhere in the text, in either script
        ("_content", "糖尿病", "weight"),
        ("_content", "體重增加", "weight"),
        ("_content", "头痛", "other"),
        ("_content", "头痛,糖尿病", "other weight"),
        # the narrative alone
        ("_text", "头痛", "other"),
        ("_text", "dizziness", "other"),
        ("_text", "糖尿病", ""),
        ("_text", "amp", ""),
        ("_text", "b", ""),
    ],
)
async def test_words(loaded: None, find: Find, name: str, value: str, expected: str) -> None:
    assert sorted(await find("Observation", (name, value))) == expected.split()


async def test_words_are_looked_for_in_what_may_be_seen(
    loaded: None, find: Find, store: Store
) -> None:
    assert await find("Observation", ("_content", "糖尿病"), restriction=NOTHING) == []
    key = store.hasher("Patient/petra")
    petra = Restriction((Rule(patients=Sql("SELECT %s::bigint", (key,))),))
    assert await find("Observation", ("_content", "糖尿病"), restriction=petra) == []
    assert await find("Observation", ("_content", "头痛"), restriction=petra) == ["other"]
    found = await find("Patient", ("_has:Observation:patient:_content", "糖尿病"))
    assert found == ["peter"]
    hidden = await find(
        "Patient", ("_has:Observation:patient:_content", "糖尿病"), restriction=petra
    )
    assert hidden == []


@pytest.mark.parametrize("value", ["", " ", '""', "...", " ".join("abcdefghijklmnopqrstuvwxyz")])
async def test_words_must_be_words(find: Find, value: str) -> None:
    if value:
        with pytest.raises(Problem):
            await find("Observation", ("_content", value))
    else:
        await find("Observation", ("_content", value))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("39.9087|116.3975|1|km", "tiananmen"),
        ("39.9087|116.3975|25|km", "tiananmen tongzhou"),
        # 22.08 km apart along the parallel
        ("39.9087|116.3975|22|km", "tiananmen"),
        ("39.9087|116.3975|22100|m", "tiananmen tongzhou"),
        ("39.9087|116.3975|14|[mi_us]", "tiananmen tongzhou"),
        ("39.9087|116.3975|1100", "shanghai tiananmen tongzhou"),
        ("39.9087|116.3975", "tiananmen"),
        ("-39.9087|-63.6|100|km", ""),
    ],
)
async def test_near(loaded: None, find: Find, value: str, expected: str) -> None:
    assert sorted(await find("Location", ("near", value))) == expected.split()


async def test_near_where_nothing_is_known(loaded: None, find: Find) -> None:
    assert await find("Location", ("near:missing", "true")) == ["nowhere"]
    for value in (
        "39",
        "39|",
        "91|0",
        "0|181",
        "a|b",
        "0|0|-1",
        "0|0|1|parsec",
        "0|0|nan",
        "0|0|1|km|x",
    ):
        with pytest.raises(Problem) as caught:
            await find("Location", ("near", value))
        assert caught.value.issues[0].expression == "near"
