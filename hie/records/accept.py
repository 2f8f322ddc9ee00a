"""The one write door. https://hl7.org/fhir/R4/http.html#transaction

authorise → validate → resolve → identity → store → index → audit and outbox row, in one commit.
A REST create, a transaction bundle, an HL7 v2 message and a bulk file all enter here.
"""

from asyncio import sleep
from collections.abc import Sequence
from dataclasses import replace

from psycopg.errors import DeadlockDetected, UniqueViolation

from hie.access.caller import Caller
from hie.access.policy import restriction
from hie.errors import problem
from hie.kit.db import Connection
from hie.kit.ids import new_id
from hie.records.change import Change, build_changes, write_changes
from hie.records.entry import Entry, Outcome, Prepared
from hie.records.exchange import Exchange
from hie.records.match import lock_matches, matching_id
from hie.records.prepare import TURN, prepare
from hie.records.resolve import resolve_references

ATTEMPTS = 4


async def accept(exchange: Exchange, caller: Caller, entries: Sequence[Entry]) -> list[Outcome]:
    """Carry out all entries or none, in one transaction of its own; outcomes in their order.

    Raises Problem: 400 unreadable, 403 not allowed, 404 unknown, 409 somebody else was faster,
    412 a condition failed, 422 invalid; with every issue found.
    """
    prepared = await prepare(caller, entries)
    for attempt in range(ATTEMPTS):
        try:
            async with exchange.store.database.transaction() as connection:
                copies = [replace(item) for item in prepared]
                return await _apply(connection, exchange, caller, copies)
        except (UniqueViolation, DeadlockDetected) as error:
            if attempt == ATTEMPTS - 1:
                raise problem(
                    409,
                    "conflict",
                    "The same resources are being changed by another request; send it again",
                    "其他请求正在修改相同的资源，请重新发送",
                ) from error
    raise AssertionError("unreachable: the last attempt returns or raises")


async def accept_in(
    connection: Connection, exchange: Exchange, caller: Caller, entries: Sequence[Entry]
) -> list[Outcome]:
    """The same inside the caller's transaction, which must be rolled back when this raises."""
    return await _apply(connection, exchange, caller, await prepare(caller, entries))


async def _apply(
    connection: Connection, exchange: Exchange, caller: Caller, prepared: list[Prepared]
) -> list[Outcome]:
    store = exchange.store
    visible = restriction(caller, "s")
    queries = {f"{p.entry.type}?{p.entry.if_none_exist}" for p in prepared if p.entry.if_none_exist}
    await lock_matches(connection, store, queries)
    existing: dict[int, str] = {}
    known: dict[str, str] = {}
    for number, item in enumerate(prepared):
        entry = item.entry
        item.id = entry.id or new_id()
        if entry.if_none_exist is None:
            continue
        match = await matching_id(
            connection, store, visible, entry.type, entry.if_none_exist, entry.expression
        )
        if match is not None:
            existing[number] = item.id = match
            if entry.full_url:
                known[entry.full_url] = f"{entry.type}/{match}"
    _refuse_duplicates(prepared, existing)
    to_change = [item for number, item in enumerate(prepared) if number not in existing]
    await resolve_references(
        connection, store, visible, to_change, known, exchange.settings.fhir_base
    )
    if len(prepared) > TURN:
        await sleep(0)
    changes = await build_changes(
        connection, exchange, prepared, existing, operator=caller.kind == "operator"
    )
    await write_changes(connection, exchange, caller, changes)
    return [_outcome(change) for change in changes[: len(prepared)]]


def _refuse_duplicates(prepared: Sequence[Prepared], existing: dict[int, str]) -> None:
    seen: set[tuple[str, str]] = set()
    for number, item in enumerate(prepared):
        key = (item.entry.type, item.id)
        if key in seen and number not in existing:
            raise problem(
                400,
                "invalid",
                f"{item.entry.type}/{item.id} occurs twice in one transaction",
                f"同一事务中 {item.entry.type}/{item.id} 出现了两次",
                item.entry.expression,
            )
        seen.add(key)


def _outcome(change: Change) -> Outcome:
    return Outcome(
        status=change.status,
        type=change.type,
        id=change.id,
        version=change.version,
        last_updated=change.last_updated,
        body=change.body,
        changed=change.changed,
    )
