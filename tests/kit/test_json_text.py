"""Splicing JSON text: what is asked for changes, every other byte stays."""

import json
from collections.abc import Iterator
from random import Random
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hie.kit.json import (
    array_items,
    duplicate_key,
    members,
    replace_references,
    replace_strings,
    spans,
    splice,
)

META = b'{"versionId":"1","lastUpdated":"2024-05-01T08:00:00.000+08:00"}'
OLD = "urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0a"
NEW = "Patient/0190"

TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    st.sampled_from(
        ["id", "meta", '"id":"a"', '","id":"b', "reference", OLD, "\\", '\\"', ":", "}{]["]
    ),
)
KEYS = st.one_of(st.sampled_from(["id", "meta", "resourceType", "reference", "value", "a"]), TEXTS)
SPACE = st.text(" \t\r\n", max_size=3)


@st.composite
def rendered_string(draw: st.DrawFn, value: str) -> str:
    """A string token, each character plain, escaped or as \\u at random."""
    style = draw(st.sampled_from(["ascii", "plain", "all"]))
    if style == "all":
        units = value.encode("utf-16-be")
        return '"' + "".join(f"\\u{units[i : i + 2].hex()}" for i in range(0, len(units), 2)) + '"'
    text = json.dumps(value, ensure_ascii=style == "ascii")
    return text.replace("/", "\\/") if draw(st.booleans()) else text


@st.composite
def rendered(draw: st.DrawFn, value: Any) -> str:
    """JSON text of a value with random white space and escapes."""
    space = lambda: draw(SPACE)  # noqa: E731 - drawn anew at each place
    if isinstance(value, dict):
        inner = ",".join(
            f"{space()}{draw(rendered_string(key))}{space()}:{space()}{draw(rendered(each))}{space()}"
            for key, each in value.items()
        )
        return "{" + (inner or space()) + "}"
    if isinstance(value, list):
        inner = ",".join(f"{space()}{draw(rendered(each))}{space()}" for each in value)
        return "[" + (inner or space()) + "]"
    if isinstance(value, str):
        return draw(rendered_string(value))
    return json.dumps(value)


VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**53), 2**53), TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=12,
)
OBJECTS = st.dictionaries(KEYS, VALUES, max_size=6)
DOCUMENTS = OBJECTS.flatmap(
    lambda value: st.tuples(st.just(value), SPACE, rendered(value), SPACE).map(
        lambda parts: (parts[0], "".join(parts[1:]).encode())
    )
)


@given(DOCUMENTS)
def test_splice_sets_id_and_meta_only(document: tuple[dict[str, Any], bytes]) -> None:
    value, raw = document
    result = splice(raw, value, id="new-1", meta=META)
    assert orjson.loads(result) == {**value, "id": "new-1", "meta": orjson.loads(META)}
    kept = {key: text for key, text in members(raw).items() if key not in ("id", "meta")}
    assert {k: v for k, v in members(result).items() if k not in ("id", "meta")} == kept
    assert splice(result, orjson.loads(result), id="new-1", meta=META) == result


@given(DOCUMENTS)
def test_spans_are_the_values_places(document: tuple[dict[str, Any], bytes]) -> None:
    value, raw = document
    found = list(spans(raw))
    assert [span.key for span in found] == list(value)
    assert {span.key: raw[span.start : span.end] for span in found} == members(raw)


@given(DOCUMENTS)
def test_no_duplicate_is_seen_where_there_is_none(document: tuple[dict[str, Any], bytes]) -> None:
    value, raw = document
    assert duplicate_key(raw, value) is None


@given(DOCUMENTS, DOCUMENTS, st.integers(0, 3))
def test_a_repeated_key_is_found_at_any_depth(
    document: tuple[dict[str, Any], bytes], other: tuple[dict[str, Any], bytes], depth: int
) -> None:
    raw = b'{"code" :%b,"status":"final","code":%b}' % (document[1], other[1])
    for _ in range(depth):
        raw = b'{"display":"\\" :", "entry":[%b]}' % raw
    assert duplicate_key(raw, orjson.loads(raw)) == "code"


@pytest.mark.parametrize(
    "raw",
    [
        rb'{"a":1,"\u0061":2}',
        rb'{"a":1,"a":2,"b":"\u0022:"}',
        rb'{"a":1,"a":2,"b":"\u003a"}',
        b'{"a":1,"a" \n:2}',
    ],
)
def test_escapes_do_not_hide_a_repeated_key(raw: bytes) -> None:
    assert duplicate_key(raw, orjson.loads(raw)) == "a"


def replaced(value: Any, key: str = "") -> Any:
    """What `replace_references` must give, by walking the parsed document."""
    if isinstance(value, dict):
        return {each: replaced(inner, each) for each, inner in value.items()}
    if isinstance(value, list):
        return [replaced(inner) for inner in value]
    return NEW if value == OLD and key == "reference" else value


@given(DOCUMENTS)
def test_references_are_replaced_as_in_the_parsed_document(
    document: tuple[dict[str, Any], bytes],
) -> None:
    value, raw = document
    result = replace_references(raw, {OLD: NEW})
    assert orjson.loads(result) == replaced(value)
    if replaced(value) == value:
        assert result == raw


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (rb'{"subject" : {"reference"  :"Patient?identifier=a|1"}, "value": 1.10}',
         rb'{"subject" : {"reference"  :"Patient/1"}, "value": 1.10}'),
        (rb'{"reference":"Patient?identifier=a\u007c1"}', rb'{"reference":"Patient/1"}'),
        (rb'{"display":"Patient?identifier=a|1"}', rb'{"display":"Patient?identifier=a|1"}'),
        (rb'{"div":"say \"reference\":\"Patient?identifier=a|1"}',
         rb'{"div":"say \"reference\":\"Patient?identifier=a|1"}'),
        (rb'{"reference":"\"reference\":","x":"Patient?identifier=a|1"}',
         rb'{"reference":"\"reference\":","x":"Patient?identifier=a|1"}'),
    ],
)  # fmt: skip
def test_conditional_references(raw: bytes, expected: bytes) -> None:
    assert replace_references(raw, {"Patient?identifier=a|1": "Patient/1"}) == expected


@given(DOCUMENTS, st.randoms())
def test_chosen_strings_are_replaced_and_no_keys(
    document: tuple[dict[str, Any], bytes], random: Random
) -> None:
    value, raw = document
    count = json.dumps(replaced_all(value, iter(()))).count(json.dumps(NEW))
    chosen = [random.random() < 0.5 for _ in range(count)]
    result = replace_strings(raw, {OLD: NEW}, iter(chosen))
    assert orjson.loads(result) == replaced_all(value, iter(chosen))


def replaced_all(value: Any, chosen: Iterator[bool]) -> Any:
    if isinstance(value, dict):
        return {each: replaced_all(inner, chosen) for each, inner in value.items()}
    if isinstance(value, list):
        return [replaced_all(inner, chosen) for inner in value]
    return NEW if value == OLD and next(chosen, True) else value


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b'{"resourceType":"Patient"}', b'{"resourceType":"Patient","id":"1","meta":{}}'),
        (b' { "active":true, "resourceType":"Patient" }\n',
         b' {"id":"1","meta":{}, "active":true, "resourceType":"Patient" }\n'),
        (b'{"resourceType":"Patient","id" : "a","x":1.10}',
         b'{"resourceType":"Patient","meta":{},"id" : "1","x":1.10}'),
        (b'{"contained":[{"id":"a","meta":{"a":1}}],"meta":{"a":1},"id":"a"}',
         b'{"contained":[{"id":"a","meta":{"a":1}}],"meta":{},"id":"1"}'),
        (rb'{"x":{"id":"a"},"\u0069d":"a","meta":{ }}', rb'{"x":{"id":"a"},"\u0069d":"1","meta":{}}'),
    ],
)  # fmt: skip
def test_splice_places(raw: bytes, expected: bytes) -> None:
    assert splice(raw, orjson.loads(raw), id="1", meta=b"{}") == expected


def test_slicing_a_bundle() -> None:
    raw = b'{"entry": [ {"fullUrl":"a","resource": {"v" : 1.10} },{"resource":{"t":"\\u4e2d"}}]}'
    entries = array_items(members(raw)["entry"])
    assert [members(each)["resource"] for each in entries] == [b'{"v" : 1.10}', b'{"t":"\\u4e2d"}']
