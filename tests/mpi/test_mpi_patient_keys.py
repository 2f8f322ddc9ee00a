"""The keys under which a person's records stand: asked inside statements, and made up for old rows."""

from importlib.util import module_from_spec, spec_from_file_location

import psycopg
import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import create_engine

from hie.kit import migrations
from hie.kit.db import Connection, Database
from hie.mpi import steward
from hie.mpi.link import Source, register
from hie.mpi.people import KEY_OF, KEYS_OF, PERSON_OF_KEY, patient_key, person_of
from hie.store.open import Store, store_on

WHO = {"actor": "steward", "reason": "test"}


@pytest.fixture
async def store(database: Database) -> Store:
    return await store_on(database)


def source(id_: str, name: str, birth_date: str) -> Source:
    resource = {"resourceType": "Patient", "name": [{"text": name}], "birthDate": birth_date}
    return Source(id_, 1, resource)


ONE_BY_ONE = f"""
SELECT own.key FROM (
    SELECT patient_key FROM mpi.person UNION SELECT patient_key FROM mpi.registration
) AS own (key), LATERAL ({
    KEY_OF.format(
        key="own.key", person_of_key=PERSON_OF_KEY.format(key="own.key"), persons="%s::text[]"
    )
}) found
"""


async def keys_of(connection: Connection, person: str) -> set[int]:
    """As they are found for all rows at once, and for one at a time."""
    cursor = await connection.execute(KEYS_OF.format(persons="%s::text[]"), ([person],))
    keys = {key for (key,) in await cursor.fetchall()}
    cursor = await connection.execute(ONE_BY_ONE, ([person], [person]))
    assert {key for (key,) in await cursor.fetchall()} == keys
    return keys


async def person_behind(connection: Connection, key: int) -> str | None:
    cursor = await connection.execute("SELECT " + PERSON_OF_KEY.format(key="%(key)s"), {"key": key})
    row = await cursor.fetchone()
    assert row is not None
    return row[0]


async def test_a_merge_counts_with_the_next_statement(store: Store) -> None:
    def key(id_: str) -> int:
        return patient_key(store.hasher, id_)

    async with store.database.transaction() as connection:
        await register(
            connection,
            store,
            [source("a", "张伟", "1970-01-02"), source("b", "王芳", "1990-03-04")],
        )
        people = await person_of(connection, ["a", "b"])
        one, two = people["a"], people["b"]
        assert await keys_of(connection, one) == {key(one), key("a")}
        number = (await steward.merge(connection, one, two, **WHO)).event
        both = {key(one), key(two), key("a"), key("b")}
        assert await keys_of(connection, one) == await keys_of(connection, two) == both
        assert {await person_behind(connection, k) for k in both} == {one}
        await steward.unmerge(connection, number, **WHO)
        assert await keys_of(connection, two) == {key(two), key("b")}
        assert await person_behind(connection, key("b")) == two
        assert await keys_of(connection, "a") == await keys_of(connection, "nobody") == set()
        assert await person_behind(connection, key("nobody")) is None


async def test_rows_from_before_the_keys_get_them(store: Store) -> None:
    async with store.database.transaction() as connection:
        await register(connection, store, [source("a", "张伟", "1970-01-02")])
        person = (await person_of(connection, ["a"]))["a"]
    path = next((migrations.directory() / "versions").glob("*_mpi_patient_key.py"))
    spec = spec_from_file_location("step", path)
    assert spec is not None
    assert spec.loader is not None
    step = module_from_spec(spec)
    spec.loader.exec_module(step)
    engine = create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(store.database.conninfo)
    )
    with engine.begin() as migrated, Operations.context(MigrationContext.configure(migrated)):
        for table in step.TABLES:
            migrated.exec_driver_sql(
                f"ALTER TABLE mpi.{table} ALTER COLUMN patient_key DROP NOT NULL"
            )
            migrated.exec_driver_sql(f"UPDATE mpi.{table} SET patient_key = NULL")
            step._fill(table, store.hasher)
    engine.dispose()
    async with store.database.connection() as connection:
        expected = {patient_key(store.hasher, person), patient_key(store.hasher, "a")}
        assert await keys_of(connection, person) == expected
