"""One statement for all who ask at once: each gets their own rows and failures, and writing is committed."""

import asyncio
from collections.abc import Mapping
from typing import Any

import psycopg
import pytest

from hie.kit.db import Database
from hie.kit.joined import Joint, hexadecimal, of_asker, table, type_of
from hie.kit.pipeline import Pipeline, Rows
from hie.kit.within import Within

TYPES = {"n": "bigint", "t": "text", "b": "bytea", "list": "text[]"}
ECHO = f"SELECT place, n, t, b, list FROM {table(TYPES)}"
DIVIDE = f"SELECT place, 6 / n FROM {table({'n': 'bigint'})}"
COUNT = f"SELECT asker.place, g FROM {table({'n': 'bigint'})}, generate_series(1, asker.n) g"
WRITE = f"""
WITH noted AS (INSERT INTO seen SELECT n FROM {table({"n": "bigint"})} RETURNING 1)
SELECT place, n FROM {table({"n": "bigint"})}
"""


def values(n: int) -> dict[str, Any]:
    return {"n": n, "t": f"“{n}”\\", "b": hexadecimal(bytes([0, n])), "list": ["a", 'b"', str(n)]}


async def test_results_come_to_those_who_asked(database: Database) -> None:
    found = await asyncio.gather(*(database.fetch_joined(ECHO, values(n)) for n in range(100)))
    assert found == [[(n, f"“{n}”\\", bytes([0, n]), ["a", 'b"', str(n)])] for n in range(100)]


async def test_an_asker_may_get_no_row_or_many(database: Database) -> None:
    asked = (database.fetch_joined(COUNT, {"n": n}) for n in (2, 0, 1))
    assert await asyncio.gather(*asked) == [[(1,), (2,)], [], [(1,)]]


async def test_a_failure_is_the_askers_own(database: Database) -> None:
    asked = (database.fetch_joined(DIVIDE, {"n": n}) for n in (1, 0, 2, 0, 3))
    found = await asyncio.gather(*asked, return_exceptions=True)
    assert [found[0], found[2], found[4]] == [[(6,)], [(3,)], [(2,)]]
    assert all(isinstance(found[n], psycopg.errors.DivisionByZero) for n in (1, 3))


@pytest.mark.parametrize("text", ["\ud800", "a\0b"])
async def test_a_value_that_cannot_be_sent_harms_nobody(database: Database, text: str) -> None:
    asked = (database.fetch_joined(ECHO, {**values(1), "t": t}) for t in ("fine", text, "good"))
    found = await asyncio.gather(*asked, return_exceptions=True)
    assert isinstance(found[1], TypeError | psycopg.Error)
    assert [rows[0][1] for rows in (found[0], found[2])] == ["fine", "good"]  # type: ignore[index]


async def test_what_it_writes_is_committed_once_when_the_answers_come(database: Database) -> None:
    async with database.connection() as connection:
        await connection.execute("CREATE TABLE seen (n bigint)")

        async def write(n: int) -> None:
            assert await database.fetch_joined(WRITE, {"n": n}) == [(n,)]
            cursor = await connection.execute("SELECT count(*) FROM seen WHERE n = %s", (n,))
            assert await cursor.fetchone() == (1,)

        await write(1000)
        await asyncio.gather(*(write(n) for n in range(50)))
        cursor = await connection.execute("SELECT count(DISTINCT xmin::text) FROM seen")
        assert await cursor.fetchone() == (2,)


async def test_what_fails_beside_it_undoes_nothing_and_writes_nothing_twice(
    database: Database,
) -> None:
    async with database.connection() as connection:
        await connection.execute("CREATE TABLE seen (n bigint)")
        writing = [database.fetch_joined(WRITE, {"n": n}) for n in range(5)]
        failing = [database.fetch_joined(DIVIDE, {"n": n}) for n in (0, 1)]
        found = await asyncio.gather(*writing, *failing, return_exceptions=True)
        assert found[:5] == [[(n,)] for n in range(5)]
        assert isinstance(found[5], psycopg.errors.DivisionByZero)
        assert found[6] == [(6,)]
        cursor = await connection.execute("SELECT n FROM seen ORDER BY n")
        assert await cursor.fetchall() == [(n,) for n in range(5)]


async def test_without_a_database_all_are_refused_at_once() -> None:
    nowhere = Pipeline("host=127.0.0.1 port=1 dbname=none")
    asked: list[str] = []

    async def fetch(statement: str, values: Mapping[str, object]) -> Rows:
        asked.append(statement)
        return await nowhere.fetch(statement, values)

    joint = Joint(fetch)
    found = await asyncio.gather(
        *(joint.ask(DIVIDE, {"n": n}) for n in range(20)), return_exceptions=True
    )
    assert [type(one) for one in found] == [psycopg.OperationalError] * 20
    assert len(asked) == 1


async def test_one_who_gives_up_leaves_the_others_alone(database: Database) -> None:
    hasty = asyncio.ensure_future(database.fetch_joined(DIVIDE, {"n": 1}))
    patient = asyncio.ensure_future(database.fetch_joined(DIVIDE, {"n": 2}))
    await asyncio.sleep(0)
    hasty.cancel()
    assert await patient == [(3,)]


async def test_closing_answers_those_who_still_wait(conninfo: str) -> None:
    async with Database(conninfo, size=1) as database:
        waiting = asyncio.ensure_future(database.fetch_joined(DIVIDE, {"n": 2}))
        await asyncio.sleep(0)
    assert await waiting == [(3,)]


async def test_within_a_transaction_it_sees_and_is_undone_with_it(database: Database) -> None:
    async with database.connection() as connection:
        await connection.execute("CREATE TABLE seen (n bigint)")
        async with connection.transaction(force_rollback=True):
            assert await Within(connection, database).fetch_joined(WRITE, {"n": 7}) == [(7,)]
        cursor = await connection.execute("SELECT count(*) FROM seen")
        assert await cursor.fetchone() == (0,)


def test_columns_have_the_types_of_their_values() -> None:
    found = [type_of(value) for value in (None, "a", 1, True, ["a"], (1, 2), [])]
    assert found == ["text", "text", "bigint", "boolean", "text[]", "bigint[]", "text[]"]


def test_named_values_are_those_of_the_asker() -> None:
    assert of_asker("a = %(a)s::text AND b = %(b_0)s") == "a = asker.a::text AND b = asker.b_0"
