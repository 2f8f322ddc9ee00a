"""Files that are wrong at one place: what can be read is stored, the rest refused with its place.

https://hl7.org/fhir/R4/nd-json.html. Nothing in a file may end the load of the others.
"""

import gzip
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psycopg
import pytest
from broken import broken

from hie.access.caller import Caller
from hie.records.exchange import Exchange
from hie.records.load import Report, load_file
from hie.records.open import open_exchange
from hie.settings import Settings
from hie.store.institutions import add_institution

COMMAND = "from hie.cli.main import application; application()"
PATIENT = (
    '{"resourceType":"Patient","id":"p1","active":true,"name":[{"text":"张伟"}],'
    '"birthDate":"1980-01-31"}'
).encode()
BUNDLE = (
    b'{"resourceType":"Bundle","type":"transaction","entry":[{"fullUrl":"urn:uuid:1","resource":'
    + PATIENT
    + b',"request":{"method":"PUT","url":"Patient/p1","ifNoneMatch":"*"}}]}'
)
DEEP = b'{"resourceType":"Patient","id":"deep","extension":' + b"[" * 3000 + b"]" * 3000 + b"}"
ODD_LINES = [
    DEEP,
    b"[" * 100_000,
    b'{"a":' * 100_000,
    PATIENT.decode().encode("utf-16"),
    PATIENT.decode().encode("gb18030"),
    b"\xef\xbb\xbf" + PATIENT,
    PATIENT.replace(b"p1", b"\\ud800"),
    PATIENT.replace(b"p1", b"\\u0000"),
    PATIENT.replace(b"1980-01-31", b"\\u0000"),
    PATIENT.replace("张伟".encode(), b"\\ud800"),
    PATIENT.replace("张伟".encode(), b"\\u0000"),
    PATIENT.replace("张伟".encode(), b"\xed\xa0\x80"),
    PATIENT.replace(b"true", b"1" * 5000),
    PATIENT.replace(b"true", b"1e999999999"),
    PATIENT.replace(b"true", b"NaN"),
    PATIENT.replace(b'"p1"', b"{}"),
    PATIENT.replace(b'"Patient"', b"[]"),
    PATIENT.replace(b'"Patient"', b'"Nothing"'),
    PATIENT.replace(b'"active"', b'"id"'),
    b"null",
    b'"text"',
    b"\x00",
    b"\xff" * 1000,
]


@pytest.fixture
async def exchange(conninfo: str) -> AsyncIterator[Exchange]:
    async with open_exchange(Settings(database_url=conninfo), conninfo) as opened:
        yield opened


def _written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


async def _load(exchange: Exchange, path: Path, content: bytes) -> Report:
    async with exchange.store.database.connection() as connection:
        number = (await add_institution(connection, "H1", "第一医院")).number
    caller = Caller.for_institution(number, "load")
    report = await load_file(exchange, caller, _written(path, content))
    for refused in report.refused:
        assert refused.file == path.name
        for issue in refused.issues:
            assert issue.text.en, refused
            assert issue.text.zh, refused
    return report


async def test_a_line_that_is_broken_spoils_no_other(exchange: Exchange, tmp_path: Path) -> None:
    lines = [line for line in (*broken(PATIENT), *ODD_LINES) if b"\n" not in line]
    lines = [b"".join(line.splitlines()) for line in lines]  # some encodings hold line ends
    good = [PATIENT.replace(b"p1", b"good-%d" % number) for number in range(2)]
    report = await _load(exchange, tmp_path / "a.ndjson", b"\n".join([good[0], *lines, good[1]]))
    refused = {one.line for one in report.refused}
    assert not refused & {1, len(lines) + 2}
    for number, line in enumerate(lines, 2):
        not_text = b"\xff" in line or line.startswith(DEEP[:60]) or b"\xed\xa0" in line
        assert number in refused or not not_text, line
    assert len(refused) + report.stored <= len(lines) + 2
    assert len(refused) > len(lines) / 2


async def test_a_bundle_with_an_odd_entry(exchange: Exchange, tmp_path: Path) -> None:
    for line in ODD_LINES:
        report = await _load(exchange, tmp_path / "a.json", BUNDLE.replace(PATIENT, line))
        assert (report.stored, len(report.refused)) == (0, 1), line[:80]


async def test_a_bundle_broken_anywhere(exchange: Exchange, tmp_path: Path) -> None:
    results = [
        await _load(exchange, tmp_path / "a.json", text) for text in broken(BUNDLE, places=40)
    ]
    refused = [report for report in results if report.refused]
    assert len(refused) > len(results) / 2
    assert all(report.stored == 0 for report in refused)


async def test_compressed_files_broken_anywhere(exchange: Exchange, tmp_path: Path) -> None:
    for name, content in (("a.ndjson.gz", PATIENT + b"\n"), ("a.json.gz", BUNDLE)):
        whole = gzip.compress(content, mtime=0)
        for text in broken(whole, places=30, instead=(b"\xff", b"\x00", b"")):
            report = await _load(exchange, tmp_path / name, text)
            assert report.refused or report.stored or report.skipped_parts or not text, text


def test_the_command_goes_on_and_says_what_it_left_out(conninfo: str, tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "good.ndjson").write_bytes(PATIENT)
    (folder / "deep.json").write_bytes(DEEP)
    (folder / "[red]{x}.json").write_bytes(b"\xff\xfe")
    (folder / "empty.json").write_bytes(b"")
    (folder / "cut.ndjson.gz").write_bytes(gzip.compress(PATIENT * 50)[:-30])
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff.ndjson")).write_bytes(b"{}")
    (folder / "nowhere.json").symlink_to(folder / "gone")
    report = tmp_path / "report"
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, "load", str(folder), "--report", str(report),
         "--processes", "1"],
        env={**os.environ, "HIE_DATABASE_URL": conninfo, "HIE_DATA_DIRECTORY": str(tmp_path)},
        capture_output=True,
        timeout=120,
        check=False,
    )  # fmt: skip
    said = done.stderr.decode("utf-8", "surrogateescape")
    assert done.returncode == 1, said
    assert "Traceback" not in said
    assert "1 resources stored" in said
    refused = [json.loads(line) for line in report.read_text(encoding="utf-8").splitlines()]
    assert len(refused) == 5, said
    assert {"deep.json", "[red]{x}.json", "empty.json", "cut.ndjson.gz"} < {
        one["file"] for one in refused
    }
    nowhere = [*done.args[:-3], str(tmp_path / "none" / "report")]
    refused_at_once = subprocess.run(nowhere, capture_output=True, timeout=120, check=False)
    assert refused_at_once.returncode == 2
    assert b"No such file" in refused_at_once.stderr
    with psycopg.connect(conninfo) as connection:
        row = connection.execute("SELECT count(*) FROM store.loaded_part").fetchone()
    assert row is not None
    assert row[0] > 0
