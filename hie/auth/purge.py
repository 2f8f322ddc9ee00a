"""Removing what is over. Safe to run at any time, from any number of workers.

What has been used stays until it would have expired, so that a second use is recognised; families
stay for a while longer, because the resident's page shows them as ended.
"""

from hie.kit.db import Connection, Database
from hie.kit.duty import Duty

INTERVAL = 3600.0
"""Seconds between two turns."""

STATEMENTS = (
    "DELETE FROM auth.session WHERE expires_at <= now()",
    "DELETE FROM auth.federated_sign_in WHERE expires_at <= now()",
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


def purging(database: Database, interval: float = INTERVAL) -> Duty:
    """The duty of a worker; what is over is refused whether it has been deleted or not."""

    async def turn() -> None:
        async with database.connection() as conn:
            await purge(conn)

    return Duty("purge of the authorization server", interval, turn)
