"""What must hold in the database after a crash, and how the crash tests bring one about."""

import os
import signal
from pathlib import Path

import psycopg

# Every row has its directory entry, and the other way round.
HALVES = """
SELECT count(*) FROM store.directory d FULL JOIN store.resource r USING (patient_key, key)
WHERE r.key IS NULL OR d.key IS NULL
"""


def count(conninfo: str, statement: str, *values: object) -> int:
    """The single number that the statement gives."""
    with psycopg.connect(conninfo) as connection:
        row = connection.execute(statement, values).fetchone()
    assert row is not None
    found: int = row[0]
    return found


def kill_database(data: Path) -> None:
    """kill -9 of the postmaster: only what is on disk remains."""
    (server,) = (data / "postgres").glob("**/postmaster.pid")
    os.kill(int(server.read_text().split()[0]), signal.SIGKILL)
