"""Authorization requests that the app pushed beforehand. https://www.rfc-editor.org/rfc/rfc9126

What was pushed came from the authenticated client itself and does not travel through the browser.
"""

from collections.abc import Mapping

from psycopg.types.json import Jsonb

from hie.auth.secret import digest, new_secret
from hie.kit.db import Connection

PREFIX = "urn:ietf:params:oauth:request_uri:"
SECONDS = 600
"""A person needs some minutes to sign in; RFC 9126 recommends at most ten."""

INSERT = """
INSERT INTO auth.pushed_request (hash, client_id, parameters, expires_at)
VALUES (%s, %s, %s, now() + make_interval(secs => %s))
"""
SELECT = """
SELECT parameters FROM auth.pushed_request
WHERE hash = %s AND client_id = %s AND expires_at > now()
"""
DELETE = "DELETE FROM auth.pushed_request WHERE hash = %s"


async def push(conn: Connection, client_id: str, parameters: Mapping[str, str]) -> str:
    """Keep the request; gives its `request_uri`."""
    secret = new_secret()
    await conn.execute(INSERT, (digest(secret), client_id, Jsonb(dict(parameters)), SECONDS))
    return PREFIX + secret


async def find_pushed(conn: Connection, request_uri: str, client_id: str) -> dict[str, str] | None:
    """The parameters that this client pushed, unless they are used or too old."""
    kept = digest(request_uri.removeprefix(PREFIX))
    cursor = await conn.execute(SELECT, (kept, client_id))
    row = await cursor.fetchone()
    return None if row is None else dict(row[0])


async def use_pushed(conn: Connection, request_uri: str) -> bool:
    """Spend the pushed request; False if it was spent before."""
    cursor = await conn.execute(DELETE, (digest(request_uri.removeprefix(PREFIX)),))
    return cursor.rowcount == 1
