"""The one write door. https://hl7.org/fhir/R4/http.html#transaction

authorise → validate → resolve → identity → store → index → audit and outbox row, in one commit.
A REST create, a transaction bundle, an HL7 v2 message and a bulk file all enter here.
"""

from asyncio import sleep
from collections.abc import Awaitable, Callable, Sequence
from copy import copy

from psycopg.errors import DeadlockDetected, UniqueViolation

from hie.access.caller import Caller
from hie.access.policy import restriction
from hie.errors import problem
from hie.kit.db import Connection
from hie.records.build import build_changes, write_changes
from hie.records.conditional import MOST_DELETED, criteria_of, decide
from hie.records.contribution import check_contributions, put_in_force
from hie.records.entry import Entry, Outcome, Prepared
from hie.records.exchange import Exchange
from hie.records.match import Matches
from hie.records.outcomes import outcomes_of
from hie.records.patch import apply_patches
from hie.records.prepare import TURN, prepare
from hie.records.resolve import resolve_references
from hie.records.search_parameter import hold_definitions, put_parameters_in_force
from hie.records.together import Answer, Request, few_and_plain, goes_together

BeforeCommit = Callable[[Connection, Sequence[Outcome]], Awaitable[None]]
ATTEMPTS = 4


async def accept(
    exchange: Exchange,
    caller: Caller,
    entries: Sequence[Entry],
    *,
    before_commit: BeforeCommit | None = None,
) -> list[Outcome]:
    """Carry out all entries or none, in one transaction of its own; outcomes in their order.

    `before_commit` sees the changes and their outcomes; if it raises, there are none.

    Raises Problem: 400 unreadable, 403 not allowed, 404 unknown, 409 somebody else was faster,
    410 deleted, 412 a condition failed, 415 a patch of another kind, 422 invalid; with every issue
    found.
    """
    prepared = await prepare(caller, entries)
    if before_commit is None and goes_together(exchange.store.hasher, caller, prepared):
        answer: Answer = await exchange.changes.ask(Request(exchange, caller, prepared))
        if answer is not None:
            return answer
    pipelined = before_commit is None and few_and_plain(prepared)
    for attempt in range(ATTEMPTS):
        try:
            async with exchange.store.database.transaction(pipelined=pipelined) as connection:
                copies = [copy(item) for item in prepared]
                outcomes = await carry_out(connection, exchange, caller, copies)
                if before_commit is not None:
                    await before_commit(connection, outcomes)
                return outcomes
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
    return await carry_out(connection, exchange, caller, await prepare(caller, entries))


async def carry_out(
    connection: Connection, exchange: Exchange, caller: Caller, prepared: list[Prepared]
) -> list[Outcome]:
    """The same for entries that have been prepared; each may be carried out only once."""
    await hold_definitions(connection, prepared)
    matches = Matches(
        connection, exchange.store, restriction(caller, "s"), exchange.settings.fhir_base
    )
    await matches.hold(criteria_of(prepared))
    most_deleted = MOST_DELETED if exchange.settings.conditional_delete == "multiple" else 1
    decided = await decide(matches, prepared, most_deleted=most_deleted)
    items = decided.items
    operator = caller.kind == "operator"
    await apply_patches(connection, exchange, items, operator=operator)
    to_change = [item for place, item in enumerate(items) if place not in decided.existing]
    await resolve_references(matches, to_change, decided.known)
    if len(items) > TURN:
        await sleep(0)
    await check_contributions(connection, exchange, caller, to_change)
    changes = await build_changes(connection, exchange, items, decided.existing, operator=operator)
    await write_changes(connection, exchange, [(caller, changes)])
    await put_in_force(connection, exchange, caller, changes)
    await put_parameters_in_force(connection, caller, changes)
    return outcomes_of(prepared, decided, changes)
