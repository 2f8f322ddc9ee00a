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
    """The bytes of a request; `more` are further header lines, each with its line end."""
    content = (
        f"Content-Type: application/fhir+json\r\nContent-Length: {len(body)}\r\n" if body else ""
    )
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
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


class _Client(asyncio.Protocol):
    """One kept connection that sends its next request when the last is answered."""

    transport: asyncio.Transport

    def __init__(self, draw: Callable[[], Request | None], outcome: Outcome) -> None:
        self._draw = draw
        self._outcome = outcome
        self._buffer = b""
        self._whole = 0
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
        self._buffer += data
        if not self._whole:
            end = self._buffer.find(END)
            if end < 0:
                return
            _, _, rest = self._buffer[:end].lower().partition(b"content-length:")
            self._whole = end + len(END) + int(rest.partition(b"\r\n")[0] or 0)
        if len(self._buffer) >= self._whole:
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
        sent, status = self._sent, int(self._buffer[9:12])
        assert sent is not None
        self._outcome.times.append(spent)
        self._outcome.statuses[status] += 1
        if sent.kind:
            self._outcome.by_kind.setdefault(sent.kind, []).append(spent)
        if sent.answered is not None:
            head, _, body = self._buffer.partition(END)
            sent.answered(status, head.lower(), body)
        self._buffer, self._whole = b"", 0
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
