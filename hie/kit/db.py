"""Connections to PostgreSQL: one pool for each process. https://www.psycopg.org/psycopg3/docs/

Connections are in autocommit mode, so that a single read costs one round trip; changes ask for a
transaction, which commits at the end of the block and rolls back when anything is raised in it.
"""

from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from types import TracebackType
from typing import Self

import psycopg
from psycopg.pq import PipelineStatus
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool

from hie.kit.joined import Joint
from hie.kit.pipeline import Pipeline, Rows

Connection = psycopg.AsyncConnection[TupleRow]

KNOWN_PLANS = """
SELECT set_config('plan_cache_mode', 'force_generic_plan', true),
       set_config('enable_seqscan', 'off', true)
"""
"""Until the end of the transaction. Planning a change anew each time takes as long as making it."""


async def rows_of(
    source: "Database | Connection", statement: str, values: Mapping[str, object]
) -> Rows:
    """The rows of a short reading statement: as `Database.fetch`, or within a connection's transaction."""
    if isinstance(source, Database):
        return await source.fetch(statement, values)
    cursor = await source.execute(statement, values)
    return await cursor.fetchall()


async def _configure(connection: Connection) -> None:
    # The values of a search decide its plan: a generic plan is right for none of them.
    await connection.execute("SET plan_cache_mode = force_custom_plan")
    await connection.execute("SET TIME ZONE 'UTC'")
    connection.prepare_threshold = 2


class Database:
    """The pool. Open it before use, close it at the end; or use it as an async context manager."""

    def __init__(self, conninfo: str, *, size: int = 8) -> None:
        self.conninfo = conninfo
        self._pipeline = Pipeline(conninfo)
        # Of its own: what only reads does not wait for the commits of what also writes.
        self._joint_pipeline = Pipeline(conninfo)
        self._joint = Joint(self._joint_pipeline.fetch)
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            conninfo,
            min_size=1,
            max_size=size,
            open=False,
            kwargs={"autocommit": True},
            configure=_configure,
        )

    async def open(self) -> None:
        await self._pool.open(wait=True, timeout=30)

    async def close(self) -> None:
        await self._joint.close()
        await self._joint_pipeline.close()
        await self._pipeline.close()
        await self._pool.close()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def fetch(self, statement: str, values: Mapping[str, object]) -> Rows:
        """The rows of a short reading statement, sent together with those of other requests.

        Its values are named, `%(name)s`. It sees what was committed before it was asked.
        """
        return await self._pipeline.fetch(statement, values)

    def fetch_joined(self, statement: str, values: Mapping[str, object]) -> Awaitable[Rows]:
        """The asker's rows of a short statement that is run once for all who ask it just then.

        How it is written says `hie.kit.joined.table`. It may write; then that is on disk.
        """
        return self._joint.ask(statement, values)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection on which each statement is its own transaction."""
        async with self._pool.connection() as connection:
            yield connection

    @asynccontextmanager
    async def transaction(self, *, pipelined: bool = False) -> AsyncIterator[Connection]:
        """A connection inside BEGIN … COMMIT; any exception rolls everything back.

        `pipelined`, for statements that reach their rows by index whatever their values: they leave
        without waiting for each other, until the rows of one are fetched; what one of them violates
        is raised then, or at the end of the block. They are planned once, by index. No COPY is
        possible: https://www.psycopg.org/psycopg3/docs/advanced/pipeline.html
        """
        async with AsyncExitStack() as stack:
            connection = await stack.enter_async_context(self._pool.connection())
            if pipelined:
                await stack.enter_async_context(connection.pipeline())
            await stack.enter_async_context(connection.transaction())
            if pipelined:
                await connection.execute(KNOWN_PLANS)
            yield connection


def together(connection: Connection) -> AbstractAsyncContextManager[object]:
    """A pipeline, in which statements leave without waiting for each other.

    In a transaction that is pipelined it adds nothing: the end of a second one would be waited for.
    """
    return nullcontext() if is_pipelined(connection) else connection.pipeline()


def is_pipelined(connection: Connection) -> bool:
    """Whether statements on the connection leave without waiting for each other."""
    return connection.pgconn.pipeline_status != PipelineStatus.OFF
