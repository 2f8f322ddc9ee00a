"""Makes a new cluster, and writes the configuration that each start uses.

https://www.postgresql.org/docs/18/app-initdb.html
https://www.postgresql.org/docs/18/auth-pg-hba-conf.html
"""

import os
import secrets
import shutil
from collections.abc import Sequence
from pathlib import Path

from psycopg.conninfo import make_conninfo

from hie.kit.postgres import tuning
from hie.kit.postgres.account import Account
from hie.kit.postgres.place import Place
from hie.kit.postgres.programs import MAJOR, Programs
from hie.kit.postgres.trouble import EmbeddedDatabaseError

ROLE = "hie"
"""Owns the database `hie`; not a superuser, so that its grants bind it."""
ADMINISTRATOR = "hie_administrator"

ACCESS_RULES = f"""\
# type  database  user             method
local   all       {ROLE}              scram-sha-256
local   all       {ADMINISTRATOR}  scram-sha-256
"""

LOCAL_CONFIGURATION = """\
# Settings of this installation. They win over postgresql.conf, which is written anew at each start.
"""


def conninfo(place: Place, role: str = ROLE, database: str = ROLE) -> str:
    """How to connect; the password stays in its file and out of the text."""
    return make_conninfo(
        host=str(place.socket), port=5432, user=role, dbname=database, passfile=str(place.passwords)
    )


def prepare(place: Place, account: Account) -> None:
    """Give the server's account its directories. Only what lies in the data directory changes."""
    if os.geteuid() == 0 and place.root.stat().st_uid == 0:
        os.chown(place.root, 0, account.gid)
        place.root.chmod(0o750)
    if not account.can_enter(place.root):
        closed = next(path for path in _downward(place.root) if not account.can_enter(path))
        raise EmbeddedDatabaseError(
            f"The account {account.name}, which runs the embedded database, cannot reach "
            f"{place.root}: {closed} is closed to it. Choose a HIE_DATA_DIRECTORY that it can "
            "reach, such as /var/lib/hie, or set HIE_DATABASE_URL."
        )
    for directory in (place.server, place.log, place.socket):
        if not directory.exists():
            directory.mkdir(mode=0o700)
            os.chown(directory, account.uid, account.gid)
    found = place.socket.lstat()
    if found.st_uid != account.uid or found.st_mode & 0o077 or place.socket.is_symlink():
        raise EmbeddedDatabaseError(f"{place.socket} is not a private directory of {account.name}.")


def initialise(place: Place, account: Account, programs: Programs) -> None:
    """Make the cluster, its roles and its database. It appears in its place only when complete."""
    new = place.cluster.with_name("cluster.new")
    shutil.rmtree(new, ignore_errors=True)
    passwords = {role: secrets.token_urlsafe(32) for role in (ROLE, ADMINISTRATOR)}
    options = [f"--pgdata={new}", f"--username={ADMINISTRATOR}", "--auth=reject"]
    options += ["--data-checksums", "--encoding=UTF8", "--locale=C"]
    options += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    _do(account, [programs["initdb"], *options])
    statements = [
        f"ALTER ROLE {ADMINISTRATOR} PASSWORD '{passwords[ADMINISTRATOR]}'",
        f"CREATE ROLE {ROLE} LOGIN PASSWORD '{passwords[ROLE]}'",
        f"CREATE DATABASE {ROLE} OWNER {ROLE}",
        f"REVOKE CONNECT, TEMPORARY ON DATABASE {ROLE} FROM PUBLIC",
    ]
    single = ("--single", "-D", str(new), "postgres")
    _do(account, [programs["postgres"], *single], ";\n".join(statements) + ";\n")
    lines = [f"*:*:*:{role}:{password}" for role, password in passwords.items()]
    _write(place.passwords, "\n".join([*lines, ""]), 0o600, account)
    new.rename(place.cluster)


def configure(place: Place, account: Account) -> None:
    """Write the files that the server reads when it starts."""
    version = (place.cluster / "PG_VERSION").read_text().strip()
    if version != str(MAJOR):
        raise EmbeddedDatabaseError(
            f"The cluster in {place.cluster} was made by PostgreSQL {version}, but the installed "
            f"one is {MAJOR}. Move the data with pg_dump of that version, then load it here."
        )
    fixed = {
        "hba_file": str(place.access_rules),
        "unix_socket_directories": '"' + str(place.socket).replace('"', '""') + '"',
        "unix_socket_permissions": "0700",
    }
    own = {
        "listen_addresses": "",
        "log_directory": str(place.log),
        **tuning.settings(tuning.memory()),
    }
    if not place.local_configuration.exists():
        _write(place.local_configuration, LOCAL_CONFIGURATION, 0o640, account)
    text = tuning.render(own, place.local_configuration, fixed)
    _write(place.configuration, text, 0o640, account)
    _write(place.access_rules, ACCESS_RULES, 0o640, account)


def _do(account: Account, command: Sequence[str | Path], given: str = "") -> None:
    status, output = account.run(command, given)
    # A server in single-user mode reports a failed statement and goes on.
    if status != 0 or "ERROR:" in output or "FATAL:" in output:
        raise EmbeddedDatabaseError(f"{Path(command[0]).name} failed: {output.strip()}")


def _write(path: Path, text: str, mode: int, account: Account) -> None:
    """Replace a file of the data directory; it belongs to the directory's owner."""
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        if os.geteuid() == 0:
            os.fchown(descriptor, path.parent.stat().st_uid, account.gid)
        os.fchmod(descriptor, mode)
        file.write(text)
        file.flush()
        os.fsync(descriptor)
    new.rename(path)


def _downward(path: Path) -> list[Path]:
    return [*reversed(path.parents), path]
