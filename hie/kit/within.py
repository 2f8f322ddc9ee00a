"""A database that is one open transaction: what reads through it sees its uncommitted changes."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from hie.kit.db import Connection, Database, rows_of
from hie.kit.joined import written
from hie.kit.pipeline import Rows


class Within(Database):
    """Every "connection" is the given one; a "transaction" is a savepoint in it."""

    def __init__(self, connection: Connection, database: Database) -> None:
        self.conninfo = database.conninfo
        self._connection = connection

    async def fetch(self, statement: str, values: Mapping[str, object]) -> Rows:
        return await rows_of(self._connection, statement, values)

    async def fetch_joined(self, statement: str, values: Mapping[str, object]) -> Rows:
        return [row[1:] for row in await self.fetch(statement, written([values]))]

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        yield self._connection

    @asynccontextmanager
    async def transaction(
        self,
        *,
        pipelined: bool = False,  # noqa: ARG002 - as the transaction around it is
    ) -> AsyncIterator[Connection]:
        async with self._connection.transaction():
            yield self._connection
