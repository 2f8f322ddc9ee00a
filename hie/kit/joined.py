"""One statement for all who ask the same at the same moment, each with values of their own.

To set up a statement costs PostgreSQL and this process several times more than one more row in it.
So the values of all askers travel as one JSON array, which is a table within the statement:
https://www.postgresql.org/docs/current/functions-json.html#FUNCTIONS-JSON-PROCESSING

While one message is on its way, further askers gather for the next (`hie.kit.gathering`). What left in
one message is one transaction, and nobody gets an answer before it is committed. So such a statement
may also write, and all its askers share one commit (group commit).
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import orjson
import psycopg

from hie.kit.gathering import Gathering

Rows = list[tuple[Any, ...]]
Values = Mapping[str, object]
"""What JSON can say, and a column's type reads: bytes are written in hexadecimal (`hexadecimal`)."""

MOST = 1000
"""Askers in one message, so that no answer waits for a flood of others."""
_NAMED = re.compile(r"%\((\w+)\)s")
_TYPES = {bool: "boolean", int: "bigint", str: "text", type(None): "text"}


def hexadecimal(value: bytes) -> str:
    """Bytes as a `bytea` column reads them. https://www.postgresql.org/docs/current/datatype-binary.html"""
    return rf"\x{value.hex()}"


def type_of(value: object) -> str:
    """The type of the column that holds such values."""
    if isinstance(value, list | tuple):
        return f"{type_of(value[0]) if value else 'text'}[]"
    return _TYPES[type(value)]


def table(columns: Mapping[str, str]) -> str:
    """For FROM: the table `asker` of the askers' values, by name and type, and their `place`.

    The first column of the statement's result has to be the place of the asker whose row it is.
    """
    declared = ", ".join(f"{name} {kind}" for name, kind in columns.items())
    return (
        f"ROWS FROM (json_to_recordset(%(asked)s::json) AS ({declared})) "
        f"WITH ORDINALITY AS asker ({', '.join(columns)}, place)"
    )


def of_asker(text: str) -> str:
    """SQL with named values (`%(name)s`) as SQL on the row of `asker`."""
    return _NAMED.sub(r"asker.\1", text)


def written(asked: Sequence[Values]) -> dict[str, object]:
    """The values of such a statement. Raises TypeError for text that is none (a lone surrogate)."""
    return {"asked": orjson.dumps(asked).decode()}


Asked = tuple[str, Values]


class Joint:
    """Gathers askers of the same statement. `fetch` returns when the statement is committed."""

    def __init__(self, fetch: Callable[[str, Values], Awaitable[Rows]]) -> None:
        self._fetch = fetch
        self._gathering: Gathering[Asked, Rows] = Gathering(self._all, lanes=1, most=MOST)

    def ask(self, statement: str, values: Values) -> asyncio.Future[Rows]:
        """The asker's own rows, without the place."""
        return self._gathering.ask((statement, values))

    async def close(self) -> None:
        """Wait until everybody who asked has an answer."""
        await self._gathering.close()

    async def _all(self, asked: Sequence[Asked]) -> list[Rows | Exception]:
        """Each statement once for those who ask it, all of them in one message."""
        places: dict[str, list[int]] = {}
        for place, (statement, _) in enumerate(asked):
            places.setdefault(statement, []).append(place)
        found = await asyncio.gather(
            *(self._each(one, [asked[n][1] for n in those]) for one, those in places.items())
        )
        answers: list[Rows | Exception] = [[]] * len(asked)
        for those, own in zip(places.values(), found, strict=True):
            for place, answer in zip(those, own, strict=True):
                answers[place] = answer
        return answers

    async def _each(self, statement: str, asked: Sequence[Values]) -> Sequence[Rows | Exception]:
        """The answers to those who ask the same statement."""
        try:
            rows = await self._fetch(statement, written(asked))
        except Exception as error:
            # Without a database it would fail for each as it did for all, and take its time.
            if len(asked) == 1 or isinstance(error, psycopg.OperationalError):
                return [error] * len(asked)
            # Whose values the statement failed on shows when each is asked alone.
            return [(await self._each(statement, [one]))[0] for one in asked]
        found: list[Rows] = [[] for _ in asked]
        for row in rows:
            found[row[0] - 1].append(row[1:])
        return found
