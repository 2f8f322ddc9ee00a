"""kill -9 of the loading processes and of the database in the middle of a load.

After the restart every part that was flushed is there whole, and nothing is there in half; and so is
everything after a load that has ended.
https://www.postgresql.org/docs/current/wal-reliability.html
"""

import gzip
import os
import signal
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path

import orjson
import psycopg
from crash_checks import HALVES, count, kill_database

from hie.kit import migrations, postgres
from hie.records.load import FLUSH

FILES = 24
PARTS_BEFORE_THE_KILL = 4
STORED = "SELECT count(*) FROM store.resource WHERE institution <> 0"


def start_load(data: Path, files: list[Path]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [Path(sys.executable).with_name("hie"), "load", *files],
        env={**os.environ, "HIE_DATA_DIRECTORY": str(data)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def test_nothing_acknowledged_is_lost_and_nothing_is_half_there(
    data: Path, shared_data: Path
) -> None:
    files = sorted((shared_data / "synthea").glob("*.json.gz"))[:FILES]
    entries = {
        sha256(text).digest(): len(orjson.loads(text)["entry"])
        for text in (gzip.decompress(path.read_bytes()) for path in files)
    }
    conninfo = postgres.embedded(data)
    migrations.upgrade(conninfo)
    loading = start_load(data, files)
    deadline = time.monotonic() + 120
    while count(conninfo, "SELECT count(*) FROM store.loaded_part") < PARTS_BEFORE_THE_KILL:
        assert loading.poll() is None, "the load ended before it could be killed"
        assert time.monotonic() < deadline
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(FLUSH)
    kill_database(data)
    os.killpg(loading.pid, signal.SIGKILL)
    loading.wait()

    conninfo = postgres.embedded(data)
    with psycopg.connect(conninfo) as connection:
        marks = [
            bytes(row[0]) for row in connection.execute("SELECT source FROM store.loaded_part")
        ]
    assert len(marks) >= PARTS_BEFORE_THE_KILL
    assert count(conninfo, STORED) == sum(entries[mark] for mark in marks)
    assert count(conninfo, HALVES) == 0

    assert start_load(data, files).wait(timeout=180) == 0
    kill_database(data)
    conninfo = postgres.embedded(data)
    assert count(conninfo, STORED) == sum(entries.values())
    assert count(conninfo, HALVES) == 0
