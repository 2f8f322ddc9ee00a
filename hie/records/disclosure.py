"""What goes on record about reads and openings. https://profiles.ihe.net/ITI/BALP/

One event for each resident concerned; it is durable before the answer leaves.
"""

from collections.abc import Collection, Sequence

from hie.access.caller import Caller
from hie.audit.event import Action, Event
from hie.kit.db import Connection, Database, rows_of
from hie.mpi.people import PERSON_OF_KEY
from hie.records.exchange import Exchange
from hie.store.compartment import PATIENT_OF_KEY
from hie.store.read import Row

RESIDENT = f"coalesce({PERSON_OF_KEY}, {PATIENT_OF_KEY})"
"""Whom rows with the patient key `{key}` concern: the person, or a Patient that is not registered."""

RESIDENTS = f"""
SELECT key, {RESIDENT.format(key="key")} FROM unnest(%(keys)s::bigint[]) AS keys (key)
"""


async def residents(source: Database | Connection, patient_keys: Collection[int]) -> dict[int, str]:
    """The golden Patient id behind each patient key; keys of things that concern nobody are absent."""
    rows = await rows_of(source, RESIDENTS, {"keys": list(patient_keys)})
    return {key: patient for key, patient in rows if patient is not None}


def event(
    caller: Caller,
    action: Action,
    interaction: str,
    patient: str | None,
    *,
    entity_type: str | None = None,
    entity_id: str | None = None,
    entity_version: int | None = None,
    entity_count: int | None = None,
    query: str | None = None,
    purpose: str | None = None,
    reason: str | None = None,
) -> Event:
    """An event of this caller."""
    return Event(
        action,
        interaction,
        caller.client_id,
        account=caller.account,
        fhir_user=caller.user,
        institution=caller.institution,
        purpose=purpose,
        reason=reason,
        patient=patient,
        entity_type=entity_type,
        entity_id=entity_id,
        entity_version=entity_version,
        entity_count=entity_count,
        query=query,
        request_id=caller.request_id,
        address=caller.network_address,
    )


async def disclosed(
    exchange: Exchange,
    caller: Caller,
    interaction: str,
    type_name: str | None,
    *,
    rows: Sequence[Row],
    logical_id: str | None = None,
    query: str | None = None,
) -> None:
    """Put on record that these rows go out; returns when the record is durable."""
    counts: dict[int, int] = {}
    for row in rows:
        counts[row.patient_key] = counts.get(row.patient_key, 0) + 1
    if caller.patient is not None:
        people: dict[str | None, int] = {caller.patient: len(rows)}
    else:
        known = await residents(exchange.store.database, counts)
        people = {}
        for key, count in counts.items():
            person = known.get(key)
            people[person] = people.get(person, 0) + count
    events = [
        event(
            caller,
            "E" if interaction == "everything" or query is not None else "R",
            interaction,
            patient,
            entity_type=type_name,
            entity_id=logical_id,
            entity_version=rows[0].version if interaction in ("read", "vread") else None,
            entity_count=count if logical_id is None or len(rows) > 1 else None,
            query=query,
        )
        for patient, count in (people or {None: 0}).items()
    ]
    await exchange.audit.record(*events)
