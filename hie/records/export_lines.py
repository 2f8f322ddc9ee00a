"""The lines of a file of an export. https://hl7.org/fhir/uv/bulkdata/STU2/export.html#file-request"""

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence

import orjson

from hie.access.caller import Caller
from hie.access.export import Export
from hie.fhir.definitions import type_name as name_of
from hie.fhir.subset import Subset
from hie.records.disclosure import disclosed
from hie.records.exchange import Exchange
from hie.records.export import DELETED, Asked, deleted_rows, gone, snapshot_of, state
from hie.search.definitions import follow
from hie.search.snapshot import Part, rows
from hie.store.read import Row

PAGE = 250
"""Rows in memory at a time, as they are stored."""
CHUNK = 128 * 1024
"""Bytes of them as text at a time. One ExplanationOfBenefit may have fifty thousand."""


async def lines(
    exchange: Exchange, caller: Caller, export_id: str, name: str, number: int
) -> AsyncIterator[bytes]:
    """The pages of a file, each put on record before it goes out. Problem 403, 404.

    `name` is a type or `deleted`, `number` counts the files of the type from 1.
    """
    export = await state(exchange, caller, export_id)
    if export is None or export.output is None:
        raise gone(export_id)
    stretches = export.output["files"].get(name, ())
    if name == DELETED and export.output[DELETED]:
        return _deletions(exchange, caller, export)
    if not 1 <= number <= len(stretches):
        raise gone(f"{export_id}/{name}.{number}")
    await follow(exchange.store.database)
    return _resources(exchange, caller, export, name, Part(*stretches[number - 1]))


async def _resources(
    exchange: Exchange, caller: Caller, export: Export, name: str, part: Part
) -> AsyncIterator[bytes]:
    asked = Asked.from_document(export.asked)
    subset = Subset(elements={name: frozenset(each) for name, each in asked.elements.items()})
    after = part.after
    while True:
        async with exchange.store.database.connection() as connection:
            snapshot = await snapshot_of(connection, exchange, caller, export, asked, name)
            found = await rows(connection, snapshot, after, part.until, PAGE)
        if not found:
            return
        await _on_record(exchange, caller, name, found, asked)
        for chunk in chunks(_line(exchange, name, row, subset) for row in found):
            yield chunk
        after = found[-1].key


def chunks(lines: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in pieces of about `CHUNK`: small enough for the memory, large enough to send."""
    held: list[bytes] = []
    size = 0
    for line in lines:
        held.append(line)
        size += len(line)
        if size >= CHUNK:
            yield b"".join(held)
            held.clear()
            size = 0
    if held:
        yield b"".join(held)


def _line(exchange: Exchange, name: str, row: Row, subset: Subset) -> bytes:
    body = exchange.store.bodies.expand(row.dictionary, row.body or b"")
    if not subset.whole:
        body = subset.of(name, body)
    # Between its elements a resource keeps the line breaks with which it was sent.
    return body.replace(b"\r", b" ").replace(b"\n", b" ") + b"\n"


async def _deletions(exchange: Exchange, caller: Caller, export: Export) -> AsyncIterator[bytes]:
    """Bundles of type transaction that would repeat the deletions."""
    asked = Asked.from_document(export.asked)
    after = (-1, 0)
    while True:
        async with exchange.store.database.connection() as connection:
            found = await deleted_rows(connection, exchange, caller, export, asked, after, PAGE)
        if not found:
            return
        await _on_record(exchange, caller, None, found, asked)
        entries = [
            {"request": {"method": "DELETE", "url": f"{name_of(row.type)}/{row.id}"}}
            for row in found
        ]
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
        yield orjson.dumps(bundle) + b"\n"
        after = (found[-1].key, found[-1].version)


async def _on_record(
    exchange: Exchange, caller: Caller, name: str | None, found: Sequence[Row], asked: Asked
) -> None:
    await disclosed(exchange, caller, "export", name, rows=found, query=asked.request)
