"""Messages that could not be accepted: listed, looked at, mended and sent through again."""

from datetime import datetime
from typing import NamedTuple

from psycopg.rows import class_row

from hie.ingest.inbox import announce
from hie.ingest.reason import Reason
from hie.kit.db import Connection

LIST = """
SELECT m.id, i.code AS institution, m.control_id, m.message_type, m.received, m.attempts, m.reason
FROM ingest.inbox m JOIN store.institution i ON i.number = m.institution
WHERE m.state = 'quarantined' AND (%(institution)s::text IS NULL OR i.code = %(institution)s)
ORDER BY m.received, m.id LIMIT %(limit)s
"""
SHOW = """
SELECT m.id, i.code AS institution, m.control_id, m.message_type, m.received, m.attempts, m.reason,
       m.state, m.peer, m.body, m.mended
FROM ingest.inbox m JOIN store.institution i ON i.number = m.institution
WHERE m.id = %s
"""
REPLAY = """
UPDATE ingest.inbox
SET state = 'received', settled = NULL, mended = coalesce(%(mended)s, mended)
WHERE state = 'quarantined' AND (%(id)s::bigint IS NULL OR id = %(id)s)
  AND (%(institution)s::text IS NULL OR
       institution = (SELECT number FROM store.institution WHERE code = %(institution)s))
RETURNING institution
"""


class Quarantined(NamedTuple):
    """One message in quarantine."""

    id: int
    institution: str
    control_id: str
    message_type: str
    received: datetime
    attempts: int
    reason: Reason | None


class Shown(NamedTuple):
    """Any message of the inbox, with its text."""

    id: int
    institution: str
    control_id: str
    message_type: str
    received: datetime
    attempts: int
    reason: Reason | None
    state: str
    peer: str | None
    body: bytes
    mended: bytes | None


async def quarantined(
    connection: Connection, *, institution: str | None = None, limit: int = 100
) -> list[Quarantined]:
    """The oldest messages in quarantine, of one institution (by code) or of all."""
    async with connection.cursor(row_factory=class_row(Quarantined)) as cursor:
        await cursor.execute(LIST, {"institution": institution, "limit": limit})
        return await cursor.fetchall()


async def show(connection: Connection, number: int) -> Shown:
    """One message of the inbox. Raises LookupError if there is none with that number."""
    async with connection.cursor(row_factory=class_row(Shown)) as cursor:
        await cursor.execute(SHOW, (number,))
        found = await cursor.fetchone()
    if found is None:
        raise LookupError(f"there is no message number {number}")
    return found


async def replay(
    connection: Connection,
    *,
    number: int | None = None,
    institution: str | None = None,
    mended: bytes | None = None,
) -> int:
    """Let quarantined messages be processed again: one, an institution's, or all. Returns how many.

    `mended` is the corrected text of the one; what was received stays beside it. A message older
    than others about the same patient that were done meanwhile only fills gaps.
    """
    if mended is not None and number is None:
        raise ValueError("only a single message can be mended")
    values = {"id": number, "institution": institution, "mended": mended}
    async with connection.transaction():
        cursor = await connection.execute(REPLAY, values)
        institutions = [row[0] for row in await cursor.fetchall()]
        for waiting in sorted(set(institutions)):
            await announce(connection, waiting)
    return len(institutions)
