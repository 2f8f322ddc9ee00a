"""Files of messages. HL7 2.5.1 section 2.10.3"""

from pathlib import Path

import pytest
from hl7_samples import adt, oru, samples

from hie.ingest.files import take_in
from hie.ingest.hl7v2.batch import split
from hie.ingest.hl7v2.message import parse
from hie.ingest.hl7v2.mllp import wrap
from hie.kit.db import Database
from hie.store.institutions import Institution

COUNT = "SELECT channel, count(*) FROM ingest.inbox GROUP BY channel"


def _batch(count: str = "2") -> bytes:
    head = "FHS|^~\\&|HIS|YXZYY\rBHS|^~\\&|HIS|YXZYY\r"
    return f"{head}{adt()}{oru()}BTS|{count}|end\rFTS|1\r".encode()


@pytest.mark.parametrize(
    "content",
    [
        _batch(),
        _batch().replace(b"\r", b"\n"),
        _batch().replace(b"\r", b"\r\n"),
        b"\xef\xbb\xbf" + _batch(),
        adt().encode() + b"\n\n" + oru().encode(),
        wrap(adt().encode()) + wrap(oru().encode()),
    ],
)
def test_messages_of_a_file(content: bytes) -> None:
    batch = split(content)
    assert [parse(m).header.control_id for m in batch.messages] == ["M1", "R1"]
    assert [parse(m).segments[-1].name for m in batch.messages] == ["PV1", "NTE"]
    assert batch.is_complete


def test_a_file_that_is_cut_short_is_noticed() -> None:
    assert not split(_batch("3")).is_complete


def test_no_messages() -> None:
    assert split(b"").messages == []
    assert split(b"nothing of the kind").messages == []


def test_the_sample_file(shared_data: Path) -> None:
    content = b"".join(samples(shared_data))
    assert len(split(content).messages) == 1013


async def test_into_the_inbox(database: Database, hospital: Institution) -> None:
    messages = [adt(control_id=str(n)).encode() for n in range(250)]
    messages[3] = adt(facility="NOBODY").encode()
    messages[4] = b"rubbish"
    for _ in range(2):
        taken = [part async for part in take_in(database, messages)]
        assert sum(part.kept for part in taken) == 248
        assert [(r.number, r.control_id) for part in taken for r in part.refused] == [
            (4, "M1"),
            (5, ""),
        ]
    async with database.connection() as connection:
        assert await (await connection.execute(COUNT)).fetchall() == [("file", 248)]
