"""Something done again and again beside a process's other work. https://docs.python.org/3/library/asyncio-task.html"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

logger = logging.getLogger(__name__)


class Duty:
    """Does `turn` at once when started, and `interval` seconds after each end of it.

    A turn that fails is logged under `name` and left to the next one: what one of them could not do
    must not end all the others. Being stopped cancels a turn in hand, so turns are transactions.
    """

    def __init__(self, name: str, interval: float, turn: Callable[[], Awaitable[object]]) -> None:
        self.name = name
        self._interval = interval
        self._turn = turn
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; to be called once, in a running loop."""
        self._task = asyncio.create_task(self._run(), name=self.name)

    async def stop(self) -> None:
        """End; nothing runs any more when this returns."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while True:
            try:
                await self._turn()
            except Exception:
                logger.exception("%s failed; the next turn tries again", self.name)
            await asyncio.sleep(self._interval)
