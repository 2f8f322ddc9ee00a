"""`hie serve` as a process of its own on a loopback port, for tests that need a real socket."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx

COMMAND = "from hie.cli.main import application; application()"
SECONDS_TO_START = 180


class Served(NamedTuple):
    """A server that answers at `base`."""

    base: str
    conninfo: str
    log: Path
    process: int


def free_port() -> int:
    """A TCP port on which nobody listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _answers(base: str) -> bool:
    try:
        return httpx.get(f"{base}/fhir/metadata", timeout=10).status_code == 200
    except httpx.TransportError:
        return False


@contextmanager
def serving(conninfo: str, directory: Path, *, workers: int = 1, **more: str) -> Iterator[Served]:
    """Serve the database until the block ends; its output goes to `log` in `directory`."""
    base = f"http://127.0.0.1:{free_port()}"
    log = directory / "log"
    settings = {
        "HIE_DATABASE_URL": conninfo,
        "HIE_DATA_DIRECTORY": str(directory),
        "HIE_PORT": base.rpartition(":")[2],
        "HIE_PUBLIC_BASE_URL": base,
        "HIE_WORKERS": str(workers),
        **more,
    }
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [sys.executable, "-c", COMMAND, "serve"],
            env={**os.environ, **settings},
            stdout=output,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        try:
            deadline = time.monotonic() + SECONDS_TO_START
            while not _answers(base):
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.1)  # nothing tells when another process listens
            yield Served(base, conninfo, log, process.pid)
        finally:
            process.terminate()
