"""Browser sessions of people who signed in to the authorization server.

The cookie is random and new at each sign-in (no fixation); the database keeps its hash. A session
ends when idle, after a day's work, or when it is signed out.
https://cheatsheetseries.owasp.org/cheatsheets/Session_Management_Cheat_Sheet.html
"""

from dataclasses import dataclass
from datetime import datetime

from hie.auth.accounts import Account, find_account
from hie.auth.secret import digest, new_secret
from hie.kit.db import Connection
from hie.settings import Settings

IDLE_SECONDS = {"resident": 30 * 60, "staff": 15 * 60}
LONGEST_SECONDS = 12 * 3600
_LONGEST_AGENT = 200

INSERT = """
INSERT INTO auth.session (hash, account, verified, agent, idle_until, expires_at)
VALUES (%(hash)s, %(account)s, %(verified)s, %(agent)s,
    now() + make_interval(secs => %(idle)s), now() + make_interval(secs => %(longest)s))
"""

TOUCH = """
UPDATE auth.session s SET idle_until = least(s.expires_at, now() + make_interval(secs =>
    CASE a.kind WHEN 'staff' THEN %(staff)s ELSE %(resident)s END))
FROM auth.account a
WHERE s.hash = %(hash)s AND s.idle_until > now() AND s.expires_at > now()
  AND a.login = s.account AND NOT a.disabled
RETURNING s.account, s.verified, s.signed_in_at
"""

VERIFY = "UPDATE auth.session SET verified = true WHERE hash = %s"

END = """
WITH ended AS (DELETE FROM auth.session WHERE hash = %(hash)s RETURNING hash),
families AS (
    UPDATE auth.family SET revoked_at = now()
    WHERE session IN (SELECT hash FROM ended) AND revoked_at IS NULL RETURNING id
)
UPDATE auth.token SET revoked_at = now()
WHERE family IN (SELECT id FROM families) AND revoked_at IS NULL
"""


@dataclass(frozen=True, slots=True)
class Session:
    """A browser session in force."""

    hash: bytes
    account: Account
    verified: bool
    """False while the second factor is missing: good for nothing but giving it."""
    signed_in_at: datetime


def must_enrol(settings: Settings, account: Account) -> bool:
    """Whether the person has to set up a second factor before anything else."""
    required = settings.staff_second_factor == "required" and account.kind == "staff"
    return required and not account.has_second_factor


async def begin_session(conn: Connection, settings: Settings, account: Account, agent: str) -> str:
    """Start a session and give the cookie's value; unverified if a second factor is still due."""
    cookie = new_secret()
    await conn.execute(
        INSERT,
        {
            "hash": digest(cookie),
            "account": account.login,
            "verified": not (account.has_second_factor or must_enrol(settings, account)),
            "agent": agent[:_LONGEST_AGENT],
            "idle": IDLE_SECONDS[account.kind],
            "longest": LONGEST_SECONDS,
        },
    )
    return cookie


async def find_session(conn: Connection, settings: Settings, cookie: str | None) -> Session | None:
    """The session of this cookie, if it is in force; being used keeps it from going idle."""
    if not cookie:
        return None
    kept = digest(cookie)
    cursor = await conn.execute(TOUCH, {"hash": kept, **IDLE_SECONDS})
    row = await cursor.fetchone()
    if row is None:
        return None
    account = await find_account(conn, row[0])
    if account is None:
        return None
    # Asked anew each time: the session may be older than the rule.
    verified = row[1] and not must_enrol(settings, account)
    return Session(kept, account, verified, row[2])


async def verify_session(conn: Connection, session: Session) -> None:
    """The second factor was right."""
    await conn.execute(VERIFY, (session.hash,))


async def end_session(conn: Connection, cookie: str) -> None:
    """Sign out: the session and the online access that was given in it are over."""
    await end_session_by_hash(conn, digest(cookie))


async def end_session_by_hash(conn: Connection, session: bytes) -> None:
    """End a session that is known by what is kept of its cookie."""
    await conn.execute(END, {"hash": session})
