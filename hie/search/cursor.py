"""The place in a result where a page ended, as opaque text.

It holds the values of the last row's sort criteria, so nothing is kept on the server, and rows that
come or go between two pages neither repeat others nor hide them.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from datetime import datetime

import orjson

from hie.errors import Problem, problem


def encode(values: Sequence[str | None]) -> str:
    """The text for a place."""
    return urlsafe_b64encode(orjson.dumps(values)).rstrip(b"=").decode()


def text(value: object) -> str | None:
    """A value of a row as it stands in a place."""
    if value is None:
        return None
    return value.isoformat() if isinstance(value, datetime) else str(value)


def decode(encoded: str, length: int) -> tuple[list[str | None], int | None]:
    """The place that a text stands for. Problem 400 if it is none of this search.

    The second part is set where includes of the match at that place were left over: the key of the
    last one that was given.
    """
    try:
        padded = encoded.encode() + b"=" * (-len(encoded) % 4)
        values = orjson.loads(urlsafe_b64decode(padded))
    except ValueError:
        raise foreign() from None
    if (
        not isinstance(values, list)
        or len(values) not in (length, length + 1)
        or not all(value is None or isinstance(value, str) for value in values)
        or values[-1] is None
    ):
        raise foreign()
    left_over = values[length:]
    try:
        return values[:length], int(left_over[0]) if left_over else None
    except ValueError:
        raise foreign() from None


def foreign() -> Problem:
    """The Problem for a cursor of another search."""
    return problem(
        400,
        "invalid",
        "The page link does not belong to this search",
        "分页链接不属于此检索",
        "_cursor",
    )
