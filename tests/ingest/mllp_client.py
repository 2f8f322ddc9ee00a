"""A hospital's side of MLLP, for tests."""

import asyncio
from dataclasses import dataclass

from hie.ingest.hl7v2.message import Message, parse
from hie.ingest.hl7v2.mllp import Frames, wrap


@dataclass(slots=True)
class Sender:
    """A hospital's interface engine: one MLLP connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    frames: Frames

    async def raw(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.writer.write(data)
        await self.writer.drain()

    async def answers(self, count: int = 1) -> list[Message]:
        """Wait for so many acknowledgments; fewer if the connection is closed."""
        found: list[Message] = []
        async with asyncio.timeout(20):
            while len(found) < count:
                data = await self.reader.read(65536)
                if not data:
                    break
                found += [parse(frame.body) for frame in self.frames.feed(data)]
        return found

    async def send(self, *messages: str | bytes) -> list[str]:
        """Send messages all at once; the codes of their acknowledgments."""
        bodies = [m.encode() if isinstance(m, str) else m for m in messages]
        await self.raw(b"".join(map(wrap, bodies)))
        return [answer_code(a) for a in await self.answers(len(bodies))]

    async def close(self) -> None:
        self.writer.close()
        await self.writer.wait_closed()


def answer_code(answer: Message) -> str:
    """MSA-1."""
    msa = answer.first("MSA")
    assert msa is not None
    return msa.text(1)


async def connect(port: int) -> Sender:
    """A new connection to the listener on this machine."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    return Sender(reader, writer, Frames(1_000_000))
