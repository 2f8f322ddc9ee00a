"""Secrets that the server has to read again: sealed with AES-256-GCM under a key outside the database.

Table, column and row are associated data, so that a value cannot be moved to another row.
https://csrc.nist.gov/pubs/sp/800/38/d/final (random nonces of 96 bits)
"""

from hashlib import blake2b
from secrets import token_bytes

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hie.kit.db import Connection
from hie.kit.secret_key import SecretKeyError, secret_key, secret_key_file, secret_keys
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
UPDATE_FINGERPRINT = "UPDATE auth.sealing_key SET fingerprint = %s"
SEALED_ROWS = {
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
    """What `seal` was given. Raises `SecretKeyError` for other keys, another row or altered bytes."""
    plain = None
    for key in secret_keys(settings):
        plain = plain or _opened(key, column, row, kept)
    if plain is None:
        raise _does_not_fit(settings)
    return plain


def _opened(key: bytes, column: str, row: str, kept: bytes) -> bytes | None:
    nonce, rest = kept[1 : 1 + NONCE_LENGTH], kept[1 + NONCE_LENGTH :]
    try:
        if kept[:1] != _SEALED:
            return None
        return AESGCM(key).decrypt(nonce, rest, _place(column, row))
    except (InvalidTag, ValueError):
        return None


def fingerprint(key: bytes) -> bytes:
    """What the database remembers of the key, to know it again; it does not help to find it."""
    return blake2b(key, digest_size=32, person=b"hie seal key").digest()


def _fingerprints(settings: Settings) -> set[bytes]:
    return {fingerprint(key) for key in secret_keys(settings)}


async def sealing_key_fits(conn: Connection, settings: Settings) -> bool:
    """Whether the database's key is among them, or the database has none yet. Changes nothing."""
    cursor = await conn.execute(SELECT_FINGERPRINT)
    row = await cursor.fetchone()
    return row is None or bytes(row[0]) in _fingerprints(settings)


async def open_seals(conn: Connection, settings: Settings) -> None:
    """Make sure that the key is the database's. Its first use seals what was there before.

    Raises `SecretKeyError`, before anything is written with a wrong key.
    """
    async with conn.transaction():
        cursor = await conn.execute(INSERT_FINGERPRINT, (fingerprint(secret_key(settings)),))
        if await cursor.fetchone() is None:
            if not await sealing_key_fits(conn, settings):
                raise _does_not_fit(settings)
            return
        for column, statement in SEALED_ROWS.items():
            cursor = await conn.execute(statement)
            for row, kept in await cursor.fetchall():
                if bytes(kept[:1]) == _PLAIN:
                    sealed = seal(settings, column, row, bytes(kept[1:]))
                    await conn.execute(SEAL_ROW[column], (sealed, row))


async def seal_anew(conn: Connection, settings: Settings) -> int:
    """Seal with the first key what another one sealed; gives how many values that were.

    All or nothing: a value that no key opens leaves everything as it was. Raises `SecretKeyError`.
    """
    current, done = secret_key(settings), 0
    async with conn.transaction():
        for column, statement in SEALED_ROWS.items():
            cursor = await conn.execute(statement)
            for row, kept in await cursor.fetchall():
                if _opened(current, column, row, bytes(kept)) is None:
                    plain = unseal(settings, column, row, bytes(kept))
                    sealed = seal(settings, column, row, plain)
                    await conn.execute(SEAL_ROW[column], (sealed, row))
                    done += 1
        await conn.execute(UPDATE_FINGERPRINT, (fingerprint(current),))
    return done
