"""Where everything of the embedded database lies."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

SOCKET_NAME = ".s.PGSQL.5432"
SOCKET_PATH_LIMIT = 107
"""`sun_path` has 108 bytes with its final zero: https://man7.org/linux/man-pages/man7/unix.7.html"""


@dataclass(frozen=True, slots=True)
class Place:
    """The paths below one data directory, which must be absolute."""

    root: Path

    @property
    def lock(self) -> Path:
        return self.root / "lock"

    @property
    def passwords(self) -> Path:
        return self.root / "passwords"

    @property
    def configuration(self) -> Path:
        return self.root / "postgresql.conf"

    @property
    def local_configuration(self) -> Path:
        return self.root / "local.conf"

    @property
    def access_rules(self) -> Path:
        return self.root / "pg_hba.conf"

    @property
    def programs(self) -> Path:
        return self.root / "programs"

    @property
    def server(self) -> Path:
        return self.root / "postgres"

    @property
    def cluster(self) -> Path:
        return self.server / "cluster"

    @property
    def log(self) -> Path:
        return self.server / "log"

    @property
    def socket(self) -> Path:
        """The socket's directory; a short one elsewhere when the path would not fit."""
        usual = self.server / "socket"
        if len(os.fsencode(usual / SOCKET_NAME)) <= SOCKET_PATH_LIMIT:
            return usual
        digest = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:16]
        # Not TMPDIR: every process must come to the same place, whatever its environment.
        return Path("/tmp") / f"hie-{digest}"  # noqa: S108 - made 0700 and its owner is checked
