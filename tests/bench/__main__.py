"""`make bench`: what the running exchange does on this machine, as JSON lines.

A fresh embedded database, the Synthea records of the shared test data, a real server and requests
over loopback; the floor is PostgreSQL's own pgbench in the same run. Bounded, and stops by itself.
"""

import asyncio
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import orjson
import psycopg
from http_client import Connection, closed_loop

from hie.fhir.definitions import type_number
from hie.kit import postgres
from hie.kit.postgres.programs import installed

ROOT = Path(__file__).parents[2]
SYNTHEA = ROOT.parent / "shared" / "data" / "synthea"
HIE = Path(sys.executable).with_name("hie")
CLIENTS = 8
READ_SECONDS = 6.0
SEARCHES = 400
SIZE = """
SELECT sum(pg_total_relation_size(c.oid)) / (SELECT count(*) FROM store.resource)::float
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname IN ('store', 'search') AND c.relkind = 'r'
"""


def say(what: str, **figures: Any) -> None:
    """One line of result."""
    print(json.dumps({"measure": what, **figures}), flush=True)


def load(environment: dict[str, str]) -> None:
    started = time.perf_counter()
    subprocess.run([HIE, "load", SYNTHEA], env=environment, check=True, capture_output=True)
    seconds = time.perf_counter() - started
    with psycopg.connect(environment["HIE_DATABASE_URL"], autocommit=True) as connection:
        row = connection.execute("SELECT count(*) FROM store.resource").fetchone()
        connection.execute("VACUUM ANALYZE")
        size = connection.execute(SIZE).fetchone()
    assert row is not None
    assert size is not None
    say(
        "bundle load",
        resources=row[0],
        seconds=round(seconds, 1),
        per_second=round(row[0] / seconds),
    )
    say("disk", bytes_per_resource=round(size[0]))


def floor(conninfo: str) -> float:
    """pgbench's own primary-key reads a second, as many clients as ours."""
    pgbench = installed()["pgbench"]
    subprocess.run([pgbench, "-i", "-q", "-s", "2", conninfo], check=True, capture_output=True)
    options = ["-n", "-S", "-c", str(CLIENTS), "-j", "2", "-T", "5"]
    output = subprocess.run(
        [pgbench, *options, conninfo], check=True, capture_output=True, text=True
    ).stdout
    return float(next(line for line in output.splitlines() if line.startswith("tps")).split()[2])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def percentiles(seconds: list[float]) -> dict[str, float]:
    cut = quantiles(seconds, n=100)
    return {"p50_ms": round(median(seconds) * 1000, 2), "p99_ms": round(cut[98] * 1000, 2)}


async def requests(port: int, token: str, conninfo: str, base: float) -> None:
    with psycopg.connect(conninfo) as database:
        ids = [
            row[0]
            for row in database.execute(
                "SELECT id FROM store.resource WHERE type = %s ORDER BY random() LIMIT 2000",
                (type_number("Observation"),),
            )
        ]
        # Source Patients: golden records belong to the exchange itself, number 0.
        patients = [
            row[0]
            for row in database.execute(
                "SELECT id FROM store.resource WHERE type = %s AND institution <> 0 ORDER BY id",
                (type_number("Patient"),),
            )
        ]
    paths = [f"/fhir/Observation/{one}" for one in ids]
    done, seconds = await closed_loop(port, token, paths, clients=CLIENTS, seconds=READ_SECONDS)
    rate = done / seconds
    say("read", per_second=round(rate), clients=CLIENTS, ratio_to_pgbench=round(rate / base, 3))
    connection = await Connection.open(port, token)
    codes = ("8302-2", "29463-7", "39156-5", "55284-4")
    times: list[float] = []
    for _ in range(SEARCHES):
        who, code = random.choice(patients), random.choice(codes)
        path = f"/fhir/Observation?patient={who}&code={code}&_sort=-date&_count=50"
        times.append((await connection.get(path))[1])
    say("patient search", searches=SEARCHES, **percentiles(times))
    sized: list[tuple[int, float]] = []
    for who in patients:
        body, spent = await connection.get(f"/fhir/Patient/{who}/$everything")
        sized.append((len(orjson.loads(body)["entry"]), spent))
    largest = [spent for count, spent in sized if count >= 500]
    say(
        "everything",
        patients=len(sized),
        resources_p50=median(c for c, _ in sized),
        **percentiles([s for _, s in sized]),
        p50_ms_of_500_and_more=round(median(largest) * 1000, 2) if largest else None,
    )
    await connection.close()


def serve(environment: dict[str, str], port: int) -> subprocess.Popen[bytes]:
    server = subprocess.Popen(
        [HIE, "serve", "--port", str(port)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)  # the server is not listening yet, and nothing tells when it is
        else:
            return server
    server.kill()
    raise SystemExit("the server did not start within 60 s")


def main() -> None:
    if not SYNTHEA.is_dir():
        raise SystemExit(f"make bench needs the shared test data in {SYNTHEA}")
    home = Path(tempfile.mkdtemp(prefix="hie-bench-"))
    home.chmod(0o755)
    data = home / "data"
    try:
        conninfo = postgres.embedded(data)
        environment = {**os.environ, "HIE_DATABASE_URL": conninfo}
        load(environment)
        base = floor(conninfo)
        say("pgbench primary-key reads", per_second=round(base), clients=CLIENTS)
        port = free_port()
        token = subprocess.run(
            [HIE, "token", "--client", "bench"],
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
        server = serve(environment, port)
        try:
            asyncio.run(requests(port, token, conninfo, base))
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(timeout=30)
    finally:
        postgres.stop(data)
        shutil.rmtree(home)


main()
