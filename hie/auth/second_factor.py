"""Time-based one-time passwords for staff. https://www.rfc-editor.org/rfc/rfc6238"""

import hmac
import re
import time

import pyotp

from hie.auth.accounts import clear_failures, take_attempt
from hie.auth.sealed import TOTP, seal, unseal
from hie.kit.db import Connection
from hie.settings import Settings

STEP_SECONDS = 30
_CODE = re.compile(r"[0-9]{6}")

SELECT = "SELECT totp_secret FROM auth.account WHERE login = %s"
USE = """
UPDATE auth.account SET totp_step = %(step)s
WHERE login = %(login)s AND totp_secret IS NOT NULL AND coalesce(totp_step, 0) < %(step)s
"""

GIVE = "UPDATE auth.account SET totp_secret = %s, totp_step = NULL WHERE login = %s"


async def give_second_factor(conn: Connection, settings: Settings, login: str, secret: str) -> None:
    """Ask the account for one-time codes of this secret (base32) from now on."""
    await conn.execute(GIVE, (seal(settings, TOTP, login, secret.encode()), login))


def matching_step(secret: str, code: str, current: int) -> int | None:
    """The step whose code this is: the present one or the one before or after it."""
    if _CODE.fullmatch(code) is None:
        return None
    generator = pyotp.TOTP(secret, interval=STEP_SECONDS)
    matching = [
        step
        for step in (current - 1, current, current + 1)
        if hmac.compare_digest(generator.generate_otp(step), code)
    ]
    return matching[0] if matching else None


async def check_code(conn: Connection, settings: Settings, login: str, code: str) -> bool:
    """Whether the code is right now and was not used before; failures count towards the lock."""
    if await take_attempt(conn, login) is None:
        return False
    cursor = await conn.execute(SELECT, (login,))
    row = await cursor.fetchone()
    if row is None or row[0] is None:
        return False
    secret = unseal(settings, TOTP, login, row[0]).decode()
    step = matching_step(secret, code, int(time.time()) // STEP_SECONDS)
    if step is None:
        return False
    cursor = await conn.execute(USE, {"step": step, "login": login})
    if cursor.rowcount != 1:
        return False
    await clear_failures(conn, login)
    return True
