"""JSON values whose numbers keep the text they were written as. https://hl7.org/fhir/R4/datatypes.html#decimal

For the few places that must change a resource's content: `1.10` says more than `1.1`.
"""

import json
import re
from decimal import Decimal
from typing import Any, Self

import orjson

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


class Number(Decimal):
    """A number that is equal to any other of its value and is written as it was read."""

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: str) -> Self:
        made = super().__new__(cls, text)
        made.text = text
        return made

    def __deepcopy__(self, memory: dict[int, Any]) -> Self:
        return self


def _integer(text: str) -> int | Number:
    # Beyond 64 bits orjson writes no integer; and -0 is no integer of Python.
    return int(text) if len(text) < 18 and text != "-0" else Number(text)


def loads(text: bytes) -> Any:
    """The value of a JSON text; ValueError (also for `NaN` and the like) or RecursionError."""

    def refuse(name: str) -> Any:
        raise ValueError(f"{name} is no JSON")

    # Of bytes json would guess the encoding, and take what is none for half of a pair.
    value = json.loads(text.decode(), parse_float=Number, parse_int=_integer, parse_constant=refuse)
    if _SURROGATE.search(text):
        orjson.loads(text)  # refuses half of a pair, which json takes, and which nothing can write
    return value


def dumps(value: Any) -> bytes:
    """The JSON text of a value made by `loads`, or of parts of such values."""
    return orjson.dumps(value, default=_number)


def _number(value: Any) -> orjson.Fragment:
    if isinstance(value, Number):
        return orjson.Fragment(value.text.encode())
    raise TypeError(type(value).__name__)
