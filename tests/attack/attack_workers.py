"""Which process of the server holds a connection, as Linux tells it: to be sure of reaching both.

https://www.kernel.org/doc/html/latest/networking/proc_net_tcp.html
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from attack_world import World

MOST_CONNECTIONS = 64


def _children(process: int) -> set[int]:
    found: set[int] = set()
    for task in Path(f"/proc/{process}/task").iterdir():
        for child in (task / "children").read_text().split():
            found |= {int(child)} | _children(int(child))
    return found


def _inode(server_port: int, client_port: int) -> str | None:
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        local, remote = (int(end.partition(":")[2], 16) for end in fields[1:3])
        if (local, remote) == (server_port, client_port):
            return fields[9]
    return None


def _holder(processes: set[int], inode: str) -> int | None:
    for process in processes:
        for entry in Path(f"/proc/{process}/fd").iterdir():
            try:
                if str(entry.readlink()) == f"socket:[{inode}]":
                    return process
            except FileNotFoundError:
                continue
    return None


async def _worker_of(client: httpx.AsyncClient, world: World) -> int | None:
    async with client.stream("GET", "/oauth/jwks") as answer:
        stream: Any = answer.extensions["network_stream"]
        port = stream.get_extra_info("client_addr")[1]
        await answer.aread()
    inode = _inode(httpx.URL(world.base).port or 0, port)
    return None if inode is None else _holder(_children(world.process or 0), inode)


@asynccontextmanager
async def two_workers(world: World) -> AsyncIterator[tuple[httpx.AsyncClient, httpx.AsyncClient]]:
    """Two clients, each on a connection that another process of the server holds.

    A server inside this process has only one: there both clients reach the same.
    """
    if world.process is None:
        yield world.browser(), world.browser()
        return
    one = httpx.Limits(max_connections=1)
    reached: dict[int, httpx.AsyncClient] = {}
    for _ in range(MOST_CONNECTIONS):
        client = world.browser(limits=one)
        worker = await _worker_of(client, world)
        if worker is not None:
            reached.setdefault(worker, client)
        if len(reached) == 2:
            first, second = reached.values()
            yield first, second
            return
    pytest.fail("all connections went to one worker")
