"""Primitive datatypes: https://hl7.org/fhir/R4/datatypes.html#primitive as a table."""

from typing import Any

import pytest

from hie.fhir.validation.finding import Surroundings
from hie.fhir.validation.primitives import primitive_check

VALUES: dict[str, tuple[list[Any], list[Any]]] = {
    "boolean": ([True, False], ["true", 0, 1, None]),
    "integer": ([0, -1, 2147483647, -2147483648], [2147483648, -2147483649, 1.0, "1", True]),
    "unsignedInt": ([0, 1, 2147483647], [-1, 2147483648, 0.5, False]),
    "positiveInt": ([1, 2147483647], [0, -1, 1.5, "1"]),
    "decimal": ([0, 1.1, -1e-9, 12345678901234567890], ["1.1", True, None]),
    "string": (
        ["a", " a ", "a\nb\tc", "张伟", "　", "\u00a0", "x" * (1024 * 1024)],
        ["", "a\x00", "\x0b", "x" * (1024 * 1024 + 1), 1, None, ["a"]],
    ),
    "markdown": (["# a\n\n* b"], ["", "\x0c"]),
    "uri": (["http://a.example/", "urn:oid:1.2", "a", "张"], ["", "a b", " a", "a\n", "a\x00"]),
    "url": (["http://a.example/?a=b"], ["", "http://a.example/ b"]),
    "canonical": (["http://a.example/a|1.0#b"], ["", "a b"]),
    "oid": (["urn:oid:1.2.3", "urn:oid:2.16.156.10011.1.3"], ["1.2.3", "urn:oid:3.1", "urn:oid:1.02"]),
    "uuid": (
        ["urn:uuid:c757873d-ec9a-4326-a141-556f43239520"],
        ["c757873d-ec9a-4326-a141-556f43239520", "urn:uuid:C757873D-EC9A-4326-A141-556F43239520"],
    ),
    "id": (["1", "a-b.C", "a" * 64], ["", "a" * 65, "a_b", "a b", "张", 1]),
    "code": (["a", "a b", "a-b"], ["", " a", "a ", "a  b", "a\x00b", 1]),
    "date": (
        ["1905", "2018-02", "2018-02-28", "2020-02-29"],
        ["", "18", "2018-13", "2018-2-3", "2018-02-29", "2018-04-31", "2018-02-28T00:00:00Z", "0000"],
    ),
    "dateTime": (
        ["2018", "1973-06", "1905-08-23", "2015-02-07T13:28:17-05:00", "2017-01-01T00:00:00.000Z",
         "2016-12-31T23:59:60Z", "2018-01-01T00:00:00+14:00"],
        ["2017-01-01T00:00Z", "2017-01-01T00:00:00", "2017-01-01 00:00:00Z", "2017-01-01T24:00:00Z",
         "2018-02-30T00:00:00Z", "2018-01-01T00:00:00+15:00", "2018-01-01T00:00:00z"],
    ),
    "instant": (
        ["2015-02-07T13:28:17.239+02:00", "2017-01-01T00:00:00Z"],
        ["2017", "2017-01-01", "2017-01-01T00:00:00", "2017-02-31T00:00:00Z"],
    ),
    "time": (["00:00:00", "23:59:60", "12:34:56.789"], ["24:00:00", "12:34", "12:34:56Z"]),
    "base64Binary": (
        ["YQ==", "YWI=", "YWJj", "YWJj\nYWJj", " YWJj "],
        ["", "YQ", "YQ=", "Y", "YWJj=", "...", "YWJ!", "YWI=YWI=", "="],
    ),
    "xhtml": (
        ['<div xmlns="http://www.w3.org/1999/xhtml"><p style="a">&#160;&lt;张</p><br/></div>',
         '<div xmlns="http://www.w3.org/1999/xhtml"><a href="#x">x</a><img src="a.png" alt=""/></div>'],
        ["", "text", "<div>no namespace</div>", '<p xmlns="http://www.w3.org/1999/xhtml">x</p>',
         '<div xmlns="http://www.w3.org/1999/xhtml"><script>x</script></div>',
         '<div xmlns="http://www.w3.org/1999/xhtml" onclick="x">x</div>',
         '<div xmlns="http://www.w3.org/1999/xhtml"><a href=" JavaScript:x">x</a></div>',
         '<div xmlns="http://www.w3.org/1999/xhtml">&nbsp;</div>',
         '<div xmlns="http://www.w3.org/1999/xhtml">open', 1,
         '<!DOCTYPE div [<!ENTITY a "b">]><div xmlns="http://www.w3.org/1999/xhtml">&a;</div>'],
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, (good, _) in VALUES.items() for value in good]
)
def test_valid(name: str, value: Any) -> None:
    assert not primitive_check(name)(value, {}, Surroundings({}))


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, (_, bad) in VALUES.items() for value in bad]
)
def test_invalid(name: str, value: Any) -> None:
    findings = primitive_check(name)(value, {}, Surroundings({}))
    assert findings
    assert len(findings) == 1
    assert findings[0].text.en
    assert findings[0].text.zh


@pytest.mark.parametrize("name", ["base64Binary", "code", "string", "uri", "dateTime", "xhtml"])
def test_long_hostile_text_takes_no_time(name: str) -> None:
    check = primitive_check(name)
    for text in (" " * 200_000 + "!", "ab " * 70_000 + " ", "A" * 200_001, "<div" * 50_000):
        check(text, {}, Surroundings({}))
