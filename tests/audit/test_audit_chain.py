"""The chain of seals: what is altered, deleted or inserted behind its back is named."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hie.audit import digest
from hie.audit.event import Event, Recorded
from hie.audit.log import AuditLog
from hie.audit.retention import retire
from hie.audit.roots import Root, daily_roots
from hie.audit.seal import Gap, seal, split
from hie.audit.sealer import sealing
from hie.audit.verify import Report, verify
from hie.fhir.dates import CHINA_STANDARD_TIME
from hie.kit.clock import now
from hie.kit.db import Database


@pytest.fixture
async def log(database: Database) -> AsyncIterator[AuditLog]:
    async with AuditLog(database) as opened:
        yield opened


def reading(number: int, **more: object) -> Event:
    values: dict[str, object] = {
        "action": "R",
        "interaction": "read",
        "client_id": "portal-clinician",
        "patient": "p1",
        "entity_id": f"o{number}",
    }
    return Event(**(values | more))  # type: ignore[arg-type]


async def checked(database: Database, **more: object) -> Report:
    async with database.connection() as connection:
        return await verify(connection, **more)  # type: ignore[arg-type]


async def tamper(conninfo: str, *statements: str) -> None:
    """As somebody does who owns the tables: switch the guard off, change, switch it on."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        for table in ("audit.event", "audit.seal"):
            connection.execute(f"GRANT ALL ON {table} TO CURRENT_USER".encode())
            connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL".encode())
        partitions = connection.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'audit.event'::regclass"
        ).fetchall()
        for (name,) in partitions:
            connection.execute(f"GRANT ALL ON {name} TO CURRENT_USER".encode())
            connection.execute(f"ALTER TABLE {name} DISABLE TRIGGER USER".encode())
        for statement in statements:
            assert connection.execute(statement.encode()).rowcount == 1, statement


async def sealed_trail(database: Database, log: AuditLog) -> None:
    """Three batches of ten rows, each sealed."""
    for batch in range(3):
        await log.record(*(reading(10 * batch + number) for number in range(10)))
        assert await seal(database, "sha-256") == 10


async def test_an_untouched_trail_is_whole(database: Database, log: AuditLog) -> None:
    await sealed_trail(database, log)
    await log.record(reading(99))
    report = await checked(database)
    assert report.findings == []
    assert (report.rows, report.seals, report.unsealed) == (30, 3, 1)
    assert await seal(database, "sha-256") == 1
    assert await seal(database, "sha-256") == 0


INSERT = (
    "INSERT INTO audit.event (number, recorded, action, interaction, outcome, client_id) "
    "VALUES ({number}, now(), 'R', 'read', 0, 'nobody')"
)
TAMPERING = {
    "altered": ("UPDATE audit.event SET reason = 'better' WHERE number = 17", 17),
    "altered in its time": (
        "UPDATE audit.event SET recorded = recorded + interval '1 second' WHERE number = 17",
        17,
    ),
    "altered in its patient": ("UPDATE audit.event SET patient = 'p2' WHERE number = 30", 30),
    "deleted": ("DELETE FROM audit.event WHERE number = 12", 12),
    "deleted at the end": ("DELETE FROM audit.event WHERE number = 30", 30),
    "inserted": (INSERT.format(number=0), 0),
}


@pytest.mark.parametrize("name", [n for n in TAMPERING if n != "inserted"])
async def test_one_changed_row_is_found_and_named(
    database: Database, log: AuditLog, conninfo: str, name: str
) -> None:
    await sealed_trail(database, log)
    statement, number = TAMPERING[name]
    await tamper(conninfo, statement)
    report = await checked(database)
    assert [(f.kind, f.number) for f in report.findings] == [(name.partition(" ")[0], number)]


async def test_one_inserted_row_is_found_and_named(
    database: Database, log: AuditLog, conninfo: str
) -> None:
    await sealed_trail(database, log)
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("SELECT nextval('audit.event_number')")  # a gap, as a rollback leaves it
    await log.record(reading(50))
    await seal(database, "sha-256")
    await tamper(
        conninfo, "UPDATE audit.event SET number = -5 WHERE number = 32", INSERT.format(number=32)
    )
    report = await checked(database)
    assert report.first is not None
    # Number 31 was never used; 32 was moved away, and another row stands in its place.
    assert (report.first.kind, report.first.number) == ("altered", 32)


async def test_a_row_in_an_old_gap_was_inserted_by_hand(
    database: Database, log: AuditLog, conninfo: str
) -> None:
    await sealed_trail(database, log)
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("SELECT nextval('audit.event_number')")
    await log.record(reading(50))
    await seal(database, "sha-256")
    # The gap is over an hour old: no transaction that could fill it is left.
    await tamper(conninfo, "UPDATE audit.seal SET gaps_since = '{2020-01-01}' WHERE position = 4")
    await log.record(reading(51))
    await seal(database, "sha-256")
    await tamper(conninfo, INSERT.format(number=31))
    findings = {(f.kind, f.number) for f in (await checked(database)).findings}
    assert ("inserted", 31) in findings


async def test_a_row_with_a_time_of_the_past_is_found(database: Database, log: AuditLog) -> None:
    await sealed_trail(database, log)
    await log.record(reading(60, recorded=now() - timedelta(hours=5)))
    await seal(database, "sha-256")
    report = await checked(database)
    assert [(f.kind, f.number) for f in report.findings] == [("backdated", 31)]


async def test_the_first_of_several_is_named_first(
    database: Database, log: AuditLog, conninfo: str
) -> None:
    await sealed_trail(database, log)
    await tamper(
        conninfo,
        "DELETE FROM audit.event WHERE number = 25",
        "UPDATE audit.event SET account = 'x' WHERE number = 8",
    )
    report = await checked(database)
    assert [(f.kind, f.number) for f in report.findings] == [("altered", 8), ("deleted", 25)]


async def test_seals_cannot_be_altered_removed_or_made_anew(
    database: Database, log: AuditLog, conninfo: str
) -> None:
    await sealed_trail(database, log)
    async with database.connection() as connection:
        (root,) = await daily_roots(connection, 2)
        for statement in ("DELETE FROM audit.seal", "UPDATE audit.seal SET through = 7"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                await connection.execute(statement.encode())
    today = datetime.now(CHINA_STANDARD_TIME).date()
    assert root.day in (today, today - timedelta(days=1))
    noted = {root.day: bytes.fromhex(root.root)}
    assert (await checked(database, roots=noted)).findings == []
    await tamper(conninfo, "DELETE FROM audit.seal WHERE position = 2")
    kinds = {f.kind for f in (await checked(database)).findings}
    assert "seal-missing" in kinds
    # Whoever makes all seals anew after a change is betrayed by the root that was noted.
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("DELETE FROM audit.seal")
        connection.execute("UPDATE audit.event SET reason = 'better' WHERE number = 8")
    await seal(database, "sha-256")
    assert (await checked(database)).findings == []
    forged = await checked(database, roots=noted)
    assert [f.kind for f in forged.findings] == ["root-differs"]


async def test_rows_that_commit_late_are_sealed_later(database: Database, log: AuditLog) -> None:
    async with database.transaction() as slow:
        await log.record_in(slow, [reading(1)])
        await log.record(reading(2))
        assert await seal(database, "sha-256") == 1
        assert (await checked(database)).findings == []
    report = await checked(database)
    assert report.findings == []
    assert await seal(database, "sha-256") == 1
    assert (await checked(database)).rows == 2
    assert (await checked(database)).findings == []


async def test_several_sealers_at_once_make_one_chain(database: Database, log: AuditLog) -> None:
    async def write(begin: int) -> None:
        for number in range(begin, begin + 20):
            await log.record(reading(number))
            await seal(database, "sha-256")

    await asyncio.gather(write(0), write(100), write(200))
    report = await checked(database)
    assert report.findings == []
    assert (report.rows, report.unsealed) == (60, 0)


async def test_the_sealer_seals_by_itself(database: Database, log: AuditLog) -> None:
    await log.record(reading(1))
    sealer = sealing(database, "sm3")
    sealer.start()
    found: list[Root] = []
    async with asyncio.timeout(20), database.connection() as connection:
        while not found:
            found = await daily_roots(connection, 2)
    await sealer.stop()
    assert [root.algorithm for root in found] == ["sm3"]


async def test_a_chain_goes_on_under_another_algorithm(
    database: Database, log: AuditLog, conninfo: str
) -> None:
    await log.record(reading(1))
    await seal(database, "sha-256")
    await log.record(reading(2))
    await seal(database, "sm3")
    assert (await checked(database)).findings == []
    await tamper(conninfo, "UPDATE audit.event SET reason = 'x' WHERE number = 2")
    assert [f.number for f in (await checked(database)).findings] == [2]


async def test_old_months_are_dropped_and_young_ones_are_not(
    database: Database, log: AuditLog
) -> None:
    await log.record(reading(1, recorded=datetime(2020, 3, 1, tzinfo=UTC)), reading(2))
    await seal(database, "sha-256")
    async with database.connection() as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="183 days"):
            await retire(connection, now() - timedelta(days=182))
        assert "event_2020_03" in await retire(connection, now() - timedelta(days=184))
    report = await checked(database)
    assert report.findings == []
    assert (report.rows, report.retired) == (1, 1)


def test_sm3_is_the_standards() -> None:
    """The first example of GB/T 32905 (draft-sca-cfrg-sm3, appendix A.1)."""
    expected = "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
    assert digest.digest("sm3", b"abc").hex() == expected
    with pytest.raises(ValueError, match="unknown"):
        digest.digest("md5", b"abc")


@given(st.sampled_from(digest.MEMBERS[1:]), st.text(min_size=1))
def test_every_member_of_a_row_counts(member: str, text: str) -> None:
    row = Recorded(7, reading(1, recorded=datetime(2026, 1, 1, tzinfo=UTC)))
    changed = {name: getattr(row.event, name) for name in digest.MEMBERS} | {member: f"~{text}"}
    other = Recorded(7, Event(**changed))
    assert digest.leaf("sha-256", row) != digest.leaf("sha-256", other)


def test_the_leaf_of_a_row_stays_what_it_is() -> None:
    """A change of this value would make every sealed trail look altered."""
    row = Recorded(7, reading(1, recorded=datetime(2026, 1, 1, 8, 0, 0, 5, tzinfo=UTC)))
    assert digest.leaf("sha-256", row).digest.hex() == "76c495340e70c927030ce86f6af7e45a"


@given(st.lists(st.integers(1, 30), unique=True).map(sorted))
def test_what_is_left_of_a_gap(numbers: list[int]) -> None:
    since = datetime(2026, 1, 1, tzinfo=UTC)
    left = split(Gap(5, 20, since), numbers)
    covered = [n for gap in left for n in range(gap.low, gap.high + 1)]
    assert covered == [n for n in range(5, 21) if n not in numbers]
