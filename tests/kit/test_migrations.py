"""Migrations: complete, safe to run twice and at once, and refused when the program is too old."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from alembic.script import ScriptDirectory

from hie.kit import migrations
from hie.kit.db import Database

VERSIONS = Path(__file__).parents[2] / "migrations" / "versions"
SCHEMAS = {"store", "search", "audit", "mpi", "auth", "access", "ingest", "web", "subscriptions"}


async def test_every_package_has_its_schema(database: Database) -> None:
    async with database.connection() as connection:
        cursor = await connection.execute("SELECT nspname FROM pg_namespace")
        found = {row[0] for row in await cursor.fetchall()}
    assert found >= SCHEMAS


def test_a_clone_of_the_template_is_up_to_date(conninfo: str) -> None:
    status = migrations.status(conninfo)
    assert status.current == status.newest
    assert status.pending == ()
    assert migrations.upgrade(conninfo) == status


@pytest.fixture
def empty(conninfo: str) -> str:
    """A database in which nothing has been migrated yet."""
    with psycopg.connect(conninfo) as connection:
        for schema in SCHEMAS:
            connection.execute(f"DROP SCHEMA {schema} CASCADE")
        connection.execute("DROP TABLE public.alembic_version")
    return conninfo


def test_upgrades_at_once_wait_for_each_other(empty: str) -> None:
    with ThreadPoolExecutor(1) as threads:
        # Alembic keeps its context in module globals, so the other one is a process in real life;
        # here its turn in the queue is held by a plain connection.
        with psycopg.connect(empty) as holder:
            holder.execute("SELECT pg_advisory_lock(%s)", (migrations.UPGRADE_LOCK,))
            other = threads.submit(migrations.upgrade, empty)
            _until_waiting(holder)
            assert migrations.status(empty).current is None
        assert len(other.result().pending) == len(list(VERSIONS.glob("0*.py")))
    assert migrations.status(empty).pending == ()


def _until_waiting(connection: psycopg.Connection) -> None:
    query = """
        SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    """
    while connection.execute(query).fetchone() is None:
        pass


def test_steps_are_named_as_their_files_and_follow_each_other() -> None:
    steps = list(ScriptDirectory(str(migrations.directory())).walk_revisions())
    assert [Path(str(step.module.__file__)).stem for step in steps] == [
        step.revision for step in steps
    ]
    assert [step.revision for step in steps] == sorted(
        (step.revision for step in steps), reverse=True
    )


def test_alembic_is_not_imported_when_nothing_is_to_do(conninfo: str) -> None:
    script = (
        "import sys; from hie.kit import migrations; print(migrations.upgrade(sys.argv[1]));"
        "assert not {'alembic', 'sqlalchemy'} & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, conninfo], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == str(migrations.status(conninfo))


def test_a_newer_database_is_refused(conninfo: str) -> None:
    with psycopg.connect(conninfo) as connection:
        connection.execute("UPDATE public.alembic_version SET version_num = '9999_future'")
    with pytest.raises(migrations.MigrationError, match="9999_future"):
        migrations.upgrade(conninfo)
