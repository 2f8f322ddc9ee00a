"""Birth dates as they are really written down, and how near two of them are.

Months and days change places, typists miss a key, clerks who know only the year write 1 January,
and older residents give the day of the lunar calendar, which runs 17 to 51 days behind the solar.
"""

import re
import unicodedata
from datetime import date
from functools import lru_cache

from hie.mpi.lunar import is_written

_DATE = re.compile(r"(\d{4})\D?(\d{1,2})\D?(\d{1,2})")
_PARTIAL = re.compile(r"(\d{4})(?:-(\d{2}))?")
_UNKNOWN_YEARS = (1900, 1800, 1111, 9999)


@lru_cache(maxsize=16384)
def parse(text: str) -> str:
    """`YYYY-MM-DD`, `YYYY-MM` or `YYYY`; "" when nothing usable is there (1900-01-01 is not)."""
    folded = unicodedata.normalize("NFKC", text).strip()
    if partial := _PARTIAL.fullmatch(folded):
        return "" if int(partial[1]) in _UNKNOWN_YEARS else folded
    found = _DATE.match(folded)
    if not found:
        return ""
    try:
        day = date(int(found[1]), int(found[2]), int(found[3]))
    except ValueError:
        return ""
    return "" if day.year in _UNKNOWN_YEARS and (day.month, day.day) == (1, 1) else day.isoformat()


@lru_cache(maxsize=16384)
def level(left: str, right: str) -> str:
    """How two parsed dates compare, best first: the order of `compare.LEVELS`."""
    if not left or not right:
        return "missing"
    if left == right:
        return "exact" if len(left) == 10 else "default"
    if len(left) < 10 or len(right) < 10:
        shared = min(len(left), len(right))
        return "default" if left[:shared] == right[:shared] else "different"
    return _slip_level(left, right) or _distance_level(left, right)


def _slip_level(left: str, right: str) -> str:
    """The level of two whole dates that a known habit of writing turns into one another; else ""."""
    same_year = left[:4] == right[:4]
    if same_year and "-01-01" in (left[4:], right[4:]):
        return "default"
    if same_year and left[5:7] == right[8:] and left[8:] == right[5:7]:
        return "swapped"
    one, two = date.fromisoformat(left), date.fromisoformat(right)
    if abs((one - two).days) <= 51 and (is_written(one, two) or is_written(two, one)):
        return "calendar"
    return "edit" if _one_slip(left.replace("-", ""), right.replace("-", "")) else ""


def _distance_level(left: str, right: str) -> str:
    days = abs((date.fromisoformat(left) - date.fromisoformat(right)).days)
    if days <= 3:
        return "near"
    if 17 <= days <= 51:
        return "lunar"
    return "year" if left[:4] == right[:4] or left[5:] == right[5:] else "different"


def _one_slip(left: str, right: str) -> bool:
    """Whether one digit differs or two neighbouring digits changed places."""
    differing = [place for place in range(8) if left[place] != right[place]]
    if len(differing) == 1:
        return True
    if len(differing) != 2 or differing[1] != differing[0] + 1:
        return False
    first, second = differing
    return left[first] == right[second] and left[second] == right[first]


def agrees(left: str, right: str) -> bool:
    """Whether both can be the same person's birth date, up to one slip."""
    return level(left, right) in (
        "exact",
        "swapped",
        "default",
        "calendar",
        "edit",
        "near",
        "lunar",
    )
