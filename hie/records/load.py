"""Bulk loading of files: transaction Bundles and NDJSON. https://hl7.org/fhir/R4/nd-json.html

Everything enters by the write door. A part (a Bundle, or some hundred lines) is marked as loaded in
the transaction that stores it, so that a load can be interrupted anywhere and started again.
"""

from asyncio import sleep
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from itertools import islice
from pathlib import Path

import msgspec
import orjson
from psycopg.errors import DeadlockDetected, UniqueViolation

from hie.access.caller import Caller
from hie.errors import Issue, Problem, Text
from hie.kit.db import Connection
from hie.records.accept import carry_out
from hie.records.entry import Prepared
from hie.records.exchange import Exchange
from hie.records.files import bundle_entries, is_ndjson, line_entry, open_file
from hie.records.prepare import TURN, prepare

LINES = 500
ATTEMPTS = 20
"""Files of many institutions repeat the same practitioners, which several processes then create."""
_Line = tuple[int, Prepared]
"""A line's number, and what it holds."""

MARK = """
INSERT INTO store.loaded_part (source, part) VALUES (%s, %s) ON CONFLICT DO NOTHING RETURNING part
"""


@dataclass(frozen=True, slots=True)
class Part:
    """What one transaction loads: a whole Bundle file, or some lines of one of NDJSON."""

    path: Path
    number: int = 0
    lines: tuple[bytes, ...] | None = None
    last: bool = True
    """Whether it is the file's last part."""


@dataclass(slots=True)
class Refused:
    """Something that could not be stored: where it stands, and every reason."""

    file: str
    line: int | None
    issues: tuple[Issue, ...]


@dataclass(slots=True)
class Report:
    """What became of a file or of a part of it."""

    stored: int = 0
    skipped_parts: int = 0
    refused: list[Refused] = field(default_factory=list)

    def add(self, other: "Report") -> None:
        """Count the other's parts as well."""
        self.stored += other.stored
        self.skipped_parts += other.skipped_parts
        self.refused += other.refused


def parts_of(path: Path) -> Iterator[Part]:
    """The parts of a `.json`, `.json.gz`, `.ndjson` or `.ndjson.gz` file. Raises OSError."""
    if not is_ndjson(path):
        yield Part(path)
        return
    with open_file(path) as file:
        lines = tuple(islice(file, LINES))
        number = 0
        while lines:
            following = tuple(islice(file, LINES))
            yield Part(path, number, lines, last=not following)
            lines, number = following, number + 1


async def load_part(exchange: Exchange, caller: Caller, part: Part) -> Report:
    """Load one part. A Bundle is stored or refused whole; a line of NDJSON is refused by itself."""
    if part.lines is None:
        return await _load_bundle(exchange, caller, part.path)
    return await _load_lines(exchange, caller, part, part.lines)


async def load_file(exchange: Exchange, caller: Caller, path: Path) -> Report:
    """Load all parts of a file, one after the other. Raises OSError if it is unreadable."""
    report = Report()
    for part in parts_of(path):
        report.add(await load_part(exchange, caller, part))
    return report


def _not_json(error: Exception) -> Issue:
    return Issue("structure", Text(f"Not JSON: {error}", f"不是合法的 JSON：{error}"))


async def _mark(connection: Connection, source: bytes, part: int) -> bool:
    cursor = await connection.execute(MARK, (source, part))
    return await cursor.fetchone() is not None


async def _store(
    exchange: Exchange, source: bytes, part: int, write: Callable[[Connection], Awaitable[Report]]
) -> Report:
    """What `write` reports, in one transaction with the mark; again if another was in the way."""
    for attempt in range(ATTEMPTS):
        try:
            async with exchange.store.database.transaction() as connection:
                if not await _mark(connection, source, part):
                    return Report(skipped_parts=1)
                return await write(connection)
        except (UniqueViolation, DeadlockDetected):
            if attempt == ATTEMPTS - 1:
                raise
    raise AssertionError("unreachable: the last attempt returns or raises")


async def _load_bundle(exchange: Exchange, caller: Caller, path: Path) -> Report:
    with open_file(path) as file:
        text = file.read()
    try:
        prepared = await prepare(caller, bundle_entries(text))

        async def write(connection: Connection) -> Report:
            await carry_out(connection, exchange, caller, [replace(item) for item in prepared])
            return Report(stored=len(prepared))

        return await _store(exchange, sha256(text).digest(), 0, write)
    except orjson.JSONDecodeError as error:
        return Report(refused=[Refused(path.name, None, (_not_json(error),))])
    except Problem as found:
        return Report(refused=[Refused(path.name, None, found.issues)])


async def _load_lines(
    exchange: Exchange, caller: Caller, part: Part, lines: tuple[bytes, ...]
) -> Report:
    prepared: list[_Line] = []
    refused: list[Refused] = []
    for number, line in enumerate(lines, part.number * LINES + 1):
        text = line.strip()  # the end of a line is not part of the resource
        if not text:
            continue
        try:
            [item] = await prepare(caller, [line_entry(text)])
            prepared.append((number, item))
        except msgspec.DecodeError as error:
            refused.append(Refused(part.path.name, number, (_not_json(error),)))
        except Problem as found:
            refused.append(Refused(part.path.name, number, found.issues))
        if number % TURN == 0:
            await sleep(0)

    async def write(connection: Connection) -> Report:
        failed = await _write_lines(connection, exchange, caller, part.path.name, prepared)
        return Report(stored=len(prepared) - len(failed), refused=failed)

    source = sha256(b"".join(lines)).digest()
    report = await _store(exchange, source, part.number, write)
    report.refused += refused
    return report


async def _write_lines(
    connection: Connection, exchange: Exchange, caller: Caller, name: str, lines: Sequence[_Line]
) -> list[Refused]:
    """Store the lines but those that are refused, which are found by halving."""
    if not lines:
        return []
    try:
        async with connection.transaction():
            await carry_out(connection, exchange, caller, [replace(item) for _, item in lines])
    except Problem as found:
        if len(lines) == 1:
            return [Refused(name, lines[0][0], found.issues)]
        middle = len(lines) // 2
        return [
            *await _write_lines(connection, exchange, caller, name, lines[:middle]),
            *await _write_lines(connection, exchange, caller, name, lines[middle:]),
        ]
    return []
