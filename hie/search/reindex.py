"""Indexing stored resources anew, for search parameters that were added or removed, and for what
resources contain that were stored before it was indexed.

Each type is gone through in the order of creation, in batches that commit with the place that they have
reached: interrupted work goes on from there, and several processes share it. What is written meanwhile
is indexed by the same definitions already (`definitions.hold`). A parameter can be searched by when all
of its types are through without a resource left out.
"""

import logging
from collections.abc import AsyncIterator, Collection, Sequence
from datetime import datetime
from typing import NamedTuple

import orjson
from psycopg.errors import DeadlockDetected

from hie.fhir.definitions import RESOURCE_TYPES, type_number
from hie.fhir.definitions import type_name as name_of
from hie.kit.clock import now
from hie.kit.db import Connection
from hie.search import definitions, index
from hie.search.contained import BITS, FIRST
from hie.search.define import renew
from hie.search.index import Indexed, extract
from hie.store.open import Store

logger = logging.getLogger(__name__)

BATCH = 500
# A batch of the usual reading order can only lose a deadlock against one writer at a time.
ATTEMPTS = 5

JOB = """
INSERT INTO search.reindex AS job
    (type, definitions, position, done, expected, rewritten, failed, started, reached)
VALUES (%(type)s, %(definitions)s, 0, 0,
    (SELECT count(*) FROM store.resource r WHERE r.type = %(type)s), 0, '{}', now(), now())
ON CONFLICT (type) DO UPDATE SET
    definitions = excluded.definitions, position = 0, done = 0, expected = excluded.expected,
    rewritten = 0, failed = '{}', started = now(), reached = now(), finished = NULL
WHERE job.definitions <> excluded.definitions
   OR (job.finished IS NOT NULL AND (%(again)s OR cardinality(job.failed) > 0))
"""
JOBS = """
SELECT type, definitions, position, done, expected, rewritten, failed, started, reached, finished,
    contained
FROM search.reindex ORDER BY type
"""
LOCK_JOB = JOBS.replace("ORDER BY type", "WHERE type = %s FOR UPDATE")
# A row that another transaction is changing is read as that one leaves it; what it contains may be
# counted as it was before, and is then indexed once more than needed.
ROWS = f"""
SELECT r.patient_key, r.key, r.id, r.tokens, r.dictionary, r.body, (
    SELECT count(*) FROM search.contained c WHERE c.patient_key = r.patient_key
        AND c.key >= {FIRST} + (r.key << {BITS}) AND c.key < {FIRST} + ((r.key + 1) << {BITS})
)
FROM store.resource r
WHERE r.type = %s AND r.key > %s ORDER BY r.key LIMIT %s FOR UPDATE
"""
REWRITE = """
UPDATE store.resource SET tokens = %s, date_low = %s, date_high = %s
WHERE patient_key = %s AND key = %s
"""
ADVANCE = """
UPDATE search.reindex SET position = %(position)s, done = done + %(done)s,
    rewritten = rewritten + %(rewritten)s,
    failed = failed || %(failed)s::text[], reached = now(),
    finished = CASE WHEN %(last)s THEN now() END,
    contained = contained OR (%(last)s AND cardinality(failed || %(failed)s::text[]) = 0)
WHERE type = %(type)s
"""
CLEAN = """
DELETE FROM search.{table} t
WHERE t.parameter >= %s AND t.parameter <> ALL(SELECT number FROM search.definition)
"""
THROUGH = """
UPDATE search.definition d SET ready = true
WHERE NOT ready AND NOT EXISTS (
    SELECT FROM unnest(%(types)s::smallint[], %(names)s::text[]) AS base (type, name)
    LEFT JOIN search.reindex job USING (type)
    WHERE d.bases ? base.name AND (
        job.finished IS NULL OR cardinality(job.failed) > 0 OR d.number <> ALL(job.definitions)
    )
)
RETURNING code
"""


class Job(NamedTuple):
    """How far one type is."""

    type: int
    definitions: list[int]
    position: int
    done: int
    expected: int
    """How many there were at the start; some may have come or gone since."""
    rewritten: int
    failed: list[str]
    """Ids of resources that could not be read: they are indexed as they were before."""
    started: datetime
    reached: datetime
    finished: datetime | None
    contained: bool
    """Whether what the resources contain is indexed."""

    @property
    def type_name(self) -> str:
        return name_of(self.type)


async def jobs(connection: Connection) -> list[Job]:
    """Every type that has been gone through or begun."""
    return [Job(*row) for row in await (await connection.execute(JOBS)).fetchall()]


async def waiting(connection: Connection) -> list[str]:
    """The types of parameters that cannot be searched by yet, those of which it is not known what they
    contain, and those that were begun."""
    await definitions.follow(connection)
    types = {base for each in definitions.every() if not each.ready for base in each.bases}
    types |= {
        job.type_name for job in await jobs(connection) if job.finished is None or not job.contained
    }
    return sorted(types)


async def reindex(
    store: Store, types: Collection[str], *, every: bool = False
) -> AsyncIterator[Job]:
    """Go through the types; gives the state after each batch.

    Only what the definitions change is written, with `every` all that there is.
    """
    for type_name in sorted(types):
        async with store.database.transaction() as connection:
            await definitions.hold(connection)
            await connection.execute(
                JOB,
                {
                    "type": type_number(type_name),
                    "definitions": _numbers(type_name),
                    "again": every or type_name not in await waiting(connection),
                },
            )
        while True:
            job = await _batch(store, type_name, every)
            yield job
            if job.finished is not None:
                break


async def conclude(store: Store) -> list[str]:
    """Remove what is left of parameters that are gone; let those that are through be searched by.

    Gives the codes of the latter.
    """
    async with store.database.transaction() as connection:
        # others write meanwhile, but nothing more of what is gone
        await definitions.hold(connection)
        for table in index.COPY:
            await connection.execute(CLEAN.format(table=table), (definitions.FIRST_NUMBER,))
    async with store.database.transaction() as connection:
        await definitions.hold(connection, alone=True)
        names = list(RESOURCE_TYPES)
        cursor = await connection.execute(
            THROUGH, {"types": [type_number(name) for name in names], "names": names}
        )
        ready = [row[0] for row in await cursor.fetchall()]
        if ready:
            await renew(connection)
        return ready


def _numbers(type_name: str) -> list[int]:
    return [each.number for each in definitions.added(type_name)]


async def _batch(store: Store, type_name: str, every: bool) -> Job:
    for _ in range(ATTEMPTS - 1):
        try:
            return await _attempt(store, type_name, every)
        except DeadlockDetected:
            continue
    return await _attempt(store, type_name, every)


async def _attempt(store: Store, type_name: str, every: bool) -> Job:
    number = type_number(type_name)
    async with store.database.transaction() as connection:
        await definitions.hold(connection)
        job = await _locked(connection, number)
        if job.definitions != _numbers(type_name):
            # the definitions have changed since: what is done was done by others
            values = {"type": number, "definitions": _numbers(type_name), "again": False}
            await connection.execute(JOB, values)
            job = await _locked(connection, number)
        if job.finished is not None:
            return job
        rows = await (await connection.execute(ROWS, (number, job.position, BATCH))).fetchall()
        changed: list[tuple[int, int, int, Indexed]] = []
        failed: list[str] = []
        for patient_key, key, logical_id, tokens, dictionary, body, contained in rows:
            try:
                resource = orjson.loads(store.bodies.expand(dictionary, body))
                indexed = extract(resource, store.hasher)
            except Exception:
                # One resource must not hold up all others; the job names it, the log says why.
                logger.exception("%s/%s could not be indexed", type_name, logical_id)
                failed.append(logical_id)
                continue
            if every or indexed.tokens != tokens or len(indexed.contained) != contained:
                changed.append((patient_key, key, number, indexed))
        await _rewrite(connection, changed)
        last = len(rows) < BATCH
        position = rows[-1][1] if rows else job.position
        await connection.execute(
            ADVANCE,
            {
                "position": position,
                "done": len(rows),
                "rewritten": len(changed),
                "failed": failed,
                "last": last,
                "type": number,
            },
        )
        return job._replace(
            position=position,
            done=job.done + len(rows),
            rewritten=job.rewritten + len(changed),
            failed=job.failed + failed,
            finished=now() if last else None,
            contained=job.contained or (last and not job.failed and not failed),
        )


async def _locked(connection: Connection, number: int) -> Job:
    row = await (await connection.execute(LOCK_JOB, (number,))).fetchone()
    assert row is not None  # noqa: S101 - made before the first batch and never deleted
    return Job(*row)


async def _rewrite(
    connection: Connection, changed: Sequence[tuple[int, int, int, Indexed]]
) -> None:
    """Replace all index values of the rows."""
    if not changed:
        return
    async with connection.cursor() as cursor:
        await cursor.executemany(
            REWRITE,
            [(i.tokens, i.date_low, i.date_high, patient, key) for patient, key, _, i in changed],
        )
    places = [(patient, key) for patient, key, _, _ in changed]
    await index.erase(connection, places, places)
    await index.write(connection, changed)
