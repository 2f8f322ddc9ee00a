"""Whose account the server runs under. PostgreSQL refuses to run as root.

https://www.postgresql.org/docs/18/postgres-user.html
"""

import logging
import os
import pwd
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hie.kit.postgres.trouble import EmbeddedDatabaseError

logger = logging.getLogger(__name__)

NAME = "hie-postgres"


@dataclass(frozen=True, slots=True)
class Account:
    """The user and group that own the cluster and run its programs."""

    name: str
    uid: int
    gid: int

    def run(self, command: Sequence[str | Path], given: str = "") -> tuple[int, str]:
        """Run a program as this account, `given` on its input; its status and all it printed."""
        other = os.geteuid() != self.uid
        done = subprocess.run(  # noqa: S603 - own programs with own arguments
            [str(part) for part in command],
            input=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
            cwd="/",
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
            umask=0o077,
            user=self.uid if other else None,
            group=self.gid if other else None,
            extra_groups=[] if other else None,
        )
        return done.returncode, done.stdout

    def can_enter(self, directory: Path) -> bool:
        return self.run(["/bin/sh", "-c", 'test -x "$1"', "sh", directory])[0] == 0


def server_account(root: Path) -> Account:
    """The account for the data directory `root`.

    Ordinary users run the server themselves. Root runs it as the directory's owner when that is
    somebody else, as the account that already owns the cluster, or as the system account
    `hie-postgres`, which is created when missing; on a system without `useradd` as `nobody`.
    """
    if os.geteuid() != 0:
        return _account(pwd.getpwuid(os.geteuid()))
    for path in (root, root / "postgres"):
        if path.exists() and path.stat().st_uid != 0:
            return _account(pwd.getpwuid(path.stat().st_uid))
    return _named(NAME) or _created() or _fallback()


def _account(entry: pwd.struct_passwd) -> Account:
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def _named(name: str) -> Account | None:
    try:
        return _account(pwd.getpwnam(name))
    except KeyError:
        return None


def _created() -> Account | None:
    search = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
    program = shutil.which("useradd", path=search)
    if program is None:
        return None
    done = subprocess.run(  # noqa: S603 - found on root's own path
        [
            *(program, "--system", "--user-group", "--no-create-home"),
            *("--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin"),
            *("--comment", "Health records exchange database", NAME),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    account = _named(NAME)  # another process may have created it in this very moment
    if account is None:
        logger.warning("useradd could not create %s: %s", NAME, done.stderr.strip())
    return account


def _fallback() -> Account:
    account = _named("nobody")
    if account is None:
        raise EmbeddedDatabaseError(
            "The embedded database cannot run as root, and this system has neither useradd nor an "
            f"account `nobody`. Create an account `{NAME}`, or set HIE_DATABASE_URL."
        )
    logger.warning("The embedded database runs as `nobody`; an account `%s` is better.", NAME)
    return account
