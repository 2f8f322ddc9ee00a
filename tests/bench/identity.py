"""A million registrations in the index: `python tests/bench/identity.py --persons 450000`.

Generates them, loads them by COPY as prepared features (each person its registrations, as the truth
has it), asks `match` about registrations that are there and some that are not, links all anew in
batch, and prints one JSON object. Needs no exchange: a scratch database of its own.
"""

import argparse
import asyncio
import os
import random
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import islice
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage
from time import perf_counter, process_time

import orjson

from hie.cli.mpi import scratch_database
from hie.kit.db import Database
from hie.kit.hashing import Hasher
from hie.kit.ids import new_id
from hie.mpi.batch import link
from hie.mpi.comparisons import COMPARISONS
from hie.mpi.features import of_patient, to_json
from hie.mpi.match import match
from hie.mpi.model import load
from hie.mpi.people import patient_key
from hie.mpi.population import population
from hie.mpi.quality import quality
from hie.mpi.registration_file import patient, source
from hie.mpi.rehearsal import rehearse
from hie.mpi.survive import content_of
from hie.store.bodies import Bodies
from hie.store.open import Store, secret

CHUNK = 5000
AFTER = """
INSERT INTO mpi.person (id, patient_key, created) SELECT DISTINCT person, hashtextextended(person, 0), now()
FROM mpi.registration;
INSERT INTO mpi.block (key, registration) SELECT unnest(keys), number FROM mpi.registration ORDER BY 1, 2;
ALTER TABLE mpi.block ADD PRIMARY KEY (key, registration);
SELECT setval('mpi.registration_number_seq', (SELECT max(number) FROM mpi.registration));
ANALYZE mpi.block, mpi.registration, mpi.person
"""
COLUMNS = (
    "number, id, patient_key, institution, person, revision, birth_date, keys, features, content"
)
SIZE = """
SELECT sum(pg_total_relation_size(c.oid)) FROM pg_class c
WHERE c.relnamespace = 'mpi'::regnamespace AND c.relkind = 'r'
"""


def prepare(key: bytes, chunk: list[tuple[int, str, dict[str, str]]]) -> list[tuple[object, ...]]:
    """Rows of `mpi.registration` for (number, person, line of the file)."""
    hasher, chinese = Hasher(key), COMPARISONS["chinese"]
    rows = []
    for number, person, line in chunk:
        resource = patient(line)
        found = of_patient(resource)
        rows.append(
            (
                number, line["rec_id"], patient_key(hasher, line["rec_id"]), source(line).institution,
                person, number, found.births[0] if found.births else "", chinese.keys(found, hasher),
                orjson.dumps(to_json(found)).decode(), orjson.dumps(content_of(resource)).decode(),
            )
        )  # fmt: skip
    return rows


def chunks(
    persons: int, habits: str, seed: int, truth: dict[int, str], kept: list[dict[str, str]]
) -> Iterator[list[tuple[int, str, dict[str, str]]]]:
    """The population, numbered, under ids of persons; every hundredth line is kept for asking."""
    ids: dict[str, str] = {}

    def lines() -> Iterator[tuple[int, str, dict[str, str]]]:
        for number, line in enumerate(population(habits, persons, seed), start=1):
            truth[number] = line["true_person"]
            if number % 100 == 0:
                kept.append(line)
            yield number, ids.setdefault(line["true_person"], new_id()), line

    every = lines()
    while chunk := list(islice(every, CHUNK)):
        yield chunk


async def fill_index(
    database: Database, key: bytes, persons: int, habits: str, seed: int, workers: int
) -> tuple[dict[int, str], list[dict[str, str]]]:
    """Load the population; the true person of each number, and lines to ask about."""
    truth: dict[int, str] = {}
    kept: list[dict[str, str]] = []
    async with database.transaction() as connection:
        await connection.execute("ALTER TABLE mpi.block DROP CONSTRAINT block_pkey")
        copying = f"COPY mpi.registration ({COLUMNS}) FROM STDIN"
        with ProcessPoolExecutor(workers) as pool:
            waiting = []
            async with connection.cursor() as cursor, cursor.copy(copying) as copy:
                for chunk in chunks(persons, habits, seed, truth, kept):
                    waiting.append(pool.submit(partial(prepare, key), chunk))
                    if len(waiting) > 2 * workers:
                        for row in await asyncio.wrap_future(waiting.pop(0)):
                            await copy.write_row(row)
                for future in waiting:
                    for row in await asyncio.wrap_future(future):
                        await copy.write_row(row)
        for statement in AFTER.split(";"):
            await connection.execute(statement)
    return truth, kept


async def ask(store: Store, lines: list[dict[str, str]], times: int) -> dict[str, object]:
    """Latency of `match` one at a time, then how many a second on two connections at once."""
    random.Random(7).shuffle(lines)
    latencies: list[float] = []
    found = 0

    async def one(line: dict[str, str]) -> None:
        nonlocal found
        began = perf_counter()
        async with store.database.connection() as connection:
            answers = await match(connection, store, patient(line))
        latencies.append((perf_counter() - began) * 1000)
        found += bool(answers) and answers[0].grade == "certain"

    for line in lines[:100]:
        await one(line)
    latencies.clear()
    found, used = 0, process_time()
    began = perf_counter()
    for line in lines[:times]:
        await one(line)
    seconds, used = perf_counter() - began, process_time() - used
    latencies.sort()
    return {
        "asked": len(latencies),
        "certain": found,
        "match_ms": {f"p{p}": round(latencies[len(latencies) * p // 100], 2) for p in (50, 95, 99)},
        "match_per_s_one_connection": round(len(latencies) / seconds, 1),
        "match_processor_ms": round(used * 1000 / len(latencies), 2),
    }


async def run(conninfo: str, given: argparse.Namespace) -> dict[str, object]:
    async with Database(conninfo, size=3) as database:
        async with database.connection() as connection:
            key = await secret(connection, "index")
        store = Store(database, Hasher(key), Bodies({}))
        began = perf_counter()
        truth, kept = await fill_index(
            database, key, given.persons, given.habits, given.seed, given.workers
        )
        loading = perf_counter() - began
        asked = await ask(store, kept, given.times)
        async with database.connection() as connection:
            cursor = await connection.execute(SIZE)
            (size,) = await cursor.fetchone() or (0,)
            used = sum(getrusage(whom).ru_utime for whom in (RUSAGE_SELF, RUSAGE_CHILDREN))
            batch = await rehearse(connection, load(), partial(link, workers=given.workers))
    found = quality(list(truth.values()), [batch.clusters[number] for number in truth])
    used = sum(getrusage(whom).ru_utime for whom in (RUSAGE_SELF, RUSAGE_CHILDREN)) - used
    return {
        "registrations": len(truth), "persons": len(set(truth.values())),
        "load_s": round(loading, 1), "disk_mb": int(size) // 1_000_000, **asked,
        "batch": {
            "seconds": round(batch.seconds, 1), "processor_s": round(used, 1), "pairs": batch.figures.pairs,
            "memory_mb": batch.memory // 1_000_000, **found.plain(),
        },
        "load_average": os.getloadavg()[0],
    }  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--persons", type=int, default=450_000)
    parser.add_argument("--habits", default="town")
    parser.add_argument("--seed", type=int, default=99)
    parser.add_argument("--times", type=int, default=2000)
    parser.add_argument("--workers", type=int, default=2)
    with scratch_database() as address:
        print(orjson.dumps(asyncio.run(run(address, parser.parse_args()))).decode())
