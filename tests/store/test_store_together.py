"""Changes of several callers in one transaction: each is carried out, refused and put on record by itself."""

from asyncio import create_task, gather, wait_for
from typing import Any

import orjson
import pytest

from hie.access.caller import Caller
from hie.errors import Problem
from hie.kit.db import Database
from hie.kit.hashing import Hasher
from hie.records.accept import accept
from hie.records.entry import Entry, Outcome
from hie.records.exchange import Exchange
from hie.records.match import LOCK, normal, question_number
from hie.records.open import open_exchange
from hie.records.together import FEW
from hie.search.identified import identifier_token
from hie.search.index import extract
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


def known_as(value: str, note: str = "zh", *, put_it: bool = False) -> Entry:
    """A create if nobody has the identifier, or the update of whoever has it."""
    resource = {
        **orjson.loads(put("x", note).body or b""),
        "identifier": [{"system": "urn:lab", "value": value}],
    }
    del resource["id"]
    body, criteria = orjson.dumps(resource), f"identifier=urn:lab|{value}"
    if put_it:
        return Entry("PUT", "Observation", body=body, query=criteria)
    return Entry("POST", "Observation", body=body, if_none_exist=criteria)


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


async def test_of_those_who_create_the_same_if_it_is_not_there_one_does(database: Database) -> None:
    async with open_exchange(Settings(), database.conninfo) as exchange:
        caller = await institution(exchange)
        entries = [known_as(str(number % 5), str(number)) for number in range(30)]
        done = await gather(*(tried(exchange, caller, entry) for entry in entries))
        outcomes = [one for one in done if isinstance(one, Outcome)]
        assert sorted(one.status for one in outcomes) == 25 * [200] + 5 * [201]
        assert len({one.id for one in outcomes}) == 5
        assert len(await all_rows(database, STORED, "%")) == 5


async def test_those_who_update_by_an_identifier_find_what_they_made(database: Database) -> None:
    async with open_exchange(Settings(), database.conninfo) as exchange:
        caller = await institution(exchange)
        for note, status in (("zh", 201), ("en", 200), ("en", 200)):
            entries = [known_as(str(number), note, put_it=True) for number in range(20)]
            done = await gather(*(tried(exchange, caller, entry) for entry in entries))
            assert {one.status for one in done if isinstance(one, Outcome)} == {status}
        [(commits,)] = await all_rows(database, COMMITS)
        assert commits < 15
        # the third round said what was there already
        assert {version for _, version in await all_rows(database, STORED, "%")} == {2}


async def test_criteria_match_nothing_that_the_caller_may_not_see(database: Database) -> None:
    async with open_exchange(Settings(), database.conninfo) as exchange:
        caller, other = await institution(exchange), await institution(exchange, "H2")
        [[theirs]] = await gather(accept(exchange, other, [known_as("1")]))
        done = await gather(
            tried(exchange, caller, known_as("1")),
            tried(exchange, caller, known_as("2")),
            tried(exchange, other, known_as("1", "en")),
        )
        assert [one.status for one in done if isinstance(one, Outcome)] == [201, 201, 200]
        assert isinstance(done[0], Outcome)
        assert done[0].id != theirs.id
        assert isinstance(done[2], Outcome)
        assert done[2].id == theirs.id


async def test_criteria_that_match_several_refuse_nobody_else(database: Database) -> None:
    async with open_exchange(Settings(), database.conninfo) as exchange:
        caller = await institution(exchange)
        for name in ("one", "two"):
            resource = orjson.loads(known_as("same").body or b"")
            body = orjson.dumps({**resource, "id": name})
            await accept(exchange, caller, [Entry("PUT", "Observation", name, body)])
        done = await gather(
            tried(exchange, caller, known_as("same")),
            tried(exchange, caller, known_as("other")),
            tried(exchange, caller, known_as("same", put_it=True)),
        )
        assert [one if isinstance(one, int) else one.status for one in done] == [412, 201, 412]


async def test_a_group_never_waits_for_criteria_that_another_decides(database: Database) -> None:
    async with open_exchange(Settings(), database.conninfo) as exchange:
        caller = await institution(exchange)
        question = normal("Observation", "identifier=urn:lab|held", exchange.settings.fhir_base)
        async with database.transaction() as connection:
            await connection.execute(LOCK, ([question_number(exchange.store, question)],))
            waiting = create_task(tried(exchange, caller, known_as("held")))
            others = (tried(exchange, caller, known_as(str(number))) for number in range(20))
            done = await wait_for(gather(*others), 30)
            assert not waiting.done()
        outcome = await wait_for(waiting, 30)
        assert isinstance(outcome, Outcome)
        assert {one.status for one in (outcome, *done) if isinstance(one, Outcome)} == {201}


NOT_ONE_IDENTIFIER = (
    "identifier=1",
    "identifier=urn:lab|",
    "identifier=|1",
    "identifier=urn:lab|1,urn:lab|2",
    "identifier=urn:lab|1&status=final",
    "identifier:not=urn:lab|1",
    "identifier=urn:lab|a%5C,b",
    "status=urn:lab|1",
    "",
)


@pytest.mark.parametrize("query", NOT_ONE_IDENTIFIER)
def test_other_criteria_are_searched(query: str) -> None:
    assert identifier_token(Hasher(b"test"), "Observation", query) is None


def test_an_identifier_is_the_number_that_its_row_has() -> None:
    hasher = Hasher(b"test")
    resource = {**orjson.loads(known_as("A b+c").body or b""), "id": "x"}
    token = identifier_token(hasher, "Observation", "identifier=urn%3Alab%7CA%20b%2Bc")
    assert token in extract(resource, hasher).tokens
