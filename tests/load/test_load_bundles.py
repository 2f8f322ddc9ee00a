"""Files that hold a Bundle: all that it asks for is carried out, or nothing. https://hl7.org/fhir/R4/http.html#transaction"""

from base64 import b64encode
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from hie.access.caller import Caller
from hie.kit.db import Database
from hie.records.exchange import Exchange
from hie.records.load import Report, load_file
from hie.records.open import open_exchange
from hie.settings import Settings
from hie.store.institutions import add_institution

STORED = "SELECT id, version FROM store.resource WHERE institution = %s AND body IS NOT NULL"


@pytest.fixture
async def exchange(database: Database) -> AsyncIterator[Exchange]:
    async with open_exchange(Settings(), database.conninfo) as opened:
        yield opened


async def caller(exchange: Exchange, code: str = "H1") -> Caller:
    async with exchange.store.database.transaction() as connection:
        institution = await add_institution(connection, code, code)
    return Caller.for_institution(institution.number, "load")


class Files:
    """Bundles written to files and loaded, one after the other, for one institution."""

    def __init__(self, exchange: Exchange, folder: Path) -> None:
        self.exchange = exchange
        self.folder = folder
        self.number = 0

    async def load(self, *entries: Any, kind: str = "transaction", code: str = "H1") -> Report:
        self.number += 1
        path = self.folder / f"{self.number}.json"
        bundle = {"resourceType": "Bundle", "type": kind, "entry": entries}
        path.write_bytes(orjson.dumps(bundle))
        return await load_file(self.exchange, await caller(self.exchange, code), path)

    async def stored(self, code: str = "H1") -> dict[str, int]:
        """The versions of what is there, by id."""
        owner = (await caller(self.exchange, code)).institution
        async with self.exchange.store.database.connection() as connection:
            rows = await (await connection.execute(STORED, (owner,))).fetchall()
        return {row[0]: row[1] for row in rows}


@pytest.fixture
def files(exchange: Exchange, tmp_path: Path) -> Files:
    return Files(exchange, tmp_path)


def location(logical_id: str | None, name: str) -> dict[str, Any]:
    named = {} if logical_id is None else {"id": logical_id}
    return {
        "resourceType": "Location",
        **named,
        "identifier": [{"system": "urn:test", "value": name}],
        "name": name,
    }


def request(method: str, url: str, resource: Any = None, **more: str) -> dict[str, Any]:
    entry: dict[str, Any] = {"request": {"method": method, "url": url, **more}}
    return entry if resource is None else {**entry, "resource": resource}


async def filled(files: Files) -> None:
    report = await files.load(
        *(request("PUT", f"Location/{one}", location(one, one)) for one in ("a", "b", "c"))
    )
    assert (report.stored, report.refused) == (3, [])


async def test_deletions_conditions_and_patches_are_carried_out(files: Files) -> None:
    await filled(files)
    patch = [{"op": "replace", "path": "/name", "value": "another"}]
    binary = {
        "resourceType": "Binary",
        "contentType": "application/json-patch+json",
        "data": b64encode(orjson.dumps(patch)).decode(),
    }
    report = await files.load(
        request("DELETE", "Location/a"),
        request("PATCH", "Location/b", binary),
        request(
            "PUT", "Location?identifier=urn:test|c", location(None, "c") | {"status": "active"}
        ),
        request("POST", "Location", location(None, "b"), ifNoneExist="identifier=urn:test|b"),
    )
    assert (report.stored, report.refused) == (3, [])
    assert await files.stored() == {"b": 2, "c": 2}


@pytest.mark.parametrize(
    ("entry", "place", "said"),
    [
        (request("GET", "Location/a"), "[1].request", "'GET Location/a' changes nothing"),
        (request("HEAD", "Location/a"), "[1].request", "'HEAD Location/a' changes nothing"),
        (request("POST", "Location/$validate", {}), "[1].request", "changes nothing"),
        (request("DELETE", "Location/a", {}), "[1].request", "cannot be carried out here"),
        (request("DELETE", "Location"), "[1].request", "cannot be carried out here"),
        (request("MERGE", "Location/a"), "[1].request", "cannot be carried out here"),
        (request("PUT", "Location/z"), "[1].request", "cannot be carried out here"),
        ({"resource": location("z", "z")}, "[1].request", "needs request.method"),
        ({"fullUrl": "urn:uuid:1"}, "[1].request", "needs request.method"),
        (
            request("POST", "Location", location(None, "z"), ifNoneExists="identifier=z"),
            "[1].request.ifNoneExists",
            "unknown field",
        ),
        (request("DELETE", "Location/unknown"), "[1]", "Location/unknown"),
        (request("PATCH", "Location/a", {}), "[1].resource", "A patch is"),
    ],
)
async def test_what_cannot_be_carried_out_is_refused_with_its_place_and_nothing_is_stored(
    files: Files, entry: dict[str, Any], place: str, said: str
) -> None:
    await filled(files)
    report = await files.load(request("PUT", "Location/new", location("new", "new")), entry)
    [refused] = report.refused
    [issue] = refused.issues
    assert (report.stored, issue.expression) == (0, f"Bundle.entry{place}")
    assert said in issue.text.en
    assert await files.stored() == {"a": 1, "b": 1, "c": 1}


async def test_all_entries_that_cannot_be_carried_out_are_named(files: Files) -> None:
    report = await files.load(request("GET", "Location"), request("DELETE", "Location"))
    [refused] = report.refused
    places = [issue.expression for issue in refused.issues]
    assert places == ["Bundle.entry[0].request", "Bundle.entry[1].request"]


@pytest.mark.parametrize("url", ["Location/a", "Location?identifier=urn:test|a"])
async def test_nobody_deletes_or_changes_what_another_institution_sent(
    files: Files, url: str
) -> None:
    await filled(files)
    await files.load(request("DELETE", url), code="H2")
    await files.load(request("PUT", url, location("a", "a") | {"status": "active"}), code="H2")
    assert await files.stored() == {"a": 1, "b": 1, "c": 1}


async def test_a_collection_without_requests_is_created(files: Files) -> None:
    entries = [{"resource": location(None, str(number))} for number in range(3)]
    report = await files.load(*entries, kind="collection")
    assert (report.stored, report.refused) == (3, [])
    assert list((await files.stored()).values()) == [1, 1, 1]
    for entry in ({"resource": {}}, {"resource": 3}, {"resource": {"resourceType": 3}}, {}):
        assert (await files.load(entry, kind="collection")).stored == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b'{"resourceType": "Bundle",', "at line 1, column"),
        (b'{"resourceType": "Patient"}', "Send a Bundle here"),
        (b"[]", "Expected `object`"),
        (b'{"resourceType": "Bundle", "entry": {}}', "Expected `array`"),
    ],
)
async def test_what_is_no_bundle_is_refused_with_the_reason(
    exchange: Exchange, tmp_path: Path, text: bytes, said: str
) -> None:
    path = tmp_path / "bundle.json"
    path.write_bytes(text)
    report = await load_file(exchange, await caller(exchange), path)
    assert said in report.refused[0].issues[0].text.en
