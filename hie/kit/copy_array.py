"""Arrays of 64-bit numbers as PostgreSQL's binary COPY takes them.

The format is that of `array_recv`: dimensions, whether there are NULLs, the type of the elements,
then length and lower bound of each dimension, and the elements with their lengths.
https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/utils/adt/arrayfuncs.c
"""

from collections.abc import Sequence
from functools import lru_cache
from struct import Struct

BIGINT = 20
"""The type's number in `pg_type`."""
_EMPTY = Struct(">iii").pack(0, 0, BIGINT)


@lru_cache(maxsize=256)
def _layout(count: int) -> Struct:
    return Struct(">iiiii" + "iq" * count)


def packed(numbers: Sequence[int]) -> bytes:
    """The numbers as one `bigint[]`. psycopg packs arrays too, in Python and element by element."""
    count = len(numbers)
    if not count:
        return _EMPTY
    elements = [8] * (2 * count)
    elements[1::2] = numbers
    return _layout(count).pack(1, 0, BIGINT, count, 1, *elements)
