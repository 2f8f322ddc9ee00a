"""What the steward's pages are made of: comparison of two sides and the waterfall."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hie.web.steward import words
from hie.web.steward.answers import Registration, Weight
from hie.web.steward.comparison import compared, pieces
from hie.web.steward.waterfall import LABELS, waterfall


def registration(institution: str, **more: object) -> Registration:
    return Registration(institution, {"resourceType": "Patient", **more})


def number(system: str, value: str) -> list[dict[str, str]]:
    return [{"system": system, "value": value}]


@pytest.mark.parametrize(
    ("value", "others", "expected"),
    [
        ("王雨桐", ["王雨欣"], (("王雨", False), ("桐", True))),
        ("王雨桐", ["王雨桐", "王雨欣"], (("王雨桐", False),)),
        ("王雨桐", [], (("王雨桐", False),)),
        ("1980-05-17", ["1980-05-71"], (("1980-05-", False), ("1", False), ("7", True))),
    ],
)
def test_pieces_mark_what_the_other_side_lacks(value, others, expected) -> None:
    assert pieces(value, others) == expected


@given(st.text(), st.lists(st.text(), max_size=3))
def test_pieces_lose_nothing(value: str, others: list[str]) -> None:
    assert "".join(text for text, _ in pieces(value, others)) == value


def test_only_numbers_of_one_kind_are_compared() -> None:
    ours = registration("A", identifier=number("urn:a", "7"), gender="female")
    theirs = registration("B", identifier=number("urn:b", "8"), gender="male")
    states = {line.title.en: line.state for line in compared([[ours], [theirs]], "en")}
    assert states == {"Other numbers": "missing", "Sex": "different"}
    same = registration("B", identifier=number("urn:a", "7"))
    assert [line.state for line in compared([[ours], [same]], "zh")] == ["missing", "same"]
    third = registration("C", identifier=number("urn:a", "9"))
    assert [line.state for line in compared([[ours], [third]], "zh")] == ["missing", "different"]


def test_who_says_what_is_told_where_several_speak() -> None:
    ours = [registration("A", birthDate="1980-01-01"), registration("B", birthDate="1980-01-02")]
    (line,) = compared([ours, [registration("C", birthDate="1980-01-02")]], "zh")
    assert [said.institutions for said in line.sides[0]] == [("A",), ("B",)]
    assert [said.institutions for said in line.sides[1]] == [()]


@given(st.lists(st.floats(-40, 40, allow_nan=False), min_size=1, max_size=9))
def test_the_waterfall_ends_at_the_sum_and_stays_inside(bits: list[float]) -> None:
    drawing = waterfall([Weight("name", "exact", each) for each in bits])
    assert drawing.total == pytest.approx(sum(bits), abs=0.06)
    for bar in drawing.bars:
        assert LABELS <= bar.x <= bar.x + bar.width <= drawing.width + 1
    for before, after in zip(drawing.bars, drawing.bars[1:], strict=False):
        ends = (after.x, after.x + after.width)
        assert min(abs(before.end - end) for end in ends) < 1.2


def test_every_code_of_the_index_has_words() -> None:
    from pathlib import Path

    import hie.mpi
    from hie.mpi.model import shipped

    models = sorted((Path(hie.mpi.__file__).parent / "models").glob("*.json"))
    assert models
    for model in models:
        levels = shipped(model.stem)["m"]
        assert set(levels) <= set(words.FIELDS)
        assert {level for of_field in levels.values() for level in of_field} <= set(words.LEVELS)
    assert words.word(words.LEVELS, "new").zh == "new"


def test_residents_read_what_was_done_about_their_identity() -> None:
    """Acts on identity stand in the resident's log by their own names, not as mere reading."""
    from typing import get_args

    from hie.records.link_provenance import Interaction
    from hie.web.record.access import ACTIONS

    others = {"match", "ihe-pix", "candidates", "link-history", "reviews", "second-opinion"}
    assert {*get_args(Interaction), *others} <= set(ACTIONS)


def test_every_reason_of_a_review_has_words() -> None:
    """Reasons stand as literals where doubts are made."""
    import re
    from pathlib import Path

    import hie.mpi

    sources = [
        file.read_text(encoding="utf-8") for file in Path(hie.mpi.__file__).parent.glob("*.py")
    ]
    made = {
        reason
        for text in sources
        for reason in re.findall(r"""(?:Doubt\(|yield )\s*"([a-z-]+)",""", text)
    }
    assert {"source-merge", "contradiction", "batch-merge", "batch-split"} <= made
    assert made | {"possible", "duplicate", "twins", "update"} == set(words.REASONS)
