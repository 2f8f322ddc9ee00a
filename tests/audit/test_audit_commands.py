"""`hie audit` as an operator runs it."""

import re

import psycopg
import pytest
from typer.testing import CliRunner

from hie.audit.event import Event
from hie.audit.log import AuditLog
from hie.cli.main import application
from hie.kit.db import Database


@pytest.fixture
def run(conninfo: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HIE_DATABASE_URL", conninfo)
    return lambda *arguments: CliRunner().invoke(application, ["audit", *arguments])


async def _record(conninfo: str) -> None:
    async with Database(conninfo) as database, AuditLog(database) as log:
        await log.record(*(Event("R", "read", "somebody") for _ in range(3)))


@pytest.fixture
async def recorded(conninfo: str) -> None:
    await _record(conninfo)


def test_the_root_is_printed_and_the_trail_found_whole(recorded: None, run) -> None:
    printed = run("root").output
    found = re.fullmatch(r"(\d{4}-\d\d-\d\d) sha-256 1 ([0-9a-f]{64})\n", printed)
    assert found, printed
    checked = run("verify", "--root", f"{found[1]}={found[2]}")
    assert checked.exit_code == 0
    assert "the trail is whole" in checked.output
    differing = run("verify", "--root", f"{found[1]}={'0' * 64}")
    assert differing.exit_code == 1
    assert "is not the one that was noted" in differing.output
    assert run("verify", "--root", "yesterday").exit_code == 2


def test_the_first_wrong_row_is_named(recorded: None, run, conninfo: str) -> None:
    run("root")
    with psycopg.connect(conninfo, autocommit=True) as connection:
        (name,) = connection.execute(
            "SELECT tableoid::regclass::text FROM audit.event LIMIT 1"
        ).fetchone() or ("",)
        for table in (name, "audit.event"):
            connection.execute(f"GRANT ALL ON {table} TO CURRENT_USER".encode())
            connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER".encode())
        connection.execute("DELETE FROM audit.event WHERE number = 2")
    checked = run("verify")
    assert checked.exit_code == 1
    assert re.search(r"first: row 2 of .* was deleted", checked.output)


def test_nothing_young_is_dropped(recorded: None, run) -> None:
    run("retire")
    assert "3 rows checked" in run("verify").output
