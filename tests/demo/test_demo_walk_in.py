"""What the data steward finds in the demo does not depend on which institution sends faster."""

import itertools
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import date

import orjson
import pytest

from hie.access.caller import Caller
from hie.demo.district import District, Record, records
from hie.demo.personas import MISHEARD
from hie.demo.registration import patient
from hie.records.accept import accept
from hie.records.entry import Entry
from hie.records.exchange import Exchange
from hie.records.open import open_exchange
from hie.settings import Settings
from hie.store.institutions import add_institution

DISTRICT = District(1, 12, date(2026, 3, 1))


async def register(exchange: Exchange, record: Record) -> None:
    async with exchange.store.database.transaction() as connection:
        code = record.registration.institution
        sender = await add_institution(connection, code, code)
    made = patient(record.registration)
    entry = Entry("PUT", "Patient", made["id"], orjson.dumps(made))
    await accept(exchange, Caller.for_institution(sender.number, code), [entry])


@pytest.mark.parametrize("key", MISHEARD)
async def test_a_misheard_name_waits_for_the_steward_in_whatever_order(
    key: str, cloned: Callable[[], AbstractContextManager[str]]
) -> None:
    known = [
        record
        for home in DISTRICT.households()
        for record in records(DISTRICT, home)
        if record.registration.resident.key == key
    ]
    for order in itertools.islice(itertools.permutations(known), 0, None, len(known) - 1):
        with cloned() as conninfo:
            async with open_exchange(Settings(database_url=conninfo), conninfo) as exchange:
                for record in order:
                    await register(exchange, record)
                async with exchange.store.database.connection() as connection:
                    cursor = await connection.execute("SELECT count(*) FROM mpi.review")
                    assert await cursor.fetchone() == (1,), [
                        one.registration.institution for one in order
                    ]
