"""Seals the audit trail: chains batches of rows by hash. https://www.rfc-editor.org/rfc/rfc6962 is kin.

Rows get their numbers before they are committed, so numbers may be missing for a while: a seal keeps
the gaps that it saw, and a later one takes up what has appeared in them. After `GAP_LIFETIME` a gap is
closed: its transaction was rolled back, and whatever turns up in it later was inserted by hand.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from psycopg.rows import class_row

from hie.audit.digest import Algorithm, leaf, link, pack
from hie.audit.rows import SELECT_ROWS, recorded_rows
from hie.kit.db import Connection, Database

BATCH = 5000
GAP_LIFETIME = timedelta(hours=1)
"""Longer than any transaction that writes audit rows may last."""
MOST_GAPS = 1000

LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('audit.seal', 0))"
LAST = """
SELECT position, through, gaps_from, gaps_to, gaps_since, sealed, algorithm, leaves, previous, link
FROM audit.seal ORDER BY position DESC LIMIT 1
"""
LATE = f"""
SELECT e.* FROM unnest(%s::bigint[], %s::bigint[]) AS gap (low, high),
LATERAL ({SELECT_ROWS} WHERE number BETWEEN gap.low AND gap.high) e ORDER BY e.number
"""
FRESH = f"{SELECT_ROWS} WHERE number > %s ORDER BY number LIMIT %s"
NOW = "SELECT clock_timestamp()"
INSERT = """
INSERT INTO audit.seal (position, through, gaps_from, gaps_to, gaps_since, sealed, algorithm,
                        leaves, previous, link)
VALUES (%s, %s, %s::bigint[], %s::bigint[], %s::timestamptz[], %s, %s, %s, %s, %s)
"""


class Seal(NamedTuple):
    """One seal as stored. `through` is the highest number looked at so far."""

    position: int
    through: int
    gaps_from: list[int]
    gaps_to: list[int]
    gaps_since: list[datetime]
    sealed: datetime
    algorithm: str
    leaves: bytes
    previous: bytes
    link: bytes


class Gap(NamedTuple):
    """Numbers from `low` to `high` of which no row had been seen when it was found."""

    low: int
    high: int
    since: datetime


async def last_seal(connection: Connection) -> Seal | None:
    """The newest seal; None before the first."""
    async with connection.cursor(row_factory=class_row(Seal)) as cursor:
        return await (await cursor.execute(LAST)).fetchone()


def split(gap: Gap, numbers: Sequence[int]) -> list[Gap]:
    """What is left of a gap after rows with these ascending numbers appeared in it."""
    left: list[Gap] = []
    low = gap.low
    for number in numbers:
        if not gap.low <= number <= gap.high:
            continue
        if low < number:
            left.append(Gap(low, number - 1, gap.since))
        low = number + 1
    if low <= gap.high:
        left.append(Gap(low, gap.high, gap.since))
    return left


async def seal_batch(connection: Connection, algorithm: Algorithm) -> int:
    """Seal up to `BATCH` rows inside the caller's transaction; how many it were."""
    await connection.execute(LOCK)
    last = await last_seal(connection)
    gaps = (
        [Gap(*each) for each in zip(last.gaps_from, last.gaps_to, last.gaps_since, strict=True)]
        if last
        else []
    )
    late = await recorded_rows(
        connection, LATE, ([gap.low for gap in gaps], [gap.high for gap in gaps])
    )
    begun = last.through if last else 0
    fresh = await recorded_rows(connection, FRESH, (begun, BATCH))
    if not late and not fresh:
        return 0
    cursor = await connection.execute(NOW)
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - it always gives one row
    sealed: datetime = row[0]
    through = fresh[-1].number if fresh else begun
    if fresh:
        gaps.append(Gap(begun + 1, through, sealed))
    numbers = [one.number for one in (*late, *fresh)]
    left = [
        part for gap in gaps if sealed - gap.since < GAP_LIFETIME for part in split(gap, numbers)
    ][-MOST_GAPS:]
    leaves = pack(leaf(algorithm, one) for one in (*late, *fresh))
    position = last.position + 1 if last else 1
    previous = last.link if last else b""
    await connection.execute(
        INSERT,
        (
            position,
            through,
            [gap.low for gap in left],
            [gap.high for gap in left],
            [gap.since for gap in left],
            sealed,
            algorithm,
            leaves,
            previous,
            link(algorithm, previous, position, through, sealed, leaves),
        ),
    )
    return len(late) + len(fresh)


async def seal(database: Database, algorithm: Algorithm) -> int:
    """Seal everything that is committed now; how many rows it were."""
    total = 0
    while True:
        async with database.transaction() as connection:
            done = await seal_batch(connection, algorithm)
        total += done
        if done < BATCH:
            return total
