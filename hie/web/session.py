"""Sessions on the server: the browser has a random cookie, the database a sealed row.

Two keys are derived from the cookie: one names the row, one encrypts it (AES-256-GCM, with the
session's kind as associated data, so that a row cannot serve as another kind of session).
"""

from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from secrets import token_bytes, token_urlsafe
from typing import Any

import orjson
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hie.kit.db import Connection

NONCE_LENGTH = 12

INSERT = "INSERT INTO web.session (hash, kind, sealed, expires_at) VALUES (%s, %s, %s, %s)"
SELECT = """
SELECT sealed, expires_at FROM web.session WHERE hash = %s AND kind = %s AND expires_at > now()
"""
UPDATE = "UPDATE web.session SET sealed = %s WHERE hash = %s AND kind = %s"
DELETE = "DELETE FROM web.session WHERE hash = %s AND kind = %s"
DELETE_EXPIRED = "DELETE FROM web.session WHERE expires_at < now()"


@dataclass(frozen=True, slots=True)
class Session:
    """An open session: its cookie, kind, content and end."""

    cookie: str
    kind: str
    content: dict[str, Any]
    expires_at: datetime


def _row_name(cookie: str) -> bytes:
    return blake2b(cookie.encode(), digest_size=32, person=b"hie web name").digest()


def _cipher(cookie: str) -> AESGCM:
    return AESGCM(blake2b(cookie.encode(), digest_size=32, person=b"hie web seal").digest())


def _seal(cookie: str, kind: str, content: dict[str, Any]) -> bytes:
    nonce = token_bytes(NONCE_LENGTH)
    return nonce + _cipher(cookie).encrypt(nonce, orjson.dumps(content), kind.encode())


async def begin(
    connection: Connection, kind: str, content: dict[str, Any], expires_at: datetime
) -> Session:
    """A new session with a fresh cookie; sessions that are over are removed on this occasion."""
    cookie = token_urlsafe(32)
    sealed = _seal(cookie, kind, content)
    await connection.execute(DELETE_EXPIRED)
    await connection.execute(INSERT, (_row_name(cookie), kind, sealed, expires_at))
    return Session(cookie, kind, content, expires_at)


async def find(connection: Connection, kind: str, cookie: str) -> Session | None:
    """The session of this kind that the cookie opens; None if there is none or it has expired."""
    cursor = await connection.execute(SELECT, (_row_name(cookie), kind))
    row = await cursor.fetchone()
    if row is None:
        return None
    sealed, expires_at = bytes(row[0]), row[1]
    plain = _cipher(cookie).decrypt(sealed[:NONCE_LENGTH], sealed[NONCE_LENGTH:], kind.encode())
    return Session(cookie, kind, orjson.loads(plain), expires_at)


async def keep(connection: Connection, session: Session) -> None:
    """Store the session's changed content."""
    sealed = _seal(session.cookie, session.kind, session.content)
    await connection.execute(UPDATE, (sealed, _row_name(session.cookie), session.kind))


async def end(connection: Connection, session: Session) -> None:
    """Remove the session; its cookie opens nothing any more."""
    await connection.execute(DELETE, (_row_name(session.cookie), session.kind))
