"""NDJSON files: good lines are stored, bad ones are refused by themselves with their numbers."""

import gzip
from asyncio import gather
from collections.abc import Callable
from pathlib import Path
from secrets import token_hex

import orjson
import pytest

from hie.access.caller import Caller
from hie.kit.db import Database
from hie.records.exchange import Exchange
from hie.records.load import LINES, load_file, parts_of
from hie.records.open import open_exchange
from hie.records.sample import samples_of
from hie.settings import Settings
from hie.store.institutions import Institution, add_institution

STORED = "SELECT id, version FROM store.resource WHERE institution <> 0 ORDER BY id"


def observation(logical_id: str, value: float, **more: object) -> bytes:
    return orjson.dumps(
        {
            "resourceType": "Observation",
            "id": logical_id,
            "status": "final",
            "code": {"text": "weight"},
            "valueQuantity": {"value": value, "unit": "kg"},
            **more,
        }
    )


async def loaded(database: Database, path: Path) -> tuple[list[tuple[str, int]], list[int | None]]:
    async with open_exchange(Settings(), database.conninfo) as exchange:
        report = await load_file(exchange, await caller(exchange), path)
    async with database.connection() as connection:
        rows = await (await connection.execute(STORED)).fetchall()
    return [(row[0], row[1]) for row in rows], [refused.line for refused in report.refused]


async def caller(exchange: Exchange) -> Caller:
    async with exchange.store.database.connection() as connection:
        institution = await add_institution(connection, "H1", "第一医院")
    return Caller.for_institution(institution.number, "load")


@pytest.mark.parametrize("name", ["lines.ndjson", "lines.ndjson.gz"])
async def test_each_bad_line_is_refused_by_itself(
    database: Database, tmp_path: Path, name: str
) -> None:
    lines = [
        observation("a", 1),
        b'{"resourceType": "Observation",',
        observation("b", 2, status="no such status"),
        b"",
        b"[]",
        orjson.dumps({"resourceType": "Observation", "id": 7}),
        observation("c", 3, subject={"reference": "Patient?identifier=nobody"}),
        b'"text"',
        observation("d", 4),
    ]
    path = tmp_path / name
    content = b"\n".join(lines)
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    stored, refused = await loaded(database, path)
    assert stored == [("a", 1), ("d", 1)]
    assert sorted(line or 0 for line in refused) == [2, 3, 5, 6, 7, 8]


async def test_of_two_lines_with_one_id_the_later_is_the_newer_version(
    database: Database, tmp_path: Path
) -> None:
    path = tmp_path / "twice.ndjson"
    path.write_bytes(b"\n".join([observation("a", 1), observation("b", 1), observation("a", 2)]))
    assert await loaded(database, path) == ([("a", 2), ("b", 1)], [])


async def test_lines_that_repeat_one_share_its_fate(database: Database, tmp_path: Path) -> None:
    path = tmp_path / "repeated.ndjson"
    nobody = observation("n", 1, subject={"reference": "Patient?identifier=nobody"})
    lines = [observation("a", 1), observation("b", 1), nobody, observation("a", 1), nobody]
    lines += [observation("a", 2), observation("a", 1), observation("b", 1)]
    path.write_bytes(b"\n".join(lines))
    stored, refused = await loaded(database, path)
    assert stored == [("a", 3), ("b", 1)]
    assert sorted(line or 0 for line in refused) == [3, 5]
    async with open_exchange(Settings(), database.conninfo) as exchange:
        path.write_bytes(b"\n".join(lines[:2] * 3))
        report = await load_file(exchange, await caller(exchange), path)
    assert (report.stored, report.refused) == (6, [])


async def test_lines_keep_their_numbers_across_parts_and_are_not_loaded_twice(
    database: Database, tmp_path: Path
) -> None:
    path = tmp_path / "long.ndjson"
    count = 2 * LINES + 10
    lines = [observation(f"o{number}", number) for number in range(count)]
    lines[LINES + 1] = b"{}"
    path.write_bytes(b"\n".join(lines))
    assert [(part.number, part.last) for part in parts_of(path)] == [
        (0, False),
        (1, False),
        (2, True),
    ]
    stored, refused = await loaded(database, path)
    assert len(stored) == count - 1
    assert refused == [LINES + 2]
    async with open_exchange(Settings(), database.conninfo) as exchange:
        again = await load_file(exchange, await caller(exchange), path)
    assert (again.stored, again.skipped_parts) == (0, 3)


async def test_processes_that_create_the_same_resources_do_not_hinder_each_other(
    database: Database, tmp_path: Path
) -> None:
    """As exports of several hospitals do: the same practitioners in every file, in other orders."""
    names = [f"p{number}" for number in range(60)]
    paths = []
    for number in range(6):
        path = tmp_path / f"{number}.ndjson"
        names = names[7:] + names[:7]
        path.write_bytes(b"\n".join(observation(name, 1) for name in names))
        paths.append(path)
    async with open_exchange(Settings(), database.conninfo) as exchange:
        owner = await caller(exchange)
        reports = await gather(*(load_file(exchange, owner, path) for path in paths))
    assert [(report.stored, report.refused) for report in reports] == [(60, [])] * 6
    async with database.connection() as connection:
        rows = await (await connection.execute(STORED)).fetchall()
    assert {row[1] for row in rows} == {1}
    assert len(rows) == 60


@pytest.mark.parametrize(
    ("name", "content", "stored"),
    [
        ("short.ndjson.gz", lambda whole: gzip.compress(whole)[:-2000], True),
        ("plain.ndjson.gz", lambda whole: whole, False),
        ("short.json.gz", lambda whole: gzip.compress(whole)[:-2000], False),
        ("folder.ndjson", None, False),
    ],
)
async def test_a_damaged_file_is_refused_from_where_it_ends(
    database: Database,
    tmp_path: Path,
    name: str,
    content: Callable[[bytes], bytes] | None,
    stored: bool,
) -> None:
    """What stands before is loaded, the reason given, and other files are not held up."""
    path = tmp_path / name
    whole = b"\n".join(
        observation(f"o{number}", number, note=[{"text": token_hex(200)}])
        for number in range(2 * LINES)
    )
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content(whole))
    async with open_exchange(Settings(), database.conninfo) as exchange:
        report = await load_file(exchange, await caller(exchange), path)
    samples_of([path], Institution(1, "H1", "第一医院"))  # what a dictionary is learned from
    assert report.stored == (LINES if stored else 0)
    [refused] = report.refused
    expected = f"line {LINES + 1} on" if stored else "line 1 on"
    assert expected in refused.issues[0].text.en
    assert f"第 {LINES + 1 if stored else 1} 行" in refused.issues[0].text.zh
