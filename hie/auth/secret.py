"""Random secrets and what is kept of them.

Tokens, codes, cookies and client secrets carry at least 256 bits of randomness, so one SHA-256 is
enough to keep; passwords are chosen by people and are kept as argon2id.
https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html
"""

import secrets
from functools import cache
from hashlib import sha256

from anyio import to_thread
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_passwords = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)


def new_secret() -> str:
    """256 random bits as URL-safe text, 43 characters."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> bytes:
    """What is kept of a secret that `new_secret` made."""
    return sha256(secret.encode("utf-8", "surrogatepass")).digest()


def same(secret: str, kept: bytes) -> bool:
    """Whether `kept` is the digest of `secret`, in constant time."""
    return secrets.compare_digest(digest(secret), kept)


def hash_password(password: str) -> str:
    """The argon2id hash of a password, for `hie.auth.accounts.create_account`."""
    return _passwords.hash(password)


@cache
def _nobodys_password() -> str:
    return hash_password(new_secret())


def _verify(password: str, kept: str) -> bool:
    try:
        return _passwords.verify(kept, password)
    except (VerificationError, InvalidHashError):
        return False


async def password_matches(password: str, kept: str | None) -> bool:
    """Whether the password is the one kept; for an unknown account (`None`) the same work, then no.

    Runs beside the event loop: one check takes tens of milliseconds.
    """
    known = await to_thread.run_sync(_verify, password, kept or _nobodys_password())
    return known and kept is not None
