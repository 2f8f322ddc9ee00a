"""Starts and stops the embedded server. https://www.postgresql.org/docs/18/app-pg-ctl.html

The server outlives the process that started it, and whoever asks next finds it running.
"""

import fcntl
import os
import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from psycopg import pq

from hie.kit.postgres import cluster, leftovers
from hie.kit.postgres.account import Account, server_account
from hie.kit.postgres.place import Place
from hie.kit.postgres.programs import usable_by
from hie.kit.postgres.trouble import EmbeddedDatabaseError

PATIENCE = 600
"""Seconds a server may take to recover after it was killed in the middle of a large load."""


def embedded(data_directory: Path) -> str:
    """The conninfo of the database in `data_directory`; made and started when that is needed.

    Any number of processes may ask at the same time. Raises `EmbeddedDatabaseError`.
    """
    with _held(data_directory, create=True) as (place, account):
        if not place.cluster.exists():
            cluster.prepare(place, account)
            cluster.initialise(place, account, usable_by(account, place.programs))
        if not _answers(place):
            _start(place, account)
    return cluster.conninfo(place)


def administrator(data_directory: Path) -> str:
    """The conninfo of the cluster's superuser, for what the exchange itself may not do."""
    return cluster.conninfo(Place(data_directory.resolve()), cluster.ADMINISTRATOR, "postgres")


def stop(data_directory: Path) -> None:
    """Stop the server in `data_directory`, if there is one. Raises `EmbeddedDatabaseError`."""
    if not data_directory.exists():
        return
    with _held(data_directory) as (place, account):
        if leftovers.main_process(place.cluster) is None:
            return
        programs = usable_by(account, place.programs)
        options = ("stop", "-D", str(place.cluster), "-m", "fast", "-w", "-t", "120")
        status, output = account.run([programs["pg_ctl"], *options])
        if status != 0:
            raise EmbeddedDatabaseError(f"The database server would not stop: {output.strip()}")
        if place.socket.parent != place.server:
            place.socket.rmdir()


@contextmanager
def _held(data_directory: Path, *, create: bool = False) -> Iterator[tuple[Place, Account]]:
    """The data directory's place and account, while no other process starts or stops there."""
    place = Place(data_directory.resolve())
    try:
        if create and not place.root.exists():
            place.root.parent.mkdir(parents=True, exist_ok=True)
            place.root.mkdir(mode=0o700, exist_ok=True)
        account = server_account(place.root)
        descriptor = os.open(place.lock, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if os.geteuid() == 0:
                os.fchown(descriptor, place.root.stat().st_uid, account.gid)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield place, account
        finally:
            os.close(descriptor)
    except OSError as error:
        raise EmbeddedDatabaseError(
            f"The data directory {place.root} is not usable: {error}"
        ) from error


def _answers(place: Place) -> bool:
    """Whether the server is up; waits for one that is on its way up or down."""
    address = os.fsencode(cluster.conninfo(place))
    deadline = time.monotonic() + PATIENCE
    while True:
        state = pq.PGconn.ping(address)
        if state == pq.Ping.OK:
            return True
        if state == pq.Ping.NO_RESPONSE and leftovers.main_process(place.cluster) is None:
            return False
        if time.monotonic() > deadline:
            raise EmbeddedDatabaseError(f"The database server in {place.cluster} does not answer.")
        time.sleep(0.02)


def _start(place: Place, account: Account) -> None:
    cluster.prepare(place, account)
    leftovers.clear(place.cluster, place.socket)
    cluster.configure(place, account)
    programs = usable_by(account, place.programs)
    log = place.log / "start.log"
    options = ["start", "-D", str(place.cluster), "-w", "-t", str(PATIENCE), "-l", str(log)]
    options += ["-o", f"-c config_file={shlex.quote(str(place.configuration))}"]
    status, output = account.run([programs["pg_ctl"], *options])
    if status != 0 or not _answers(place):
        words = log.read_text(errors="replace")[-2000:] if log.exists() else ""
        raise EmbeddedDatabaseError(f"The database server did not start: {output.strip()}\n{words}")
