"""kill -9 of the worker: what was acknowledged is in the record after a restart, once."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from hl7_samples import adt
from mllp_client import Sender, connect

from hie.ingest.inbox import count_waiting
from hie.kit.db import Database
from hie.store.institutions import Institution

COUNTS = """
SELECT (SELECT count(*) FROM ingest.inbox WHERE state = 'done'),
       (SELECT count(DISTINCT control_id) FROM ingest.inbox),
       (SELECT count(*) FROM store.resource WHERE institution = %s)
"""


def _free_port() -> int:
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        port: int = opened.getsockname()[1]
        return port


@asynccontextmanager
async def _process(conninfo: str, port: int) -> AsyncIterator[Any]:
    """`hie worker` as a process of its own, killed at the end of the block."""
    environment = os.environ | {"HIE_DATABASE_URL": conninfo, "HIE_MLLP_PORT": str(port)}
    program = "from hie.cli.worker import worker; worker()"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, env=environment, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _connected(port: int) -> Sender:
    async with asyncio.timeout(30):
        while True:
            try:
                return await connect(port)
            except ConnectionError:
                await asyncio.sleep(0.05)


async def test_killed_while_working(
    conninfo: str, database: Database, hospital: Institution
) -> None:
    port, acknowledged = _free_port(), 0
    async with _process(conninfo, port) as process:
        sender = await _connected(port)
        for batch in range(10):
            messages = [
                adt(control_id=f"{batch}-{n}", number=f"P{batch}-{n}", visit=f"V{batch}-{n}")
                for n in range(10)
            ]
            acknowledged += len(await sender.send(*messages))
        process.send_signal(signal.SIGKILL)
        await process.wait()
        await sender.close()
    assert acknowledged == 100
    async with database.connection() as connection:
        assert await count_waiting(connection) > 0, "killed too late to prove anything"
        async with _process(conninfo, port), asyncio.timeout(120):
            while await count_waiting(connection):  # noqa: ASYNC110 - another process works
                await asyncio.sleep(0.05)
        row = await (await connection.execute(COUNTS, (hospital.number,))).fetchone()
    # A Patient and an Encounter for each message, and the one Practitioner.
    assert row == (100, 100, 201)
