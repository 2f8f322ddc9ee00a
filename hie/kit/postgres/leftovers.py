"""What a killed server leaves behind: its orphaned children, and lock files naming a dead process.

Every process of a server has the cluster as its working directory, which tells them from others.
PostgreSQL itself copes with a stale `postmaster.pid` unless its number has been given to another
process of the same user, as happens when a machine or container starts again.
"""

import os
import signal
import time
from pathlib import Path

from hie.kit.postgres.trouble import EmbeddedDatabaseError

PROCESSES = Path("/proc")


def main_process(cluster: Path) -> int | None:
    """The number in `postmaster.pid`, if that process exists and is this cluster's server."""
    number = _recorded(cluster / "postmaster.pid")
    return number if number is not None and _works_in(number, cluster) else None


def clear(cluster: Path, socket: Path, patience: float = 20.0) -> None:
    """Make a start possible after the server was killed. Call only when it is known to be down."""
    deadline = time.monotonic() + patience
    while orphans := [number for number in _numbers() if _works_in(number, cluster)]:
        if time.monotonic() > deadline:
            raise EmbeddedDatabaseError(
                f"Processes {orphans} of the killed database server in {cluster} will not end."
            )
        for number in orphans:
            _signal(number, signal.SIGQUIT)
        time.sleep(0.05)
    for lock in (cluster / "postmaster.pid", *socket.glob(".s.PGSQL.*.lock")):
        recorded = _recorded(lock)
        if recorded is not None and _works_in(recorded, cluster) is False:
            lock.unlink(missing_ok=True)


def _numbers() -> list[int]:
    if not PROCESSES.is_dir():
        return []
    return [int(entry.name) for entry in PROCESSES.iterdir() if entry.name.isdigit()]


def _recorded(lock: Path) -> int | None:
    try:
        return abs(int(lock.read_text().split("\n", 1)[0]))
    except (FileNotFoundError, ValueError):
        return None


def _works_in(number: int, cluster: Path) -> bool | None:
    """Whether process `number` works in `cluster`; None where there is no such process."""
    if not PROCESSES.is_dir():  # not Linux: take any living process for ours, and touch nothing
        return True if _signal(number, 0) else None
    try:
        return os.path.samestat((PROCESSES / str(number) / "cwd").stat(), cluster.stat())
    except FileNotFoundError:
        # A killed process stays in the table, without a directory, until its parent fetches it:
        # PostgreSQL would take it for a living server.
        return False if (PROCESSES / str(number)).exists() else None
    except PermissionError:
        return False


def _signal(number: int, which: int) -> bool:
    try:
        os.kill(number, which)
    except (ProcessLookupError, PermissionError):
        return False
    return True
