"""Writing versions, a whole batch at a time. https://hl7.org/fhir/R4/http.html#transaction

Round trips bound a load, so each step is one statement for the batch, and new rows go in by COPY;
those of a few entries in a pipeline, which takes no COPY, by INSERT.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec
from psycopg.rows import class_row

from hie.kit.copy_array import packed
from hie.kit.db import Connection, is_pipelined, together


class Place(NamedTuple):
    """What stands under a type and id now. Without a body: it is deleted."""

    type: int
    id: str
    patient_key: int
    key: int
    institution: int
    version: int
    last_updated: datetime
    dictionary: int
    body: bytes | None


class Version(msgspec.Struct):
    """A version to write; `previous` is where the version before it stands, if there is one.

    `id_given`: whether its sender gave it its id.
    """

    type: int
    id: str
    patient_key: int
    key: int
    change: int
    version: int
    last_updated: datetime
    institution: int
    date_low: datetime | None
    date_high: datetime | None
    tokens: list[int]
    dictionary: int
    body: bytes | None
    previous: Place | None
    id_given: bool = False


# Locks are taken in the order of type and id, so that two transactions cannot wait for each other.
# They have a statement of their own: one that waits for a lock still sees the other tables as they
# were before it waited, and so would take a version for current that another has just replaced.
# https://www.postgresql.org/docs/current/transaction-iso.html#XACT-READ-COMMITTED
LOCK = """
SELECT FROM store.resource r
WHERE (r.type, r.id) IN (SELECT * FROM unnest(%(types)s::smallint[], %(ids)s::text[]))
ORDER BY r.type, r.id
FOR UPDATE
"""

LOCK_FREE = LOCK.replace("SELECT FROM", "SELECT r.type, r.id FROM").replace(
    "FOR UPDATE", "FOR UPDATE SKIP LOCKED"
)

# What is deleted has no row to lock: of two that bring it back, the second violates the unique index.
LOCATE = """
WITH wanted AS (SELECT * FROM unnest(%(types)s::smallint[], %(ids)s::text[]) AS wanted (type, id))
SELECT r.type, r.id, r.patient_key, r.key, r.institution, r.version, r.last_updated,
       r.dictionary, r.body
FROM wanted JOIN store.resource r USING (type, id)
UNION ALL
SELECT h.type, h.id, h.patient_key, h.key, h.institution, h.version, h.last_updated, 0, NULL
FROM wanted CROSS JOIN LATERAL (
    SELECT * FROM store.history
    WHERE type = wanted.type AND id = wanted.id ORDER BY version DESC LIMIT 1
) h
WHERE NOT EXISTS (SELECT FROM store.resource r WHERE r.type = wanted.type AND r.id = wanted.id)
"""

CHANGE_NUMBERS = """
WITH number AS MATERIALIZED (
    SELECT nextval('store.change_sequence') AS number FROM generate_series(1, %s)
), outbox AS (
    INSERT INTO store.commit (first_change, last_change, committed)
    SELECT min(number), max(number), %s FROM number
)
SELECT number FROM number ORDER BY number
"""

KEEP = """
INSERT INTO store.history
    (patient_key, key, change, last_updated, version, institution, type, dictionary, id, body,
     id_given)
SELECT patient_key, key, change, last_updated, version, institution, type, dictionary, id, body,
       id_given
FROM store.resource JOIN unnest(%s::bigint[], %s::bigint[]) AS place (patient_key, key)
     USING (patient_key, key)
"""

# In place, so that whoever waits for the row's lock finds the new version under it.
REPLACE = """
UPDATE store.resource SET
    patient_key = %s, change = %s, last_updated = %s, date_low = %s, date_high = %s, version = %s,
    institution = %s, dictionary = %s, tokens = %s::bigint[], body = %s
WHERE patient_key = %s AND key = %s
"""

REMOVE = """
DELETE FROM store.resource r USING unnest(%s::bigint[], %s::bigint[]) AS place (patient_key, key)
WHERE r.patient_key = place.patient_key AND r.key = place.key
"""

COPY_RESOURCE = """
COPY store.resource (patient_key, key, change, last_updated, date_low, date_high, version,
                     institution, type, dictionary, id, tokens, body, id_given)
FROM STDIN (FORMAT binary)
"""
RESOURCE_TYPES = (
    *("int8", "int8", "int8", "timestamptz", "timestamptz", "timestamptz"),
    # the tokens are sent as they are packed here, so not converted again
    *("int4", "int4", "int2", "int2", "text", "bytea", "bytea", "bool"),
)

INSERT_RESOURCE = """
INSERT INTO store.resource (patient_key, key, change, last_updated, date_low, date_high, version,
                            institution, type, dictionary, id, tokens, body, id_given)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s::bigint[], %s, %s)
"""

INSERT_DELETION = """
INSERT INTO store.history
    (patient_key, key, change, last_updated, version, institution, type, dictionary, id, body)
SELECT *, NULL FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::timestamptz[],
                           %s::integer[], %s::integer[], %s::smallint[], %s::smallint[], %s::text[])
"""


async def locate(
    connection: Connection, ids: Collection[tuple[int, str]]
) -> dict[tuple[int, str], Place]:
    """What stands under each (type number, id), locked until the transaction ends."""
    if not ids:
        return {}
    wanted = {"types": [t for t, _ in ids], "ids": [i for _, i in ids]}
    async with connection.cursor(row_factory=class_row(Place)) as cursor:
        async with together(connection):
            await connection.execute(LOCK, wanted)
            await cursor.execute(LOCATE, wanted)
        return {(place.type, place.id): place async for place in cursor}


async def locate_free(
    connection: Connection, ids: Collection[tuple[int, str]]
) -> tuple[dict[tuple[int, str], Place], set[tuple[int, str]]]:
    """As `locate`, but without waiting: and which of them another transaction has locked."""
    if not ids:
        return {}, set()
    wanted = {"types": [t for t, _ in ids], "ids": [i for _, i in ids]}
    async with connection.cursor(row_factory=class_row(Place)) as cursor:
        async with together(connection):
            locked = await connection.execute(LOCK_FREE, wanted)
            await cursor.execute(LOCATE, wanted)
        free = set(await locked.fetchall())
        places = {(place.type, place.id): place async for place in cursor}
    held = {name for name, place in places.items() if place.body is not None} - free
    return places, held


async def change_numbers(connection: Connection, count: int, moment: datetime) -> list[int]:
    """`count` fresh change numbers, ascending, for the changes of one transaction.

    They are put into the outbox. `count` is at least 1, and a transaction asks once.
    """
    cursor = await connection.execute(CHANGE_NUMBERS, (count, moment))
    return [row[0] for row in await cursor.fetchall()]


async def write(connection: Connection, versions: Sequence[Version]) -> None:
    """Write the versions inside the caller's transaction, moving older ones into the history.

    Raises psycopg.errors.UniqueViolation when somebody else has just created one of the ids.
    """
    superseded = [(v, v.previous) for v in versions if v.previous and v.previous.body is not None]
    if superseded:
        places = [place for _, place in superseded]
        await connection.execute(KEEP, ([p.patient_key for p in places], [p.key for p in places]))
        await _replace(connection, [(v, place) for v, place in superseded if v.body is not None])
        await _remove(connection, [place for v, place in superseded if v.body is None])
    created = [
        v
        for v in versions
        if v.body is not None and not (v.previous and v.previous.body is not None)
    ]
    # The rows of a patient lie together; and of two transactions that create the same resources one
    # waits for the other, where in different orders they would wait for each other.
    created.sort(key=lambda v: (v.patient_key, v.type, v.id))
    if is_pipelined(connection):
        await _insert(connection, created)
    else:
        await _copy(connection, created)
    await _insert_deletions(connection, [v for v in versions if v.body is None])


async def _replace(connection: Connection, updates: Sequence[tuple[Version, Place]]) -> None:
    if updates:
        async with connection.cursor() as cursor:
            await cursor.executemany(
                REPLACE,
                [
                    (
                        *(v.patient_key, v.change, v.last_updated, v.date_low, v.date_high),
                        *(v.version, v.institution, v.dictionary, v.tokens, v.body),
                        *(place.patient_key, place.key),
                    )
                    for v, place in updates
                ],
            )


async def _remove(connection: Connection, places: Sequence[Place]) -> None:
    if places:
        await connection.execute(REMOVE, ([p.patient_key for p in places], [p.key for p in places]))


async def _copy(connection: Connection, created: Sequence[Version]) -> None:
    if created:
        async with connection.cursor().copy(COPY_RESOURCE) as copy:
            copy.set_types(RESOURCE_TYPES)
            for v in created:
                await copy.write_row(
                    (
                        *(v.patient_key, v.key, v.change, v.last_updated, v.date_low, v.date_high),
                        *(v.version, v.institution, v.type, v.dictionary, v.id),
                        *(packed(v.tokens), v.body, v.id_given),
                    )
                )


async def _insert(connection: Connection, created: Sequence[Version]) -> None:
    if created:
        async with connection.cursor() as cursor:
            await cursor.executemany(
                INSERT_RESOURCE,
                [
                    (
                        *(v.patient_key, v.key, v.change, v.last_updated, v.date_low, v.date_high),
                        *(v.version, v.institution, v.type, v.dictionary, v.id, v.tokens, v.body),
                        v.id_given,
                    )
                    for v in created
                ],
            )


async def _insert_deletions(connection: Connection, deletions: Sequence[Version]) -> None:
    if not deletions:
        return
    columns = zip(
        *(
            (
                *(v.patient_key, v.key, v.change, v.last_updated, v.version),
                *(v.institution, v.type, v.dictionary, v.id),
            )
            for v in deletions
        ),
        strict=True,
    )
    await connection.execute(INSERT_DELETION, tuple(list(column) for column in columns))
