"""Removing what is over. Safe to run at any time, from any number of workers.

What has been used stays until it would have expired, so that a second use is recognised; families
stay for a while longer, because the resident's page shows them as ended.
"""

import asyncio
import logging
from contextlib import suppress

from hie.kit.db import Connection, Database

INTERVAL = 3600.0
"""Seconds between two turns."""

_log = logging.getLogger(__name__)

STATEMENTS = (
    "DELETE FROM auth.session WHERE expires_at <= now()",
    "DELETE FROM auth.launch WHERE expires_at <= now()",
    "DELETE FROM auth.pushed_request WHERE expires_at <= now()",
    "DELETE FROM auth.used_identifier WHERE expires_at <= now()",
    "DELETE FROM auth.token WHERE expires_at <= now()",
    "DELETE FROM auth.code WHERE expires_at <= now() - interval '1 day'",
    "DELETE FROM auth.family WHERE expires_at <= now() - interval '30 days'",
    "DELETE FROM auth.occurrence WHERE recorded <= now() - interval '3 years'",
    "DELETE FROM auth.signing_key WHERE retired_at <= now() - interval '2 days'",
)


async def purge(conn: Connection) -> int:
    """Delete everything that has expired; gives the number of rows."""
    removed = 0
    for statement in STATEMENTS:
        cursor = await conn.execute(statement)
        removed += cursor.rowcount
    return removed


class Purger:
    """Purges every hour, beside the worker's other duties."""

    def __init__(self, database: Database, interval: float = INTERVAL) -> None:
        self._database = database
        self._interval = interval
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Purge now and from now on."""
        self._task = asyncio.create_task(self._run(), name="purge of the authorization server")

    async def stop(self) -> None:
        """Purge no more."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while True:
            try:
                async with self._database.connection() as conn:
                    await purge(conn)
            except Exception:
                # What is over is refused whether it is deleted or not; the next turn tries again.
                _log.exception("what has expired could not be removed")
            await asyncio.sleep(self._interval)
