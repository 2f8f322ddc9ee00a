"""From the inbox to the record. One message is one transaction, with the change of its state in it,
so that a crash at any moment leaves it either wholly accepted or waiting.

Messages of one institution are taken in the order of arrival, whichever worker takes them: an
advisory lock for the institution is held while one is carried out. https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS
"""

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import psycopg
from psycopg.errors import DeadlockDetected, SerializationFailure, UniqueViolation
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from hie.access.caller import Caller
from hie.errors import Problem
from hie.fhir.definitions import type_number
from hie.ingest.hl7v2.draft import Draft
from hie.ingest.hl7v2.fault import MessageError
from hie.ingest.hl7v2.mapping import plan
from hie.ingest.hl7v2.message import parse
from hie.ingest.hl7v2.plan import Plan
from hie.ingest.hl7v2.serialise import from_bytes, to_bytes
from hie.ingest.hl7v2.source import Source
from hie.ingest.reason import reason_of
from hie.kit.db import Connection
from hie.records.accept import accept_in
from hie.records.entry import Entry
from hie.records.exchange import Exchange
from hie.store.institutions import Institution
from hie.store.write import locate

logger = logging.getLogger(__name__)

# The first number sets these locks apart from other advisory locks: "hie" in ASCII.
LOCK = "SELECT pg_advisory_xact_lock(6842725, %s)"
NEXT = """
SELECT id, attempts, peer, coalesce(mended, body) AS body
FROM ingest.inbox WHERE institution = %s AND state = 'received' ORDER BY id LIMIT 1
"""
DONE = """
UPDATE ingest.inbox
SET state = 'done', settled = clock_timestamp(), attempts = attempts + 1, reason = NULL, patient = %s
WHERE institution = %s AND id = %s
"""
QUARANTINE = """
UPDATE ingest.inbox
SET state = 'quarantined', settled = clock_timestamp(), attempts = attempts + 1, reason = %s
WHERE institution = %s AND id = %s
"""
LATER_DONE = """
SELECT EXISTS (
    SELECT FROM ingest.inbox
    WHERE institution = %s AND patient = %s AND id > %s AND state = 'done'
)
"""
CONFLICTS = (DeadlockDetected, SerializationFailure, UniqueViolation)
"""Somebody else was faster: the same again will do."""
TRIES = 8


class Waiting(NamedTuple):
    """A message to carry out."""

    id: int
    attempts: int
    peer: str | None
    body: bytes


async def process_next(exchange: Exchange, institution: int) -> bool:
    """Carry out the institution's oldest waiting message; False if there is none.

    It ends as done or in quarantine. Raises psycopg.OperationalError if the database goes away; the
    message then waits for the next attempt.
    """
    for attempt in range(TRIES):
        try:
            async with exchange.store.database.transaction() as connection:
                await connection.execute(LOCK, (institution,))
                waiting = await _next(connection, institution)
                if waiting is None:
                    return False
                last = attempt == TRIES - 1
                await _settle(connection, exchange, institution, waiting, last=last)
                return True
        except CONFLICTS as error:
            logger.info("inbox: trying again after %s", type(error).__name__)
    raise AssertionError("unreachable: the last attempt settles the message")


async def _next(connection: Connection, institution: int) -> Waiting | None:
    async with connection.cursor(row_factory=class_row(Waiting)) as cursor:
        await cursor.execute(NEXT, (institution,))
        return await cursor.fetchone()


async def _settle(
    connection: Connection, exchange: Exchange, institution: int, waiting: Waiting, *, last: bool
) -> None:
    try:
        # A savepoint: what a refused message wrote is undone, its quarantine is not.
        async with connection.transaction():
            sender = await exchange.institution(connection, institution)
            patient = await _carry_out(connection, exchange, sender, waiting)
    except (MessageError, Problem) as error:
        logger.info("inbox: message %s quarantined: %s", waiting.id, error)
        await _quarantine(connection, institution, waiting, error)
    except CONFLICTS as error:
        if not last:
            raise
        await _quarantine(connection, institution, waiting, error)
    except psycopg.OperationalError:
        raise  # the database, not the message: it waits for the next attempt
    except Exception as error:
        # A fault of ours must not stop the institution's other messages.
        logger.exception("inbox: message %s failed", waiting.id)
        await _quarantine(connection, institution, waiting, error)
    else:
        await connection.execute(DONE, (patient, institution, waiting.id))


async def _quarantine(
    connection: Connection, institution: int, waiting: Waiting, error: Exception
) -> None:
    values = (Jsonb(reason_of(error)), institution, waiting.id)
    await connection.execute(QUARANTINE, values)


async def _carry_out(
    connection: Connection, exchange: Exchange, sender: Institution, waiting: Waiting
) -> str:
    """The id of the patient that the message is about, once all it says is accepted."""
    said = plan(parse(waiting.body), Source(sender.code))
    # Only a message that was held back can have been overtaken.
    late = waiting.attempts > 0 and await _overtaken(connection, sender, said, waiting)
    entries = await _entries(connection, exchange, said.drafts, late=late)
    if entries:
        caller = replace(
            Caller.for_institution(sender.number, sender.name),
            network_address=waiting.peer,
            request_id=f"inbox/{waiting.id}",
        )
        await accept_in(connection, exchange, caller, entries)
    return said.patient


async def _overtaken(
    connection: Connection, sender: Institution, said: Plan, waiting: Waiting
) -> bool:
    cursor = await connection.execute(LATER_DONE, (sender.number, said.patient, waiting.id))
    row = await cursor.fetchone()
    return bool(row and row[0])


async def _entries(
    connection: Connection, exchange: Exchange, drafts: Sequence[Draft], *, late: bool
) -> list[Entry]:
    """What to write, given what stands under the same ids now; the rows are locked."""
    keys = [(type_number(d.resource["resourceType"]), d.resource["id"]) for d in drafts]
    places = await locate(connection, keys)
    entries = []
    for draft, key in zip(drafts, keys, strict=True):
        place = places.get(key)
        known = None
        if place and place.body is not None:
            known = from_bytes(exchange.store.bodies.expand(place.dictionary, place.body))
        resource = draft.joined(known, late=late)
        if resource is not None:
            # The exchange sets the rest of `meta` itself.
            resource = {**resource, "meta": draft.resource["meta"]}
            entries.append(
                Entry("PUT", resource["resourceType"], resource["id"], to_bytes(resource))
            )
    return entries
