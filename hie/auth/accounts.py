"""Local accounts of residents and staff, and the check of their passwords.

A real region federates residents to its own identity provider; local accounts serve the embedded
default. Lock-out is timed and the answer is the same for a wrong password, a locked account and a
login that does not exist. https://pages.nist.gov/800-63-4/sp800-63b.html (throttling)
"""

from collections.abc import Collection
from dataclasses import dataclass
from functools import partial
from typing import Literal, NamedTuple
from uuid import UUID

from anyio import to_thread
from psycopg.rows import class_row

from hie.auth.passwords import LONGEST_PASSWORD, check_password
from hie.auth.roles import check_roles
from hie.auth.secret import hash_password, password_matches
from hie.kit.db import Connection
from hie.settings import Settings

ATTEMPTS_BEFORE_LOCK = 5
FIRST_LOCK_SECONDS = 60
LONGEST_LOCK_SECONDS = 3600

UPSERT = """
INSERT INTO auth.account (login, kind, password_hash, display_name, fhir_user, patient, institution,
    roles)
VALUES (%(login)s, %(kind)s, %(password_hash)s, %(display_name)s, %(fhir_user)s, %(patient)s,
    %(institution)s, %(roles)s)
ON CONFLICT (login) DO UPDATE SET
    kind = excluded.kind, password_hash = excluded.password_hash,
    display_name = excluded.display_name, fhir_user = excluded.fhir_user,
    patient = excluded.patient, institution = excluded.institution, roles = excluded.roles,
    totp_secret = NULL, totp_step = NULL, failed_attempts = 0,
    locked_until = NULL, disabled = false
"""

SELECT = """
SELECT login, subject, kind, display_name, fhir_user, patient, institution, roles,
       totp_secret IS NOT NULL AS has_second_factor
FROM auth.account WHERE login = %s AND NOT disabled
"""

TAKE_ATTEMPT = """
UPDATE auth.account SET
    failed_attempts = failed_attempts + 1,
    locked_until = CASE WHEN failed_attempts + 1 >= %(attempts)s THEN now() + make_interval(secs =>
        least(%(first)s * power(2, least(failed_attempts + 1 - %(attempts)s, 20)), %(longest)s))
        END
WHERE login = %(login)s AND NOT disabled AND (locked_until IS NULL OR locked_until <= now())
RETURNING password_hash
"""

CLEAR_FAILURES = """
UPDATE auth.account SET failed_attempts = 0, locked_until = NULL
WHERE login = %s AND failed_attempts > 0
"""


DISABLE = """
WITH disabled AS (
    UPDATE auth.account SET disabled = true WHERE login = %(login)s RETURNING login
), sessions AS (
    DELETE FROM auth.session WHERE account IN (SELECT login FROM disabled)
), families AS (
    UPDATE auth.family SET revoked_at = now()
    WHERE account IN (SELECT login FROM disabled) AND revoked_at IS NULL
), tokens AS (
    UPDATE auth.token SET revoked_at = now()
    WHERE account IN (SELECT login FROM disabled) AND revoked_at IS NULL
)
SELECT login FROM disabled
"""


ALL = """
SELECT login, kind, display_name, roles, institution, totp_secret IS NOT NULL AS second_factor,
    disabled, locked_until > now() AS locked
FROM auth.account ORDER BY kind, login
"""

# What a token grants never changes, so those with the old role end.
CHANGE_ROLES = """
WITH changed AS (
    UPDATE auth.account SET roles = %(roles)s WHERE login = %(login)s AND kind = 'staff'
    RETURNING login
), sessions AS (
    DELETE FROM auth.session WHERE account IN (SELECT login FROM changed)
), families AS (
    UPDATE auth.family SET revoked_at = now()
    WHERE account IN (SELECT login FROM changed) AND revoked_at IS NULL
), tokens AS (
    UPDATE auth.token SET revoked_at = now()
    WHERE account IN (SELECT login FROM changed) AND revoked_at IS NULL
)
SELECT login FROM changed
"""


class Listed(NamedTuple):
    """One line of the operator's list of accounts."""

    login: str
    kind: str
    display_name: str
    roles: list[str]
    institution: int | None
    second_factor: bool
    disabled: bool
    locked: bool | None


# Whoever learned the old password may be signed in somewhere.
REPLACE_HASH = """
WITH changed AS (
    UPDATE auth.account SET password_hash = %(hash)s, failed_attempts = 0, locked_until = NULL
    WHERE login = %(login)s RETURNING login
), others AS (
    DELETE FROM auth.session
    WHERE account IN (SELECT login FROM changed) AND hash <> %(session)s RETURNING hash
), families AS (
    UPDATE auth.family SET revoked_at = now()
    WHERE session IN (SELECT hash FROM others) AND revoked_at IS NULL RETURNING id
)
UPDATE auth.token SET revoked_at = now()
WHERE family IN (SELECT id FROM families) AND revoked_at IS NULL
"""


@dataclass(frozen=True, slots=True)
class Account:
    """A person who can sign in."""

    login: str
    subject: UUID
    kind: Literal["resident", "staff"]
    display_name: str
    fhir_user: str
    patient: str | None
    institution: int | None
    roles: list[str]
    has_second_factor: bool


async def create_account(
    conn: Connection,
    *,
    login: str,
    password_hash: str,
    kind: Literal["resident", "staff"],
    display_name: str,
    patient: str | None = None,
    fhir_user: str | None = None,
    institution: int | None = None,
    roles: Collection[str] = (),
) -> None:
    """Create an account, or replace the one of the same login and unlock it.

    A resident has `patient`, the id of his golden Patient, which is also his `fhirUser`; a member of
    staff has `fhir_user` (`Practitioner/<id>`) and `institution`. `password_hash` comes from
    `hie.auth.secret.hash_password`; `hie.auth.second_factor` gives a second factor. Raises
    `ValueError` for what does not fit together.
    """
    if kind == "resident":
        if patient is None:
            raise ValueError("a resident's account needs the golden Patient's id")
        fhir_user = f"Patient/{patient}"
    elif fhir_user is None or institution is None or patient is not None:
        raise ValueError("a staff account needs `fhir_user` and `institution`, and no patient")
    check_roles(roles)
    if roles and kind == "resident":
        raise ValueError("residents have no roles")
    await conn.execute(
        UPSERT,
        {
            "login": login,
            "kind": kind,
            "password_hash": password_hash,
            "display_name": display_name,
            "fhir_user": fhir_user,
            "patient": patient,
            "institution": institution,
            "roles": list(roles),
        },
    )


async def find_account(conn: Connection, login: str) -> Account | None:
    """The account of this login, unless it is disabled."""
    async with conn.cursor(row_factory=class_row(Account)) as cursor:
        await cursor.execute(SELECT, (login,))
        return await cursor.fetchone()


async def take_attempt(conn: Connection, login: str) -> str | None:
    """Spend one attempt and give the password's hash; `None` if there is no account or it is locked.

    An attempt counts as a failure before it is checked, so that many at once cannot pass the limit;
    `clear_failures` takes it back. From the fifth on the account is locked, each time for longer.
    """
    cursor = await conn.execute(
        TAKE_ATTEMPT,
        {
            "login": login,
            "attempts": ATTEMPTS_BEFORE_LOCK,
            "first": FIRST_LOCK_SECONDS,
            "longest": LONGEST_LOCK_SECONDS,
        },
    )
    row = await cursor.fetchone()
    return None if row is None else str(row[0])


async def clear_failures(conn: Connection, login: str) -> None:
    """Every factor was right: forget the failed attempts."""
    await conn.execute(CLEAR_FAILURES, (login,))


async def authenticate(conn: Connection, login: str, password: str) -> Account | None:
    """The account, if the password is right and it is not locked.

    The same work is done in every case, and the failure does not say which one it was. With a second
    factor the attempt stays counted until that is right, too.
    """
    if len(password) > LONGEST_PASSWORD or "\0" in login:
        return None
    kept = await take_attempt(conn, login)
    if not await password_matches(password, kept):
        return None
    account = await find_account(conn, login)
    if account is not None and not account.has_second_factor:
        await clear_failures(conn, login)
    return account


async def change_password(
    conn: Connection, settings: Settings, account: Account, old: str, new: str, *, session: bytes
) -> bool:
    """Take another password if the old one is right; every other session of the person ends.

    False if the old one is wrong or the account is locked. Raises `ValueError` as `check_password`.
    """
    login = account.login
    about = (login, account.display_name)
    breached = settings.breached_passwords_file
    await to_thread.run_sync(partial(check_password, new, about=about, breached=breached))
    if not await password_matches(old, await take_attempt(conn, login)):
        return False
    kept = await to_thread.run_sync(hash_password, new)
    await conn.execute(REPLACE_HASH, {"login": login, "hash": kept, "session": session})
    return True


async def disable_account(conn: Connection, login: str) -> bool:
    """Refuse the person from now on; sessions, approvals and tokens end. False if unknown."""
    cursor = await conn.execute(DISABLE, {"login": login})
    return await cursor.fetchone() is not None


async def change_roles(conn: Connection, login: str, roles: Collection[str]) -> bool:
    """Give a member of staff these roles; what the old ones had opened ends. False if unknown.

    Raises `ValueError` for roles that may not be held together.
    """
    check_roles(roles)
    cursor = await conn.execute(CHANGE_ROLES, {"login": login, "roles": list(roles)})
    return await cursor.fetchone() is not None


async def all_accounts(conn: Connection) -> list[Listed]:
    """Every account, for the operator."""
    async with conn.cursor(row_factory=class_row(Listed)) as cursor:
        await cursor.execute(ALL)
        return await cursor.fetchall()
