"""Texts that are right but for one place: cut off, shortened or changed there."""

from collections.abc import Iterator, Sequence

INSTEAD = (b"\xff", b'"', b"%", b"%zz", b"%ff", b"%00")
"""No UTF-8, an odd quotation mark, percent-encodings that are none, are no text, and NUL."""


def broken(text: bytes, *, places: int = 60, instead: Sequence[bytes] = INSTEAD) -> Iterator[bytes]:
    """The text cut off at so many of its bytes, evenly spread, without them, and with others there."""
    for place in range(0, len(text), max(1, len(text) // places)):
        before, after = text[:place], text[place + 1 :]
        yield before
        yield before + after
        yield from (before + other + after for other in instead)
