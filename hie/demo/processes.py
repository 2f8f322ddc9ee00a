"""The web server and the worker as processes of their own, ended together with the demo.

Each runs in a session of its own, so that Ctrl-C in the terminal reaches this process only, which
then ends them in order. https://docs.python.org/3/library/asyncio-subprocess.html
"""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import Process
from types import TracebackType
from typing import Self

import httpx

COMMAND = "from hie.cli.main import application; application()"
PATIENCE = 60.0
INTERVAL = 0.1


class DiedError(RuntimeError):
    """A process ended by itself, or did not come up in time."""


async def _until_ready(name: str, process: Process, ready: "Ready") -> None:
    async with asyncio.timeout(PATIENCE):
        while not await ready():
            if process.returncode is not None:
                raise DiedError(f"`hie {name}` ended with status {process.returncode}")
            await asyncio.sleep(INTERVAL)


class Ready:
    """Asks whether a process answers yet."""

    def __init__(self, host: str, port: int, path: str | None = None) -> None:
        self.host = host
        self.port = port
        self.path = path

    async def __call__(self) -> bool:
        if self.path is None:
            try:
                _, writer = await asyncio.open_connection(self.host, self.port)
            except OSError:
                return False
            writer.close()
            return True
        try:
            async with httpx.AsyncClient() as client:
                response = await client.get(f"http://{self.host}:{self.port}{self.path}")
        except httpx.TransportError:
            return False
        return response.status_code == 200


class Processes:
    """`hie` commands that run beside this one; leaving the block ends them."""

    def __init__(self) -> None:
        self._running: dict[str, Process] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for process in reversed(self._running.values()):
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
                await process.wait()

    async def start(self, name: str, ready: Ready) -> None:
        """Start `hie NAME` and wait until it answers. Raises DiedError."""
        if await Ready(ready.host, ready.port)():
            raise DiedError(
                f"port {ready.port} of {ready.host} is in use: is another exchange running? "
                f"/ 端口 {ready.port} 已被占用"
            )
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", COMMAND, name, env=os.environ.copy(), start_new_session=True
        )
        self._running[name] = process
        try:
            await _until_ready(name, process, ready)
        except TimeoutError as error:
            raise DiedError(f"`hie {name}` did not answer within {PATIENCE:.0f} s") from error

    async def wait(self) -> None:
        """Until one of them ends by itself. Raises DiedError then."""
        waiting = {
            asyncio.create_task(process.wait()): name for name, process in self._running.items()
        }
        try:
            ended, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
        raise DiedError(f"`hie {waiting[ended.pop()]}` ended by itself")
