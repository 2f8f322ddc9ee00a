"""Small changes of many requests, carried out in one transaction. https://hl7.org/fhir/R4/http.html#update

To begin and commit a transaction, to draw change numbers, to learn words, to put on record: each costs a
change of one resource as much as it costs fifty. So those that ask at the same moment share them,
and each is answered for itself, when all are on disk. Nobody waits here for a row that another
transaction has locked: who asks for one, or for what another of the group changes, goes alone.
"""

from asyncio import sleep
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from copy import copy
from dataclasses import dataclass, field

import psycopg
from psycopg.errors import DeadlockDetected, OperationalError

from hie.access.caller import Caller
from hie.access.policy import restriction
from hie.kit.clock import now
from hie.kit.db import Connection
from hie.records.build import number_changes, write_changes
from hie.records.change import Change, change_of
from hie.records.conditional import Decided, decide
from hie.records.entry import Outcome, Prepared
from hie.records.exchange import Exchange
from hie.records.outcomes import outcomes_of
from hie.records.prepare import TURN
from hie.records.resolve import resolve_references
from hie.records.search_parameter import hold_definitions
from hie.store.write import Place, locate_free

LANES = 2
"""Groups at the same time: while PostgreSQL works for one, this process does for another."""
MOST = 50
"""Requests in one group, so that no answer waits for too many others."""
FEW = 8
"""Entries up to which a transaction waits for fewer round trips instead of copying its rows in."""
THOROUGH = frozenset({"Patient", "Consent", "SearchParameter"})
"""Types whose changes ask for more than the rows of the entries."""

Name = tuple[int, str]
Answer = list[Outcome] | None
"""What became of the entries; None if they have to be carried out alone."""


@dataclass(frozen=True, slots=True)
class Request:
    """Entries that are all carried out, or none."""

    exchange: Exchange
    caller: Caller
    prepared: Sequence[Prepared]


@dataclass(slots=True)
class _Work:
    """A request while its group is carried out; once it has an answer it takes no further part."""

    request: Request
    items: list[Prepared]
    decided: Decided = field(default_factory=Decided)
    changes: Sequence[Change] = ()
    answer: Answer | Exception = None
    answered: bool = False

    def give(self, answer: Answer | Exception) -> None:
        """End this request's part; nothing of it is decided or written from here on."""
        self.answer, self.answered = answer, True

    @property
    def names(self) -> list[Name]:
        return [(item.type_number, item.id) for item in self.decided.items]

    @asynccontextmanager
    async def refusing(self) -> AsyncIterator[None]:
        """What is raised in the block is this request's own answer, unless the database raises it."""
        try:
            yield
        except psycopg.Error:
            raise
        except Exception as error:
            self.give(error)


def few_and_plain(prepared: Sequence[Prepared]) -> bool:
    """Whether the entries are few, and nothing has to be searched for them."""
    return len(prepared) <= FEW and all(map(_is_plain, prepared))


def _is_plain(item: Prepared) -> bool:
    entry = item.entry
    criteria = entry.query is not None or entry.if_none_exist is not None
    return not criteria and entry.type not in THOROUGH and b"?" not in item.raw


def goes_together(caller: Caller, prepared: Sequence[Prepared]) -> bool:
    """Whether entries that are few and plain can join those of others.

    What residents write is looked at again, with all that they are to the record; a patch reads first.
    """
    return caller.kind != "resident" and all(item.entry.method != "PATCH" for item in prepared)


async def carry_out_together(requests: Sequence[Request]) -> list[Answer | Exception]:
    """An answer for each request: what became of it, why it is refused, or that it has to go alone.

    Raises psycopg.OperationalError when there is no database.
    """
    exchange = requests[0].exchange
    pipelined = sum(len(request.prepared) for request in requests) <= FEW
    try:
        async with exchange.store.database.transaction(pipelined=pipelined) as connection:
            return await _carry_out(connection, exchange, requests)
    except Exception as error:
        if isinstance(error, OperationalError) and not isinstance(error, DeadlockDetected):
            raise
        # Whose change it failed on shows when each goes alone.
        return [None] * len(requests)


async def _carry_out(
    connection: Connection, exchange: Exchange, requests: Sequence[Request]
) -> list[Answer | Exception]:
    works = [_Work(request, [copy(item) for item in request.prepared]) for request in requests]
    await hold_definitions(connection, [item for work in works for item in work.items])
    for work in works:
        async with work.refusing():
            await _decide(connection, exchange, work)
    _send_away_repeated(works)
    places = await _places(connection, works)
    moment = now()
    for number, work in enumerate(works):
        async with work.refusing():
            operator = work.request.caller.kind == "operator"
            work.changes = [
                await change_of(connection, exchange, item, places.get(name), moment, operator)
                for item, name in zip(work.decided.items, work.names, strict=True)
            ]
        if number % TURN == TURN - 1:
            await sleep(0)
    going = [work for work in works if not work.answered]
    await number_changes(connection, [one for work in going for one in work.changes], moment)
    await write_changes(connection, exchange, [(w.request.caller, w.changes) for w in going])
    for work in going:
        work.give(outcomes_of(work.items, work.decided, work.changes))
    return [work.answer for work in works]


async def _decide(connection: Connection, exchange: Exchange, work: _Work) -> None:
    visible = restriction(work.request.caller, "s")
    store, base = exchange.store, exchange.settings.fhir_base
    work.decided = await decide(
        connection, store, visible, work.items, fhir_base=base, most_deleted=1
    )
    await resolve_references(
        connection, store, visible, work.decided.items, work.decided.known, base
    )


def _send_away_repeated(works: Sequence[_Work]) -> None:
    """Who changes what an earlier one of the group changes goes alone, after that."""
    taken: set[Name] = set()
    for work in works:
        if not taken.isdisjoint(work.names):
            work.give(None)
        elif not work.answered:
            taken.update(work.names)


async def _places(connection: Connection, works: Sequence[_Work]) -> dict[Name, Place]:
    """What stands under the names that are not new; who would have to wait for one goes alone."""
    places, held = await locate_free(
        connection,
        [
            name
            for work in works
            if not work.answered
            for item, name in zip(work.decided.items, work.names, strict=True)
            if item.entry.method != "POST"
        ],
    )
    for work in works:
        if not held.isdisjoint(work.names):
            work.give(None)
    return places
