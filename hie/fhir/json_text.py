"""A sender's JSON text, and why it is none, in both languages. https://www.rfc-editor.org/rfc/rfc8259

What a parser says is for its programmers; a sender needs line, column and the likely mistake.
"""

import re
from codecs import BOM_UTF8
from collections.abc import Callable
from json import JSONDecodeError
from typing import Any

import msgspec
import orjson

from hie.errors import Text, problem
from hie.fhir.encoding import line_and_column, not_utf_8

# What orjson, msgspec and json say, with the same in Chinese.
REASONS = {
    "trailing comma": "末尾多了一个逗号",
    "unexpected end of data": "文本不完整，提前结束",
    "Input data was truncated": "文本不完整，提前结束",
    "zero-length": "文本为空",
    "byte order mark": "文本以字节顺序标记（BOM）开头，请去掉",
    "expected a JSON value": "此处应为一个 JSON 值",
    "expected a string key": "此处应为双引号括起的成员名",
    "expected ',' or '}'": "此处应为逗号或“}”",
    "expected ',' or ']'": "此处应为逗号或“]”",
    "expected ':'": "此处应为冒号",
    "unexpected content after": "文档结束后还有多余内容",
    "trailing characters": "文档结束后还有多余内容",
    "Expecting property name": "此处应为双引号括起的成员名",
    "Expecting value": "此处应为一个 JSON 值",
    "delimiter": "此处缺少逗号或冒号",
    "Unterminated string": "字符串没有结束",
    "Extra data": "文档结束后还有多余内容",
    "control character": "字符串中有未转义的控制字符",
    "surrogate": "\\u 转义不成对",
    "escape": "转义字符不正确",
    "number": "数字格式不正确",
    "nested": "嵌套过深",
    "recursion": "嵌套过深",
    "missing required field": "缺少必需的成员",
    "unknown field": "未知的成员",
    "Expected `array`": "此处应为数组",
    "Expected `object`": "此处应为对象",
    "Expected `str`": "此处应为字符串",
}
REFUSALS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises where it cannot read a text; the second for strings that are not UTF-8."""
_BYTE = re.compile(r" ?\(byte (\d+)\)")
_PLACE = re.compile(r" - at `\$(.*)`$")
_NAMED = re.compile(r"`([^`]+)`")


def read_json(
    text: bytes, place: str | None = None, loads: Callable[[bytes], Any] = orjson.loads
) -> Any:
    """The value of a text that somebody sent. Problem 400 with what is wrong with it, and where."""
    try:
        return loads(text)
    except (ValueError, RecursionError) as error:
        raise problem(400, "structure", *why_not_json(text, error), place) from error


def why_not_json(raw: bytes, error: Exception) -> Text:
    """What is wrong with a text that orjson or json refused, and at which line and column."""
    encoding = not_utf_8(raw)
    if encoding is not None:
        return encoding
    if isinstance(error, JSONDecodeError):
        return _placed(error.msg, error.lineno, error.colno)
    return Text(f"Not JSON: {error}", f"不是合法的 JSON：{_chinese(str(error))}")


def why_not_read(raw: bytes, error: Exception, root: str) -> tuple[Text, str]:
    """The same for a text that msgspec refused, with the path of the element below `root`."""
    said = str(error)
    place = _PLACE.search(said)
    reason = _BYTE.sub("", _PLACE.sub("", said))
    found = _BYTE.search(said)
    if raw.startswith(BOM_UTF8):
        reason = "the text begins with a byte order mark (BOM)"
    if found is not None or not isinstance(error, msgspec.ValidationError):
        line, column = line_and_column(raw, int(found[1]) if found else len(raw))
        return not_utf_8(raw) or _placed(reason, line, column), root
    named = _NAMED.search(reason) if "field" in reason else None
    chinese = _chinese(reason) + (f" {named[1]}" if named else "")
    path = root + (place[1] if place else "") + (f".{named[1]}" if named else "")
    return Text(reason, chinese), path


def _placed(reason: str, line: int, column: int) -> Text:
    return Text(
        f"Not JSON: {reason} at line {line}, column {column}",
        f"不是合法的 JSON：第 {line} 行第 {column} 列，{_chinese(reason)}",
    )


def _chinese(reason: str) -> str:
    return next((zh for en, zh in REASONS.items() if en.lower() in reason.lower()), reason)
