"""The audit trail: on disk before anybody goes on, many to a commit, never altered."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import psycopg
import pytest
from psycopg import sql

from hie.audit import rows
from hie.audit.event import Event
from hie.audit.log import AuditError, AuditLog
from hie.kit.db import Database


@pytest.fixture
async def log(database: Database) -> AsyncIterator[AuditLog]:
    async with AuditLog(database) as opened:
        yield opened


def reading(number: int = 1, **more: object) -> Event:
    values: dict[str, object] = {
        "action": "R",
        "interaction": "read",
        "client_id": "portal-clinician",
        "account": "doctor",
        "patient": "p1",
        "entity_type": "Observation",
        "entity_id": f"o{number}",
    }
    return Event(**(values | more))  # type: ignore[arg-type]


async def stored(database: Database, column: str) -> list[object]:
    async with database.connection() as connection:
        query = sql.SQL("SELECT {} FROM audit.event ORDER BY number")
        cursor = await connection.execute(query.format(sql.Identifier(column)))
        return [row[0] for row in await cursor.fetchall()]


async def test_a_recorded_event_is_there_with_every_field(
    database: Database, log: AuditLog
) -> None:
    event = Event(
        action="U",
        interaction="update",
        client_id="yx-h1",
        outcome=4,
        account="shen.yue",
        fhir_user="Practitioner/7",
        institution=3,
        purpose="TREAT",
        reason="急诊会诊",
        patient="golden",
        entity_type="Condition",
        entity_id="c1",
        entity_version=2,
        entity_count=1,
        query="code=I10&_sort=-date",
        request_id="r-1",
        address="2001:db8::1",
        recorded=datetime(2026, 3, 1, 8, 0, 0, 123000, tzinfo=UTC),
    )
    await log.record(event)
    async with database.connection() as connection:
        (found,) = await rows.of_patient(connection, "golden", limit=10)
    assert found.event == event


async def test_many_at_once_share_few_commits(database: Database, log: AuditLog) -> None:
    await asyncio.gather(*(log.record(reading(number)) for number in range(200)))
    assert sorted(await stored(database, "entity_id"), key=str) == sorted(
        f"o{number}" for number in range(200)
    )
    assert log.commits <= 3
    async with database.connection() as connection:
        query = "SELECT count(DISTINCT xmin::text) FROM audit.event"
        assert await (await connection.execute(query)).fetchone() == (log.commits,)


async def test_it_commits_synchronously_whatever_the_database_says(conninfo: str) -> None:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        name = sql.Identifier(connection.info.dbname)
        connection.execute(sql.SQL("ALTER DATABASE {} SET synchronous_commit = off").format(name))
        connection.execute("CREATE TABLE seen (value text)")
        connection.execute(
            "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO seen"
            " VALUES (current_setting('synchronous_commit')); RETURN NEW; END $$"
        )
        connection.execute(
            "CREATE TRIGGER note AFTER INSERT ON audit.event FOR EACH ROW EXECUTE FUNCTION note()"
        )
        async with Database(conninfo) as database, AuditLog(database) as log:
            await log.record(reading())
        assert connection.execute("SELECT value FROM seen").fetchall() == [("on",)]


async def test_a_failing_database_raises_to_every_waiter(database: Database, log: AuditLog) -> None:
    await log.record(reading())
    async with database.connection() as connection:
        await connection.execute("ALTER TABLE audit.event RENAME TO gone")
    answers = await asyncio.gather(
        *(log.record(reading(number)) for number in range(5)), return_exceptions=True
    )
    assert [type(answer) for answer in answers] == [AuditError] * 5
    async with database.connection() as connection:
        await connection.execute("ALTER TABLE audit.gone RENAME TO event")
    await log.record(reading(9))  # and it works again as soon as the database does
    assert await stored(database, "entity_id") == ["o1", "o9"]


async def test_no_deadlock_when_waiters_hold_every_pooled_connection(conninfo: str) -> None:
    async with Database(conninfo, size=2) as database, AuditLog(database) as log:

        async def request() -> None:
            async with database.connection():
                await log.record(reading())

        async with asyncio.timeout(20):
            await asyncio.gather(*(request() for _ in range(8)))


async def test_a_request_given_up_leaves_the_others_alone(
    database: Database, log: AuditLog
) -> None:
    given_up = asyncio.create_task(log.record(reading(1)))
    waiting = asyncio.create_task(log.record(reading(2)))
    await asyncio.sleep(0)
    given_up.cancel()
    await waiting
    assert given_up.cancelled()
    assert await stored(database, "entity_id") == ["o1", "o2"]


async def test_closing_writes_what_still_waits(database: Database) -> None:
    async with AuditLog(database) as log:
        waiting = asyncio.create_task(log.record(reading()))
        await asyncio.sleep(0)
    await waiting
    assert await stored(database, "entity_id") == ["o1"]


async def test_with_a_change_in_one_transaction(database: Database, log: AuditLog) -> None:
    async with database.transaction() as connection:
        await log.record_in(connection, [reading(1), reading(2)])

    async def fail() -> None:
        async with database.transaction() as connection:
            await log.record_in(connection, [reading(3, recorded=datetime(2031, 5, 1, tzinfo=UTC))])
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    assert await stored(database, "entity_id") == ["o1", "o2"]
    await log.record(reading(4, recorded=datetime(2031, 5, 2, tzinfo=UTC)))
    assert await stored(database, "entity_id") == ["o1", "o2", "o4"]


async def test_months_get_partitions_by_themselves(database: Database, log: AuditLog) -> None:
    moments = [datetime(2027, 12, 31, 23, 59, 59, tzinfo=UTC), datetime(2028, 1, 1, tzinfo=UTC)]
    async with AuditLog(database) as second:
        await asyncio.gather(
            *(each.record(reading(recorded=moment)) for each in (log, second) for moment in moments)
        )
    async with database.connection() as connection:
        query = "SELECT tableoid::regclass::text, count(*) FROM audit.event GROUP BY 1 ORDER BY 1"
        found = await (await connection.execute(query)).fetchall()
    assert found == [("audit.event_2027_12", 2), ("audit.event_2028_01", 2)]


@pytest.mark.parametrize("text", ["a\0b", "lone \ud800 half", "many\nlines"])
async def test_hostile_text_is_recorded_and_spoils_nobody_elses(
    database: Database, log: AuditLog, text: str
) -> None:
    await asyncio.gather(log.record(reading(1, query=text)), log.record(reading(2)))
    assert len(await stored(database, "query")) == 2


@pytest.mark.parametrize("table", ["audit.event", "audit.event_2026_03"])
@pytest.mark.parametrize(
    "statement", ["UPDATE {} SET reason = 'x'", "DELETE FROM {}", "TRUNCATE {}"]
)
async def test_nothing_is_altered_afterwards(
    database: Database, log: AuditLog, table: str, statement: str
) -> None:
    await log.record(reading(recorded=datetime(2026, 3, 1, tzinfo=UTC)))
    async with database.connection() as connection:
        query = sql.SQL(statement).format(sql.Identifier(*table.split(".")))  # type: ignore[arg-type]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await connection.execute(query)
        # Not even by an owner who takes back the right.
        grant = sql.SQL("GRANT ALL ON {} TO CURRENT_USER")
        await connection.execute(grant.format(sql.Identifier(*table.split("."))))
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
            await connection.execute(query)
    assert len(await stored(database, "number")) == 1
