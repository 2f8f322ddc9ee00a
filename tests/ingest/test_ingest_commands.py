"""`hie ingest`, as an operator uses it."""

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from hl7_samples import adt
from typer.testing import CliRunner

from hie.cli import ingest

Run = Callable[..., str]


@pytest.fixture
def run(conninfo: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command on this test's database, in which one institution is known."""
    monkeypatch.setenv("HIE_DATABASE_URL", conninfo)
    # The console takes its width when it is made, from whatever test comes first.
    monkeypatch.setattr(ingest.console, "width", 200)
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO store.institution (code, name) VALUES ('YX-H2', '中医医院')"
        )

    def invoke(*arguments: str, code: int = 0) -> str:
        result = CliRunner().invoke(ingest.application, arguments)
        assert result.exit_code == code, result.output
        return result.output

    return invoke


def _quarantine(conninfo: str) -> int:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        row = connection.execute(
            "UPDATE ingest.inbox SET state = 'quarantined', reason = "
            """'[{"where": "PID-7", "en": "wrong", "zh": "错误"}]' RETURNING id"""
        ).fetchone()
    assert row is not None
    number: int = row[0]
    return number


def test_senders(run: Run) -> None:
    assert "YXZYY sends for YX-H2" in run(
        "sender", "add", "YXZYY", "YX-H2", "--network", "10.1.0.0/16"
    )
    assert "10.1.0.0/16" in run("sender", "list")
    assert "no institution" in run("sender", "add", "X", "NOBODY", code=2)


def test_files_and_counts(run: Run, tmp_path: Path) -> None:
    run("sender", "add", "YXZYY", "YX-H2")
    path = tmp_path / "night.hl7"
    path.write_text(adt() + adt(control_id="M2", facility="NOBODY"), encoding="utf-8")
    output = run("file", str(path), code=1)
    assert "1 messages taken in, 1 refused" in output
    assert "message 2 (M2)" in output
    assert "未登记" in output
    assert "ADT^A01" in run("status")
    path.write_text(f"BHS|^~\\&|\r{adt()}BTS|2\r", encoding="utf-8")
    assert "nothing was taken in" in run("file", str(path), code=1)


def test_quarantine(run: Run, conninfo: str, tmp_path: Path) -> None:
    run("sender", "add", "YXZYY", "YX-H2")
    path = tmp_path / "one.hl7"
    path.write_text(adt(), encoding="utf-8")
    run("file", str(path))
    number = str(_quarantine(conninfo))
    assert "PID-7: wrong 错误" in run("quarantine", "list", "--institution", "YX-H2")
    shown = run("quarantine", "show", number)
    assert "quarantined" in shown
    assert "\nPID|1||P0001" in shown
    assert run("quarantine", "show", number, "--raw").startswith("MSH|")
    assert "no message number 0" in run("quarantine", "show", "0", code=2)
    assert "give a number" in run("quarantine", "replay", code=2)
    assert "give a number" in run("quarantine", "replay", number, "--all", code=2)
    path.write_text("no message", encoding="utf-8")
    assert "MSH" in run("quarantine", "replay", number, "--mended", str(path), code=2)
    path.write_text(adt(name="王^芳"), encoding="utf-8")
    assert "goes with the number" in run(
        "quarantine", "replay", "--all", "--mended", str(path), code=2
    )
    assert "1 messages wait" in run("quarantine", "replay", number, "--mended", str(path))
    assert "王" in run("quarantine", "show", number)
    _quarantine(conninfo)
    assert "1 messages wait" in run("quarantine", "replay", "--institution", "YX-H2")
    assert "0 messages wait" in run("quarantine", "replay", "--all")


@pytest.mark.parametrize("arguments", [
    ("sender", "add", "X", "YX-H2", "--network", "10.1.0.5/16"),
    ("sender", "add", "X", "YX-H2", "--network", "nonsense"),
    ("quarantine", "show", "9" * 30),
    ("quarantine", "show", "7"),
    ("quarantine", "replay", "9" * 30),
    ("quarantine", "list", "--limit", "9" * 30),
    ("status", "--days", "9" * 12),
    ("file", "no such file"),
])  # fmt: skip
def test_what_cannot_be_is_refused_in_a_line(run: Run, arguments: tuple[str, ...]) -> None:
    assert "Invalid value" in run(*arguments, code=2)


def test_files_of_anything_under_any_name(run: Run, tmp_path: Path) -> None:
    run("sender", "add", "YXZYY", "YX-H2")
    folder = tmp_path / "a["
    folder.mkdir()
    contents = {
        "red]": b"\xff\x00" * 1000, "empty": b"", "frames": b"\x0b\x0b\x1c\r" * 1000,
        "header": b"MSH|", "trailer": adt().encode() + b"BTS|" + b"9" * 5000,
        "cut": adt().encode()[:60],
    }  # fmt: skip
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    output = run("file", *(str(folder / name) for name in contents), code=1).replace("\n", "")
    for name in ("red]", "empty", "frames"):
        assert f"a[/{name}: there is no HL7 v2 message in it" in output
    assert "999; nothing was taken in" in output
    for name in ("header", "cut"):
        assert f"a[/{name}: message 1 ()" in output
        assert f"a[/{name}: 0 messages taken in, 1 refused" in output
