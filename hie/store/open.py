"""Opening the store: the pool, this installation's keys and its compression dictionaries."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.resources import files
from secrets import token_bytes

import psycopg

from hie.kit.db import Connection, Database
from hie.kit.hashing import Hasher
from hie.store.bodies import Bodies

SHIPPED_DICTIONARY = 1

INSERT_KEY = """
INSERT INTO store.secret (name, value) VALUES (%s, %s) ON CONFLICT DO NOTHING
"""
SELECT_KEY = "SELECT value FROM store.secret WHERE name = %s"
SELECT_DICTIONARIES = "SELECT number, content FROM store.dictionary"
SELECT_DICTIONARY = "SELECT content FROM store.dictionary WHERE number = %s"
INSERT_DICTIONARY = "INSERT INTO store.dictionary VALUES (%s, %s) ON CONFLICT DO NOTHING"


@dataclass(frozen=True, slots=True)
class Store:
    """What reading and writing resources needs."""

    database: Database
    hasher: Hasher
    bodies: Bodies


async def secret(connection: Connection, name: str, size: int = 32) -> bytes:
    """The installation's key called `name`, made at the first call, the same ever after."""
    await connection.execute(INSERT_KEY, (name, token_bytes(size)))
    cursor = await connection.execute(SELECT_KEY, (name,))
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - inserted above and never deleted
    return bytes(row[0])


async def _bodies(connection: Connection, conninfo: str) -> Bodies:
    shipped = files("hie.store").joinpath("dictionary.zstd").read_bytes()
    await connection.execute(INSERT_DICTIONARY, (SHIPPED_DICTIONARY, shipped))
    cursor = await connection.execute(SELECT_DICTIONARIES)
    known = {number: bytes(content) for number, content in await cursor.fetchall()}

    def fetch(number: int) -> bytes:
        # Blocks once in a process's life for each dictionary that another process has learned.
        with psycopg.connect(conninfo) as other:
            row = other.execute(SELECT_DICTIONARY, (number,)).fetchone()
        if row is None:
            raise LookupError(f"no dictionary numbered {number}")
        return bytes(row[0])

    return Bodies(known, fetch)


async def store_on(database: Database) -> Store:
    """The store on an open pool whose schema is up to date."""
    async with database.connection() as connection:
        hasher = Hasher(await secret(connection, "index"))
        return Store(database, hasher, await _bodies(connection, database.conninfo))


@asynccontextmanager
async def open_store(conninfo: str, *, size: int = 8) -> AsyncIterator[Store]:
    """The store at `conninfo`, closed at the end of the block."""
    async with Database(conninfo, size=size) as database:
        yield await store_on(database)
