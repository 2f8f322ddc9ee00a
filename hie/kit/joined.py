"""One statement for all who ask the same at the same moment, each with values of their own.

To set up a statement costs PostgreSQL and this process several times more than one more row in it.
So the values of all askers travel as one JSON array, which is a table within the statement:
https://www.postgresql.org/docs/current/functions-json.html#FUNCTIONS-JSON-PROCESSING

While one message is on its way, further askers gather for the next, without any timer. What left in
one message is one transaction, and nobody gets an answer before it is committed. So such a statement
may also write, and all its askers share one commit (group commit).
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import orjson
import psycopg

Rows = list[tuple[Any, ...]]
Values = Mapping[str, object]
"""What JSON can say, and a column's type reads: bytes are written in hexadecimal (`hexadecimal`)."""

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


class _Asker:
    __slots__ = ("done", "values")

    def __init__(self, values: Values, done: asyncio.Future[Rows]) -> None:
        self.values = values
        self.done = done


class Joint:
    """Gathers askers of the same statement. `fetch` returns when the statement is committed."""

    def __init__(self, fetch: Callable[[str, Values], Awaitable[Rows]]) -> None:
        self._fetch = fetch
        self._waiting: dict[str, list[_Asker]] = {}
        self._sender: asyncio.Task[None] | None = None

    def ask(self, statement: str, values: Values) -> asyncio.Future[Rows]:
        """The asker's own rows, without the place."""
        done: asyncio.Future[Rows] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(statement, []).append(_Asker(values, done))
        if self._sender is None:
            self._sender = asyncio.create_task(self._send(), name="joined statements")
        return done

    async def close(self) -> None:
        """Wait until everybody who asked has an answer."""
        while self._sender is not None:
            await asyncio.wait([self._sender])

    async def _send(self) -> None:
        gathered: dict[str, list[_Asker]] = {}
        try:
            while self._waiting:
                gathered, self._waiting = self._waiting, {}
                await asyncio.gather(*(self._together(*one) for one in gathered.items()))
        finally:
            self._sender = None
            # Only a cancelled sender leaves anybody waiting.
            for asker in [
                one for part in (gathered, self._waiting) for many in part.values() for one in many
            ]:
                _refuse(asker, RuntimeError("the connection was closed"))
            self._waiting.clear()

    async def _together(self, statement: str, askers: list[_Asker]) -> None:
        try:
            rows = await self._fetch(statement, written([one.values for one in askers]))
        except Exception as error:
            # Without a database it would fail for each as it did for all, and take its time.
            if len(askers) == 1 or isinstance(error, psycopg.OperationalError):
                for one in askers:
                    _refuse(one, error)
                return
            # Whose values the statement failed on shows when each is asked alone.
            for one in askers:
                await self._together(statement, [one])
            return
        found: list[Rows] = [[] for _ in askers]
        for row in rows:
            found[row[0] - 1].append(row[1:])
        for one, own in zip(askers, found, strict=True):
            if not one.done.done():  # the request was given up meanwhile
                one.done.set_result(own)


def _refuse(asker: _Asker, error: BaseException) -> None:
    if not asker.done.done():
        asker.done.set_exception(error)
