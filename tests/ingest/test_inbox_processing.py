"""From the inbox to the record and back out: order, repetition, quarantine, replay, crashes."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
from hl7_samples import adt, oru, samples
from mllp_client import Sender, connect

from hie.fhir.definitions import type_number
from hie.ingest.inbox import Received, count_waiting, keep
from hie.ingest.processing import process_next
from hie.ingest.quality import counts
from hie.ingest.quarantine import quarantined, replay, show
from hie.kit.db import Database
from hie.mpi.people import person_of
from hie.records.exchange import Exchange
from hie.records.open import open_exchange
from hie.settings import Settings
from hie.store.institutions import Institution, add_institution
from hie.worker import Worker, working

RESOURCES = """
SELECT r.id, r.version, r.dictionary, r.body FROM store.resource r
WHERE r.type = %s AND r.institution = %s ORDER BY r.key
"""
VERSIONS = "SELECT (SELECT sum(version) FROM store.resource), (SELECT count(*) FROM store.history)"
TERMINATE_OTHERS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
STATES = "SELECT state, count(*) FROM ingest.inbox GROUP BY state"


@dataclass(slots=True)
class Hospital:
    """The exchange as one hospital sees it."""

    exchange: Exchange
    institution: Institution

    async def keep(self, *messages: str | bytes) -> None:
        """Put messages into the inbox, as the listener does."""
        bodies = [m.encode() if isinstance(m, str) else m for m in messages]
        await keep(
            self.exchange.store.database,
            [Received(self.institution.number, "mllp", str(hash(b)), "", b) for b in bodies],
        )

    async def process(self, *messages: str | bytes) -> None:
        """Keep messages and carry out all that waits."""
        await self.keep(*messages)
        while await process_next(self.exchange, self.institution.number):
            pass

    async def records(self, type_name: str) -> list[dict[str, Any]]:
        """The hospital's current resources of a type."""
        store = self.exchange.store
        async with store.database.connection() as connection:
            values = (type_number(type_name), self.institution.number)
            rows = await (await connection.execute(RESOURCES, values)).fetchall()
        return [orjson.loads(store.bodies.expand(row[2], row[3])) for row in rows]

    async def states(self) -> dict[str, int]:
        """How many messages are in which state."""
        async with self.exchange.store.database.connection() as connection:
            return dict(await (await connection.execute(STATES)).fetchall())

    async def versions(self) -> tuple[int, int]:
        """A pair of numbers that grows with every version written."""
        async with self.exchange.store.database.connection() as connection:
            row = await (await connection.execute(VERSIONS)).fetchone()
        assert row is not None
        return row


@pytest.fixture
async def site(conninfo: str, database: Database, hospital: Institution) -> AsyncIterator[Hospital]:
    """An exchange on this test's database."""
    async with open_exchange(Settings(database_url=conninfo, mllp_port=0), conninfo) as exchange:
        yield Hospital(exchange, hospital)


@pytest.fixture
async def worker(site: Hospital) -> AsyncIterator[Worker]:
    """A running worker on a port of the system's choice."""
    async with working(site.exchange) as running:
        yield running


@pytest.fixture
async def engine(worker: Worker) -> AsyncIterator[Sender]:
    """The hospital's interface engine, connected to the worker."""
    opened = await connect(worker.port)
    yield opened
    await opened.close()


async def _emptied(database: Database) -> None:
    """Wait until nothing waits."""
    async with asyncio.timeout(60), database.connection() as connection:
        while await count_waiting(connection):  # noqa: ASYNC110 - the event is in the database
            await asyncio.sleep(0.02)


async def test_from_the_socket_to_the_record(
    site: Hospital, database: Database, engine: Sender
) -> None:
    assert await engine.send(adt(), oru()) == ["AA", "AA"]
    await _emptied(database)
    assert await site.states() == {"done": 2}
    patient = (await site.records("Patient"))[0]
    result = (await site.records("Observation"))[0]
    assert patient["name"][0]["text"] == "张伟"
    assert patient["meta"]["source"] == "urn:hie:hl7v2:YX-H2"
    assert result["subject"] == {"reference": f"Patient/{patient['id']}"}
    assert (await site.records("DiagnosticReport"))[0]["result"] == [
        {"reference": f"Observation/{result['id']}"}
    ]


@pytest.mark.parametrize("declared", ["GB 18030-2000", "", "GBK"])
async def test_chinese_in_gb18030(
    site: Hospital, database: Database, engine: Sender, declared: str
) -> None:
    text = adt(name="欧阳^㛃𠮷", character_set=declared)
    assert await engine.send(text.encode("gb18030")) == ["AA"]
    await _emptied(database)
    name = (await site.records("Patient"))[0]["name"][0]
    assert (name["family"], name["given"], name["text"]) == ("欧阳", ["㛃𠮷"], "欧阳㛃𠮷")


async def test_sending_again_changes_nothing(
    site: Hospital, database: Database, engine: Sender
) -> None:
    messages = (adt(), oru(), adt("A08", "M2", phone="19900007777"))
    await engine.send(*messages)
    await _emptied(database)
    before = await site.versions()
    assert await engine.send(*messages) == ["AA"] * 3
    # Under new control ids they are new messages, which say nothing new.
    again = (oru("R2"), adt("A08", "M3", phone="19900007777"))
    assert await engine.send(*again) == ["AA"] * 2
    await _emptied(database)
    assert await site.versions() == before
    assert await site.states() == {"done": 5}


async def test_the_order_of_arrival_is_kept_between_workers(
    site: Hospital, database: Database
) -> None:
    phones = [f"1990000{n:04}" for n in range(40)]
    await site.keep(*(adt("A08", f"M{n}", phone=phone) for n, phone in enumerate(phones)))
    async with working(site.exchange), working(site.exchange):
        await _emptied(database)
    patient = (await site.records("Patient"))[0]
    assert patient["telecom"][0]["value"] == phones[-1]
    assert patient["meta"]["versionId"] == "40"


async def test_the_worker_outlives_its_database_connections(
    site: Hospital, database: Database, engine: Sender
) -> None:
    assert await engine.send(adt()) == ["AA"]
    await _emptied(database)
    async with database.connection() as connection:
        await connection.execute(TERMINATE_OTHERS)
    # A sender whose message could not be kept sends it again.
    async with asyncio.timeout(30):
        while await engine.send(oru()) != ["AA"]:
            pass
    await _emptied(database)
    assert await site.states() == {"done": 2}


async def test_a_message_in_quarantine_does_not_hold_up_the_others(site: Hospital) -> None:
    wrong = adt(number="P0009").replace("|19850312|", "|19851312|")
    await site.process(
        wrong, b"MSH|^~\\&|A|B|C|D|2026||ORU^R01|9|P|2.5||||||UNICODE UTF-8\r\xff", adt()
    )
    assert await site.states() == {"quarantined": 2, "done": 1}
    async with site.exchange.store.database.connection() as connection:
        first, second = await quarantined(connection, institution="YX-H2")
        assert first.reason == [
            {
                "where": "PID-7",
                "en": "19851312 is not a date or time.",
                "zh": "19851312 不是有效的日期时间。",
            }
        ]
        assert second.reason is not None
        assert second.reason[0]["where"] == "MSH-18"
        assert (await show(connection, first.id)).body == wrong.encode()
        assert await quarantined(connection, institution="YX-S1") == []
        with pytest.raises(LookupError):
            await show(connection, 0)


async def test_a_resource_that_is_not_valid_goes_to_quarantine_whole(site: Hospital) -> None:
    # An id-like code system makes an invalid uri only after the mapping.
    await site.process(oru().replace("^LN^", "^urn:a b^"))
    assert await site.states() == {"quarantined": 1}
    assert await site.records("Patient") == []
    async with site.exchange.store.database.connection() as connection:
        reason = (await quarantined(connection))[0].reason
    assert reason
    assert all(one["en"] and one["zh"] and one["where"] for one in reason)


async def test_a_fault_of_the_exchange_is_no_fault_of_the_message(site: Hospital) -> None:
    async with site.exchange.store.database.connection() as connection:
        await connection.execute("ALTER TABLE store.commit RENAME TO away")
        await site.process(adt(), oru())
        await connection.execute("ALTER TABLE store.away RENAME TO commit")
        assert await site.states() == {"quarantined": 2}
        reason = (await quarantined(connection))[0].reason
        assert reason is not None
        assert "the message itself may be right" in reason[0]["en"]
        assert "消息本身可能无误" in reason[0]["zh"]
        assert await replay(connection) == 2
        await site.process()
    assert await site.states() == {"done": 2}
    assert len(await site.records("Observation")) == 1


async def test_mended_and_replayed(site: Hospital) -> None:
    await site.process(adt().replace("|19850312|", "|19851312|"))
    async with site.exchange.store.database.connection() as connection:
        number = (await quarantined(connection))[0].id
        assert await replay(connection, number=number) == 1
        await site.process()
        assert await site.states() == {"quarantined": 1}
        assert await replay(connection, number=number, mended=adt().encode()) == 1
        await site.process()
        assert await site.states() == {"done": 1}
        shown = await show(connection, number)
        assert (shown.attempts, shown.reason, shown.mended) == (3, None, adt().encode())
        assert b"19851312" in shown.body
        assert await replay(connection, institution="YX-H2") == 0
        with pytest.raises(ValueError, match="single"):
            await replay(connection, mended=b"MSH")
    assert (await site.records("Patient"))[0]["birthDate"] == "1985-03-12"


async def test_what_is_replayed_late_does_not_undo_what_came_after(site: Hospital) -> None:
    first = adt("A01", phone="19900000001").replace("|19850312|", "|19851312|")
    await site.process(first, adt("A08", "M2", phone="19900000002"), oru(value="6.00"))
    async with site.exchange.store.database.connection() as connection:
        number = (await quarantined(connection))[0].id
        await replay(connection, number=number, mended=adt("A01", phone="19900000001").encode())
    before = await site.versions()
    await site.process()
    assert await site.states() == {"done": 3}
    assert (await site.records("Patient"))[0]["telecom"][0]["value"] == "19900000002"
    assert await site.versions() == before


async def test_results_do_not_thin_the_registration(site: Hospital) -> None:
    await site.process(oru(name="张^伟"), adt(), oru("R2", filler="L2002", name="ZHANG^WEI"))
    patient = (await site.records("Patient"))[0]
    assert patient["birthDate"] == "1985-03-12"
    assert patient["name"][0]["text"] == "张伟"
    assert len(await site.records("DiagnosticReport")) == 2


async def test_a_corrected_result_is_a_new_version(site: Hospital) -> None:
    await site.process(oru(), oru("R2", value="5.20", status="C"))
    result = (await site.records("Observation"))[0]
    assert (result["status"], result["valueQuantity"]["value"]) == ("corrected", 5.2)
    assert result["meta"]["versionId"] == "2"


async def test_two_institutions_never_share_records(site: Hospital) -> None:
    async with site.exchange.store.database.connection() as connection:
        other = await add_institution(connection, "YX-S1", "清河社区卫生服务中心")
    station = Hospital(site.exchange, other)
    await site.process(adt())
    await station.process(adt(phone="19900008888"))
    here, there = (await site.records("Patient"))[0], (await station.records("Patient"))[0]
    assert here["id"] != there["id"]
    assert here["telecom"] != there["telecom"]


async def test_a_merge_of_two_numbers_makes_one_person(site: Hospital) -> None:
    await site.process(adt(), oru(number="P0002", name="章^薇"))
    ids = [patient["id"] for patient in await site.records("Patient")]
    assert len(ids) == 2

    async def persons() -> dict[str, str]:
        async with site.exchange.store.database.connection() as connection:
            return await person_of(connection, ids)

    apart = await persons()
    assert len(set(apart.values())) == 2
    before = await site.records("Observation")
    await site.process(adt("A40", "M9") + "MRG|P0002^^^YXZYY^PI\r")
    assert await site.states() == {"done": 3}
    together = await persons()
    assert set(together.values()) == {apart[ids[0]]}
    # Who joined them and why stands in a Provenance of each person.
    async with site.exchange.store.database.connection() as connection:
        rows = await connection.execute(RESOURCES, (type_number("Provenance"), 0))
        made = [
            orjson.loads(site.exchange.store.bodies.expand(row[2], row[3]))
            for row in await rows.fetchall()
        ]
    assert {one["target"][0]["reference"] for one in made} == {
        f"Patient/{person}" for person in apart.values()
    }
    assert {one["activity"]["text"] for one in made} == {"merge"}
    assert all(ids[0] in one["reason"][0]["text"] for one in made)
    assert await site.records("Observation") == before


async def test_counts_by_institution(site: Hospital) -> None:
    await keep(
        site.exchange.store.database,
        [Received(site.institution.number, "mllp", "1", "ADT^A01", adt().encode())],
    )
    await site.process()
    async with site.exchange.store.database.connection() as connection:
        (count,) = await counts(connection)
    assert (count.institution, count.message_type) == ("YX-H2", "ADT^A01")
    assert (count.received, count.done, count.waiting, count.quarantined) == (1, 1, 0, 0)
    assert count.delay is not None


async def test_every_sample_is_accepted(
    site: Hospital, database: Database, engine: Sender, shared_data: Path
) -> None:
    messages = [m.replace(b"|SFAC|", b"|YXZYY|", 1) for m in samples(shared_data)[:300]]
    codes = await engine.send(*messages)
    understood = [b"MDM^T02" not in m for m in messages]
    assert codes == ["AA" if known else "AR" for known in understood]
    await _emptied(database)
    assert await site.states() == {"done": sum(understood)}
