"""What is measured: a fresh embedded database, a real server process, their memory and disk."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import psycopg
from http_client import Outcome
from results import rounds, say

from hie.kit import postgres
from hie.kit.postgres.programs import installed

HIE = Path(sys.executable).with_name("hie")
RELATIONS = """
SELECT n.nspname || '.' || coalesce(p.relname, c.relname), i.relname,
    sum(pg_relation_size(coalesce(i.oid, c.oid)) + CASE WHEN i.oid IS NULL THEN
        coalesce(pg_total_relation_size(nullif(c.reltoastrelid, 0)), 0) ELSE 0 END)::bigint
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_inherits h ON h.inhrelid = c.oid LEFT JOIN pg_class p ON p.oid = h.inhparent
CROSS JOIN LATERAL (
    SELECT NULL::oid AS oid, NULL::name AS relname
    UNION ALL
    SELECT x.indexrelid, k.relname FROM pg_index x JOIN pg_class k ON k.oid = x.indexrelid
    WHERE x.indrelid = c.oid
) i
WHERE n.nspname = ANY(%s) AND c.relkind = 'r'
GROUP BY 1, 2 ORDER BY 3 DESC
"""
SCHEMAS = ["store", "search", "mpi", "audit"]


@dataclass(frozen=True, slots=True)
class Stand:
    """The database, and how processes are told about it."""

    home: Path
    conninfo: str

    @property
    def environment(self) -> dict[str, str]:
        # The rate limit has its own tests; here it would stop the clients of a quick machine.
        unlimited = {"HIE_CLIENT_REQUESTS_PER_MINUTE": "1000000000"}
        return {**os.environ, **unlimited, "HIE_DATABASE_URL": self.conninfo}

    def rows(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        with psycopg.connect(self.conninfo, autocommit=True) as connection:
            return connection.execute(statement, values).fetchall()

    def run(self, statement: str, *values: object) -> None:
        with psycopg.connect(self.conninfo, autocommit=True) as connection:
            connection.execute(statement, values)

    def load(self, folder: Path, what: str) -> None:
        """`hie load`, and what it leaves on disk."""
        before = self.resources()
        started = time.perf_counter()
        subprocess.run([HIE, "load", folder], env=self.environment, check=True, capture_output=True)
        seconds = time.perf_counter() - started
        loaded = self.resources() - before
        say(
            "load",
            what=what,
            resources=loaded,
            seconds=round(seconds, 1),
            per_second=round(loaded / seconds),
        )
        self.run("VACUUM ANALYZE")

    def resources(self) -> int:
        [(number,)] = self.rows("SELECT count(*) FROM store.resource") if self._made() else [(0,)]
        return int(str(number))

    def _made(self) -> bool:
        [(found,)] = self.rows("SELECT to_regclass('store.resource') IS NOT NULL")
        return bool(found)

    def disk(self) -> None:
        """Bytes a resource, by table and index; what takes less than a byte is left out."""
        number = self.resources()
        sizes = {
            (f"{table} {index}" if index else str(table)): round(int(str(size)) / number, 1)
            for table, index, size in self.rows(RELATIONS, SCHEMAS)
        }
        for schema in SCHEMAS:
            whole = sum(size for name, size in sizes.items() if name.startswith(schema))
            say("disk", schema=schema, bytes_per_resource=round(whole))
        parts = {name: size for name, size in sizes.items() if size >= 1}
        say("disk by table and index", bytes_per_resource=parts)

    def floor(self, clients: int, turns: int = 3) -> float:
        """pgbench's own primary-key reads a second."""
        pgbench = installed()["pgbench"]
        subprocess.run([pgbench, "-iqs", "2", self.conninfo], check=True, capture_output=True)
        options = ["-n", "-S", "-c", str(clients), "-j", "2", "-T", "3"]
        found = []
        for _ in range(turns):
            done = subprocess.run(
                [pgbench, *options, self.conninfo], check=True, capture_output=True, text=True
            ).stdout
            line = next(line for line in done.splitlines() if line.startswith("tps"))
            found.append(float(line.split()[2]))
        say("pgbench primary-key reads", clients=clients, per_second=rounds(found))
        return sorted(found)[turns // 2]


@dataclass(frozen=True, slots=True)
class Server:
    """A running `hie serve`."""

    process: subprocess.Popen[bytes]
    port: int
    postmaster: int

    def spent(self) -> tuple[float, float]:
        """Seconds of processor that the server and PostgreSQL have used so far."""
        return processor(self.process.pid), processor(self.postmaster)

    def memory(self, when: str) -> None:
        """Resident and proportional size of each process, and the most that it ever had resident."""
        workers = (("worker", pid) for pid in _children(self.process.pid))
        for name, pid in (("parent", self.process.pid), *workers):
            sizes = _sizes(pid)
            say(
                "memory",
                when=when,
                process=name,
                resident_mb=round(sizes["Rss:"] / 1024),
                proportional_mb=round(sizes["Pss:"] / 1024),
                greatest_mb=round(_greatest(pid) / 1024),
            )


class Metered(Protocol):
    """What tells how much processor time it has used."""

    def spent(self) -> tuple[float, float]:
        """Seconds that the server and PostgreSQL have used so far."""


def _children(pid: int) -> list[int]:
    """https://man7.org/linux/man-pages/man5/proc_pid_tid_children.5.html"""
    try:
        threads = [*Path(f"/proc/{pid}/task").iterdir()]
        texts = [(one / "children").read_text() for one in threads]
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [int(child) for text in texts for child in text.split()]


def _family(pid: int) -> list[int]:
    """A process and all below it."""
    return [pid, *(one for child in _children(pid) for one in _family(child))]


def _stat(pid: int) -> list[str]:
    """The fields of /proc/…/stat from the state on: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html"""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return ["0"] * 20


def _sizes(pid: int) -> dict[str, int]:
    """Kilobytes: https://man7.org/linux/man-pages/man5/proc_pid_smaps.5.html"""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return {line.split()[0]: int(line.split()[1]) for line in lines[1:]}


def _greatest(pid: int) -> int:
    """Kilobytes: https://man7.org/linux/man-pages/man5/proc_pid_status.5.html (VmHWM)"""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def processor(pid: int) -> float:
    """Seconds of processor that a process and all below it have used, with those that have ended."""
    ticks = sum(int(field) for one in _family(pid) for field in _stat(one)[11:15])
    return ticks / os.sysconf("SC_CLK_TCK")


def resident(pid: int) -> int:
    """Megabytes that a process and all below it hold; what they share is counted once."""
    return round(sum(_sizes(one)["Pss:"] for one in _family(pid)) / 1024)


async def metered(server: Metered, running: Awaitable[Outcome]) -> tuple[Outcome, dict[str, int]]:
    """What came of the requests, and the processor time that each took: it says more than the clock

    where others use the machine too.
    """
    before = server.spent()
    outcome = await running
    used = [
        (after - old) / len(outcome.times)
        for after, old in zip(server.spent(), before, strict=True)
    ]
    return outcome, {"server_us": round(used[0] * 1e6), "postgresql_us": round(used[1] * 1e6)}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def serving(stand: Stand, workers: int) -> Iterator[Server]:
    """A server on the stand's database until the block ends."""
    port = _free_port()
    command = [HIE, "serve", "--port", str(port), "--workers", str(workers)]
    null = subprocess.DEVNULL
    process = subprocess.Popen(command, env=stand.environment, stdout=null, stderr=null)
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                if time.monotonic() > deadline or process.poll() is not None:
                    raise SystemExit("the server did not start within 60 s") from None
                time.sleep(0.1)  # nothing tells when it listens
        with psycopg.connect(stand.conninfo) as connection:
            postmaster = int(_stat(connection.info.backend_pid)[1])
        yield Server(process, port, postmaster)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)


@contextmanager
def stand_in(home: Path) -> Iterator[Stand]:
    """A new embedded database in `home` until the block ends."""
    home.chmod(0o755)
    data = home / "data"
    try:
        yield Stand(home, postgres.embedded(data))
    finally:
        postgres.stop(data)
