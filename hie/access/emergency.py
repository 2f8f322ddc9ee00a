"""Emergency openings afterwards: the resident is told, and a reviewer closes each.

A table of its own and no Communication resources: a notice must not disappear with what an app deletes,
and a reviewer's verdict is no part of the health record.
"""

from datetime import datetime
from typing import NamedTuple

from psycopg.rows import class_row

from hie.errors import problem
from hie.kit.clock import now
from hie.kit.db import Connection

VERDICTS = {
    "justified": ("justified", "属合理使用"),
    "unjustified": ("not justified", "不属合理使用"),
}

COLUMNS = """
o.number, o.patient, o.account, a.display_name AS name, i.name AS institution, o.reason, o.note,
o.opened, o.until, o.seen, o.reviewed, o.verdict, o.remark
"""
FROM = """
FROM access.opened_record o
LEFT JOIN auth.account a ON a.login = o.account
LEFT JOIN store.institution i ON i.number = o.institution
"""
OF_PERSON = f"""
SELECT {COLUMNS} {FROM}
WHERE o.emergency AND o.patient IN (
    SELECT p.id FROM mpi.person p WHERE p.id = %(person)s OR p.merged_into = %(person)s)
ORDER BY o.number DESC LIMIT %(limit)s
"""
UNREVIEWED = f"""
SELECT {COLUMNS} {FROM} WHERE o.emergency AND o.reviewed IS NULL ORDER BY o.number LIMIT %s
"""
OPENING = f"SELECT {COLUMNS} {FROM} WHERE o.emergency AND o.number = %s"
SEEN = """
UPDATE access.opened_record SET seen = now() WHERE emergency AND seen IS NULL AND patient IN (
    SELECT p.id FROM mpi.person p WHERE p.id = %(person)s OR p.merged_into = %(person)s)
"""
REVIEW = """
UPDATE access.opened_record
SET reviewed = %(now)s, reviewed_by = %(reviewer)s, verdict = %(verdict)s, remark = %(remark)s,
    until = least(until, CASE WHEN %(verdict)s = 'unjustified' THEN %(now)s ELSE until END)
WHERE number = %(number)s AND emergency AND reviewed IS NULL AND account <> %(reviewer)s
RETURNING patient
"""


class Emergency(NamedTuple):
    """An emergency opening with the name of who opened, for the resident and the reviewer."""

    number: int
    patient: str
    account: str
    name: str | None
    institution: str | None
    reason: str
    note: str
    opened: datetime
    until: datetime
    seen: datetime | None
    reviewed: datetime | None
    verdict: str | None
    remark: str | None


async def emergencies_of(connection: Connection, person: str, limit: int = 50) -> list[Emergency]:
    """The emergency openings of this person's record, newest first."""
    async with connection.cursor(row_factory=class_row(Emergency)) as cursor:
        await cursor.execute(OF_PERSON, {"person": person, "limit": limit})
        return await cursor.fetchall()


async def emergency_opening(connection: Connection, number: int) -> Emergency | None:
    """The emergency opening of this number, reviewed or not."""
    async with connection.cursor(row_factory=class_row(Emergency)) as cursor:
        await cursor.execute(OPENING, (number,))
        return await cursor.fetchone()


async def mark_seen(connection: Connection, person: str) -> None:
    """The resident has seen the notices that there are."""
    await connection.execute(SEEN, {"person": person})


async def unreviewed(connection: Connection, limit: int = 100) -> list[Emergency]:
    """What waits for a reviewer, oldest first."""
    async with connection.cursor(row_factory=class_row(Emergency)) as cursor:
        await cursor.execute(UNREVIEWED, (limit,))
        return await cursor.fetchall()


async def review_emergency(
    connection: Connection, *, number: int, reviewer: str, verdict: str, remark: str
) -> str:
    """Close an emergency opening; whose record it was. One found unjustified ends at once.

    Problem 422 without a verdict and a remark, 404 if nothing waits under this number for this
    reviewer: nobody reviews what they opened themselves.
    """
    if verdict not in VERDICTS or not remark.strip():
        raise problem(
            422,
            "required",
            f"State a verdict ({', '.join(VERDICTS)}) and a remark",
            f"请给出结论（{'、'.join(VERDICTS)}）并说明理由",
            "Parameters.parameter.where(name='verdict')",
        )
    cursor = await connection.execute(
        REVIEW,
        {
            "number": number,
            "reviewer": reviewer,
            "verdict": verdict,
            "remark": remark.strip(),
            "now": now(),
        },
    )
    row = await cursor.fetchone()
    if row is None:
        raise problem(
            404,
            "not-found",
            f"No emergency opening {number} waits for your review",
            f"没有待您审核的紧急调阅 {number}",
            "Parameters.parameter.where(name='number')",
        )
    return str(row[0])
