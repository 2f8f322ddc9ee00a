"""Over a real socket into a real inbox: what is acknowledged is kept, what is not is not."""

import asyncio
from typing import Any

import psycopg
import pytest
from hl7_samples import adt, oru
from mllp_client import Sender, answer_code, connect

from hie.ingest.hl7v2.listener import Limits, Listener
from hie.ingest.hl7v2.mllp import wrap
from hie.ingest.sender import register_sender
from hie.kit.db import Database
from hie.store.institutions import Institution

INBOX = (
    "SELECT control_id, message_type, state, body, institution, peer FROM ingest.inbox ORDER BY id"
)


async def _inbox(database: Database) -> list[tuple[Any, ...]]:
    async with database.connection() as connection:
        return await (await connection.execute(INBOX)).fetchall()


async def test_a_message_is_kept_as_it_came(
    database: Database, hospital: Institution, sender: Sender
) -> None:
    await sender.raw(wrap(adt().encode()))
    answer = (await sender.answers())[0]
    assert answer_code(answer) == "AA"
    assert answer.header.message_type == "ACK^A01"
    assert (answer.header.receiving_application, answer.header.receiving_facility) == (
        "HIS",
        "YXZYY",
    )
    msa = answer.first("MSA")
    assert msa is not None
    assert msa.text(2) == "M1"
    row = ("M1", "ADT^A01", "received", adt().encode(), hospital.number, "127.0.0.1")
    assert await _inbox(database) == [row]


async def test_it_is_durable_when_the_answer_comes(
    conninfo: str, listener: Listener, sender: Sender
) -> None:
    await sender.raw(wrap(adt().encode()))
    await sender.answers()
    # Another connection, at once: only what is committed can be seen from there.
    async with await psycopg.AsyncConnection.connect(conninfo) as other:
        cursor = await other.execute("SELECT count(*) FROM ingest.inbox")
        assert await cursor.fetchone() == (1,)


async def test_without_a_database_nothing_is_acknowledged(
    database: Database, listener: Listener, sender: Sender
) -> None:
    async with database.connection() as connection:
        await connection.execute("ALTER TABLE ingest.inbox RENAME TO away")
        try:
            await sender.raw(wrap(adt().encode()))
            answer = (await sender.answers())[0]
        finally:
            await connection.execute("ALTER TABLE ingest.away RENAME TO inbox")
    assert answer_code(answer) == "AE"
    error = answer.first("ERR")
    assert error is not None
    assert error.text(3) == "207"
    assert "请稍后重发" in error.text(8)
    assert await sender.send(adt()) == ["AA"]
    assert len(await _inbox(database)) == 1


async def test_sent_again_it_is_acknowledged_again_and_kept_once(
    database: Database, sender: Sender
) -> None:
    assert await sender.send(adt(), adt()) == ["AA", "AA"]
    assert await sender.send(adt()) == ["AA"]
    assert len(await _inbox(database)) == 1
    # The same control id with other content is another message.
    assert await sender.send(adt(phone="19900005678")) == ["AA"]
    assert len(await _inbox(database)) == 2


async def test_many_messages_at_once_are_answered_in_order(
    database: Database, sender: Sender
) -> None:
    texts = [adt(control_id=f"C{n}") for n in range(50)]
    await sender.raw(b"".join(wrap(t.encode()) for t in texts))
    answers = await sender.answers(50)
    assert [a.first("MSA").text(2) for a in answers] == [f"C{n}" for n in range(50)]
    assert [row[0] for row in await _inbox(database)] == [f"C{n}" for n in range(50)]


async def test_a_message_in_single_bytes(database: Database, sender: Sender) -> None:
    for byte in wrap(oru().encode()):
        await sender.raw(bytes([byte]))
    assert [answer_code(a) for a in await sender.answers()] == ["AA"]
    assert len(await _inbox(database)) == 1


async def test_several_connections(database: Database, listener: Listener, sender: Sender) -> None:
    senders = [await connect(listener.port) for _ in range(8)]
    codes = await asyncio.gather(
        *(
            one.send(*(adt(control_id=f"{n}-{m}") for m in range(5)))
            for n, one in enumerate(senders)
        )
    )
    assert codes == [["AA"] * 5] * 8
    assert len(await _inbox(database)) == 40
    for one in senders:
        await one.close()


@pytest.mark.parametrize(
    ("message", "condition"),
    [
        (b"PID|1||P1", "100"),
        (adt().replace("|M1|", "||").encode(), "101"),
        (adt(control_id="C" * 200).encode(), "102"),
        (adt("A99").encode(), "200"),
        (adt(facility="NOBODY").encode(), "204"),
        (adt().encode() + b"OBX|" + b"x" * 20_000, "102"),
    ],
)
async def test_what_is_refused_is_not_kept(
    database: Database, sender: Sender, message: bytes, condition: str
) -> None:
    await sender.raw(wrap(message) + wrap(adt(control_id="next").encode()))
    refused, accepted = await sender.answers(2)
    assert answer_code(refused) == "AR"
    error, msa = refused.first("ERR"), refused.first("MSA")
    assert error is not None
    assert msa is not None
    assert error.text(3) == condition
    assert error.text(4) == "E"
    assert error.text(8)
    assert msa.text(3)
    # The connection goes on.
    assert answer_code(accepted) == "AA"
    assert [row[0] for row in await _inbox(database)] == ["next"]


async def test_before_2_5_the_error_is_in_one_field(sender: Sender) -> None:
    await sender.raw(wrap(adt("A99").replace("|2.5.1|", "|2.3|").encode()))
    answer = (await sender.answers())[0]
    assert answer.header.version == "2.3"
    error = answer.first("ERR")
    assert error is not None
    assert error.value(1).component(4) == "200"
    assert error.value(1).component(4, 3) == "HL70357"


async def test_the_answer_is_in_the_sender_s_own_writing(sender: Sender) -> None:
    text = adt("A99", character_set="GB 18030-2000").replace("|^~\\&|", "|@$%!|").replace("^", "@")
    await sender.raw(wrap(text.encode("gb18030")))
    answer = (await sender.answers())[0]
    assert answer.header.separators.component == "@"
    assert answer.header.character_set == "GB 18030-2000"
    msa = answer.first("MSA")
    assert msa is not None
    assert "不支持" in msa.text(3)


async def test_a_sender_bound_to_other_networks_is_unknown(
    database: Database, hospital: Institution, sender: Sender
) -> None:
    async with database.connection() as connection:
        await register_sender(connection, "FAR", hospital.number, networks=["10.1.0.0/16"])
        await register_sender(
            connection, "NEAR", hospital.number, application="HIS", networks=["127.0.0.0/8"]
        )
    messages = (adt(facility="FAR"), adt(facility="NEAR"), oru().replace("YXZYY|HIE", "NEAR|HIE"))
    assert await sender.send(*messages) == ["AR", "AA", "AR"]
    assert len(await _inbox(database)) == 1


async def test_who_does_not_speak_mllp_is_shown_the_door(
    sender: Sender, listener: Listener
) -> None:
    await sender.raw(b"GET / HTTP/1.1\r\n" * 100)
    assert await sender.answers() == []
    other = await connect(listener.port)
    assert await other.send(adt()) == ["AA"]
    await other.close()


@pytest.mark.parametrize("sent", [b"", b"\x0bMSH|half"])
async def test_who_says_nothing_is_not_waited_for(
    database: Database, hospital: Institution, sent: bytes
) -> None:
    listener = Listener(database, "127.0.0.1", 0, Limits(idle_time=0.2, message_time=0.2))
    await listener.start()
    sender = await connect(listener.port)
    await sender.raw(sent)
    assert await sender.answers() == []
    await sender.close()
    await listener.stop()


async def test_no_more_connections_than_allowed(database: Database, hospital: Institution) -> None:
    listener = Listener(database, "127.0.0.1", 0, Limits(connections=1))
    await listener.start()
    first = await connect(listener.port)
    assert await first.send(adt()) == ["AA"]
    second = await connect(listener.port)
    assert await second.answers() == []
    await second.close()
    await first.close()
    await listener.stop()


async def test_stopping_ends_open_connections(listener: Listener, sender: Sender) -> None:
    assert await sender.send(adt()) == ["AA"]
    await listener.stop()
    assert await sender.answers() == []
