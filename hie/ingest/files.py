"""Files of HL7 v2 messages into the inbox, as an operator brings them: back-loading, a night's batch."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from hie.errors import Text
from hie.ingest.hl7v2.receipt import assign, read
from hie.ingest.inbox import keep
from hie.kit.db import Database

CHANNEL = "file"
AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Refused:
    """A message that was not taken in; `number` counts from 1 within the file."""

    number: int
    control_id: str
    text: Text


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of some messages in a row; what is `kept` is durable."""

    kept: int
    refused: list[Refused]


async def take_in(database: Database, messages: Sequence[bytes]) -> AsyncIterator[Taken]:
    """Put the messages into the inbox in their order, some hundreds in one commit.

    Messages that are there already are counted as kept and not kept twice.
    """
    for begin in range(0, len(messages), AT_ONCE):
        refused: list[Refused] = []
        kept = []
        async with database.connection() as connection:
            for number, body in enumerate(messages[begin : begin + AT_ONCE], begin + 1):
                receipt = await assign(connection, read(body), body, channel=CHANNEL, peer=None)
                if receipt.received:
                    kept.append(receipt.received)
                elif receipt.refusal:
                    control_id = receipt.header.control_id if receipt.header else ""
                    refused.append(Refused(number, control_id, receipt.refusal[1]))
        if kept:
            await keep(database, kept)
        yield Taken(len(kept), refused)
