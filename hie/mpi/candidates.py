"""From registrations to the persons worth comparing, read from PostgreSQL in one round trip.

Every block key reads at most `BLOCK_CAP` rows; a key that more share (a filler phone number, the
commonest name of a year) is not used. The same round trip takes the locks, so that two workers that
register one new person at once see each other: the second waits, then finds what the first wrote.
"""

from collections.abc import Collection, Sequence
from typing import Any

import orjson

from hie.kit.db import Connection
from hie.mpi import features as registration_features
from hie.mpi.model import Model, load
from hie.mpi.roster import Member, Roster
from hie.mpi.score import Surroundings

BLOCK_CAP = 100
LOCK_CLASS = 0x6D7069  # "mpi"
LOCK_BUCKETS = 4096
MOST_LOCKS = 300
PERSONS_PER_REGISTRATION = 0.4
BIRTH_CAP = 2000

LOCK_BUCKET = """
SELECT pg_advisory_xact_lock_shared(%(class)s),
    (SELECT count(pg_advisory_xact_lock(%(class)s, bucket)) FROM unnest(%(buckets)s::int[]) AS b(bucket))
"""
LOCK_ALL = "SELECT pg_advisory_xact_lock(%(class)s)"

# Registrations deleted and sent anew are not members yet, and stay apart all the same.
APART = """array(
    SELECT a.high FROM mpi.apart a WHERE a.low = r.id
    UNION ALL SELECT a.low FROM mpi.apart a WHERE a.high = r.id
)"""
# LATERAL … OFFSET 0 keeps the planner to index look-ups whatever the statistics say.
PERSONS = f"""
WITH hit AS MATERIALIZED (
    SELECT k.key, b.registration FROM unnest(%(keys)s::bigint[]) AS k(key)
    CROSS JOIN LATERAL (
        SELECT registration FROM mpi.block WHERE block.key = k.key LIMIT %(cap)s + 1
    ) b
), usable AS (
    SELECT key FROM hit GROUP BY key HAVING count(*) <= %(cap)s
), person AS MATERIALIZED (
    SELECT r.person FROM (
        SELECT DISTINCT h.registration FROM hit h WHERE h.key IN (SELECT key FROM usable)
    ) h CROSS JOIN LATERAL (
        SELECT person FROM mpi.registration WHERE number = h.registration OFFSET 0
    ) r
    UNION
    SELECT r.person FROM unnest(%(ids)s::text[]) AS i(id) CROSS JOIN LATERAL (
        SELECT person FROM mpi.registration WHERE registration.id = i.id OFFSET 0
    ) r
    UNION
    SELECT unnest(%(persons)s::text[])
)
SELECT m.id, p.person, m.keys, m.features, m.apart FROM person p CROSS JOIN LATERAL (
    SELECT id, keys, features::text, {APART} AS apart
    FROM mpi.registration r WHERE r.person = p.person OFFSET 0
) m
UNION ALL
SELECT r.id, '', '{{}}', '', {APART} FROM unnest(%(ids)s::text[]) AS r(id)
UNION ALL
SELECT '', '', array(SELECT key FROM hit EXCEPT SELECT key FROM usable), '', '{{}}'
ORDER BY id
"""
BIRTHS = """
SELECT d.date, c.count FROM unnest(%(dates)s::text[]) AS d(date) CROSS JOIN LATERAL (
    SELECT count(*) FROM (
        SELECT FROM mpi.registration WHERE birth_date = d.date LIMIT %(cap)s
    ) counted
) c
"""
SIZE = "SELECT last_value FROM mpi.registration_number_seq"


def _locks(keys: Collection[int]) -> tuple[str, dict[str, Any]]:
    """The statement that locks the blocks: each alone, or for a large batch all at once."""
    buckets = sorted({key % LOCK_BUCKETS for key in keys})
    if len(buckets) > MOST_LOCKS:
        return LOCK_ALL, {"class": LOCK_CLASS}
    return LOCK_BUCKET, {"class": LOCK_CLASS, "buckets": buckets}


async def fill(
    connection: Connection,
    keys: Collection[int],
    *,
    ids: Sequence[str] = (),
    persons: Sequence[str] = (),
    dates: Collection[str] = (),
    lock: bool = True,
    model: Model | None = None,
) -> Roster:
    """A roster of `persons` and of all who share one of `keys` or hold one of the registrations `ids`.

    With `lock` the blocks stay locked until the caller's transaction ends.
    """
    async with connection.pipeline():
        if lock:
            await connection.execute(*_locks(keys))
        found = await connection.execute(
            PERSONS,
            {"keys": sorted(keys), "ids": list(ids), "persons": list(persons), "cap": BLOCK_CAP},
        )
        births = await connection.execute(BIRTHS, {"dates": list(dates), "cap": BIRTH_CAP})
        size = await connection.execute(SIZE)
        rows = await found.fetchall()
        counts: dict[str, int] = dict(await births.fetchall())
        (registrations,) = await size.fetchone() or (0,)
    around = Surroundings(int(registrations * PERSONS_PER_REGISTRATION), registrations, counts)
    roster = Roster(model or load(), around)
    roster.crowded.update(*(member_keys for id_, _, member_keys, _, _ in rows if not id_))
    for id_, person, member_keys, plain, apart in rows:
        roster.set_apart((id_, other) for other in apart)
        if not person:
            continue
        features = registration_features.from_json(orjson.loads(plain))
        roster.add(Member(id_, person, features, tuple(member_keys)))
    return roster
