"""The resident identity number, 居民身份证号: 18 characters, GB 11643-1999.

Six digits of division, eight of birth date, three of order (odd: male, even: female) and a check
character by ISO 7064 MOD 11-2. Cards before 1999 had 15 digits: a two-digit year and no check.
Divisions are not checked: residents keep the number they were given, lists of divisions change.
"""

import re
import unicodedata
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK = "10X98765432"
_NOISE = re.compile(r"[\s\-_.·/()]+")
_ORDINARY = re.compile(r"[1-9]\d{16}[\dX]")
_OLD = re.compile(r"[1-9]\d{14}")
_WORDS = frozenset(
    {"无", "不详", "未知", "没有", "空", "NULL", "NONE", "UNKNOWN", "NA", "N/A", "0", "X"}
)
_FIRST_BIRTH = date(1900, 1, 2)  # 1900-01-01 is what forms put in when nobody knows


@dataclass(frozen=True, slots=True)
class IdentityNumber:
    """A number that passed every check, in its 18-character form."""

    number: str
    birth_date: date
    male: bool


def clean(text: str) -> str:
    """`text` in half-width capitals without blanks and separators; "" when it says "none"."""
    folded = _NOISE.sub("", unicodedata.normalize("NFKC", text)).upper().replace("Х", "X")
    return "" if folded in _WORDS or is_placeholder(folded) else folded


def is_placeholder(cleaned: str) -> bool:
    """Whether `cleaned` was typed to fill the field: one repeated digit, 123456…, too few digits."""
    body = cleaned[:-1] if len(cleaned) == 18 else cleaned
    if len(body) < 5 or len(set(body)) <= 2:
        return True
    return body in "123456789012345678901234567890" or "19000101" in cleaned[6:14]


def check_character(first17: str) -> str:
    """The check character of the first 17 digits. ISO 7064 MOD 11-2."""
    return _CHECK[
        sum(int(digit) * weight for digit, weight in zip(first17, _WEIGHTS, strict=True)) % 11
    ]


@lru_cache(maxsize=16384)
def parse(text: str) -> IdentityNumber | None:
    """The number that `text` writes, however written; None when it is not a possible one."""
    cleaned = clean(text)
    if _OLD.fullmatch(cleaned):
        first17 = f"{cleaned[:6]}19{cleaned[6:]}"
        cleaned = first17 + check_character(first17)
    if not _ORDINARY.fullmatch(cleaned) or check_character(cleaned[:17]) != cleaned[17]:
        return None
    try:
        born = date(int(cleaned[6:10]), int(cleaned[10:12]), int(cleaned[12:14]))
    except ValueError:
        return None
    if born < _FIRST_BIRTH or born.year > 2100:
        return None
    return IdentityNumber(cleaned, born, int(cleaned[16]) % 2 == 1)


def damaged(text: str) -> str:
    """The cleaned number when it has a number's shape but fails its checks (a typing error); else ""."""
    cleaned = clean(text)
    shaped = len(cleaned) in (17, 18, 19) and sum(c.isdigit() for c in cleaned) >= 15
    return cleaned if shaped and parse(cleaned) is None else ""
