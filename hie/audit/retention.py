"""Drops months of the trail whose time is over. The database itself refuses to drop younger ones.

At least six months of network logs have to be kept: 网络安全法 (Cybersecurity Law) article 21; 183 days
are never less than six months. What is sealed stays sealed: the seals are kept and say what was there.
"""

from datetime import datetime

from hie.kit.db import Connection

LEAST_DAYS = 183
RETIRE = "SELECT * FROM audit.retire(%s)"


async def retire(connection: Connection, before: datetime) -> list[str]:
    """Drop the months that end before the moment; their names.

    Raises psycopg.errors.InsufficientPrivilege for a moment less than 183 days ago.
    """
    cursor = await connection.execute(RETIRE, (before,))
    return [row[0] for row in await cursor.fetchall()]
