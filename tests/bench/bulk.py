"""`make bench-load`: bulk import against its floor, and where the time goes; JSON lines.

The Synthea records of the shared test data become NDJSON, several times over with other ids. Measured
are the stages of one resource in one process, `hie load` with a process for each core, and as the
floor the COPY of the very rows that the load made into the same tables with the same indexes, by as
many connections, with as many resources a transaction, on disk at the end. Where other programs share
the machine, the processor times tell more than the seconds.
"""

import argparse
import gzip
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import orjson
import psycopg

from hie.fhir.validation import validate
from hie.kit import migrations, postgres
from hie.kit.clock import now
from hie.kit.hashing import Hasher
from hie.kit.json import duplicate_key, replace_references, splice
from hie.records.files import bundle_entries
from hie.records.load import FLUSH, LINES
from hie.records.meta import meta_for
from hie.records.sample import samples_of
from hie.search.contained import contained_key
from hie.search.index import extract
from hie.store.bodies import Bodies
from hie.store.institutions import Institution
from hie.store.learning import better

SYNTHEA = Path(__file__).parents[3] / "shared" / "data" / "synthea"
HIE = Path(sys.executable).with_name("hie")
CORES = os.cpu_count() or 1
TICK = os.sysconf("SC_CLK_TCK")
PROFILED = 4000
ID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
PEAK = re.compile(r"VmHWM:\s*(\d+) kB")
TABLES = {
    "store.resource": "patient_key, key, change, last_updated, date_low, date_high, version, "
    "institution, type, dictionary, id, tokens, body",
    "search.contained": "patient_key, key, date_low, date_high, type, id, tokens",
    "search.string": "patient_key, key, parameter, value",
    "search.date": "patient_key, key, low, high, parameter",
    "search.number": "patient_key, key, parameter, low, high",
    "search.quantity": "patient_key, key, unit, parameter, low, high",
    "search.composite": "patient_key, key, unit, parameter, low, high, tokens",
}
SIZES = """
SELECT n.nspname || '.' || c.relname, c.relkind, pg_relation_size(c.oid) / %(count)s::float,
       pg_total_relation_size(c.oid) / %(count)s::float
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname IN ('store', 'search') AND c.relkind IN ('r', 'i') ORDER BY 3 DESC
"""


def say(what: str, **figures: Any) -> None:
    """One line of result."""
    print(json.dumps({"measure": what, **figures}), flush=True)


def write_lines(target: Path, copies: int) -> int:
    """NDJSON files by type, as a bulk export has them; the number of lines."""
    count = 0
    files: dict[str, Any] = {}
    for copy in range(copies):
        for path in sorted(SYNTHEA.glob("*.json.gz")):
            entries = bundle_entries(gzip.decompress(path.read_bytes()))
            targets = {e.full_url: f"{e.type}/{_id(e.full_url)}" for e in entries if e.full_url}
            for entry in entries:
                text = replace_references(entry.body or b"", targets)
                content = {**orjson.loads(text), "id": _id(entry.full_url or "")}
                line = orjson.dumps(content)
                if copy:
                    line = ID.sub(lambda match: _other(match[0], copy), line)  # noqa: B023
                if entry.type not in files:
                    files[entry.type] = (target / f"{entry.type}.ndjson").open("wb")
                files[entry.type].write(line + b"\n")
                count += 1
    for file in files.values():
        file.close()
    return count


def _id(full_url: str) -> str:
    return full_url.rpartition(":")[2]


def _other(found: bytes, copy: int) -> bytes:
    return str(uuid.uuid5(uuid.UUID(found.decode()), str(copy))).encode()


def evenly(files: list[Path]) -> list[bytes]:
    """About `PROFILED` lines, each type as often among them as among all."""
    lines = [line for file in files for line in file.read_bytes().splitlines()]
    return lines[:: max(1, len(lines) // PROFILED)]


def profile(files: list[Path]) -> None:
    """Microseconds of processor time a resource, stage by stage, in one process."""
    institution = Institution(1, "import", "批量导入")
    samples = samples_of(files, institution)
    content = better(None, samples)
    bodies = Bodies({} if content is None else {1: content})
    hasher = Hasher(b"benchmark")
    texts = evenly(files)
    parsed = [orjson.loads(text) for text in texts]
    metas = [
        meta_for(
            one.get("meta"),
            version=1,
            last_updated=now(),
            institution_code=institution.code,
            institution_name=institution.name,
        )
        for one in parsed
    ]
    places = range(len(texts))
    stages: dict[str, Callable[[int], object]] = {
        "parse": lambda n: duplicate_key(texts[n], orjson.loads(texts[n])),
        "validate": lambda n: validate(parsed[n]),
        "splice": lambda n: splice(texts[n], parsed[n], id="1", meta=orjson.dumps(metas[n])),
        "extract": lambda n: extract(parsed[n], hasher),
        "compress": lambda n: bodies.compress(texts[n]),
    }
    found = {}
    for name, stage in stages.items():
        for n in places[:500]:
            stage(n)  # compiled at first use
        started = time.process_time()
        for n in places:
            stage(n)
        found[name] = round((time.process_time() - started) / len(texts) * 1e6, 1)
    say(
        "profile of one resource on one core, microseconds",
        **found,
        total=round(sum(found.values()), 1),
        mean_bytes=round(sum(map(len, texts)) / len(texts)),
    )


def database_seconds(data: Path) -> float:
    """Processor seconds of the database server and all its processes so far, living and ended."""
    (main,) = (data / "postgres").glob("**/postmaster.pid")
    number = main.read_text().split()[0]
    total = 0
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if entry.parent.name == number:
            total += sum(map(int, fields[11:15]))
        elif fields[1] == number:
            total += int(fields[11]) + int(fields[12])
    return total / TICK


@contextmanager
def measured(what: str, count: int, data: Path, **more: object) -> Iterator[dict[str, float]]:
    """Says the rate of what is done in the block, and what it took of the processors."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    own, database = time.process_time(), database_seconds(data)
    started = time.perf_counter()
    result: dict[str, float] = {}
    yield result
    seconds = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    client = time.process_time() - own
    client += after.ru_utime + after.ru_stime - children.ru_utime - children.ru_stime
    server = database_seconds(data) - database
    result["rate"] = count / seconds
    result["cost"] = (client + server) / count
    say(
        what,
        resources=count,
        seconds=round(seconds, 1),
        per_second=round(count / seconds),
        client_cpu_us=round(client / count * 1e6),
        database_cpu_us=round(server / count * 1e6),
        per_second_if_the_cores_were_free=round(CORES * count / (client + server)),
        **more,
    )


def largest(process: subprocess.Popen[bytes]) -> int:
    """Megabytes that the process or one of its children held at most, once it has ended."""
    found = 0
    while process.poll() is None:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        with suppress(FileNotFoundError, ProcessLookupError):  # ended meanwhile
            for number in (str(process.pid), *children.read_text().split()):
                peak = PEAK.search(Path(f"/proc/{number}/status").read_text())
                found = max(found, int(peak[1]) if peak else 0)
        time.sleep(0.1)  # a sample of what grows; nothing tells of its peak
    return found // 1024


def prepared_rows(conninfo: str) -> tuple[int, list[list[tuple[str, bytes]]]]:
    """How many resources there are, and for each transaction its COPY data by table."""
    with psycopg.connect(conninfo) as connection:
        keys = [row[0] for row in connection.execute("SELECT key FROM store.resource ORDER BY key")]
        found = []
        for start in range(0, len(keys), LINES):
            part = keys[start : start + LINES]
            own = f"BETWEEN {part[0]} AND {part[-1]}"
            inside = f"BETWEEN {contained_key(part[0], 0)} AND {contained_key(part[-1] + 1, 0) - 1}"
            batch = []
            for table, columns in TABLES.items():
                statement = (
                    f"COPY (SELECT {columns} FROM {table} WHERE key {own} OR key {inside} "
                    "ORDER BY key) TO STDOUT (FORMAT binary)"
                )
                with connection.cursor().copy(statement) as copy:
                    batch.append((f"{table} ({columns})", b"".join(map(bytes, copy))))
            found.append(batch)
    return len(keys), found


def copy_all(conninfo: str, batches: list[list[tuple[str, bytes]]]) -> None:
    """Copy them in by as many connections, with the durability that the load has."""

    def work(own: list[list[tuple[str, bytes]]]) -> None:
        with psycopg.connect(conninfo, autocommit=True) as connection:
            connection.execute("SET synchronous_commit = off")
            for batch in own:
                with connection.transaction():
                    for target, content in batch:
                        with connection.cursor().copy(
                            f"COPY {target} FROM STDIN (FORMAT binary)"
                        ) as copy:
                            copy.write(content)

    with ThreadPoolExecutor(CORES) as pool:
        list(pool.map(work, [batches[n::CORES] for n in range(CORES)]))
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(FLUSH)


def sizes(conninfo: str) -> None:
    with psycopg.connect(conninfo) as connection:
        row = connection.execute("SELECT count(*) FROM store.resource").fetchone()
        assert row is not None
        rows = connection.execute(SIZES, {"count": row[0]}).fetchall()
    say(
        "disk, bytes a resource",
        total=round(sum(total for _, kind, _, total in rows if kind == "r")),
        **{name: round(size, 1) for name, _, size, _ in rows if size >= 1},
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--copies", type=int, default=2)
    copies = parser.parse_args().copies
    if not SYNTHEA.is_dir():
        raise SystemExit(f"make bench-load needs the shared test data in {SYNTHEA}")
    home = Path(tempfile.mkdtemp(prefix="hie-bench-"))
    home.chmod(0o755)
    data, lines = home / "data", home / "lines"
    lines.mkdir()
    try:
        count = write_lines(lines, copies)
        profile(sorted(lines.iterdir()))
        conninfo = postgres.embedded(data)
        migrations.upgrade(conninfo)
        environment = {**os.environ, "HIE_DATABASE_URL": conninfo}
        messages = home / "messages"
        with (
            measured("bulk import", count, data, processes=CORES) as load,
            messages.open("wb") as output,
            subprocess.Popen([HIE, "load", lines], env=environment, stderr=output) as loading,
        ):
            memory = largest(loading)
        if loading.returncode:
            raise SystemExit(messages.read_text()[-4000:])
        say("memory of the largest loading process", megabytes=memory)
        sizes(conninfo)
        rows, batches = prepared_rows(conninfo)
        with psycopg.connect(conninfo) as connection:
            connection.execute(f"TRUNCATE {', '.join(TABLES)}")
        with measured("floor: COPY of the same rows", rows, data, connections=CORES) as floor:
            copy_all(conninfo, batches)
        say(
            "bulk import against the floor",
            ratio=round(load["rate"] / floor["rate"], 2),
            ratio_of_processor_time=round(floor["cost"] / load["cost"], 2),
        )
    finally:
        postgres.stop(data)
        shutil.rmtree(home)


main()
