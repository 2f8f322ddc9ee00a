"""How strings are made alike before they are compared.

"case-insensitive and accent-insensitive; punctuation and non-significant whitespace ignored"
(https://hl7.org/fhir/R4/search.html#string). Traditional Chinese characters are made simplified.
"""

import unicodedata
from functools import lru_cache

import opencc

_SIMPLIFY = opencc.OpenCC("t2s")
# Letters with a stroke or joined, which Unicode does not take apart.
_LETTERS = str.maketrans(
    {"ł": "l", "ø": "o", "đ": "d", "ð": "d", "ħ": "h", "ı": "i", "ŧ": "t", "æ": "ae", "œ": "oe"}
)
HAN = range(0x3400, 0x323B0)


def has_han(text: str) -> bool:
    """Whether the text has a Chinese character."""
    return not text.isascii() and any(ord(each) in HAN for each in text)


def simplified(text: str) -> str:
    """Traditional characters replaced by their simplified forms."""
    return str(_SIMPLIFY.convert(text)) if has_han(text) else text


@lru_cache(maxsize=16384)
def normal(text: str) -> str:
    """`text` as it is compared: NFKC, folded, without accents, marks, punctuation and spaces.

    A text that has nothing else keeps its marks, so that it is not found by everything.
    """
    if text.isascii():
        folded = text.lower()
    else:
        decomposed = unicodedata.normalize("NFKD", simplified(text)).casefold().translate(_LETTERS)
        folded = unicodedata.normalize(
            "NFC", "".join(each for each in decomposed if not unicodedata.combining(each))
        )
    return "".join(filter(str.isalnum, folded)) or folded.strip()
