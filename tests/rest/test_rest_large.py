"""Transactions of ten thousand entries: whole, in bounded memory. https://hl7.org/fhir/R4/http.html#transaction"""

import tracemalloc
from typing import Any

import orjson

from hie.access.caller import Caller
from hie.records.accept import accept
from hie.records.entry import Entry
from hie.records.prepare import KEPT
from hie.store.institutions import add_institution

ENTRIES = 10_000
TRACED = 3 * KEPT
BYTES_AN_ENTRY = 8_000
"""Of peak memory for a resource of half a kilobyte; parsed it would take 4 kB more all the time."""


def observation(number: int) -> dict[str, Any]:
    """One of a long series; each follows the one before it, and the first the last."""
    before = f"urn:uuid:00000000-0000-4000-8000-{(number - 1) % ENTRIES:012}"
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {
            "coding": [{"system": "http://loinc.org", "code": "8867-4", "display": "Heart rate"}]
        },
        "subject": {"reference": "urn:uuid:00000000-0000-4000-8000-ffffffffffff"},
        "effectiveDateTime": f"2024-01-{number % 28 + 1:02}T08:00:00+08:00",
        "valueQuantity": {"value": 50 + number % 90, "unit": "/min"},
        "derivedFrom": [{"reference": before}],
    }


def entry(resource: dict[str, Any], name: str) -> dict[str, Any]:
    return {
        "fullUrl": f"urn:uuid:00000000-0000-4000-8000-{name}",
        "resource": resource,
        "request": {"method": "POST", "url": resource["resourceType"]},
    }


async def test_ten_thousand_entries_are_one_transaction(client, exchange) -> None:
    sender = await client("institution", institution="A")
    patient = {"resourceType": "Patient", "name": [{"text": "张明"}], "birthDate": "1950-01-01"}
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            entry(patient, "f" * 12),
            *(entry(observation(n), f"{n:012}") for n in range(ENTRIES)),
        ],
    }
    answered = await sender.post(
        "/", content=orjson.dumps(bundle), headers={"content-type": "application/fhir+json"}
    )
    assert answered.status_code == 200, answered.text[:500]
    places = [one["response"]["location"] for one in answered.json()["entry"]]
    assert len(places) == len(set(places)) == ENTRIES + 1
    first, last = (places[n].partition("/_history")[0].rsplit("/", 2)[-2:] for n in (1, ENTRIES))
    # forwards and round the corner: the references of every entry are resolved
    found = (await sender.get(f"/Observation/{first[1]}")).json()
    assert found["derivedFrom"] == [{"reference": "/".join(last)}]
    async with exchange.store.database.connection() as connection:
        cursor = await connection.execute(
            "SELECT count(DISTINCT patient_key), count(*), count(DISTINCT last_updated) "
            "FROM store.resource WHERE type = (SELECT type FROM store.resource WHERE id = %s)",
            (first[1],),
        )
        assert await cursor.fetchone() == (1, ENTRIES, 1)


async def test_a_large_transaction_does_not_hold_its_entries_parsed(exchange) -> None:
    async with exchange.store.database.connection() as connection:
        owner = await add_institution(connection, "H1", "第一医院")
    caller = Caller.for_institution(owner.number, "test")
    entries = []
    for number in range(TRACED):
        resource = observation(number)
        resource["subject"] = {"reference": "Patient/1"}
        resource["derivedFrom"] = [{"reference": f"Observation/{number}"}]
        entries.append(Entry("POST", "Observation", body=orjson.dumps(resource)))
    await accept(exchange, caller, entries[:1])  # compiles what is compiled once
    tracemalloc.start()
    try:
        outcomes = await accept(exchange, caller, entries)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(outcomes) == TRACED
    assert peak / TRACED < BYTES_AN_ENTRY
