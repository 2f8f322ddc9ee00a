"""Signed statements that work once: their `jti` is noted in the database, for all workers.

https://www.rfc-editor.org/rfc/rfc7523#section-3 (item 7)
"""

from hie.auth.secret import digest
from hie.kit.db import Connection

INSERT = """
INSERT INTO auth.used_identifier (hash, expires_at) VALUES (%s, to_timestamp(%s))
ON CONFLICT (hash) DO NOTHING
"""


async def first_use(conn: Connection, issuer: str, identifier: str, expires: int) -> bool:
    """Note that the issuer's `jti` was used; False if it was already. Kept past `expires`."""
    kept = digest(f"{len(issuer)}:{issuer}:{identifier}")
    cursor = await conn.execute(INSERT, (kept, expires + 60))
    return cursor.rowcount == 1
