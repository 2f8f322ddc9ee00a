"""The embedded server starts, starts again, and starts after it was killed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from hie.kit import postgres
from hie.kit.postgres.account import server_account


def value(conninfo: str, query: str) -> object:
    with psycopg.connect(conninfo) as connection:
        row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]


def main_process(data: Path) -> int:
    return int((data / "postgres/cluster/postmaster.pid").read_text().split()[0])


def test_first_and_second_start(place: Path) -> None:
    conninfo = postgres.embedded(place / "data")
    assert value(conninfo, "SHOW data_checksums") == "on"
    assert value(conninfo, "SHOW server_encoding") == "UTF8"
    assert value(conninfo, "SHOW fsync") == "on"
    assert value(conninfo, "SHOW synchronous_commit") == "on"
    assert value(conninfo, "SELECT lower('ÄÉ张')") == "äé张"
    assert value(conninfo, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is False
    assert postgres.embedded(place / "data") == conninfo  # it runs: nothing to do
    postgres.stop(place / "data")
    begin = time.monotonic()
    assert postgres.embedded(place / "data") == conninfo
    assert time.monotonic() - begin < 5
    assert value(conninfo, "SELECT 1") == 1


def test_stopping_what_does_not_run_is_no_error(place: Path) -> None:
    postgres.stop(place / "data")
    postgres.embedded(place / "data")
    postgres.stop(place / "data")
    postgres.stop(place / "data")


def test_acknowledged_rows_survive_kill_9_of_a_busy_server(place: Path) -> None:
    conninfo = postgres.embedded(place / "data")
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept (number integer)")
        connection.execute("INSERT INTO kept SELECT generate_series(1, 1000)")
        with ThreadPoolExecutor(1) as threads, busy(conninfo, threads):
            os.kill(main_process(place / "data"), signal.SIGKILL)
            conninfo = postgres.embedded(place / "data")
    assert value(conninfo, "SELECT count(*) FROM kept") == 1000


@contextmanager
def busy(conninfo: str, threads: ThreadPoolExecutor) -> Iterator[None]:
    """While a statement runs that does not notice by itself that its server is gone."""

    def work() -> None:
        with psycopg.connect(conninfo) as connection, pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT count(*) FROM generate_series(1, 10_000_000_000)")

    running = threads.submit(work)
    query = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%10_000_000_000%' AND state = 'active' AND pid <> pg_backend_pid()"
    while value(conninfo, query) == 0:
        pass
    yield
    running.result()


def test_a_lock_file_naming_another_living_process_is_no_hindrance(place: Path) -> None:
    data = place / "data"
    postgres.embedded(data)
    lock = data / "postgres/cluster/postmaster.pid"
    text = lock.read_text()
    postgres.stop(data)
    account = server_account(data)
    other = {"user": account.uid, "group": account.gid} if os.geteuid() == 0 else {}
    with subprocess.Popen(["sleep", "600"], cwd="/", **other) as sleeper:
        lock.write_text("\n".join([str(sleeper.pid), *text.split("\n")[1:]]))
        os.chown(lock, account.uid, account.gid)
        assert value(postgres.embedded(data), "SELECT 1") == 1
        assert sleeper.poll() is None
        sleeper.kill()


def test_many_processes_start_one_server(place: Path) -> None:
    code = (
        "import sys, pathlib, hie.kit.postgres as p; print(p.embedded(pathlib.Path(sys.argv[1])))"
    )
    command = [sys.executable, "-c", code, str(place / "data")]
    starters = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    answers = {starter.communicate()[0].strip() for starter in starters}
    assert [starter.returncode for starter in starters] == [0, 0, 0]
    (conninfo,) = answers
    assert value(conninfo, "SELECT 1") == 1


def test_an_interrupted_first_start_is_begun_again(place: Path) -> None:
    data = place / "data"
    postgres.embedded(data)
    postgres.stop(data)
    # As if the process had been killed between making the cluster and putting it in its place.
    (data / "postgres/cluster").rename(data / "postgres/cluster.new")
    assert value(postgres.embedded(data), "SELECT 1") == 1


def test_a_path_too_long_for_a_socket(place: Path) -> None:
    data = place / ("long" * 20) / ("longer" * 5)
    data.mkdir(parents=True, mode=0o755)
    assert value(postgres.embedded(data), "SELECT 1") == 1
    postgres.stop(data)


def test_the_operators_own_settings_win(place: Path) -> None:
    data = place / "data"
    data.mkdir(mode=0o700)
    (data / "local.conf").write_text("work_mem = 7MB\nhba_file = '/dev/null'\n")
    conninfo = postgres.embedded(data)
    assert value(conninfo, "SHOW work_mem") == "7MB"
