"""What must hold in the database after a crash, and how the crash tests bring one about."""

import os
import signal
from pathlib import Path

import psycopg

from hie.fhir.definitions import type_number

# Every row of the index has its resource, and every Patient its names in the index.
HALVES = f"""
SELECT (SELECT count(*) FROM search.string s
        LEFT JOIN store.resource r USING (patient_key, key) WHERE r.key IS NULL)
     + (SELECT count(*) FROM store.resource r
        WHERE r.type = {type_number("Patient")} AND NOT EXISTS (
            SELECT FROM search.string s WHERE s.patient_key = r.patient_key AND s.key = r.key))
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
