"""Statements that share a connection: each gets its own result, failure and order."""

import asyncio

import psycopg
import pytest

from hie.kit.db import Database


async def test_results_come_to_those_who_asked(database: Database) -> None:
    asked = [
        database.fetch("SELECT %(n)s::int, %(t)s::text", {"n": n, "t": f"“{n}”"})
        for n in range(300)
    ]
    assert await asyncio.gather(*asked) == [[(n, f"“{n}”")] for n in range(300)]


async def test_values_of_many_types(database: Database) -> None:
    values = {"none": None, "bytes": b"\0\xff", "list": ["a", 'b"\\'], "flag": True, "big": 2**62}
    statement = "SELECT %(none)s::text, %(bytes)s::bytea, %(list)s::text[], %(flag)s::bool, %(big)s::bigint, %(big)s + 1"
    assert await database.fetch(statement, values) == [(*values.values(), 2**62 + 1)]


async def test_a_failure_is_the_askers_own(database: Database) -> None:
    def one(n: int) -> object:
        return database.fetch("SELECT 6 / %(n)s::int", {"n": n})

    found = await asyncio.gather(*(one(n) for n in (1, 0, 2, 0, 3)), return_exceptions=True)
    assert [found[0], found[2], found[4]] == [[(6,)], [(3,)], [(2,)]]
    assert all(isinstance(found[n], psycopg.errors.DivisionByZero) for n in (1, 3))


async def test_a_statement_that_cannot_be_prepared_fails_each_time(database: Database) -> None:
    bad, good = "SELECT nothing FROM nowhere", "SELECT 1"
    found = await asyncio.gather(
        *(database.fetch(text, {}) for text in (bad, good, bad, good)), return_exceptions=True
    )
    assert [found[1], found[3]] == [[(1,)], [(1,)]]
    assert [type(found[n]) for n in (0, 2)] == [psycopg.errors.UndefinedTable] * 2
    with pytest.raises(psycopg.errors.UndefinedTable):
        await database.fetch(bad, {})


async def test_a_value_that_cannot_be_sent_harms_nobody(database: Database) -> None:
    found = await asyncio.gather(
        database.fetch("SELECT %(t)s::text", {"t": "a\0b"}),
        database.fetch("SELECT %(t)s::text", {"t": object()}),
        database.fetch("SELECT %(t)s::text", {"t": "fine"}),
        return_exceptions=True,
    )
    assert isinstance(found[0], psycopg.DataError)
    assert isinstance(found[1], psycopg.ProgrammingError)
    assert found[2] == [("fine",)]


async def test_asking_goes_on_when_the_connection_is_lost(database: Database) -> None:
    [(number,)] = await database.fetch("SELECT pg_backend_pid()", {})
    lost = asyncio.ensure_future(database.fetch("SELECT 1 FROM pg_sleep(60)", {}))
    async with database.connection() as connection:
        while True:
            cursor = await connection.execute(
                "SELECT wait_event FROM pg_stat_activity WHERE pid = %s", (number,)
            )
            if await cursor.fetchone() == ("PgSleep",):
                break
        await connection.execute("SELECT pg_terminate_backend(%s)", (number,))
    with pytest.raises(psycopg.OperationalError):
        await lost
    [(another,)] = await database.fetch("SELECT pg_backend_pid()", {})
    assert another != number


async def test_one_who_gives_up_disturbs_nobody(database: Database) -> None:
    patient = asyncio.ensure_future(database.fetch("SELECT 2 FROM pg_sleep(0.05)", {}))
    hasty = asyncio.ensure_future(database.fetch("SELECT 1", {}))
    await asyncio.sleep(0)
    hasty.cancel()
    assert await patient == [(2,)]
    assert await database.fetch("SELECT 3", {}) == [(3,)]


async def test_much_goes_out_and_comes_in(database: Database) -> None:
    text = "x" * 4_000_000
    asked = [database.fetch("SELECT %(t)s::text", {"t": text}) for _ in range(5)]
    assert all(rows == [(text,)] for rows in await asyncio.gather(*asked))
