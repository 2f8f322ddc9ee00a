"""The day of the Chinese lunar calendar on which somebody was born, for birthdays given by it.

Months of 29 and 30 days and leap months are those of GB/T 33661-2017 《农历的编算和颁行》 and, before it, of
the almanacs of Purple Mountain Observatory; the first day of 1900 was 31 January.
"""

import re
from bisect import bisect_right
from datetime import date
from functools import lru_cache
from itertools import accumulate

_FIRST_YEAR = 1900
_FIRST_DAY = date(1900, 1, 31).toordinal()
# One number a year: the lowest four bits are the leap month, then a bit for each month of 30 days.
_YEARS = tuple(
    int(code, 16)
    for code in re.findall(
        "[0-9A-F]{5}",
        """
    16D28 07520 0EA50 164A5 064B0 0A9B0 15564 056A0 0B590 17522 07520 1B256 0B250 0A4B0
    14AB5 02AD0 056B0 0B692 0DA90 1D927 0E920 0D250 1A4D5 0A560 02B60 15B54 06D40 0EA90
    1E922 0E920 0D266 052B0 0A570 12D65 0B5A0 06D40 0EC93 07490 16937 0A930 052B0 0A5B6
    0AAD0 056A0 1B554 0BA40 0B490 1A932 0A950 152D7 05360 0AAD0 15AA5 05B20 0BA50 1D4A3
    0D4A0 0A958 0A970 05560 0AB56 0AD50 06D20 0EA54 0EA50 064A0 0C973 0A9B0 155A7 056A0
    0B690 17525 0B520 0B250 164B4 0A4B0 14AB8 02AD0 05AD0 0B696 0DA90 0D920 1D254 0D250
    1A4DA 0A560 02B60 05B56 06D50 0EA90 1E925 0E920 0D260 0A563 0A570 14D68 035A0 06D50
    16C95 07490 06930 152B4 052B0 0A5B0 155A2 056A0 1B557 0BA40 0B490 1A935 0A950 052D0
    0AAD4 0AB50 15AA9 05D20 0DA50 1D4A6 0D4A0 0C950 152E4 05560 0AB50 15B22 06D20 0EA56
    07250 064B0 0C975 0CAB0 055A0 0AD63 0B690 1752B 0B520 0B250 1A4B6 0A4B0 04AB0 055B5
    05AD0 0B6A0 1B522 0D920 1D257 0D250 0A550 14AD5 04B60 05B50 0DAA3 0EC90 1E928 0E920
    0D260 0A566 0A570 05560 06D54 07550 07490 0E933 06930 152B7 052B0 0A5B0 155A5 056A0
    0B650 174A4 0B4A0 1A958 0A950 052D0 0AAD6 0AB50 05AA0 0BA54 0DA50 0D4A0 1C953 0C960
    194E7 05560 0AB50 15B25 06D20 0EA50 0E4A4 068B0 0C978 04AB0 055B0 0AD66 0B6A0 07520
    17254 0B450 0A8B0
    """,
    )
)


def _months(code: int) -> list[tuple[int, int]]:
    """(month, days) of a year in their order; a leap month bears the number of the month before it."""
    leap = code & 15
    names = list(range(1, 13))
    if leap:
        names.insert(leap, leap)
    return [(name, 29 + (code >> 4 + place & 1)) for place, name in enumerate(names)]


_STARTS = tuple(
    accumulate((sum(days for _, days in _months(code)) for code in _YEARS), initial=_FIRST_DAY)
)


@lru_cache(maxsize=16384)
def lunar(day: date) -> tuple[int, int, int] | None:
    """(year, month, day) of the lunar calendar; None outside 1900 to 2098."""
    place = bisect_right(_STARTS, day.toordinal()) - 1
    if not 0 <= place < len(_YEARS):
        return None
    rest = day.toordinal() - _STARTS[place]
    for month, days in _months(_YEARS[place]):
        if rest < days:
            return _FIRST_YEAR + place, month, rest + 1
        rest -= days
    return None


def is_written(solar: date, written: date) -> bool:
    """Whether `written` is what the lunar calendar calls `solar`, with its own year or the solar one."""
    found = lunar(solar)
    return (
        found is not None
        and found[1:] == (written.month, written.day)
        and written.year in (found[0], solar.year)
    )
