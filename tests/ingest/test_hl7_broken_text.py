r"""Messages that are wrong at one place: kept or refused, stored or in quarantine, never a failure of ours.

A quarantined message says where it is wrong and why; "the exchange failed" would be our own fault.
HL7 2.5.1 section 2.9.2.2; framing in appendix C.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress

import pytest
from broken import broken
from hl7_samples import adt, oru
from mllp_client import Sender, answer_code, connect

from hie.ingest.hl7v2.batch import split
from hie.ingest.hl7v2.fault import MessageError
from hie.ingest.hl7v2.listener import Limits, Listener
from hie.ingest.hl7v2.mapping import plan
from hie.ingest.hl7v2.message import parse
from hie.ingest.hl7v2.mllp import END, START, wrap
from hie.ingest.hl7v2.receipt import read
from hie.ingest.hl7v2.serialise import to_bytes
from hie.ingest.hl7v2.source import Source
from hie.ingest.inbox import Received, keep
from hie.ingest.processing import process_next
from hie.ingest.quarantine import quarantined
from hie.ingest.reason import reason_of
from hie.kit.db import Database
from hie.records.exchange import Exchange
from hie.records.open import open_exchange
from hie.settings import Settings
from hie.store.institutions import Institution, add_institution

WHOLE = {"ADT": adt().encode(), "ORU": oru().encode()}
INSTEAD = (
    *(b"\xff", b"\x00", b"\x0b", b"\x1c\r", b"\r", b"|", b"^", b"~", b"\\", b"&", b'""', b"-"),
    *(b"\\X00\\", b"\\XFF\\", b"\\XD800\\", b"\\.sp" + b"9" * 5000 + b"\\", b"9" * 5000),
    *(b"\xed\xa0\x80", "²".encode(), "٣".encode(), b"99991231235959", b"1e9999", b"\xe2\x80\xa8"),
)


def fields(message: bytes) -> Iterator[tuple[int, int]]:
    """Where each field after the header's separators begins and ends."""
    begin = 9
    for place in range(9, len(message)):
        if message[place : place + 1] in (b"|", b"\r"):
            yield begin, place
            begin = place + 1


@pytest.mark.parametrize("name", WHOLE)
def test_a_broken_message_is_understood_or_says_where_it_is_wrong(name: str) -> None:
    whole = WHOLE[name]
    texts = list(broken(whole, places=50, instead=INSTEAD))
    texts += [whole[:a] + new + whole[b:] for a, b in fields(whole) for new in INSTEAD]
    for text in texts:
        receipt = read(text)
        assert receipt.refusal or receipt.header, text
        if receipt.refusal:
            assert b"\rERR|" in receipt.answer().replace(b"ERR" + text[3:4], b"ERR|"), text
        split(text)
        try:
            drafts = plan(parse(text), Source("YX-H2")).drafts
        except MessageError as error:
            (reason,) = reason_of(error)
            assert reason["where"], text
            assert reason["en"]
            assert reason["zh"]
            assert "\0" not in f"{reason['where']}{reason['en']}{reason['zh']}"
        else:
            assert all(to_bytes(draft.resource) for draft in drafts)


@pytest.fixture
async def exchange(conninfo: str) -> AsyncIterator[Exchange]:
    async with open_exchange(Settings(database_url=conninfo), conninfo) as opened:
        yield opened


async def test_what_cannot_be_stored_is_in_quarantine_with_its_place(exchange: Exchange) -> None:
    database = exchange.store.database
    async with database.connection() as connection:
        hospital = await add_institution(connection, "YX-H2", "云溪区中医医院")
    texts = [
        whole[:a] + new + whole[b:]
        for whole in WHOLE.values()
        for number, (a, b) in enumerate(fields(whole))
        for new in (INSTEAD[number % len(INSTEAD)], INSTEAD[(number + 7) % len(INSTEAD)])
    ]
    received = [
        Received(hospital.number, "mllp", str(number), "", text)
        for number, text in enumerate(texts)
    ]
    await keep(database, received)
    carried_out = 0
    while await process_next(exchange, hospital.number):
        carried_out += 1
    assert carried_out == len(texts)
    async with database.connection() as connection:
        found = await quarantined(connection, limit=1000)
    assert 0 < len(found) < len(texts)
    for one in found:
        assert one.reason, texts[int(one.control_id)]
        for reason in one.reason:
            assert "exchange failed" not in reason["en"], (reason, texts[int(one.control_id)])
            assert reason["where"], (reason, texts[int(one.control_id)])


@pytest.fixture
async def hurried(database: Database, hospital: Institution) -> AsyncIterator[Listener]:
    """A listener with little patience. `hospital` is registered as a sender."""
    limits = Limits(message_size=20_000, stray_bytes=1_000, message_time=0.4, connections=20)
    opened = Listener(database, "127.0.0.1", 0, limits)
    await opened.start()
    yield opened
    await opened.stop()


async def test_every_broken_message_is_answered_and_the_next_one_kept(
    sender: Sender, caplog: pytest.LogCaptureFixture
) -> None:
    whole = WHOLE["ADT"]
    header = whole.index(b"\r")
    texts = broken(whole[:header], places=40, instead=INSTEAD)
    bodies = [text + whole[header:] for text in texts if START not in text and END not in text]
    await sender.raw(b"".join(map(wrap, bodies)))
    codes = [answer_code(answer) for answer in await sender.answers(len(bodies))]
    assert len(codes) == len(bodies)
    assert set(codes) == {"AA", "AR"}
    assert await sender.send(whole) == ["AA"]
    assert [record for record in caplog.records if record.levelno >= 40] == []


async def test_frames_that_never_end_hold_nobody_else_up(
    hurried: Listener, caplog: pytest.LogCaptureFixture
) -> None:
    openings = (START, START + WHOLE["ADT"], START * 5000, START + b"x" * 50_000, START + END[:1])
    stuck = [await connect(hurried.port) for _ in openings]
    for one, opening in zip(stuck, openings, strict=True):
        await one.raw(opening)
    other = await connect(hurried.port)
    assert await other.send(WHOLE["ADT"]) == ["AA"]
    for one in stuck:  # each is given up in its time
        with suppress(ConnectionError):
            assert await one.answers() == []
        one.writer.transport.abort()
    await other.close()
    assert [record for record in caplog.records if record.levelno >= 40] == []


async def test_a_frame_within_a_frame_is_begun_anew(sender: Sender) -> None:
    inner = wrap(WHOLE["ADT"])
    await sender.raw(START + b"MSH|^~" + START + START + inner + END + inner[:30] + inner)
    answers = await sender.answers(2)
    assert [answer_code(answer) for answer in answers] == ["AA", "AA"]


async def _write_on(writer: asyncio.StreamWriter) -> None:
    while True:  # answers are longer than what is answered
        writer.write((START + END) * 20_000)
        await writer.drain()


async def test_who_resets_or_does_not_read_is_let_go(
    hurried: Listener, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(5):
        resetting = await connect(hurried.port)
        await resetting.raw(wrap(WHOLE["ADT"]) * 20 + START)
        resetting.writer.transport.abort()
    _, writer = await asyncio.open_connection("127.0.0.1", hurried.port, limit=1024)
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    with pytest.raises(ConnectionError):
        await asyncio.wait_for(_write_on(writer), 60)
    writer.transport.abort()
    patient = await connect(hurried.port)
    assert await patient.send(WHOLE["ADT"]) == ["AA"]
    await patient.close()
    assert [record for record in caplog.records if record.levelno >= 40] == []
