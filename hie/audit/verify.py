"""Checks the trail against its seals, and names what is wrong.

What can be found: a row that was altered, deleted or inserted after its batch was sealed; a row put
in with a time of the past; a seal that was altered or removed. Who rewrites all seals as well is found
by comparing with a published root. Rows younger than the last seal are not yet protected.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Literal, NamedTuple

from psycopg.rows import class_row

from hie.audit.digest import EPOCH, MICROSECOND, Leaf, leaf, link, microseconds, unpack
from hie.audit.rows import SELECT_ROWS, recorded_rows
from hie.audit.seal import GAP_LIFETIME, Seal
from hie.fhir.dates import CHINA_STANDARD_TIME
from hie.kit.db import Connection

SEALS = """
SELECT position, through, gaps_from, gaps_to, gaps_since, sealed, algorithm, leaves, previous, link
FROM audit.seal WHERE position > %s ORDER BY position LIMIT 50
"""
BETWEEN = f"{SELECT_ROWS} WHERE number > %s AND number <= %s ORDER BY number"
NAMED = f"{SELECT_ROWS} WHERE number = ANY(%s) ORDER BY number"
AFTER = "SELECT count(*) FROM audit.event WHERE number > %s"
RETIRED = "SELECT max(until) FROM audit.retired"

# A row may be written this long after it was made, and its seal follows a while later.
SLACK = GAP_LIFETIME + timedelta(hours=1)

Kind = Literal[
    "altered", "deleted", "inserted", "backdated", "seal-altered", "seal-missing", "root-differs"
]


class Finding(NamedTuple):
    """One thing that is wrong; for a row its number and time, for a seal its position and time."""

    kind: Kind
    number: int
    moment: datetime | None


@dataclass(slots=True)
class Report:
    """What a check found, in the order of the trail."""

    findings: list[Finding] = field(default_factory=list)
    rows: int = 0
    seals: int = 0
    unsealed: int = 0
    retired: int = 0

    @property
    def first(self) -> Finding | None:
        """The first thing wrong."""
        return self.findings[0] if self.findings else None


@dataclass(slots=True)
class _State:
    report: Report
    retired_before: int
    previous: Seal | None = None
    found: list[tuple[int, Finding]] = field(default_factory=list)
    # Rows that a later seal has to account for, with their times.
    unexplained: dict[int, datetime] = field(default_factory=dict)

    def note(self, order: int, finding: Finding) -> None:
        self.found.append((order, finding))


async def verify(connection: Connection, roots: Mapping[date, bytes] | None = None) -> Report:
    """Check everything that is sealed; `roots` are published ones that were noted elsewhere."""
    cursor = await connection.execute(RETIRED)
    row = await cursor.fetchone()
    retired = microseconds(row[0]) if row and row[0] else -(2**62)
    state = _State(Report(), retired)
    found: dict[date, bytes] = {}
    position = 0
    while True:
        async with connection.cursor(row_factory=class_row(Seal)) as seals:
            page = await (await seals.execute(SEALS, (position,))).fetchall()
        for seal in page:
            await _check(connection, state, seal)
            found[seal.sealed.astimezone(CHINA_STANDARD_TIME).date()] = seal.link
            state.previous = seal
        if not page:
            break
        position = page[-1].position
    report = await _finish(connection, state)
    for day, noted in sorted((roots or {}).items()):
        if found.get(day) != noted:
            report.findings.insert(0, Finding("root-differs", day.toordinal(), None))
    return report


async def _check(connection: Connection, state: _State, seal: Seal) -> None:
    previous, report = state.previous, state.report
    report.seals += 1
    begun = previous.through if previous else 0
    expected = link(
        seal.algorithm, seal.previous, seal.position, seal.through, seal.sealed, seal.leaves
    )
    if seal.position != (previous.position + 1 if previous else 1):
        state.note(begun, Finding("seal-missing", seal.position - 1, seal.sealed))
    elif seal.link != expected or seal.previous != (previous.link if previous else b""):
        state.note(begun, Finding("seal-altered", seal.position, seal.sealed))
    leaves = {one.number: one for one in unpack(seal.leaves)}
    late = [number for number in leaves if number <= begun]
    stored = [
        *await recorded_rows(connection, NAMED, (late,)),
        *await recorded_rows(connection, BETWEEN, (begun, seal.through)),
    ]
    for row in stored:
        sealed = leaves.pop(row.number, None)
        if sealed is None:
            if row.number > begun:
                state.unexplained[row.number] = row.event.recorded
            continue
        state.unexplained.pop(row.number, None)
        report.rows += 1
        if sealed != leaf(seal.algorithm, row):
            state.note(row.number, Finding("altered", row.number, row.event.recorded))
        elif previous and row.event.recorded < previous.sealed - SLACK:
            state.note(row.number, Finding("backdated", row.number, row.event.recorded))
    _missing(state, leaves.values())


def _missing(state: _State, leaves: Iterable[Leaf]) -> None:
    for one in leaves:
        if one.recorded < state.retired_before:
            state.report.retired += 1
        else:
            moment = EPOCH + one.recorded * MICROSECOND
            state.note(one.number, Finding("deleted", one.number, moment))


async def _finish(connection: Connection, state: _State) -> Report:
    last = state.previous
    open_gaps = list(zip(last.gaps_from, last.gaps_to, strict=True)) if last else []
    for number, recorded in state.unexplained.items():
        if not any(low <= number <= high for low, high in open_gaps):
            state.note(number, Finding("inserted", number, recorded))
    cursor = await connection.execute(AFTER, (last.through if last else 0,))
    row = await cursor.fetchone()
    state.report.unsealed = row[0] if row else 0
    state.report.findings = [finding for _, finding in sorted(state.found, key=lambda f: f[0])]
    return state.report
