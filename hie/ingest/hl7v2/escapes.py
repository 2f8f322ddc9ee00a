r"""Escape sequences inside a field. HL7 2.5.1 section 2.7.

`\F\ \S\ \T\ \R\ \E\` stand for the separators, `\X0D0A\` for bytes in the message's character set,
`\.br\` and its like for line breaks. What is not understood stays as it is: nothing is dropped.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

_HEXADECIMAL = re.compile(r"X((?:[0-9A-Fa-f]{2})+)")
_COMMAND = re.compile(r"\.(br|sp|in|ti|sk|ce|fi|nf)\s*([+-]?[0-9]*)")
# FHIR strings may not hold control characters other than tab, carriage return and line feed.
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")
_MOST_LINES = 100


@dataclass(frozen=True, slots=True)
class Separators:
    """The characters that MSH-1 and MSH-2 name."""

    field: str = "|"
    component: str = "^"
    repetition: str = "~"
    escape: str = "\\"
    subcomponent: str = "&"

    @property
    def encoding_characters(self) -> str:
        """MSH-2 as it is written."""
        return self.component + self.repetition + self.escape + self.subcomponent


def _command(name: str, argument: str) -> str:
    # Six characters count far beyond the limit; Python refuses to read thousands of digits.
    count = min(abs(int(argument[:6])), _MOST_LINES) if argument.strip("+-") else 1
    match name:
        case "br" | "ce":
            return "\n"
        case "sp":
            return "\n" * max(count, 1)
        case "in" | "ti" | "sk":
            return " " * count if argument else ""
        case _:  # fi and nf switch word wrap, which has no meaning in FHIR
            return ""


def _replacer(separators: Separators, codec: str) -> Callable[[re.Match[str]], str]:
    fixed = {
        "F": separators.field,
        "S": separators.component,
        "T": separators.subcomponent,
        "R": separators.repetition,
        "E": separators.escape,
        "H": "",  # highlighting on and off
        "N": "",
    }

    def replace(match: re.Match[str]) -> str:
        sequence = match.group(1)
        if sequence in fixed:
            return fixed[sequence]
        if hexadecimal := _HEXADECIMAL.fullmatch(sequence):
            try:
                return bytes.fromhex(hexadecimal.group(1)).decode(codec)
            except UnicodeDecodeError:
                return match.group()
        if command := _COMMAND.fullmatch(sequence):
            return _command(command.group(1), command.group(2))
        return match.group()

    return replace


@lru_cache(maxsize=64)
def _unescaper(separators: Separators, codec: str) -> Callable[[str], str]:
    escape = re.escape(separators.escape)
    pattern = re.compile(f"{escape}([^{escape}]+){escape}")
    replace = _replacer(separators, codec)
    return lambda text: pattern.sub(replace, text)


def unescape(text: str, separators: Separators, codec: str = "utf-8") -> str:
    """`text` with its escape sequences resolved and without control characters."""
    if separators.escape in text:
        text = _unescaper(separators, codec)(text)
    return _CONTROL.sub("", text)


def escape(text: str, separators: Separators) -> str:
    r"""`text` so written that a receiver reads it back; line breaks become `\.br\`."""
    mark = separators.escape
    replacements = {
        separators.escape: f"{mark}E{mark}",
        separators.field: f"{mark}F{mark}",
        separators.component: f"{mark}S{mark}",
        separators.repetition: f"{mark}R{mark}",
        separators.subcomponent: f"{mark}T{mark}",
        "\r": "",
        "\n": f"{mark}.br{mark}",
    }
    return "".join(replacements.get(character, character) for character in text)
