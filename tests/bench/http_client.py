"""A small HTTP/1.1 client for the benchmark, so that the client's own cost stays low.

It shares the machine with the server: what it does not spend, the server has. https://www.rfc-editor.org/rfc/rfc9112
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

END = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Request:
    """One request as bytes; `answered` is told the status, the head in lower case and the body."""

    data: bytes
    answered: Callable[[int, bytes, bytes], None] | None = None
    kind: str = ""


def request(token: str, method: str, path: str, body: bytes = b"", *, more: str = "") -> bytes:
    """The bytes of a request; `more` are further header lines, each with its line end.

    An empty `token` is for a server that asks for none.
    """
    content = (
        f"Content-Type: application/fhir+json\r\nContent-Length: {len(body)}\r\n" if body else ""
    )
    authorization = f"Authorization: Bearer {token}\r\n" if token else ""
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{authorization}"
    return f"{head}{more}{content}\r\n".encode() + body


@dataclass(slots=True)
class Outcome:
    """What a closed loop has come to."""

    seconds: float = 0
    times: list[float] = field(default_factory=list)
    by_kind: dict[str, list[float]] = field(default_factory=dict)
    statuses: Counter[int] = field(default_factory=Counter)

    @property
    def per_second(self) -> float:
        return len(self.times) / self.seconds


@dataclass(slots=True)
class Answer:
    """Takes in one answer as it arrives, its body by length or in chunks."""

    head: bytes = b""
    body: bytes = b""
    _buffer: bytes = b""
    _length: int | None = None

    def take(self, data: bytes) -> bool:
        """Whether the answer is complete with this."""
        self._buffer += data
        if not self.head:
            head, found, rest = self._buffer.partition(END)
            if not found:
                return False
            self.head, self._buffer = head.lower(), rest
            if b"\r\ntransfer-encoding: chunked" not in self.head:
                _, _, length = self.head.partition(b"\r\ncontent-length:")
                self._length = int(length.partition(b"\r\n")[0] or 0)
        if self._length is None:
            return self._chunked()
        if len(self._buffer) < self._length:
            return False
        self.body = self._buffer
        return True

    def _chunked(self) -> bool:
        """https://www.rfc-editor.org/rfc/rfc9112#section-7.1"""
        while (line := self._buffer.find(b"\r\n")) >= 0:
            size = int(self._buffer[:line].partition(b";")[0], 16)
            end = line + 2 + size
            if len(self._buffer) < end + 2:
                return False
            self.body += self._buffer[line + 2 : end]
            self._buffer = self._buffer[end + 2 :]
            if size == 0:
                return True
        return False


class _Client(asyncio.Protocol):
    """One kept connection that sends its next request when the last is answered."""

    transport: asyncio.Transport

    def __init__(self, draw: Callable[[], Request | None], outcome: Outcome) -> None:
        self._draw = draw
        self._outcome = outcome
        self._answer = Answer()
        self._sent: Request | None = None
        self._started = 0.0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._next()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(error or ConnectionError("the server hung up"))

    def data_received(self, data: bytes) -> None:
        if self._answer.take(data):
            self._answered()

    def _next(self) -> None:
        self._sent = self._draw()
        if self._sent is None:
            self.done.set_result(None)
            self.transport.close()
            return
        self._started = time.perf_counter()
        self.transport.write(self._sent.data)

    def _answered(self) -> None:
        spent = time.perf_counter() - self._started
        sent, answer = self._sent, self._answer
        status = int(answer.head[9:12])
        assert sent is not None
        self._outcome.times.append(spent)
        self._outcome.statuses[status] += 1
        if sent.kind:
            self._outcome.by_kind.setdefault(sent.kind, []).append(spent)
        if sent.answered is not None:
            sent.answered(status, answer.head, answer.body)
        self._answer = Answer()
        self._next()


async def closed_loop(
    port: int, draw: Callable[[], Request], *, clients: int, seconds: float
) -> Outcome:
    """What `clients` connections get done in `seconds`."""
    deadline = time.perf_counter() + seconds
    return await _run(port, lambda: draw() if time.perf_counter() < deadline else None, clients)


async def each(port: int, requests: list[Request], *, clients: int = 1) -> Outcome:
    """All the requests, once each."""
    left = iter(requests)
    return await _run(port, lambda: next(left, None), clients)


async def _run(port: int, draw: Callable[[], Request | None], clients: int) -> Outcome:
    outcome = Outcome()
    loop = asyncio.get_running_loop()
    started = time.perf_counter()
    opened = [
        await loop.create_connection(lambda: _Client(draw, outcome), "127.0.0.1", port)
        for _ in range(clients)
    ]
    await asyncio.gather(*(client.done for _, client in opened))
    outcome.seconds = time.perf_counter() - started
    return outcome
