"""The MLLP listener: bytes from a socket to the inbox, and the answer back. HL7 2.5.1 appendix C

A message is answered only after it is durable. Messages that arrive together are kept together,
in one commit, and answered in their order.
"""

import asyncio
import logging
from asyncio import StreamReader, StreamWriter
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass

import psycopg

from hie.ingest.hl7v2.mllp import Frame, Frames, wrap
from hie.ingest.hl7v2.receipt import Receipt, assign, read
from hie.ingest.inbox import keep
from hie.kit.db import Database

logger = logging.getLogger(__name__)

CHANNEL = "mllp"
_READ = 65536


@dataclass(frozen=True, slots=True)
class Limits:
    """What one sender may ask of the listener. Sizes in bytes, times in seconds."""

    message_size: int = 16 * 1024 * 1024
    stray_bytes: int = 64 * 1024
    idle_time: float = 300.0
    message_time: float = 60.0
    connections: int = 200


class Listener:
    """Serves MLLP on one address; `start` binds it, `stop` ends every connection."""

    def __init__(
        self, database: Database, host: str, port: int, limits: Limits | None = None
    ) -> None:
        self._database = database
        self._host = host
        self._port = port
        self._limits = limits or Limits()
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        """The port that is listened on, chosen by the system if 0 was asked for."""
        if self._server is None:
            raise RuntimeError("the listener is not started")
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def start(self) -> None:
        """Listen. Raises OSError if the address cannot be bound."""
        self._server = await asyncio.start_server(self._accept, self._host, self._port, limit=_READ)

    async def stop(self) -> None:
        """Stop listening; an answer that is owed is still given if its message is being kept."""
        if self._server is None:
            return
        self._server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await self._server.wait_closed()
        self._server = None

    async def _accept(self, reader: StreamReader, writer: StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or len(self._connections) >= self._limits.connections:
            writer.close()
            return
        self._connections.add(task)
        address = writer.get_extra_info("peername")
        # An IPv6 address may carry a zone, which PostgreSQL's inet does not know.
        peer = address[0].split("%", 1)[0] if address else None
        try:
            await self._converse(reader, writer, peer)
        except (TimeoutError, ConnectionError):
            logger.info("mllp: connection from %s ended", peer)
            writer.transport.abort()  # who does not read would be waited for without an end
        except asyncio.CancelledError:
            logger.info("mllp: connection from %s closed, the listener stops", peer)
        finally:
            self._connections.discard(task)
            writer.close()
            with suppress(ConnectionError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _converse(self, reader: StreamReader, writer: StreamWriter, peer: str | None) -> None:
        frames = Frames(self._limits.message_size)
        loop = asyncio.get_running_loop()
        started: float | None = None
        while True:
            started = (started or loop.time()) if frames.inside else None
            until = (
                loop.time() + self._limits.idle_time
                if started is None
                else started + self._limits.message_time
            )
            async with asyncio.timeout_at(until):
                data = await reader.read(_READ)
            if not data:
                return
            complete = frames.feed(data)
            if complete:
                started = None
                await _finished(self._answer(complete, writer, peer))
            if frames.skipped > self._limits.stray_bytes:
                logger.warning("mllp: %s does not speak MLLP", peer)
                return

    async def _answer(
        self, frames: Sequence[Frame], writer: StreamWriter, peer: str | None
    ) -> None:
        size = self._limits.message_size
        receipts = [read(f.body, longest=size if f.too_long else None) for f in frames]
        try:
            receipts = await self._keep(receipts, [frame.body for frame in frames], peer)
            answers = [receipt.answer() for receipt in receipts]
        except (psycopg.Error, OSError):
            logger.exception("mllp: messages from %s could not be kept", peer)
            answers = [receipt.failure() for receipt in receipts]
        for answer in answers:
            writer.write(wrap(answer))
        async with asyncio.timeout(self._limits.message_time):
            await writer.drain()

    async def _keep(
        self, receipts: Sequence[Receipt], bodies: Sequence[bytes], peer: str | None
    ) -> list[Receipt]:
        async with self._database.connection() as connection:
            assigned = [
                await assign(connection, receipt, body, channel=CHANNEL, peer=peer)
                for receipt, body in zip(receipts, bodies, strict=True)
            ]
        kept = [receipt.received for receipt in assigned if receipt.received]
        if kept:
            await keep(self._database, kept)
        return assigned


async def _finished(work: Coroutine[None, None, None]) -> None:
    """`work` done to its end even if the listener stops meanwhile: what is kept is answered."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise
