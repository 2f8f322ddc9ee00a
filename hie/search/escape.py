"""Escapes in search values: `\\,` `\\|` `\\$` and `\\\\`. https://hl7.org/fhir/R4/search.html#escaping"""

import re

_ESCAPED = re.compile(r"\\([,|$\\])")


def split(text: str, separator: str) -> list[str]:
    """The pieces between separators that are not escaped; the pieces keep their escapes."""
    pieces = [""]
    escaped = False
    for each in text:
        if escaped:
            pieces[-1] += each
            escaped = False
        elif each == separator:
            pieces.append("")
        else:
            pieces[-1] += each
            escaped = each == "\\"
    return pieces


def unescape(text: str) -> str:
    """The text meant: each escape replaced by the character that it stands for."""
    return _ESCAPED.sub(r"\1", text)


def escape(text: str) -> str:
    """The opposite of `unescape`."""
    return re.sub(r"([,|$\\])", r"\\\1", text)
