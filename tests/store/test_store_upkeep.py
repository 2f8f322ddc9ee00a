"""After a load: statistics are there, indexes are packed, and what an interrupted packing left is gone."""

import uuid

import pytest

from hie.kit.db import Database
from hie.store.upkeep import settle, size

ROWS = 4000
FILL = """
INSERT INTO store.resource
    (patient_key, key, change, last_updated, version, institution, type, dictionary, id, tokens, body)
SELECT hashtextextended(n::text, 1), n, n, now(), 1, 0, 1, 0, %s || n,
       ARRAY[hashtextextended(n::text, 2), 7], 'x'
FROM generate_series(1, %s) n
"""
SIZE = "SELECT pg_indexes_size('store.resource')"
EXPECTED = "SELECT reltuples FROM pg_class WHERE oid = 'store.resource'::regclass"


async def one(database: Database, statement: str) -> float:
    async with database.connection() as connection:
        row = await (await connection.execute(statement)).fetchone()
    assert row is not None
    return float(row[0])


async def fill(database: Database) -> None:
    async with database.connection() as connection:
        await connection.execute(FILL, (str(uuid.uuid4()), ROWS))


async def test_a_large_load_packs_indexes(database: Database) -> None:
    await fill(database)
    before = await one(database, SIZE)
    await settle(database, ROWS)
    assert await one(database, SIZE) < before * 0.9
    assert await one(database, EXPECTED) == ROWS


async def test_a_small_load_leaves_indexes_alone(database: Database) -> None:
    await fill(database)
    node = "SELECT pg_relation_filenode('store.resource_type_id')"
    before = await one(database, node)
    await settle(database, ROWS // 10)
    assert await one(database, node) == before
    assert await one(database, EXPECTED) == ROWS


async def test_half_built_indexes_are_removed(database: Database) -> None:
    async with database.connection() as connection:
        # two equal rows make a concurrent unique build fail and leave its index behind
        await fill(database)
        with pytest.raises(Exception, match="duplicate"):
            await connection.execute(
                "CREATE UNIQUE INDEX CONCURRENTLY resource_type_ccnew ON store.resource (type)"
            )
    await settle(database, ROWS)
    assert await one(database, "SELECT count(*) FROM pg_index WHERE NOT indisvalid") == 0


async def test_without_a_load_indexes_are_packed_all_the_same(database: Database) -> None:
    await fill(database)
    async with database.connection() as connection:
        before = await size(connection)
    await settle(database)
    async with database.connection() as connection:
        assert await size(connection) < before


async def test_only_one_settles_at_a_time(database: Database) -> None:
    await fill(database)
    async with database.connection() as other:
        await other.execute("SELECT pg_advisory_lock(hashtextextended('store.upkeep', 0))")
        await settle(database, ROWS)
        await other.execute("SELECT pg_advisory_unlock(hashtextextended('store.upkeep', 0))")
    assert await one(database, EXPECTED) < 0  # never analysed


async def test_units_have_statistics_of_their_own(database: Database) -> None:
    async with database.connection() as connection:
        await connection.execute(
            "INSERT INTO search.quantity SELECT 1, n, n % 3, n % 2, n, n FROM generate_series(1, 99) n"
        )
    await settle(database, 99)
    assert await one(database, "SELECT count(*) FROM pg_stats_ext WHERE n_distinct IS NOT NULL") > 0
