"""Changes of several callers in one transaction: each is carried out, refused and put on record by itself."""

from asyncio import create_task, gather, wait_for
from typing import Any

import orjson

from hie.access.caller import Caller
from hie.errors import Problem
from hie.kit.db import Database
from hie.records.accept import accept
from hie.records.entry import Entry, Outcome
from hie.records.exchange import Exchange
from hie.records.open import open_exchange
from hie.records.together import FEW
from hie.settings import Settings
from hie.store.institutions import add_institution

COMMITS = "SELECT count(*) FROM store.commit"
STORED = "SELECT id, version FROM store.resource WHERE id LIKE %s ORDER BY id"
ON_RECORD = (
    "SELECT institution, request_id, action, entity_id, entity_version FROM audit.event ORDER BY 2"
)
TRIPWIRE = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '22000'; END $$;
CREATE TRIGGER refuse BEFORE INSERT ON store.resource FOR EACH ROW
WHEN (NEW.id = 'together-3') EXECUTE FUNCTION refuse()
"""


def put(logical_id: str, note: str = "zh", **more: Any) -> Entry:
    resource = {
        "resourceType": "Observation",
        "id": logical_id,
        "language": note,
        "status": "final",
        "code": {"text": "血压"},
        "subject": {"reference": "Patient/together"},
        "valueQuantity": {"value": 120, "unit": "mm[Hg]"},
    }
    return Entry("PUT", "Observation", logical_id, orjson.dumps(resource), **more)


async def institution(exchange: Exchange, code: str = "H1") -> Caller:
    async with exchange.store.database.connection() as connection:
        made = await add_institution(connection, code, f"医院 {code}")
    return Caller.for_institution(made.number, code)


async def all_rows(database: Database, statement: str, *values: object) -> list[tuple[Any, ...]]:
    async with database.connection() as connection:
        return await (await connection.execute(statement, values)).fetchall()


async def tried(exchange: Exchange, caller: Caller, *entries: Entry) -> Outcome | int:
    """The outcome of the first entry, or the status of the refusal."""
    try:
        return (await accept(exchange, caller, entries))[0]
    except Problem as refused:
        return refused.status


async def test_many_at_once_share_transactions(database: Database) -> None:
    async with open_exchange(Settings(), database.conninfo) as exchange:
        caller = await institution(exchange)
        entries = [put(f"together-{number}") for number in range(40)]
        done = await gather(*(tried(exchange, caller, entry) for entry in entries))
        assert all(isinstance(one, Outcome) and one.status == 201 for one in done)
        [(commits,)] = await all_rows(database, COMMITS)
        assert commits < 5
        stored = await all_rows(database, STORED, "together-%")
        assert stored == sorted((f"together-{number}", 1) for number in range(40))


async def test_one_that_is_refused_refuses_no_other(database: Database) -> None:
    async with open_exchange(Settings(), database.conninfo) as exchange:
        caller, other = await institution(exchange), await institution(exchange, "H2")
        await accept(exchange, other, [put("foreign")])
        await accept(exchange, caller, [put("own")])
        done = await gather(
            tried(exchange, caller, put("together-1")),
            tried(exchange, caller, put("foreign", "en")),
            tried(exchange, caller, put("own", "en", if_match='W/"7"')),
            tried(exchange, caller, Entry("DELETE", "Observation", "nobody")),
            tried(exchange, caller, Entry("DELETE", "Observation", "foreign")),
            # all or nothing: the second of the two is refused, so the first is not stored either
            tried(exchange, caller, put("together-2"), put("foreign", "en")),
            tried(exchange, caller, put("together-3")),
            tried(exchange, caller, Entry("DELETE", "Observation", "own")),
        )
        statuses = [one if isinstance(one, int) else one.status for one in done]
        assert statuses == [201, 403, 412, 404, 404, 403, 201, 204]
        assert await all_rows(database, STORED, "%") == [
            ("foreign", 1),
            ("together-1", 1),
            ("together-3", 1),
        ]


async def test_each_is_on_record_under_its_own_caller(database: Database) -> None:
    async with open_exchange(Settings(), database.conninfo) as exchange:
        one, two = await institution(exchange), await institution(exchange, "H2")
        callers = [one.asking("192.0.2.1", "r1"), two.asking("192.0.2.2", "r2")]
        await gather(
            *(tried(exchange, each, put(f"of-{each.client_id}")) for each in callers),
        )
        assert await all_rows(database, ON_RECORD) == [
            (one.institution, "r1", "C", "of-H1", 1),
            (two.institution, "r2", "C", "of-H2", 1),
        ]


async def test_who_waits_for_a_lock_holds_up_nobody(database: Database) -> None:
    async with open_exchange(Settings(), database.conninfo) as exchange:
        caller = await institution(exchange)
        await accept(exchange, caller, [put("held")])
        async with database.transaction() as connection:
            await connection.execute("SELECT FROM store.resource WHERE id = 'held' FOR UPDATE")
            waiting = create_task(tried(exchange, caller, put("held", "en")))
            others = (tried(exchange, caller, put(f"together-{number}")) for number in range(20))
            done = await wait_for(gather(*others), 30)
            assert not waiting.done()
        outcome = await wait_for(waiting, 30)
        assert isinstance(outcome, Outcome)
        assert outcome.version == 2
        assert {one.status for one in done if isinstance(one, Outcome)} == {201}


async def test_what_the_database_refuses_is_refused_alone(database: Database) -> None:
    async with open_exchange(Settings(), database.conninfo) as exchange:
        caller = await institution(exchange)
        async with database.connection() as connection:
            await connection.execute(TRIPWIRE)
        entries = [put(f"together-{number}") for number in range(FEW + 4)]
        done = await gather(
            *(accept(exchange, caller, [entry]) for entry in entries), return_exceptions=True
        )
        failed = [number for number, one in enumerate(done) if isinstance(one, BaseException)]
        assert failed == [3]
        assert len(await all_rows(database, STORED, "together-%")) == FEW + 3


async def test_all_changes_of_one_resource_follow_each_other(database: Database) -> None:
    async with open_exchange(Settings(), database.conninfo) as exchange:
        caller = await institution(exchange)
        entries = [put("one", language) for language in ("zh", "en", "de", "fr", "nl", "it")]
        done = await gather(*(accept(exchange, caller, [entry]) for entry in entries))
        assert sorted(one.version for [one] in done) == [1, 2, 3, 4, 5, 6]


async def test_without_a_database_nobody_is_told_that_it_was_stored(database: Database) -> None:
    async with open_exchange(Settings(), database.conninfo) as exchange:
        caller = await institution(exchange)
        await exchange.store.database.close()
        done = await gather(
            *(accept(exchange, caller, [put(f"together-{n}")]) for n in range(3)),
            return_exceptions=True,
        )
        assert all(isinstance(one, Exception) for one in done)
    assert await all_rows(database, STORED, "together-%") == []
