"""Wording, templates, languages, local paths: what can be checked without a server."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import QueryParams

import hie.web
from hie.web.choice import Choice
from hie.web.clinician.find import parameters
from hie.web.language import accepted
from hie.web.local_path import local_path
from hie.web.record.entry import KINDS
from hie.web.record.person import IDENTIFIER_KINDS
from hie.web.wording import WORDING

WEB = Path(hie.web.__file__).parent
TEMPLATES = sorted((WEB / "templates").rglob("*.html"))

# Keys that templates build from values: sexes, ages, kinds, classes, statuses, flags.
FROM_VALUES = {
    *("male", "female", "other", "unknown", "age_year", "age_month"),
    *KINDS,
    *IDENTIFIER_KINDS.values(),
    *("AMB", "EMER", "IMP", "HH", "VR", "vital_signs"),
    *(key for key in WORDING if key.startswith("status_")),
    *("high", "low", "abnormal", "up", "down", "same"),
}


def test_every_word_of_the_templates_is_there_and_every_word_is_used() -> None:
    used = {
        key
        for template in TEMPLATES
        for key in re.findall(
            r"""\bt\(["']([\w-]+)["'](?! ~)""", template.read_text(encoding="utf-8")
        )
    }
    assert used <= set(WORDING)
    assert set(WORDING) - used - FROM_VALUES == set()


def test_both_languages_have_the_same_placeholders() -> None:
    for key, text in WORDING.items():
        assert set(re.findall(r"\{\w+\}", text.en)) == set(re.findall(r"\{\w+\}", text.zh)), key
        assert text.en.isascii() or "“" in text.en, key


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_templates_have_no_inline_script_or_style(template: Path) -> None:
    text = template.read_text(encoding="utf-8")
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:|\|\s*safe\b", text)
    assert not re.search(r"<script(?![^>]*\bsrc=)", text)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", "zh"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("en-GB,en;q=0.9", "en"),
        ("fr,en;q=0.5,zh;q=0.4", "en"),
        ("en;q=0,zh;q=0.1", "zh"),
        ("de", "zh"),
        ("en;q=x", "zh"),
    ],
)
def test_the_language_the_browser_likes_best(header: str, expected: str) -> None:
    assert accepted(header) == expected


@pytest.mark.parametrize(
    "elsewhere",
    [
        "//evil.example", "https://evil.example", "/\\evil.example", "evil", "", "/a\nb",
        "/resident/../clinician", "/residents", "/clinician",
    ],
)  # fmt: skip
def test_nobody_is_sent_elsewhere(elsewhere: str) -> None:
    assert local_path(elsewhere, "/resident") is None


@given(st.text(max_size=30))
def test_what_passes_is_a_path_of_this_site(text: str) -> None:
    passed = local_path("/" + text)
    assert passed is None or re.match(r"/(?![/\\])", passed)


def test_the_way_back_keeps_path_and_query() -> None:
    assert local_path("/resident", "/resident") == "/resident"
    assert local_path("/resident?kind=visit", "/resident") == "/resident?kind=visit"
    assert local_path("/resident/results?test=a%7Cb", "/resident") is not None


def test_a_choice_of_the_timeline_survives_its_own_address() -> None:
    chosen = Choice("result", "YX-H1", "2024-03-01")
    assert Choice.of(QueryParams(chosen.query(before="2024-03-01")[1:])) == chosen
    assert Choice.of(QueryParams(chosen.query()[1:])).before is None
    assert Choice.of(QueryParams("kind=nonsense&before=yesterday&institution=")) == Choice()


@pytest.mark.parametrize(
    ("words", "birth", "expected"),
    [
        ("99010119580207003x", "", [("identifier", "urn:oid:2.16.156.10011.1.3|99010119580207003X")]),
        ("990101 19580207 003X", "", [("identifier", "urn:oid:2.16.156.10011.1.3|99010119580207003X")]),
        ("YX-H1-00001", "", [("identifier", "YX-H1-00001")]),
        ("张明华", "1958", [("name", "张明华"), ("birthdate", "1958")]),
        ("zhang", "1958-13", [("name", "zhang"), ("birthdate", "1958-13")]),
        ("a,b|c", "x", [("name", "a\\,b\\|c")]),
    ],
)  # fmt: skip
def test_what_a_clinician_types_becomes_a_search(
    words: str, birth: str, expected: list[tuple[str, str]]
) -> None:
    assert parameters(words, birth) == expected
