"""A few entries and many are written by other statements, and leave the same rows."""

from asyncio import gather
from typing import Any

import orjson
import pytest

from hie.access.caller import Caller
from hie.errors import Problem
from hie.kit.db import Database
from hie.records.accept import accept
from hie.records.entry import Entry
from hie.records.exchange import Exchange
from hie.records.open import open_exchange
from hie.records.together import FEW
from hie.settings import Settings
from hie.store.institutions import add_institution

SUBJECT = {"reference": "Patient/few"}
UNIT = {"system": "http://unitsofmeasure.org", "code": "mm[Hg]", "unit": "mmHg"}
CODE = {"coding": [{"system": "http://loinc.org", "code": "85354-9", "display": "Blood pressure"}]}
RESOURCES: list[dict[str, Any]] = [
    {
        "resourceType": "Observation",
        "status": "final",
        "code": CODE,
        "subject": SUBJECT,
        "effectiveDateTime": "2024-05-01T08:00:00+08:00",
        "component": [
            {"code": CODE, "valueQuantity": {**UNIT, "value": 120}},
            {"code": CODE, "valueQuantity": {**UNIT, "value": 80.5}},
        ],
    },
    {
        "resourceType": "Observation",
        "status": "final",
        "code": CODE,
        "subject": SUBJECT,
        "valueQuantity": {**UNIT, "value": 7},
    },
    {
        "resourceType": "RiskAssessment",
        "status": "final",
        "subject": SUBJECT,
        "prediction": [{"probabilityDecimal": 0.03}],
    },
    {
        "resourceType": "Practitioner",
        "name": [{"family": "张", "given": ["伟"]}],
        "birthDate": "1970-01-02",
    },
    {
        "resourceType": "Condition",
        "subject": SUBJECT,
        "onsetDateTime": "2023",
        "recordedDate": "2024-01-01",
    },
    {"resourceType": "Basic", "code": {"text": "nothing more"}},
]
ROWS = {
    "resource": "SELECT r.type, r.date_low, r.date_high, r.version, r.institution, r.tokens",
    "history": "SELECT h.type, h.version, h.body IS NULL",
    "string": "SELECT r.type, x.parameter, x.value",
    "date": "SELECT r.type, x.parameter, x.low, x.high",
    "number": "SELECT r.type, x.parameter, x.low, x.high",
    "quantity": "SELECT r.type, x.parameter, x.unit, x.low, x.high",
    "composite": "SELECT r.type, x.parameter, x.unit, x.low, x.high, x.tokens",
}
SOURCES = {
    "resource": "store.resource r WHERE r.id LIKE %s",
    "history": "store.history h WHERE h.id LIKE %s",
}
OUTBOX = "SELECT count(*), sum(last_change - first_change + 1) FROM store.commit"


async def rows(database: Database, prefix: str) -> dict[str, list[Any]]:
    """What is stored of the resources whose ids begin like this, without keys and times."""
    found = {}
    async with database.connection() as connection:
        for table, columns in ROWS.items():
            source = SOURCES.get(
                table,
                f"store.resource r JOIN search.{table} x USING (patient_key, key) "
                "WHERE r.id LIKE %s",
            )
            cursor = await connection.execute(f"{columns} FROM {source}", (f"{prefix}-%",))
            found[table] = sorted(map(repr, await cursor.fetchall()))
    return found


def entries(prefix: str, note: str) -> list[Entry]:
    """Updates that create or change all the resources, more than a few at once."""
    made = []
    for number, resource in enumerate(2 * RESOURCES):
        logical_id = f"{prefix}-{number}"
        body = {**resource, "id": logical_id, "language": note}
        made.append(Entry("PUT", resource["resourceType"], logical_id, orjson.dumps(body)))
    assert len(made) > FEW
    return made


def deletions(prefix: str) -> list[Entry]:
    return [Entry("DELETE", entry.type, entry.id) for entry in entries(prefix, "zh")]


async def test_one_by_one_and_all_at_once(database: Database) -> None:
    async with open_exchange(Settings(), database.conninfo) as exchange:
        caller = await institution(exchange)
        steps = [lambda p: entries(p, "zh"), lambda p: entries(p, "en"), deletions]
        for step in steps:
            await accept(exchange, caller, step("many"))
            for entry in step("few"):
                await accept(exchange, caller, [entry])
            many, few = await rows(database, "many"), await rows(database, "few")
            assert many == few
            assert many["history"] or many["quantity"]
        count = len(entries("many", "zh"))
        async with database.connection() as connection:
            outbox = await (await connection.execute(OUTBOX)).fetchone()
        # a row a transaction, and every change in one of them
        assert outbox == (3 * (count + 1), 3 * 2 * count)


async def test_the_first_of_a_few_that_fails_undoes_all(database: Database) -> None:
    async with open_exchange(Settings(), database.conninfo) as exchange:
        caller = await institution(exchange)
        good, other, *_ = entries("few", "zh")
        stale = Entry("PUT", other.type, other.id, other.body, if_match='W/"7"')
        with pytest.raises(Problem) as refused:
            await accept(exchange, caller, [good, stale])
        assert refused.value.status == 412
        assert not any((await rows(database, "few")).values())
        async with exchange.store.database.connection() as connection:
            # what a transaction of a few sets ends with it
            cursor = await connection.execute("SHOW enable_seqscan")
            assert await cursor.fetchone() == ("on",)


async def test_those_who_create_the_same_at_once_follow_each_other(database: Database) -> None:
    async with open_exchange(Settings(), database.conninfo) as exchange:
        caller = await institution(exchange)
        same = [entries("few", language)[0] for language in ("zh", "en", "de")]
        done = await gather(*(accept(exchange, caller, [entry]) for entry in same))
        assert sorted((one.status, one.version) for [one] in done) == [(200, 2), (200, 3), (201, 1)]


async def institution(exchange: Exchange) -> Caller:
    async with exchange.store.database.connection() as connection:
        made = await add_institution(connection, "H1", "第一医院")
    return Caller.for_institution(made.number, "few")
