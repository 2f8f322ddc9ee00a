"""Staff who have no second factor yet get one while they sign in, where it is required.

The secret on the page follows from the session and the server's own key: reloading shows the same
one, nothing is kept until a code proves that the person has it, and no other browser sees it.
https://pages.nist.gov/800-63-4/sp800-63b.html (binding of authenticators)
"""

import hmac
import time
from base64 import b32encode
from hashlib import sha256

import pyotp

from hie.auth.accounts import clear_failures, take_attempt
from hie.auth.sealed import TOTP, seal
from hie.auth.second_factor import STEP_SECONDS, matching_step
from hie.auth.sessions import Session
from hie.kit.db import Connection
from hie.kit.secret_key import secret_key
from hie.settings import Settings

ISSUER = "hie"
_SECRET_BYTES = 20
"""As long as the hash's output. https://www.rfc-editor.org/rfc/rfc4226#section-4 (R6)"""

# Whoever has a second factor keeps it: a password alone never replaces one.
BIND = """
UPDATE auth.account SET totp_secret = %(sealed)s, totp_step = %(step)s
WHERE login = %(login)s AND kind = 'staff' AND totp_secret IS NULL AND NOT disabled
"""
# What the password alone had opened ends.
END_OTHERS = """
WITH others AS (
    DELETE FROM auth.session WHERE account = %(login)s AND hash <> %(session)s
), families AS (
    UPDATE auth.family SET revoked_at = now() WHERE account = %(login)s AND revoked_at IS NULL
), tokens AS (
    UPDATE auth.token SET revoked_at = now() WHERE account = %(login)s AND revoked_at IS NULL
)
UPDATE auth.session SET verified = true WHERE hash = %(session)s
"""


def offered_secret(settings: Settings, session: Session) -> str:
    """The secret (base32) that this session's page shows."""
    message = b"second factor\0" + session.account.login.encode() + b"\0" + session.hash
    derived = hmac.new(secret_key(settings), message, sha256).digest()
    return b32encode(derived[:_SECRET_BYTES]).decode()


def otpauth_address(secret: str, login: str) -> str:
    """The `otpauth:` address that authenticator apps take."""
    return pyotp.TOTP(secret, interval=STEP_SECONDS).provisioning_uri(
        name=login, issuer_name=ISSUER
    )


async def enrol(conn: Connection, settings: Settings, session: Session, code: str) -> bool:
    """Bind the offered secret to the account if the code proves it; the session is verified then.

    Other sessions, approvals and tokens of the account end. False for a wrong code, a locked
    account, and one that has a second factor already; failures count towards the lock.
    """
    login = session.account.login
    if await take_attempt(conn, login) is None:
        return False
    secret = offered_secret(settings, session)
    step = matching_step(secret, code, int(time.time()) // STEP_SECONDS)
    if step is None:
        return False
    sealed = seal(settings, TOTP, login, secret.encode())
    async with conn.transaction():
        cursor = await conn.execute(BIND, {"sealed": sealed, "step": step, "login": login})
        if cursor.rowcount != 1:
            return False
        await conn.execute(END_OTHERS, {"login": login, "session": session.hash})
        await clear_failures(conn, login)
    return True
