"""The inbox: a message is here, on disk, before its sender is told that it arrived.

A message that is sent again — same institution, control id and content — is not kept twice. The
same control id with other content is another message: senders do start counting again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from hie.kit.db import Connection, Database

CHANNEL = "ingest_inbox"
"""PostgreSQL notification channel; the payload is the institution's number."""

# Whatever the server's default: an acknowledged message survives a crash.
DURABLE = "SET LOCAL synchronous_commit = on"
KEEP = """
INSERT INTO ingest.inbox
    (institution, channel, control_id, message_type, peer, content_hash, body)
VALUES (%s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (institution, control_id, content_hash) DO NOTHING
"""
NOTIFY = "SELECT pg_notify(%s, %s)"
WAITING = "SELECT DISTINCT institution FROM ingest.inbox WHERE state = 'received' ORDER BY 1"
COUNT_WAITING = "SELECT count(*) FROM ingest.inbox WHERE state = 'received'"


@dataclass(frozen=True, slots=True)
class Received:
    """A message as it came; `channel` is the way, such as `mllp`."""

    institution: int
    channel: str
    control_id: str
    message_type: str
    body: bytes
    peer: str | None = None


async def keep(database: Database, messages: Sequence[Received]) -> None:
    """Keep the messages in their order, in one transaction: when this returns they are durable."""
    async with database.transaction() as connection:
        await connection.execute(DURABLE)
        for message in messages:
            await connection.execute(
                KEEP,
                (
                    message.institution,
                    message.channel,
                    message.control_id,
                    message.message_type,
                    message.peer,
                    sha256(message.body).digest(),
                    message.body,
                ),
            )
        for institution in sorted({message.institution for message in messages}):
            await announce(connection, institution)


async def announce(connection: Connection, institution: int) -> None:
    """Wake the workers when the transaction commits."""
    await connection.execute(NOTIFY, (CHANNEL, str(institution)))


async def institutions_waiting(connection: Connection) -> list[int]:
    """The institutions with messages that wait to be processed."""
    cursor = await connection.execute(WAITING)
    return [row[0] for row in await cursor.fetchall()]


async def count_waiting(connection: Connection) -> int:
    """How many messages wait to be processed."""
    cursor = await connection.execute(COUNT_WAITING)
    row = await cursor.fetchone()
    return row[0] if row else 0
