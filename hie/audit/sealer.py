"""Seals what has been recorded, again and again, beside the worker's other duties."""

import asyncio
import logging
from contextlib import suppress

from hie.audit.digest import Algorithm
from hie.audit.seal import seal
from hie.kit.db import Database

INTERVAL = 10.0
"""Seconds between two seals: rows are unprotected for about as long."""

_log = logging.getLogger(__name__)


class Sealer:
    """One for each worker; several do not disturb each other."""

    def __init__(self, database: Database, algorithm: Algorithm) -> None:
        self._database = database
        self._algorithm = algorithm
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="audit sealer")

    async def stop(self) -> None:
        """Let a seal in hand be finished by the database or not at all."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while True:
            try:
                await seal(self._database, self._algorithm)
            except Exception:
                # The trail itself is not touched; the next turn seals what this one did not.
                _log.exception("the audit trail could not be sealed")
            await asyncio.sleep(INTERVAL)
