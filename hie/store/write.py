"""Writing versions, a whole batch at a time. https://hl7.org/fhir/R4/http.html#transaction

Round trips bound a load, so each step is one statement for the batch, and new rows go in by COPY.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from psycopg.rows import class_row

from hie.kit.db import Connection


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


@dataclass(slots=True)
class Version:
    """A version to write; `previous` is where the version before it stands, if there is one."""

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


# Locks are taken in the order of type and id, so that two transactions cannot wait for each other.
# They have a statement of their own: one that waits for a lock still sees the other tables as they
# were before it waited, and so would take a version for current that another has just replaced.
# https://www.postgresql.org/docs/current/transaction-iso.html#XACT-READ-COMMITTED
LOCK = """
SELECT FROM store.directory d
WHERE (d.type, d.id) IN (SELECT * FROM unnest(%s::smallint[], %s::text[]))
ORDER BY d.type, d.id
FOR UPDATE
"""

LOCATE = """
SELECT d.type, d.id, d.patient_key, d.key, d.institution,
       coalesce(r.version, h.version) AS version,
       coalesce(r.last_updated, h.last_updated) AS last_updated,
       coalesce(r.dictionary, 0) AS dictionary, r.body
FROM store.directory d
LEFT JOIN store.resource r USING (patient_key, key)
LEFT JOIN LATERAL (
    SELECT version, last_updated FROM store.history
    WHERE d.deleted AND key = d.key ORDER BY version DESC LIMIT 1
) h ON true
WHERE (d.type, d.id) IN (SELECT * FROM unnest(%s::smallint[], %s::text[]))
"""

CHANGE_NUMBERS = "SELECT nextval('store.change_sequence') FROM generate_series(1, %s)"

SUPERSEDE = """
WITH gone AS (
    DELETE FROM store.resource r
    USING unnest(%s::bigint[], %s::bigint[]) AS place (patient_key, key)
    WHERE r.patient_key = place.patient_key AND r.key = place.key
    RETURNING r.*
)
INSERT INTO store.history
    (patient_key, key, change, last_updated, version, institution, type, dictionary, id, body)
SELECT patient_key, key, change, last_updated, version, institution, type, dictionary, id, body
FROM gone
"""

UPDATE_DIRECTORY = """
UPDATE store.directory d
SET patient_key = place.patient_key, deleted = place.deleted
FROM unnest(%s::smallint[], %s::text[], %s::bigint[], %s::boolean[])
    AS place (type, id, patient_key, deleted)
WHERE d.type = place.type AND d.id = place.id
"""

COPY_DIRECTORY = """
COPY store.directory (type, id, patient_key, key, institution) FROM STDIN (FORMAT binary)
"""
DIRECTORY_TYPES = ("int2", "text", "int8", "int8", "int4")

COPY_RESOURCE = """
COPY store.resource (patient_key, key, change, last_updated, date_low, date_high, version,
                     institution, type, dictionary, id, tokens, body) FROM STDIN (FORMAT binary)
"""
RESOURCE_TYPES = (
    *("int8", "int8", "int8", "timestamptz", "timestamptz", "timestamptz"),
    *("int4", "int4", "int2", "int2", "text", "int8[]", "bytea"),
)

INSERT_DELETION = """
INSERT INTO store.history
    (patient_key, key, change, last_updated, version, institution, type, dictionary, id, body)
SELECT *, NULL FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::timestamptz[],
                           %s::integer[], %s::integer[], %s::smallint[], %s::smallint[], %s::text[])
"""

INSERT_COMMIT = """
INSERT INTO store.commit (first_change, last_change, committed) VALUES (%s, %s, %s)
"""


async def locate(
    connection: Connection, ids: Collection[tuple[int, str]]
) -> dict[tuple[int, str], Place]:
    """What stands under each (type number, id), locked until the transaction ends."""
    if not ids:
        return {}
    wanted = ([t for t, _ in ids], [i for _, i in ids])
    if (await connection.execute(LOCK, wanted)).rowcount == 0:
        return {}
    async with connection.cursor(row_factory=class_row(Place)) as cursor:
        await cursor.execute(LOCATE, wanted)
        return {(place.type, place.id): place async for place in cursor}


async def change_numbers(connection: Connection, count: int) -> list[int]:
    """`count` fresh change numbers, ascending."""
    cursor = await connection.execute(CHANGE_NUMBERS, (count,))
    return [row[0] for row in await cursor.fetchall()]


async def write(connection: Connection, versions: Sequence[Version]) -> None:
    """Write the versions inside the caller's transaction, moving older ones into the history.

    Raises psycopg.errors.UniqueViolation when somebody else has just created one of the ids.
    """
    superseded = [v.previous for v in versions if v.previous and v.previous.body is not None]
    if superseded:
        await connection.execute(
            SUPERSEDE, ([p.patient_key for p in superseded], [p.key for p in superseded])
        )
    changed = [v for v in versions if v.previous]
    if changed:
        await connection.execute(
            UPDATE_DIRECTORY,
            (
                [v.type for v in changed],
                [v.id for v in changed],
                [v.patient_key for v in changed],
                [v.body is None for v in changed],
            ),
        )
    await _copy(connection, versions)
    await _insert_deletions(connection, [v for v in versions if v.body is None])
    changes = [v.change for v in versions]
    await connection.execute(INSERT_COMMIT, (min(changes), max(changes), versions[0].last_updated))


async def _copy(connection: Connection, versions: Sequence[Version]) -> None:
    created = [v for v in versions if v.previous is None]
    if created:
        async with connection.cursor().copy(COPY_DIRECTORY) as copy:
            copy.set_types(DIRECTORY_TYPES)
            for v in created:
                await copy.write_row((v.type, v.id, v.patient_key, v.key, v.institution))
    current = [v for v in versions if v.body is not None]
    if current:
        async with connection.cursor().copy(COPY_RESOURCE) as copy:
            copy.set_types(RESOURCE_TYPES)
            for v in current:
                await copy.write_row(
                    (
                        *(v.patient_key, v.key, v.change, v.last_updated, v.date_low, v.date_high),
                        *(v.version, v.institution, v.type, v.dictionary, v.id, v.tokens, v.body),
                    )
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
