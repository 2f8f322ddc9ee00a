"""`docs/search.md` says what searches can answer and what the index holds."""

import re

from search_document import DOCUMENT, SECTIONS, render

from hie.search.filter import OPERATIONS


def test_the_tables_are_up_to_date() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert text == render(), "write them anew: python tests/docs/search_document.py"
    assert all(f"<!-- {name} -->" in text for name in SECTIONS)


def test_every_operation_of_a_filter_is_named() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    named = set(re.findall(r"`([a-z]{2})`", text))
    assert {operation for known in OPERATIONS.values() for operation in known} <= named
