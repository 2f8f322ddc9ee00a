"""Separators, escapes, character sets, line ends."""

import pytest
from hl7_samples import adt
from hypothesis import given
from hypothesis import strategies as st

from hie.ingest.hl7v2.charset import decode
from hie.ingest.hl7v2.escapes import Separators, escape, unescape
from hie.ingest.hl7v2.fault import CharsetError, MalformedError
from hie.ingest.hl7v2.message import parse, read_header

DEFAULT = Separators()
OTHER = Separators("#", "@", "$", "!", "%")
PRINTABLE = st.text(st.characters(exclude_categories=["Cs", "Cc"]))


@given(PRINTABLE, st.sampled_from([DEFAULT, OTHER]))
def test_escaped_text_is_read_back(text: str, separators: Separators) -> None:
    escaped = escape(text, separators)
    assert not set(escaped) & {
        separators.field,
        separators.component,
        separators.repetition,
        separators.subcomponent,
    }
    assert unescape(escaped, separators) == text


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (r"A\T\B \F\ \S\ \R\ \E\ end", "A&B | ^ ~ \\ end"),
        (r"one\.br\two", "one\ntwo"),
        (r"one\.sp2\two", "one\n\ntwo"),
        (r"\X4869\!", "Hi!"),
        ("\\XE5BCA0\\", "张"),
        (r"\H\bold\N\ plain", "bold plain"),
        (r"\Zown\ stays", r"\Zown\ stays"),
        (r"a path C:\x stays", r"a path C:\x stays"),
        (r"\X4\ stays", r"\X4\ stays"),
        (r"\XFF\ stays", r"\XFF\ stays"),
        ("bell\x07gone", "bellgone"),
        (r"\.sp999999999\end", "\n" * 100 + "end"),
    ],
)
def test_escape_sequences(written: str, meant: str) -> None:
    assert unescape(written, DEFAULT) == meant


def test_bytes_in_the_message_s_own_character_set() -> None:
    assert unescape("\\XD5C5\\", DEFAULT, "gb18030") == "张"


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
def test_line_ends(end: str) -> None:
    message = parse(adt().replace("\r", end).encode())
    assert [s.name for s in message.segments] == ["MSH", "EVN", "PID", "PV1"]
    assert message.header.control_id == "M1"


def test_a_line_that_is_no_segment_continues_the_field() -> None:
    body = b"MSH|^~\\&|A|B|||2026||ORU^R01|1\rOBX|1|TX|c||first\nsecond line\rNTE|1||x"
    obx = parse(body).first("OBX")
    assert obx is not None
    assert obx.value(5).text == "first\nsecond line"


def test_the_separators_that_the_message_names() -> None:
    body = b"MSH#@$!%#HIS#YXZYY#H#F#2026##ADT@A01#77#P#2.4\rPID#1##P1@@@A%1.2@PI$P2##Li!S!u@Na"
    message = parse(body)
    assert message.header.message_type == "ADT^A01"
    pid = message.first("PID")
    assert pid is not None
    assert [v.component(1) for v in pid.all(3)] == ["P1", "P2"]
    assert pid.value(3).component(4, 2) == "1.2"
    assert pid.value(5).component(1) == "Li@u"


def test_msh_2_may_be_shortened() -> None:
    header = read_header(b"MSH|^~|HIS|YX|||2026||ADT^A01|1")
    assert header.separators == DEFAULT


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"PID|1",
        b"MSH",
        b"hello",
        b"MSHA",
        b"MSH|^^^^|",
        b"MSH|aaaa|",
        b"\x00MSH|^~\\&|",
        b"MSH\xff",
    ],
)
def test_what_is_no_message(body: bytes) -> None:
    with pytest.raises(MalformedError) as caught:
        read_header(body)
    assert caught.value.text.en
    assert caught.value.text.zh


@given(st.binary(max_size=300))
def test_any_bytes_are_parsed_or_refused(body: bytes) -> None:
    for content in (body, b"MSH|^~\\&|A|B|C|D|2026||ADT^A01|1|P|2.5\rPID|" + body):
        try:
            message = parse(content)
        except (MalformedError, CharsetError):
            continue
        assert message.segments[0].name == "MSH"


@pytest.mark.parametrize(
    ("declared", "codec"),
    [
        ("UNICODE UTF-8", "utf-8"),
        ("GB 18030-2000", "gb18030"),
        ("GBK", "gb18030"),
        ("", "utf-8"),
        ("", "gb18030"),
        ("ASCII", "gb18030"),
    ],
)
def test_character_sets(declared: str, codec: str) -> None:
    message = parse(adt(character_set=declared).encode(codec))
    pid = message.first("PID")
    assert pid is not None
    assert pid.text(5) == "张"


@pytest.mark.parametrize(
    ("body", "declared"), [(b"\xff\xfe", "UNICODE UTF-8"), (b"x", "JIS X 0202")]
)
def test_text_that_is_not_what_it_says(body: bytes, declared: str) -> None:
    with pytest.raises(CharsetError):
        decode(body, declared)


def test_null_and_empty_differ() -> None:
    pid = parse(b'MSH|^~\\&|A|B|||2026||ADT^A08|1\rPID|1||P1||""|||""^x').first("PID")
    assert pid is not None
    assert pid.value(5).is_null
    assert pid.text(5) == ""
    assert not pid.value(6).is_null
    assert not pid.value(6)
    assert not pid.value(8).is_null
