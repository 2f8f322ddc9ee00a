"""Readings are letter by letter pypinyin's, of which search indexes are made. GB/T 16159"""

import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pypinyin import constants, lazy_pinyin

from hie.kit.pinyin import syllables

PHRASES = list(constants.PHRASES_DICT)
CHARACTERS = [chr(code) for code in constants.PINYIN_DICT]
BETWEEN = ["a", " ", "，", "12", "Ａ", "·", "〇", "\U0002a6e0", "\ue815", "\ud7ff"]
EVERY = "".join(chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000)


def test_every_phrase_and_character() -> None:
    different = [text for text in [*PHRASES, *CHARACTERS] if syllables(text) != lazy_pinyin(text)]
    assert different == []


def test_each_character_of_unicode_is_chinese_or_not_as_there() -> None:
    # One call for a million characters: what lies between Chinese ones comes back in one piece.
    assert syllables(EVERY) == lazy_pinyin(EVERY)


@given(
    st.lists(
        st.one_of(
            st.sampled_from(PHRASES),
            st.sampled_from(PHRASES).map(lambda phrase: phrase[1:]),
            st.sampled_from(PHRASES).map(lambda phrase: phrase[:-1]),
            st.sampled_from(CHARACTERS),
            st.sampled_from(BETWEEN),
        ),
        max_size=6,
    ).map("".join)
)
def test_texts(text: str) -> None:
    assert syllables(text) == lazy_pinyin(text)


@given(st.text())
def test_any_text(text: str) -> None:
    assert syllables(text) == lazy_pinyin(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("Zhang-3", ["Zhang-3"]),
        ("重庆市", ["chong", "qing", "shi"]),
        ("吕不韦", ["lv", "bu", "wei"]),
        ("无了无", ["wu", "le", "wu"]),  # begins 无了无休; 了无 inside of it is not looked for
        ("长安123路", ["chang", "an", "123", "lu"]),
    ],
)
def test_examples(text: str, expected: list[str]) -> None:
    assert syllables(text) == expected


def test_the_package_is_not_loaded_for_its_tables() -> None:
    script = (
        "import sys; from hie.kit.pinyin import syllables; syllables('张'); print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert not re.search(r"\bpypinyin\b", done.stdout)
