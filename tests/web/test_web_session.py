"""Sessions of the portals in a real database."""

from datetime import timedelta

import pytest
from cryptography.exceptions import InvalidTag

from hie.kit.clock import now
from hie.kit.db import Database
from hie.web import session

SECRET = {"token": "the access token"}
KIND = "resident:signed-in"


async def test_a_session_is_found_by_its_cookie_only(database: Database) -> None:
    async with database.connection() as connection:
        begun = await session.begin(connection, KIND, SECRET, now() + timedelta(minutes=5))
        found = await session.find(connection, KIND, begun.cookie)
        assert found is not None
        assert found.content == SECRET
        assert await session.find(connection, KIND, "") is None
        assert await session.find(connection, KIND, begun.cookie[:-1]) is None
        assert await session.find(connection, "clinician:signed-in", begun.cookie) is None


async def test_the_database_alone_gives_no_token(database: Database) -> None:
    async with database.connection() as connection:
        begun = await session.begin(connection, KIND, SECRET, now() + timedelta(minutes=5))
        cursor = await connection.execute("SELECT s::text FROM web.session s")
        (row,) = await cursor.fetchall()
    kept = str(row[0])
    for hidden in (begun.cookie, SECRET["token"]):
        assert hidden not in kept
        assert hidden.encode().hex() not in kept


async def test_a_row_cannot_serve_as_another_kind_of_session(database: Database) -> None:
    async with database.connection() as connection:
        begun = await session.begin(connection, KIND, SECRET, now() + timedelta(minutes=5))
        await connection.execute("UPDATE web.session SET kind = 'clinician:signed-in'")
        with pytest.raises(InvalidTag):
            await session.find(connection, "clinician:signed-in", begun.cookie)


async def test_changed_content_is_kept_and_an_ended_session_is_gone(database: Database) -> None:
    async with database.connection() as connection:
        begun = await session.begin(connection, KIND, {"n": 1}, now() + timedelta(minutes=5))
        begun.content["n"] = 2
        await session.keep(connection, begun)
        found = await session.find(connection, KIND, begun.cookie)
        assert found is not None
        assert found.content == {"n": 2}
        await session.end(connection, begun)
        assert await session.find(connection, KIND, begun.cookie) is None


async def test_expired_sessions_open_nothing_and_are_removed(database: Database) -> None:
    async with database.connection() as connection:
        over = await session.begin(connection, KIND, SECRET, now() - timedelta(seconds=1))
        assert await session.find(connection, KIND, over.cookie) is None
        await session.begin(connection, KIND, SECRET, now() + timedelta(minutes=5))
        cursor = await connection.execute("SELECT count(*) FROM web.session")
        assert await cursor.fetchone() == (1,)
