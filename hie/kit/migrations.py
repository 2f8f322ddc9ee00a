"""Brings a database's schema up to date, from a checkout and from an installed wheel alike.

Alembic in process: https://alembic.sqlalchemy.org/en/latest/api/commands.html
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.script.revision import RevisionError
from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import NullPool

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
    with _connected(conninfo) as connection:
        return _status(connection)


def _status(connection: Connection) -> Status:
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


def _configuration() -> Config:
    configuration = Config()
    configuration.set_main_option("script_location", str(directory()).replace("%", "%%"))
    return configuration


@contextmanager
def _connected(conninfo: str) -> Iterator[Connection]:
    engine = create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(conninfo), poolclass=NullPool
    )
    with engine.connect() as connection:
        yield connection
    engine.dispose()
