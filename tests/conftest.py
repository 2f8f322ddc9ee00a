"""Fixtures for every test: a real PostgreSQL, and in it a migrated database of one's own.

One server serves all workers of a session: the embedded one in a temporary directory, or the one
that `HIE_TEST_DATABASE_URL` names, whose role may create databases. The schema is migrated once,
into a template; each test gets a clone of it.
"""

import base64
import fcntl
import itertools
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest
from hypothesis import settings
from psycopg import sql
from psycopg.conninfo import make_conninfo

from hie.kit import migrations, postgres
from hie.kit.db import Database

PREFIX = "hie-test-"
SESSION = "HIE_TEST_SESSION"
SECRET_KEY_FILE = "HIE_SECRET_KEY_FILE"
DATABASE_FIXTURES = {"cloned", "conninfo", "database"}

# A busy machine is slow, and what is imported at its first use takes its time; benchmarks measure time.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

# Tests that kill servers start one of their own, with the product's settings.
# An autovacuum worker belongs to the superuser: a database that it works in cannot be dropped by us.
FAST = """\
autovacuum = off
fsync = off
full_page_writes = off
shared_buffers = 128MB
max_wal_size = 1GB
"""


@dataclass(frozen=True, slots=True)
class Server:
    """The session's server. `directory` is shared by its workers and gone at the end."""

    directory: Path
    numbers: Iterator[int] = field(default_factory=itertools.count)

    @property
    def data(self) -> Path:
        return self.directory / "data"

    @property
    def template(self) -> str:
        return self.directory.name.replace("-", "_") + "_template"

    def conninfo(self, database: str | None = None) -> str:
        given = os.environ.get("HIE_TEST_DATABASE_URL")
        if given:
            return make_conninfo(given, dbname=database) if database else given
        return make_conninfo(postgres.embedded(self.data), dbname=database or "postgres")

    def prepare(self) -> None:
        """Make server and template; the first worker does it while the others wait."""
        with (self.directory / "template").open("a+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            if file.read():
                return
            if "HIE_TEST_DATABASE_URL" not in os.environ:
                self._start()
            self.execute("CREATE DATABASE {}", self.template)
            migrations.upgrade(self.conninfo(self.template))
            file.write("ready")

    def _start(self) -> None:
        self.data.mkdir(mode=0o700)
        (self.data / "local.conf").write_text(FAST)
        postgres.embedded(self.data)
        with psycopg.connect(postgres.administrator(self.data)) as connection:
            connection.execute("ALTER ROLE hie CREATEDB")

    def execute(self, statement: str, *names: str) -> None:
        with psycopg.connect(self.conninfo(), autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))

    @contextmanager
    def clone(self) -> Iterator[str]:
        """A fresh database; the value is how to connect to it."""
        worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
        name = f"{self.template}_{worker}_{next(self.numbers)}"
        self.execute("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY", name, self.template)
        try:
            yield self.conninfo(name)
        finally:
            self.execute("DROP DATABASE {} WITH (FORCE)", name)

    def close(self) -> None:
        if "HIE_TEST_DATABASE_URL" in os.environ:
            self.execute("DROP DATABASE IF EXISTS {}", self.template)
        postgres.stop(self.data)
        shutil.rmtree(self.directory)


def _new_session() -> tuple[Server, int]:
    """A server's directory, and a lock on it that lasts as long as this process."""
    directory = Path(tempfile.mkdtemp(prefix=PREFIX))
    if os.geteuid() == 0:
        directory.chmod(0o711)  # the server's own account must reach its data directory
    new = directory / "session.new"
    descriptor = os.open(new, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    new.rename(directory / "session")
    return Server(directory), descriptor


def _sweep() -> None:
    """Remove what sessions that were killed have left behind."""
    for lock in Path(tempfile.gettempdir()).glob(f"{PREFIX}*/session"):
        try:
            with lock.open("r+") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                postgres.stop(lock.parent / "data")
                shutil.rmtree(lock.parent)
        except (BlockingIOError, PermissionError, FileNotFoundError):
            continue  # alive, another user's, or being removed by another session


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "database: uses a real database (added by itself)")
    if SESSION in os.environ:  # an xdist worker; the process that started it does the rest
        return
    _sweep()
    server, descriptor = _new_session()
    os.environ[SESSION] = str(server.directory)
    key = server.directory / "secret-key"
    key.write_text(base64.b64encode(os.urandom(32)).decode())
    key.chmod(0o600)
    os.environ[SECRET_KEY_FILE] = str(key)

    def close() -> None:
        del os.environ[SESSION], os.environ[SECRET_KEY_FILE]
        server.close()
        os.close(descriptor)

    config.add_cleanup(close)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if DATABASE_FIXTURES.intersection(getattr(item, "fixturenames", ())):
            item.add_marker("database")


@pytest.fixture(scope="session")
def cloned() -> Callable[[], AbstractContextManager[str]]:
    """Makes databases for fixtures of a wider scope: `with cloned() as conninfo:`."""
    server = Server(Path(os.environ[SESSION]))
    server.prepare()
    return server.clone


@pytest.fixture
def conninfo(cloned: Callable[[], AbstractContextManager[str]]) -> Iterator[str]:
    """How to connect to a fresh, migrated database of this test's own."""
    with cloned() as value:
        yield value


@pytest.fixture
async def database(conninfo: str) -> AsyncIterator[Database]:
    """An open pool on a fresh, migrated database of this test's own."""
    async with Database(conninfo) as opened:
        yield opened


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of test data beside the repository: `../shared/data`."""
    found = Path(__file__).parents[2] / "shared" / "data"
    if not found.is_dir():
        pytest.skip(f"needs the test data of the project in {found}")
    return found
