"""The code that a resident who is present says to the clinician.

Six digits for ten minutes, once, and gone after five wrong ones: guessing succeeds with a probability
of 5 in a million. Only a hash is kept.
"""

from datetime import datetime, timedelta
from hashlib import sha256
from secrets import compare_digest, randbelow
from typing import NamedTuple

from hie.kit.clock import now
from hie.kit.db import Connection

LIFETIME = timedelta(minutes=10)
LASTS = timedelta(days=1)
"""How long the clinician may open the record again: until a day's course of care is over."""
MOST_FAILURES = 5

PUT = """
INSERT INTO access.visit_code (person, hash, until) VALUES (%s, %s, %s)
ON CONFLICT (person) DO UPDATE SET hash = excluded.hash, until = excluded.until, failures = 0
"""
FIND = """
SELECT hash FROM access.visit_code
WHERE person = %s AND until > now() AND failures < %s FOR UPDATE
"""
FAIL = "UPDATE access.visit_code SET failures = failures + 1 WHERE person = %s"
USE = "DELETE FROM access.visit_code WHERE person = %s"
AUTHORISE = """
INSERT INTO access.authorisation (person, account, given, until) VALUES (%s, %s, %s, %s)
ON CONFLICT (person, account) DO UPDATE SET given = excluded.given, until = excluded.until
"""


class VisitCode(NamedTuple):
    """A code to say, and until when it works."""

    code: str
    until: datetime


def _hash(person: str, code: str) -> bytes:
    return sha256(f"{person}\x1f{code}".encode()).digest()


async def new_visit_code(connection: Connection, person: str) -> VisitCode:
    """A new code for the person; one before it no longer works."""
    made = VisitCode(f"{randbelow(1_000_000):06d}", now() + LIFETIME)
    await connection.execute(PUT, (person, _hash(person, made.code), made.until))
    return made


async def use_visit_code(connection: Connection, person: str, account: str, code: str) -> bool:
    """Whether the code is right; then it is used up, and the clinician is authorised for a day.

    A wrong one counts against the code: the caller's transaction must be committed either way.
    """
    cursor = await connection.execute(FIND, (person, MOST_FAILURES))
    row = await cursor.fetchone()
    if row is None:
        return False
    if not compare_digest(row[0], _hash(person, code.strip())):
        await connection.execute(FAIL, (person,))
        return False
    await connection.execute(USE, (person,))
    given = now()
    await connection.execute(AUTHORISE, (person, account, given, given + LASTS))
    return True
