"""The worker: receives HL7 v2 messages, carries out what waits in the inbox, seals the audit trail, notifies.

A composition root.

`hie worker` runs it alone; tests and `hie demo` run it inside another process.
"""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from hie.audit.sealer import sealing
from hie.auth.purge import purging
from hie.ingest.hl7v2.listener import Limits, Listener
from hie.ingest.workers import Processor
from hie.records.exchange import Exchange
from hie.records.open import open_exchange
from hie.settings import Settings
from hie.store.learner import learning
from hie.subscriptions.notifier import notifying


class Worker:
    """An MLLP listener, a processor of the inbox, and the standing duties, on one exchange."""

    def __init__(
        self,
        exchange: Exchange,
        *,
        host: str | None = None,
        port: int | None = None,
        limits: Limits | None = None,
    ) -> None:
        settings = exchange.settings
        self.listener = Listener(
            exchange.store.database,
            settings.mllp_host if host is None else host,
            settings.mllp_port if port is None else port,
            limits,
        )
        # Every message holds a connection while it is carried out; others need some too.
        self.processor = Processor(exchange, parallel=max(1, settings.pool_size // 2))
        self.duties = (
            sealing(exchange.store.database, settings.audit_hash),
            notifying(exchange),
            purging(exchange.store.database),
            learning(exchange.store),
        )

    @property
    def port(self) -> int:
        """The port of the MLLP listener, once started."""
        return self.listener.port

    async def start(self) -> None:
        """Listen, and begin with what waits. Raises OSError if the port is taken."""
        await self.listener.start()
        await self.processor.start()
        for duty in self.duties:
            duty.start()

    async def stop(self) -> None:
        """Take no more messages, finish those in hand."""
        await self.listener.stop()
        await self.processor.stop()
        for duty in self.duties:
            await duty.stop()


@asynccontextmanager
async def working(
    exchange: Exchange,
    *,
    host: str | None = None,
    port: int | None = None,
    limits: Limits | None = None,
) -> AsyncIterator[Worker]:
    """A running worker for the length of the block; port 0 lets the system choose one."""
    worker = Worker(exchange, host=host, port=port, limits=limits)
    await worker.start()
    try:
        yield worker
    finally:
        await worker.stop()


async def run(exchange: Exchange) -> None:
    """Work until SIGTERM or SIGINT."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    try:
        async with working(exchange):
            await stopped.wait()
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


async def main(settings: Settings, conninfo: str) -> None:
    """Open the exchange on an upgraded database and run the worker on it."""
    async with open_exchange(settings, conninfo) as exchange:
        await run(exchange)
