"""Primitive values: JSON type and format. https://hl7.org/fhir/R4/datatypes.html#primitive

The regular expressions are the specification's, matched with ASCII classes (so that full-width
spaces are ordinary characters), and the calendar is checked beside them: there is no 30 February.
"""

import re
from datetime import date
from functools import cache
from typing import Any

from hie.fhir.definitions import Primitive, primitives
from hie.fhir.validation.finding import (
    Check,
    Finding,
    Findings,
    Surroundings,
    one,
    shown,
    wrong_shape,
)
from hie.fhir.validation.xhtml import check_xhtml

# The specification's expression with padding only at the end, and no way to backtrack.
BASE64 = r"\s*+(?:[0-9A-Za-z+/]{4}\s*+)*+(?:[0-9A-Za-z+/]{2}(?:==|[0-9A-Za-z+/]=)\s*+)?"
# "Strings SHOULD not contain Unicode character points below 32, except for tab, line feed and
# carriage return"; PostgreSQL cannot hold NUL in text at all, so none are let in.
TEXT = r"[^\x00-\x08\x0b\x0c\x0e-\x1f]+"
VISIBLE = r"[^\s\x00-\x1f]"
LONGEST = 1024 * 1024
KNOWN, KNOWN_LENGTH = 4096, 128
"""How many valid values of a primitive type are remembered, and how long the longest of them."""

_FORMATS = {
    "date": ("YYYY, YYYY-MM or YYYY-MM-DD", "YYYY、YYYY-MM 或 YYYY-MM-DD"),
    "dateTime": (
        "YYYY, YYYY-MM, YYYY-MM-DD or YYYY-MM-DDThh:mm:ss+zz:zz",
        "YYYY、YYYY-MM、YYYY-MM-DD 或 YYYY-MM-DDThh:mm:ss+zz:zz",
    ),
    "instant": ("YYYY-MM-DDThh:mm:ss.sss+zz:zz", "YYYY-MM-DDThh:mm:ss.sss+zz:zz"),
    "time": ("hh:mm:ss", "hh:mm:ss"),
    "code": ("no spaces at the ends and single ones within", "首尾无空格且中间仅单个空格"),
    "id": ("1 to 64 of A-Z a-z 0-9 - .", "1 至 64 个字符：A-Z a-z 0-9 - ."),
    "oid": ("urn:oid:1.2.3", "urn:oid:1.2.3"),
    "uuid": ("urn:uuid:… in lower case", "小写的 urn:uuid:…"),
    "uri": ("no spaces", "不含空格"),
    "url": ("no spaces", "不含空格"),
    "canonical": ("no spaces", "不含空格"),
    "base64Binary": ("base64", "base64"),
    "string": ("no control characters, at most 1 MB", "不含控制字符，最长 1 MB"),
    "markdown": ("no control characters, at most 1 MB", "不含控制字符，最长 1 MB"),
}


@cache
def primitive_check(name: str) -> Check:
    """The check of one primitive datatype."""
    if name == "boolean":
        return _boolean
    if name == "decimal":
        return _decimal
    if name == "xhtml":
        return check_xhtml
    if name in ("string", "markdown"):
        return _text(name)
    definition = primitives()[name]
    if name == "integer" or definition.base == "integer":
        return _whole_number(definition)
    return _formatted(name)


def pattern(name: str) -> re.Pattern[str]:
    """The compiled expression of a primitive that JSON writes as a string; to be matched in full."""
    if name == "base64Binary":
        return re.compile(BASE64, re.ASCII)
    if name in ("string", "markdown"):
        return re.compile(TEXT)
    regex = primitives()[name].regex
    if regex is None:
        raise KeyError(name)
    # No control characters here either, see TEXT; groups that capture nothing are quicker.
    regex = regex.replace(r"\S", VISIBLE).replace(r"[^\s]", VISIBLE)
    return re.compile(re.sub(r"(?<!\\)\((?!\?)", "(?:", regex), re.ASCII)


def _boolean(value: Any, _owner: dict[str, Any], _around: Surroundings) -> Findings:
    if value is True or value is False:
        return None
    return wrong_shape(value, "true or false", "布尔值（true 或 false）")


def _decimal(value: Any, _owner: dict[str, Any], _around: Surroundings) -> Findings:
    if type(value) is float or type(value) is int:
        return None
    return wrong_shape(value, "a number", "数字")


def _whole_number(definition: Primitive) -> Check:
    lowest = {"positiveInt": 1, "unsignedInt": 0}.get(definition.name, -(2**31))
    highest = 2**31 - 1

    def check(value: Any, _owner: dict[str, Any], _around: Surroundings) -> Findings:
        if type(value) is int:
            if lowest <= value <= highest:
                return None
            return one(
                "value",
                f"{shown(value)} is not allowed: {definition.name} is {lowest} to {highest}",
                f"不允许 {shown(value)}：{definition.name} 的范围是 {lowest} 至 {highest}",
            )
        if type(value) is float:
            return one(
                "value",
                f"{shown(value)} is not allowed: {definition.name} has no decimals",
                f"不允许 {shown(value)}：{definition.name} 不能有小数",
            )
        return wrong_shape(value, "a whole number", "整数")

    return check


def _text(name: str) -> Check:
    match = pattern(name).fullmatch

    def check(value: Any, _owner: dict[str, Any], _around: Surroundings) -> Findings:
        # isprintable is far quicker than the expression and true for nearly every text
        good = type(value) is str and value and (value.isprintable() or match(value))
        if good and len(value) <= LONGEST:
            return None
        return refused_text(name, value)

    return check


def _formatted(name: str) -> Check:
    match = pattern(name).fullmatch
    dated = name in ("date", "dateTime", "instant")
    # Systems, codes and units repeat from resource to resource; ids and moments do not.
    repeats = name in ("code", "uri", "url", "canonical", "oid")
    known: set[str] = set()

    def check(value: Any, _owner: dict[str, Any], _around: Surroundings) -> Findings:
        if type(value) is not str or not value:
            return refused_text(name, value)
        if value in known:
            return None
        if match(value) and (not dated or value[8:10] <= "28" or _in_calendar(value[:10])):
            if repeats and len(known) < KNOWN and len(value) <= KNOWN_LENGTH:
                known.add(value)
            return None
        return refused_text(name, value)

    return check


def _in_calendar(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def refused_text(name: str, value: Any) -> list[Finding]:
    """Why a value is no good for a primitive that JSON writes as a string."""
    if not isinstance(value, str):
        return wrong_shape(value, f"a string ({name})", f"字符串（{name}）")
    if not value:
        return one(
            "value", "must not be empty; leave the element out", "不能为空字符串；请省略该元素"
        )
    en, zh = _FORMATS[name]
    return one(
        "value",
        f"{shown(value)} is not a valid {name}: {en}",
        f"{shown(value)} 不是有效的 {name}：{zh}",
    )
