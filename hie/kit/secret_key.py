"""The key that seals secrets in the database. It lies in a file, so that a copy of the database opens nothing.

https://cheatsheetseries.owasp.org/cheatsheets/Cryptographic_Storage_Cheat_Sheet.html#separation-of-keys-and-data
"""

import base64
import binascii
import os
from functools import cache
from pathlib import Path
from secrets import token_bytes, token_hex

from hie.errors import Text
from hie.kit.postgres.address import data_directory
from hie.settings import Settings

KEY_BYTES = 32
FILE_NAME = "secret-key"


class SecretKeyError(RuntimeError):
    """The key cannot be read or is not the database's; `text` says it in both languages."""

    def __init__(self, en: str, zh: str) -> None:
        super().__init__(f"{en} {zh}")
        self.text = Text(en, zh)


def secret_key_file(settings: Settings) -> Path:
    """Where the key lies: `HIE_SECRET_KEY_FILE`, by default `secret-key` in the data directory."""
    return settings.secret_key_file or data_directory(settings) / FILE_NAME


def secret_key(settings: Settings) -> bytes:
    """The 256-bit key. The default file is made at first use; one that is named has to be there.

    Raises `SecretKeyError` for a file that is missing, unreadable or holds something else.
    """
    return _key(secret_key_file(settings), settings.secret_key_file is None)


@cache
def _key(path: Path, may_be_made: bool) -> bytes:
    try:
        if may_be_made and not path.exists():
            _make(path)
        text = path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SecretKeyError(
            f"The secret key cannot be read from {path}: {error}.", f"无法从 {path} 读取密钥。"
        ) from error
    try:
        key = base64.b64decode(text, validate=True)
    except binascii.Error:
        key = b""
    if len(key) != KEY_BYTES:
        raise SecretKeyError(
            f"{path} does not hold {KEY_BYTES} bytes in base64, as 'openssl rand -base64 32' makes.",
            f"{path} 的内容不是 {KEY_BYTES} 字节的 base64 密钥（可用 openssl rand -base64 32 生成）。",
        )
    return key


def _make(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Written beside its place and linked into it: nobody reads half a key, and of several
    # processes at once the first one's key stays.
    new = path.with_name(f"{path.name}.{token_hex(8)}")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(base64.b64encode(token_bytes(KEY_BYTES)) + b"\n")
            if os.geteuid() == 0:  # the server may run as the directory's owner
                owner = path.parent.stat()
                os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
            file.flush()
            os.fsync(file.fileno())
        os.link(new, path)
    except FileExistsError:
        return
    finally:
        new.unlink()
