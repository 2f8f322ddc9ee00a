"""The web server and the worker as processes of their own, ended together with the demo.

What they say goes to `<name>.log` in the data directory. Each runs in a session of its own, so that Ctrl-C in the terminal reaches this process only, which
then ends them in order. https://docs.python.org/3/library/asyncio-subprocess.html
"""

import asyncio
import signal
import sys
from asyncio.subprocess import DEVNULL, STDOUT, Process
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

COMMAND = "from hie.cli.main import application; application()"
PATIENCE = 60.0
INTERVAL = 0.1
LAST = 12


class DiedError(RuntimeError):
    """A process ended by itself, or did not come up in time."""


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

    def __init__(self, log_directory: Path) -> None:
        self.log_directory = log_directory
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
        with self._log(name).open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", COMMAND, name),
                stdin=DEVNULL, stdout=log, stderr=STDOUT, start_new_session=True,
            )  # fmt: skip
        self._running[name] = process
        try:
            async with asyncio.timeout(PATIENCE):
                while not await ready():
                    if process.returncode is not None:
                        raise self._died(name)
                    await asyncio.sleep(INTERVAL)
        except TimeoutError as error:
            raise DiedError(f"`hie {name}` did not answer within {PATIENCE:.0f} s") from error

    def _log(self, name: str) -> Path:
        return self.log_directory / f"{name}.log"

    def _died(self, name: str) -> DiedError:
        last = self._log(name).read_text(encoding="utf-8", errors="replace").splitlines()[-LAST:]
        return DiedError("\n".join([f"`hie {name}` ended by itself. Its last words:", *last]))

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
        raise self._died(waiting[ended.pop()])
