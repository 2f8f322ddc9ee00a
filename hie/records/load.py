"""Bulk loading of files: transaction Bundles and NDJSON. https://hl7.org/fhir/R4/nd-json.html

Everything enters by the write door. A part (a Bundle, or some hundred lines) is marked as loaded in
the transaction that stores it, so that a load can be interrupted anywhere and started again.
"""

from asyncio import sleep
from collections.abc import Awaitable, Callable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import islice
from pathlib import Path

from psycopg.errors import DeadlockDetected, UniqueViolation

from hie.access.caller import Caller
from hie.errors import Issue, Problem, Text
from hie.fhir.json_text import REFUSALS, why_not_read
from hie.kit.db import Connection
from hie.records.accept import carry_out
from hie.records.entry import Prepared
from hie.records.exchange import Exchange
from hie.records.files import UNREADABLE, bundle_entries, is_ndjson, line_entry, open_file
from hie.records.prepare import TURN, prepare

LINES = 500
DELETED = 204
ATTEMPTS = 20
"""Files of many institutions repeat the same practitioners, which several processes then create."""
_Line = tuple[int, Prepared]
"""A line's number, and what it holds."""

MARK = """
INSERT INTO store.loaded_part (source, part) VALUES (%s, %s) ON CONFLICT DO NOTHING
RETURNING set_config('synchronous_commit', 'off', true)
"""
"""The transaction's commit need not wait for the disk: what a crash takes, it takes with its mark."""
FLUSH = """
SELECT set_config('synchronous_commit', 'on', true), pg_logical_emit_message(true, 'hie load', '')
"""


@dataclass(frozen=True, slots=True)
class Part:
    """What one transaction loads: a whole Bundle file, or some lines of one of NDJSON."""

    path: Path
    number: int = 0
    lines: tuple[bytes, ...] | None = None
    last: bool = True
    """Whether it is the file's last part."""
    damage: Issue | None = None
    """Why nothing behind the parts before could be read."""


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
    """The parts of a `.json`, `.json.gz`, `.ndjson` or `.ndjson.gz` file.

    The last part of a file that is damaged, or may not be read, says so.
    """
    if not is_ndjson(path):
        yield Part(path)
        return
    number = 0
    lines: tuple[bytes, ...] = ()
    try:
        with open_file(path) as file:
            following = tuple(islice(file, LINES))
            while following:
                lines, following = following, ()
                following = tuple(islice(file, LINES))
                yield Part(path, number, lines, last=not following)
                lines, number = (), number + 1
    except UNREADABLE as error:
        if lines:
            yield Part(path, number, lines, last=False)
            number += 1
        yield Part(path, number, (), damage=_damage(error, number * LINES + 1))


def _damage(error: Exception, line: int) -> Issue:
    return Issue(
        "incomplete",
        Text(
            f"The file cannot be read from line {line} on: {error}",
            f"文件从第 {line} 行起无法读取：{error}",
        ),
    )


async def load_part(exchange: Exchange, caller: Caller, part: Part) -> Report:
    """Load one part. A Bundle is stored or refused whole; a line of NDJSON is refused by itself.

    What it reports is on disk after `flush`.
    """
    if part.damage is not None:
        return Report(refused=[Refused(part.path.name, None, (part.damage,))])
    if part.lines is None:
        return await _load_bundle(exchange, caller, part.path)
    return await _load_lines(exchange, caller, part, part.lines)


async def load_file(exchange: Exchange, caller: Caller, path: Path) -> Report:
    """Load all parts of a file, one after the other."""
    report = Report()
    for part in parts_of(path):
        report.add(await load_part(exchange, caller, part))
    return report


async def flush(connection: Connection) -> None:
    """Return when all parts that were loaded until now are on disk, which nobody may be told before.

    A commit that waits for the disk takes with it whatever committed before it.
    https://www.postgresql.org/docs/current/wal-async-commit.html
    """
    await connection.execute(FLUSH)


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
    try:
        with open_file(path) as file:
            text = file.read()
    except UNREADABLE as error:
        return Report(refused=[Refused(path.name, None, (_damage(error, 1),))])
    try:
        prepared = await prepare(caller, bundle_entries(text, f"{exchange.settings.fhir_base}/"))

        async def write(connection: Connection) -> Report:
            outcomes = await carry_out(
                connection, exchange, caller, [copy(item) for item in prepared]
            )
            return Report(stored=sum(outcome.status != DELETED for outcome in outcomes))

        return await _store(exchange, sha256(text).digest(), 0, write)
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
        except REFUSALS as error:
            reason, _ = why_not_read(text, error, "")
            refused.append(Refused(part.path.name, number, (Issue("structure", reason),)))
        except Problem as found:
            refused.append(Refused(part.path.name, number, found.issues))
        if number % TURN == 0:
            await sleep(0)

    rounds, repeated = _rounds(prepared)

    async def write(connection: Connection) -> Report:
        failed: list[Refused] = []
        for each in rounds:
            failed += await _write_lines(connection, exchange, caller, part.path.name, each)
        failed += [
            Refused(one.file, number, one.issues)
            for one in failed
            for number in repeated.get(one.line or 0, ())
        ]
        return Report(stored=len(prepared) - len(failed), refused=failed)

    source = sha256(b"".join(lines)).digest()
    report = await _store(exchange, source, part.number, write)
    report.refused += refused
    return report


def _rounds(lines: Sequence[_Line]) -> tuple[list[list[_Line]], dict[int, list[int]]]:
    """The lines such that no round changes a resource twice; and which lines repeat one of these.

    A transaction refuses two entries for one resource. A line that says again what the line before it
    said of its resource would change nothing, so it shares that one's fate.
    """
    rounds: list[list[_Line]] = [[]]
    repeated: dict[int, list[int]] = {}
    latest: dict[tuple[str, str], tuple[int, _Line]] = {}
    for line in lines:
        number, item = line
        place = 0
        if item.entry.id is not None:
            before = latest.get((item.entry.type, item.entry.id))
            if before is not None:
                place, (first, same) = before[0] + 1, before[1]
                if same.raw == item.raw:
                    repeated.setdefault(first, []).append(number)
                    continue
            latest[item.entry.type, item.entry.id] = place, line
        if place == len(rounds):
            rounds.append([])
        rounds[place].append(line)
    return rounds, repeated


async def _write_lines(
    connection: Connection, exchange: Exchange, caller: Caller, name: str, lines: Sequence[_Line]
) -> list[Refused]:
    """Store the lines but those that are refused, which are found by halving."""
    if not lines:
        return []
    try:
        async with connection.transaction():
            await carry_out(connection, exchange, caller, [copy(item) for _, item in lines])
    except Problem as found:
        if len(lines) == 1:
            return [Refused(name, lines[0][0], found.issues)]
        middle = len(lines) // 2
        return [
            *await _write_lines(connection, exchange, caller, name, lines[:middle]),
            *await _write_lines(connection, exchange, caller, name, lines[middle:]),
        ]
    return []
