"""Bulk loading of files: transaction Bundles and NDJSON. https://hl7.org/fhir/R4/nd-json.html

Everything enters by the write door. A part (a Bundle, or some hundred lines) is marked as loaded in
the transaction that stores it, so that a load can be interrupted anywhere and started again.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import orjson

from hie.access.caller import Caller
from hie.errors import Issue, Problem, Text
from hie.kit.db import Connection
from hie.records.accept import accept_in
from hie.records.entry import Entry
from hie.records.exchange import Exchange
from hie.records.files import bundle_entries, is_ndjson, line_entry, open_file
from hie.records.prepare import prepare

LINES = 500

MARK = """
INSERT INTO store.loaded_part (source, part) VALUES (%s, %s) ON CONFLICT DO NOTHING RETURNING part
"""


@dataclass(slots=True)
class Refused:
    """Something that could not be stored: where it stands, and every reason."""

    file: str
    line: int | None
    issues: tuple[Issue, ...]


@dataclass(slots=True)
class Report:
    """What became of a file."""

    stored: int = 0
    skipped_parts: int = 0
    refused: list[Refused] = field(default_factory=list)


def _not_json(error: Exception) -> Issue:
    return Issue("structure", Text(f"Not JSON: {error}", f"不是合法的 JSON：{error}"))


async def _mark(connection: Connection, source: bytes, part: int) -> bool:
    cursor = await connection.execute(MARK, (source, part))
    return await cursor.fetchone() is not None


async def _store(
    exchange: Exchange, caller: Caller, source: bytes, part: int, entries: list[Entry]
) -> int | None:
    async with exchange.store.database.transaction() as connection:
        if not await _mark(connection, source, part):
            return None
        return len(await accept_in(connection, exchange, caller, entries)) if entries else 0


async def _load_bundle(exchange: Exchange, caller: Caller, path: Path, report: Report) -> None:
    with open_file(path) as file:
        text = file.read()
    try:
        entries = bundle_entries(text)
        stored = await _store(exchange, caller, sha256(text).digest(), 0, entries)
    except orjson.JSONDecodeError as error:
        report.refused.append(Refused(path.name, None, (_not_json(error),)))
    except Problem as found:
        report.refused.append(Refused(path.name, None, found.issues))
    else:
        report.stored += stored or 0
        report.skipped_parts += stored is None


async def _accepted_lines(
    caller: Caller, path: Path, first: int, lines: list[bytes], report: Report
) -> list[Entry]:
    entries = []
    for number, line in enumerate(lines, first):
        if not line.strip():
            continue
        try:
            entry = line_entry(line)
            await prepare(caller, [entry])
            entries.append(entry)
        except orjson.JSONDecodeError as error:
            report.refused.append(Refused(path.name, number, (_not_json(error),)))
        except Problem as found:
            report.refused.append(Refused(path.name, number, found.issues))
    return entries


def _parts(file: BinaryIO) -> Iterator[list[bytes]]:
    while lines := list(islice(file, LINES)):
        yield lines


async def _load_lines(exchange: Exchange, caller: Caller, path: Path, report: Report) -> None:
    with open_file(path) as file:
        for part, lines in enumerate(_parts(file)):
            entries = await _accepted_lines(caller, path, part * LINES + 1, lines, report)
            source = sha256(b"".join(lines)).digest()
            stored = await _store(exchange, caller, source, part, entries)
            report.stored += stored or 0
            report.skipped_parts += stored is None


async def load_file(exchange: Exchange, caller: Caller, path: Path) -> Report:
    """Load one `.json`, `.json.gz`, `.ndjson` or `.ndjson.gz` file; raises OSError if unreadable.

    A Bundle is stored whole or refused whole; a line of NDJSON is refused by itself.
    """
    report = Report()
    if is_ndjson(path):
        await _load_lines(exchange, caller, path, report)
    else:
        await _load_bundle(exchange, caller, path, report)
    return report
