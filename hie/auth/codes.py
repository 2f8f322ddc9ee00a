"""Authorization codes: one use, at most a minute. https://www.rfc-editor.org/rfc/rfc6749#section-4.1"""

from dataclasses import dataclass
from uuid import UUID

from psycopg.rows import class_row

from hie.auth.authorization_request import AuthorizationRequest
from hie.auth.secret import digest, new_secret
from hie.kit.db import Connection

CODE_SECONDS = 60

INSERT = """
INSERT INTO auth.code (hash, family, client_id, redirect_uri, challenge, nonce, expires_at)
VALUES (%(hash)s, %(family)s, %(client_id)s, %(redirect_uri)s, %(challenge)s, %(nonce)s,
    now() + make_interval(secs => %(seconds)s))
"""

LOCK = """
SELECT hash, family, client_id, redirect_uri, challenge, nonce,
       used_at IS NOT NULL AS used, expires_at <= now() AS expired
FROM auth.code WHERE hash = %s FOR UPDATE
"""

USE = "UPDATE auth.code SET used_at = now() WHERE hash = %s"


@dataclass(frozen=True, slots=True)
class Code:
    """One row of `auth.code`, locked."""

    hash: bytes
    family: UUID
    client_id: str
    redirect_uri: str
    challenge: str
    nonce: str | None
    used: bool
    expired: bool


async def issue_code(conn: Connection, request: AuthorizationRequest, family: UUID) -> str:
    """A code for this approved request; its text is not kept."""
    code = new_secret()
    await conn.execute(
        INSERT,
        {
            "hash": digest(code),
            "family": family,
            "client_id": request.client.id,
            "redirect_uri": request.redirect_uri,
            "challenge": request.challenge,
            "nonce": request.nonce,
            "seconds": CODE_SECONDS,
        },
    )
    return code


async def lock_code(conn: Connection, code: str) -> Code | None:
    """The code, locked until the transaction ends, so that of many redemptions one comes first."""
    async with conn.cursor(row_factory=class_row(Code)) as cursor:
        await cursor.execute(LOCK, (digest(code),))
        return await cursor.fetchone()


async def use_code(conn: Connection, code: Code) -> None:
    """Spend the code."""
    await conn.execute(USE, (code.hash,))
