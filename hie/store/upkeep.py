"""What follows a bulk load: statistics for the planner, and indexes without the gaps that loading left.

https://www.postgresql.org/docs/current/populate.html says why statistics cannot wait for autovacuum.
An index that grows in random order fills its pages to two thirds, the token index to a half; built
anew they are full. Nobody waits meanwhile: vacuum and concurrent rebuilding let others read and write.
"""

from asyncio import TaskGroup
from collections.abc import Iterator, Sequence

from psycopg import sql

from hie.kit.db import Connection, Database

SCHEMAS = ["store", "search", "mpi"]
SHARE = 0.3
"""Indexes are built anew when a load brought this share of the resources; it is worth the reading then."""
LEAST = 1 << 18
"""Bytes of a table's indexes below which there is nothing to gain."""
AT_ONCE = 2
"""Tables worked on at once: the largest takes as long as all others together."""

TABLES = """
SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = ANY(%s) AND c.relkind = 'r' ORDER BY pg_relation_size(c.oid) DESC
"""
GAPPY = f"""
SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = ANY(%s) AND c.relkind = 'r' AND pg_indexes_size(c.oid) >= {LEAST}
ORDER BY pg_indexes_size(c.oid) DESC
"""
# An interrupted rebuilding leaves its half-built index behind.
# https://www.postgresql.org/docs/current/sql-reindex.html#SQL-REINDEX-CONCURRENTLY
HALF_BUILT = """
SELECT n.nspname, c.relname FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = ANY(%s) AND NOT i.indisvalid AND c.relname ~ '_ccnew[0-9]*$'
"""
SIZE = """
SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname IN ('store', 'search', 'mpi') AND c.relkind = 'r'
"""
COUNT = "SELECT count(*) FROM store.resource"
LOCK = "SELECT pg_try_advisory_lock(hashtextextended('store.upkeep', 0))"
UNLOCK = "SELECT pg_advisory_unlock(hashtextextended('store.upkeep', 0))"


async def settle(database: Database, loaded: int | None = None) -> None:
    """Vacuum and analyse all tables of records, and pack their indexes.

    After a load of `loaded` resources indexes are packed only if these are a large share. Takes
    `AT_ONCE` of the pool's connections and one more. Does nothing while another process is at it.
    """
    async with database.connection() as connection:
        if not await _one(connection, LOCK):
            return
        try:
            # First the vacuum: it empties the token index's list of what is pending.
            tables = await _names(connection, TABLES)
            await _each(database, sql.SQL("VACUUM (ANALYZE) {}"), tables)
            count = await _one(connection, COUNT)
            if loaded is None or loaded >= SHARE * count:
                for index in await _names(connection, HALF_BUILT):
                    await connection.execute(sql.SQL("DROP INDEX CONCURRENTLY {}").format(index))
                gappy = await _names(connection, GAPPY)
                await _each(database, sql.SQL("REINDEX TABLE CONCURRENTLY {}"), gappy)
        finally:
            await connection.execute(UNLOCK)


async def _each(database: Database, command: sql.SQL, tables: Sequence[sql.Identifier]) -> None:
    """Run the command on every table, on several connections, the first of the tables first."""
    waiting = iter(tables)
    async with TaskGroup() as workers:
        for _ in range(AT_ONCE):
            workers.create_task(_work(database, command, waiting))


async def _work(database: Database, command: sql.SQL, waiting: Iterator[sql.Identifier]) -> None:
    async with database.connection() as connection:
        for table in waiting:
            await connection.execute(command.format(table))


async def size(connection: Connection) -> int:
    """How many bytes the tables of records take with their indexes."""
    return await _one(connection, SIZE)


async def _one(connection: Connection, statement: str) -> int:
    row = await (await connection.execute(statement)).fetchone()
    assert row is not None  # noqa: S101 - each of these statements gives one row
    return int(row[0])


async def _names(connection: Connection, statement: str) -> list[sql.Identifier]:
    cursor = await connection.execute(statement, (SCHEMAS,))
    return [sql.Identifier(*row) for row in await cursor.fetchall()]
