"""What people see and end on their own page: apps that they allowed, browsers that are signed in."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg.rows import class_row

from hie.auth.explain import Choice, choices
from hie.auth.families import revoke_family
from hie.auth.scopes import parse
from hie.kit.db import Connection

SELECT_APPLICATIONS = """
SELECT f.id, coalesce(c.name, f.client_id) AS name, f.scopes, f.patient, f.created_at, f.expires_at,
    f.session IS NULL AS offline
FROM auth.family f LEFT JOIN auth.client c ON c.id = f.client_id
WHERE f.account = %s AND f.revoked_at IS NULL AND f.expires_at > now()
  AND EXISTS (SELECT FROM auth.token t
    WHERE t.family = f.id AND t.revoked_at IS NULL AND t.used_at IS NULL AND t.expires_at > now())
ORDER BY f.created_at DESC, f.id
"""

SELECT_BROWSERS = """
SELECT encode(hash, 'hex') AS id, agent, signed_in_at, hash = %(hash)s AS present
FROM auth.session
WHERE account = %(account)s AND idle_until > now() AND expires_at > now()
ORDER BY signed_in_at DESC, hash
"""

OWN_FAMILY = "SELECT client_id FROM auth.family WHERE id = %s AND account = %s"
OWN_SESSION = "SELECT 1 FROM auth.session WHERE hash = %s AND account = %s"


@dataclass(frozen=True, slots=True)
class Application:
    """One approval that is in force."""

    id: UUID
    name: str
    scopes: str
    patient: str | None
    created_at: datetime
    expires_at: datetime
    offline: bool

    @property
    def choices(self) -> list[Choice]:
        """What it may do, in plain words."""
        return choices(parse(self.scopes), own=self.patient is not None)


@dataclass(frozen=True, slots=True)
class Browser:
    """One browser that is signed in."""

    id: str
    agent: str
    signed_in_at: datetime
    present: bool


async def applications(conn: Connection, account: str) -> list[Application]:
    """The approvals of this person that are in force, the newest first."""
    async with conn.cursor(row_factory=class_row(Application)) as cursor:
        await cursor.execute(SELECT_APPLICATIONS, (account,))
        return await cursor.fetchall()


async def browsers(conn: Connection, account: str, present: bytes) -> list[Browser]:
    """Where this person is signed in; `present` is the hash of the session that asks."""
    async with conn.cursor(row_factory=class_row(Browser)) as cursor:
        await cursor.execute(SELECT_BROWSERS, {"account": account, "hash": present})
        return await cursor.fetchall()


async def end_application(conn: Connection, account: str, family: UUID) -> str | None:
    """Take an approval back, if it is this person's own; gives the app's id."""
    cursor = await conn.execute(OWN_FAMILY, (family, account))
    row = await cursor.fetchone()
    if row is None:
        return None
    await revoke_family(conn, family)
    return str(row[0])


async def owns_session(conn: Connection, account: str, session: bytes) -> bool:
    """Whether the session is this person's own."""
    cursor = await conn.execute(OWN_SESSION, (session, account))
    return await cursor.fetchone() is not None
