"""Secrets that the server has to read again: sealed with AES-256-GCM under a key outside the database.

Table, column and row are associated data, so that a value cannot be moved to another row.
https://csrc.nist.gov/pubs/sp/800/38/d/final (random nonces of 96 bits)
"""

from hashlib import blake2b
from secrets import token_bytes

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hie.kit.db import Connection
from hie.kit.secret_key import SecretKeyError, secret_key, secret_key_file
from hie.settings import Settings

TOTP = "auth.account.totp_secret"
SIGNING_KEY = "auth.signing_key.private_jwk"

NONCE_LENGTH = 12
_SEALED = b"\x01"
_PLAIN = b"\x00"
"""Marks what was there before anything was sealed; written by a migration, never read as a secret."""

INSERT_FINGERPRINT = """
INSERT INTO auth.sealing_key (fingerprint) VALUES (%s) ON CONFLICT DO NOTHING RETURNING fingerprint
"""
SELECT_FINGERPRINT = "SELECT fingerprint FROM auth.sealing_key"
PLAIN_ROWS = {
    TOTP: "SELECT login, totp_secret FROM auth.account WHERE totp_secret IS NOT NULL FOR UPDATE",
    SIGNING_KEY: "SELECT kid, private_jwk FROM auth.signing_key FOR UPDATE",
}
SEAL_ROW = {
    TOTP: "UPDATE auth.account SET totp_secret = %s WHERE login = %s",
    SIGNING_KEY: "UPDATE auth.signing_key SET private_jwk = %s WHERE kid = %s",
}


def _does_not_fit(settings: Settings) -> SecretKeyError:
    path = secret_key_file(settings)
    return SecretKeyError(
        f"The secret key in {path} is not the one that this database was sealed with. "
        "Bring the right file back, or name it with HIE_SECRET_KEY_FILE.",
        f"{path} 中的密钥与此数据库不符，请恢复原密钥文件，或用 HIE_SECRET_KEY_FILE 指定。",
    )


def _place(column: str, row: str) -> bytes:
    return f"{column}\0{row}".encode()


def seal(settings: Settings, column: str, row: str, plain: bytes) -> bytes:
    """What to keep of `plain` in this column of this row."""
    nonce = token_bytes(NONCE_LENGTH)
    cipher = AESGCM(secret_key(settings))
    return _SEALED + nonce + cipher.encrypt(nonce, plain, _place(column, row))


def unseal(settings: Settings, column: str, row: str, kept: bytes) -> bytes:
    """What `seal` was given. Raises `SecretKeyError` for another key, another row or altered bytes."""
    nonce, rest = kept[1 : 1 + NONCE_LENGTH], kept[1 + NONCE_LENGTH :]
    try:
        if kept[:1] != _SEALED:
            raise InvalidTag
        return AESGCM(secret_key(settings)).decrypt(nonce, rest, _place(column, row))
    except (InvalidTag, ValueError) as error:
        raise _does_not_fit(settings) from error


def fingerprint(settings: Settings) -> bytes:
    """What the database remembers of the key, to know it again; it does not help to find it."""
    return blake2b(secret_key(settings), digest_size=32, person=b"hie seal key").digest()


async def sealing_key_fits(conn: Connection, settings: Settings) -> bool:
    """Whether the key is the database's, or the database has none yet. Changes nothing."""
    cursor = await conn.execute(SELECT_FINGERPRINT)
    row = await cursor.fetchone()
    return row is None or bytes(row[0]) == fingerprint(settings)


async def open_seals(conn: Connection, settings: Settings) -> None:
    """Make sure that the key is the database's. Its first use seals what was there before.

    Raises `SecretKeyError`, before anything is written with a wrong key.
    """
    async with conn.transaction():
        cursor = await conn.execute(INSERT_FINGERPRINT, (fingerprint(settings),))
        if await cursor.fetchone() is None:
            if not await sealing_key_fits(conn, settings):
                raise _does_not_fit(settings)
            return
        for column, statement in PLAIN_ROWS.items():
            cursor = await conn.execute(statement)
            for row, kept in await cursor.fetchall():
                if bytes(kept[:1]) == _PLAIN:
                    sealed = seal(settings, column, row, bytes(kept[1:]))
                    await conn.execute(SEAL_ROW[column], (sealed, row))
