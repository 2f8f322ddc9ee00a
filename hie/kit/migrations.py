"""Brings a database's schema up to date, from a checkout and from an installed wheel alike.

Alembic in process: https://alembic.sqlalchemy.org/en/latest/api/commands.html It takes a third of a
second to import and 17 MB of the process, and is imported when there is something to do.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from psycopg.errors import UndefinedTable

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Connection

UPGRADE_LOCK = 0x686965_6462  # "hiedb"


class MigrationError(RuntimeError):
    """The schema cannot be brought up to date; the message says why."""


@dataclass(frozen=True, slots=True)
class Status:
    """Where a database stands: its revision (None: empty), the newest, and what is missing."""

    current: str | None
    newest: str
    pending: tuple[str, ...]


def directory() -> Path:
    """The folder of migration scripts: inside the package when installed, beside it otherwise."""
    package = Path(__file__).parents[1]
    inside = package / "migrations"
    return inside if inside.is_dir() else package.with_name("migrations")


def upgrade(conninfo: str) -> Status:
    """Apply every missing step in one transaction, and say where the database stood before.

    Processes that upgrade at once wait for each other. Raises `MigrationError` when the database
    is newer than this program.
    """
    if found := _up_to_date(conninfo):
        return found

    from alembic import command

    with _connected(conninfo) as connection:
        # Taken before the migrations' own lock time-out is set, because it may take long.
        connection.exec_driver_sql("SELECT pg_advisory_lock(%s)", (UPGRADE_LOCK,))
        connection.commit()
        before = _status(connection)
        if before.pending:
            configuration = _configuration()
            configuration.attributes["connection"] = connection
            command.upgrade(configuration, "head")
            connection.commit()
        return before


def status(conninfo: str) -> Status:
    """Where the database stands. Changes nothing. Raises `MigrationError` as `upgrade` does."""
    if found := _up_to_date(conninfo):
        return found
    with _connected(conninfo) as connection:
        return _status(connection)


def _up_to_date(conninfo: str) -> Status | None:
    """The status of a database in which nothing is missing. Steps are files, named in their order."""
    newest = max(path.stem for path in (directory() / "versions").glob("[0-9]*.py"))
    with psycopg.connect(conninfo) as connection:
        try:
            found = connection.execute("SELECT version_num FROM alembic_version").fetchall()
        except UndefinedTable:
            return None
    return Status(newest, newest, ()) if found == [(newest,)] else None


def _status(connection: "Connection") -> Status:
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory
    from alembic.script.revision import RevisionError

    current = MigrationContext.configure(connection).get_current_revision()
    connection.rollback()
    scripts = ScriptDirectory.from_config(_configuration())
    newest = scripts.get_current_head()
    if newest is None:
        raise MigrationError(f"No migrations are installed in {directory()}.")
    try:
        steps = list(scripts.iterate_revisions(newest, current or "base"))
    except RevisionError as error:
        raise MigrationError(
            f"The database is at revision {current}, which this version of the exchange does not "
            "know. It was last used with a newer version: install that one."
        ) from error
    return Status(current, newest, tuple(step.revision for step in reversed(steps)))


def _configuration() -> "Config":
    from alembic.config import Config

    configuration = Config()
    configuration.set_main_option("script_location", str(directory()).replace("%", "%%"))
    return configuration


@contextmanager
def _connected(conninfo: str) -> Iterator["Connection"]:
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    engine = create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(conninfo), poolclass=NullPool
    )
    with engine.connect() as connection:
        yield connection
    engine.dispose()
