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
from psycopg_pool import PoolTimeout

from hie.errors import Text
from hie.ingest.hl7v2.acknowledgment import Condition, acknowledge
from hie.ingest.hl7v2.fault import MalformedError
from hie.ingest.hl7v2.mapping import is_understood
from hie.ingest.hl7v2.message import Header, read_header
from hie.ingest.hl7v2.mllp import Frame, Frames, wrap
from hie.ingest.inbox import Received, keep
from hie.ingest.sender import find_institution
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


@dataclass(frozen=True, slots=True)
class _Judged:
    """A frame, and either what to keep of it or why it is refused."""

    header: Header | None
    received: Received | None = None
    refusal: tuple[Condition, Text] | None = None

    def answer(self) -> bytes:
        if self.refusal:
            return acknowledge(self.header, "AR", *self.refusal)
        return acknowledge(self.header, "AA")


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
        try:
            judged = [await self._judge(frame, peer) for frame in frames]
            kept = [item.received for item in judged if item.received]
            if kept:
                await keep(self._database, kept)
            answers = [item.answer() for item in judged]
        except (psycopg.Error, PoolTimeout, OSError):
            logger.exception("mllp: messages from %s could not be kept", peer)
            answers = [_failure(frame) for frame in frames]
        for answer in answers:
            writer.write(wrap(answer))
        async with asyncio.timeout(self._limits.message_time):
            await writer.drain()

    async def _judge(self, frame: Frame, peer: str | None) -> _Judged:
        try:
            header = read_header(frame.body)
        except MalformedError as error:
            return _Judged(None, refusal=(Condition.SEQUENCE, error.text))
        if refusal := _refusal(header, frame, self._limits):
            return _Judged(header, refusal=refusal)
        async with self._database.connection() as connection:
            institution = await find_institution(
                connection, header.facility, header.application, peer
            )
        if institution is None:
            text = UNKNOWN_SENDER.format(facility=header.facility, application=header.application)
            return _Judged(header, refusal=(Condition.UNKNOWN_KEY, text))
        received = Received(
            institution, CHANNEL, header.control_id, header.message_type, frame.body, peer
        )
        return _Judged(header, received)


def _refusal(header: Header, frame: Frame, limits: Limits) -> tuple[Condition, Text] | None:
    """Why a message is refused by its header alone, None if it is not."""
    if frame.too_long:
        return Condition.DATA_TYPE, _too_long(limits)
    if not header.control_id:
        return Condition.MISSING, NO_CONTROL_ID
    if len(header.control_id) > LONGEST_CONTROL_ID:
        return Condition.DATA_TYPE, LONG_CONTROL_ID
    if not is_understood(header):
        return Condition.MESSAGE_TYPE, UNKNOWN_TYPE.format(type=header.message_type)
    return None


LONGEST_CONTROL_ID = 199
"""HL7 2.7 section 2.14.9.10; 20 before."""
NO_CONTROL_ID = Text("MSH-10 (message control id) is missing.", "缺少 MSH-10（消息控制号）。")
LONG_CONTROL_ID = Text(
    "MSH-10 (message control id) is longer than 199 characters.",
    "MSH-10（消息控制号）超过 199 个字符。",
)
UNKNOWN_TYPE = Text("Messages of type {type} are not supported.", "不支持 {type} 类型的消息。")
UNKNOWN_SENDER = Text(
    "Sender {application}/{facility} (MSH-3/MSH-4) is not registered for this address.",
    "发送方 {application}/{facility}（MSH-3/MSH-4）未登记或来源地址不符。",
)
NOT_KEPT = Text(
    "The message could not be kept; send it again later.", "消息暂时无法保存，请稍后重发。"
)


async def _finished(work: Coroutine[None, None, None]) -> None:
    """`work` done to its end even if the listener stops meanwhile: what is kept is answered."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise


def _too_long(limits: Limits) -> Text:
    return Text(
        f"The message is longer than {limits.message_size} bytes.",
        f"消息长度超过 {limits.message_size} 字节。",
    )


def _failure(frame: Frame) -> bytes:
    try:
        header = read_header(frame.body)
    except MalformedError as error:
        return acknowledge(None, "AR", Condition.SEQUENCE, error.text)
    return acknowledge(header, "AE", Condition.INTERNAL, NOT_KEPT)
