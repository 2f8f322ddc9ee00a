"""A small HTTP/1.1 client for the benchmark, so that the client's own cost stays low.

https://www.rfc-editor.org/rfc/rfc9112
"""

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self


@dataclass(slots=True)
class Connection:
    """One kept connection to a server on loopback."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    head: bytes

    @classmethod
    async def open(cls, port: int, token: str) -> Self:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=64 * 1024 * 1024)
        head = f" HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n\r\n"
        return cls(reader, writer, head.encode())

    async def get(self, path: str) -> tuple[bytes, float]:
        """The body and the seconds it took; raises RuntimeError for any status but 200."""
        started = time.perf_counter()
        self.writer.write(b"GET " + path.encode() + self.head)
        answer = await self.reader.readuntil(b"\r\n\r\n")
        if not answer.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"{path}: {answer[:60]!r}")
        _, _, rest = answer.lower().partition(b"content-length: ")
        body = await self.reader.readexactly(int(rest.partition(b"\r\n")[0]))
        return body, time.perf_counter() - started

    async def close(self) -> None:
        self.writer.close()
        await self.writer.wait_closed()


async def closed_loop(
    port: int, token: str, paths: Sequence[str], *, clients: int, seconds: float
) -> tuple[int, float]:
    """How many requests `clients` connections finish, each sending the next when one is answered."""
    started = time.perf_counter()

    async def run() -> int:
        connection = await Connection.open(port, token)
        count = 0
        while time.perf_counter() - started < seconds:
            await connection.get(random.choice(paths))
            count += 1
        await connection.close()
        return count

    counts = await asyncio.gather(*(run() for _ in range(clients)))
    return sum(counts), time.perf_counter() - started
