"""Random damage to texts: what a broken transfer, a wrong encoding or ill will makes of them."""

from random import Random

FOREIGN = (
    *(
        b"\xff",
        b"\xc3",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\x00",
        b"\x1f",
        b"\x7f",
        b"\xef\xbb\xbf",
    ),
    *(b"\\", b"\\u0000", b"\\ud800", b"\\u", b"\\x", b'"', b"'", b"\n", b"\t", b"\xc2\x85"),
    *(b",", b",,", b":", b"{", b"}", b"[", b"]", b"<", b">", b"&", b"&#0;", b"<!--", b"<![CDATA["),
    *("é\u0301".encode(), "\u202e".encode(), "\U0001f600".encode(), "²".encode(), "٣".encode()),
    *(b"null", b"true", b"-", b"1e999", b"1E-999", b"0x1", b"NaN", b"9" * 30, b"0." + b"1" * 400),
    *(b"9" * 5000, b"[" * 500, b'{"a":' * 500, b"(" * 500, b"{a" * 60, b"a" * 5000),
)


def damaged(random: Random, text: bytes) -> bytes:
    """The text with bytes changed, dropped, repeated, moved or put in between."""
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        place = random.randrange(len(text) + 1)
        other = random.randrange(len(text) + 1)
        start, end = min(place, other), max(place, other)
        match random.randrange(9):
            case 0 if text and place < len(text):
                flipped = text[place] ^ (1 << random.randrange(8))
                text = text[:place] + bytes((flipped,)) + text[place + 1 :]
            case 1:
                text = text[:place] + text[place + 1 :]
            case 2:
                text = text[:place]
            case 3:
                text = text[:start] + text[end:]
            case 4 if end - start < 2000:
                text = text[:end] + text[start:end] + text[end:]
            case 5:
                text = text[place:] + text[:place]
            case _:
                foreign = random.choice(FOREIGN)
                over = random.choice((0, 0, 1, len(foreign)))
                text = text[:place] + foreign + text[place + over :]
    return text


def damaged_text(random: Random, text: str) -> str:
    """The same for characters; surrogates stand for bytes that are not UTF-8."""
    return damaged(random, text.encode()).decode(errors="surrogateescape")
