"""The keys that seal secrets in the database. They lie in a file, so that a copy of the database opens nothing.

The first line seals; the others still open what was sealed before, until everything is sealed anew
(`hie secret-key`).

https://cheatsheetseries.owasp.org/cheatsheets/Cryptographic_Storage_Cheat_Sheet.html#separation-of-keys-and-data
"""

import base64
import binascii
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
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


def secret_keys(settings: Settings) -> tuple[bytes, ...]:
    """The 256-bit keys, a line each: the first seals, all of them open.

    The file is read anew when it has changed, so that a running process knows a key that was added. The
    default file is made at first use; one that is named has to be there. Raises `SecretKeyError` for a
    file that is missing, unreadable or holds something else.
    """
    path = secret_key_file(settings)
    try:
        if settings.secret_key_file is None and not path.exists():
            _make(path)
        found = path.stat()
        return _keys(path, (found.st_mtime_ns, found.st_ino))
    except (OSError, UnicodeDecodeError) as error:
        raise SecretKeyError(
            f"The secret key cannot be read from {path}: {error}.", f"无法从 {path} 读取密钥。"
        ) from error


def secret_key(settings: Settings) -> bytes:
    """The key that seals. Raises `SecretKeyError` as `secret_keys`."""
    return secret_keys(settings)[0]


def new_key() -> bytes:
    """256 random bits."""
    return token_bytes(KEY_BYTES)


def replace_keys(settings: Settings, keys: Sequence[bytes]) -> None:
    """Write the file with these keys in its place: whoever reads it meets the old or the new, whole."""
    path = secret_key_file(settings)
    with _written(path, keys, like=path) as new:
        new.replace(path)


@lru_cache(maxsize=16)
def _keys(path: Path, _changed: tuple[int, int]) -> tuple[bytes, ...]:
    lines = path.read_text("ascii").split()
    keys = tuple(_decoded(line) for line in lines)
    if not keys or not all(len(key) == KEY_BYTES for key in keys):
        raise SecretKeyError(
            f"{path} does not hold {KEY_BYTES} bytes in base64, as 'openssl rand -base64 32' makes.",
            f"{path} 的内容不是 {KEY_BYTES} 字节的 base64 密钥（可用 openssl rand -base64 32 生成）。",
        )
    return keys


def _decoded(line: str) -> bytes:
    try:
        return base64.b64decode(line, validate=True)
    except binascii.Error:
        return b""


def _make(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _written(path, [new_key()], like=path.parent) as new, suppress(FileExistsError):
        os.link(new, path)  # of several processes at once the first one's key stays


@contextmanager
def _written(path: Path, keys: Sequence[bytes], *, like: Path) -> Iterator[Path]:
    """A file beside its place that holds the keys, for the owner of `like`; gone after the block."""
    new = path.with_name(f"{path.name}.{token_hex(8)}")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(base64.b64encode(key) + b"\n" for key in keys)
            if os.geteuid() == 0:  # the server may run as the directory's owner
                owner = like.stat()
                os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
            file.flush()
            os.fsync(file.fileno())
        yield new
    finally:
        new.unlink(missing_ok=True)
