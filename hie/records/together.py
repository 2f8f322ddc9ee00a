"""Small changes of many requests, carried out in one transaction. https://hl7.org/fhir/R4/http.html#update

To begin and commit a transaction, to draw change numbers, to learn words, to put on record: each costs a
change of one resource as much as it costs fifty. So those that ask at the same moment share them,
and each is answered for itself, when all are on disk. Nobody waits here for a row that another
transaction has locked: who asks for one, or for what another of the group changes, goes alone.
"""

import logging
from asyncio import sleep
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from copy import copy
from dataclasses import dataclass, field
from datetime import datetime

import psycopg
from psycopg.errors import DeadlockDetected, OperationalError

from hie.access.caller import Caller
from hie.access.policy import restriction
from hie.kit.clock import now
from hie.kit.db import Connection
from hie.kit.hashing import Hasher
from hie.records.build import number_changes, write_changes
from hie.records.change import Change, change_of, present
from hie.records.conditional import Decided, criteria_of, decide
from hie.records.entry import Outcome, Prepared
from hie.records.exchange import Exchange
from hie.records.match import Criteria, Matches, free_questions, look_up, question_number
from hie.records.outcomes import outcomes_of
from hie.records.prepare import TURN
from hie.records.resolve import resolve_references
from hie.records.search_parameter import hold_definitions
from hie.search.identified import identifier_token
from hie.store.open import Store
from hie.store.write import Place, locate_free

logger = logging.getLogger(__name__)

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
    matches: Matches
    decided: Decided = field(default_factory=Decided)
    changes: Sequence[Change] = ()
    answer: Answer | Exception = None
    answered: bool = False

    def give(self, answer: Answer | Exception) -> None:
        """End this request's part; nothing of it is decided or written from here on."""
        self.answer, self.answered = answer, True

    @property
    def names(self) -> list[Name]:
        return list(map(_name, self.decided.items))

    @property
    def criteria(self) -> list[Criteria]:
        return criteria_of(self.items)

    def questions(self, store: Store) -> set[int]:
        """The numbers under which its criteria are held."""
        return {question_number(store, self.matches.normal(*one)) for one in self.criteria}

    def decided_items(self) -> list[tuple[Prepared, bool]]:
        """The items, and of each whether it is there already and nothing is to be written for it."""
        existing = self.decided.existing
        return [(item, place in existing) for place, item in enumerate(self.decided.items)]

    @asynccontextmanager
    async def refusing(self) -> AsyncIterator[None]:
        """What is raised in the block is this request's own answer, unless the database raises it."""
        try:
            yield
        except psycopg.Error:
            raise
        except Exception as error:
            self.give(error)


def _name(item: Prepared) -> Name:
    return item.type_number, item.id


def few_and_plain(prepared: Sequence[Prepared]) -> bool:
    """Whether the entries are few, and nothing has to be searched for them."""
    return len(prepared) <= FEW and all(map(_is_plain, prepared)) and not criteria_of(prepared)


def _is_plain(item: Prepared) -> bool:
    return item.entry.type not in THOROUGH and b"?" not in item.raw


def goes_together(hasher: Hasher, caller: Caller, prepared: Sequence[Prepared]) -> bool:
    """Whether the entries can join those of others: few, and with no criteria but identifiers.

    What residents write is looked at again, with all that they are to the record; a patch and a
    deletion by criteria read first.
    """
    return (
        caller.kind != "resident"
        and len(prepared) <= FEW
        and all(map(_is_plain, prepared))
        and not any(
            item.entry.method == "PATCH" or (item.entry.method == "DELETE" and item.entry.query)
            for item in prepared
        )
        and all(identifier_token(hasher, *one) is not None for one in criteria_of(prepared))
    )


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
        logger.warning("%s changes failed together and go alone: %r", len(requests), error)
        return [None] * len(requests)


async def _carry_out(
    connection: Connection, exchange: Exchange, requests: Sequence[Request]
) -> list[Answer | Exception]:
    works = [_work(connection, exchange, request) for request in requests]
    await hold_definitions(connection, [item for work in works for item in work.items])
    await _hold(connection, exchange.store, works)
    for work in _going(works):
        async with work.refusing():
            work.decided = await decide(work.matches, work.items, most_deleted=1)
            to_change = [item for item, is_there in work.decided_items() if not is_there]
            await resolve_references(work.matches, to_change, work.decided.known)
    _send_away_repeated(works)
    places = await _places(connection, works)
    moment = now()
    for number, work in enumerate(_going(works)):
        async with work.refusing():
            work.changes = await _changes(connection, exchange, work, places, moment)
        if number % TURN == TURN - 1:
            await sleep(0)
    going = _going(works)
    await number_changes(connection, [one for work in going for one in work.changes], moment)
    await write_changes(connection, exchange, [(w.request.caller, w.changes) for w in going])
    for work in going:
        work.give(outcomes_of(work.items, work.decided, work.changes))
    return [work.answer for work in works]


def _work(connection: Connection, exchange: Exchange, request: Request) -> _Work:
    visible, base = restriction(request.caller, "s"), exchange.settings.fhir_base
    matches = Matches(connection, exchange.store, visible, base)
    return _Work(request, [copy(item) for item in request.prepared], matches)


def _going(works: Sequence[_Work]) -> list[_Work]:
    return [work for work in works if not work.answered]


async def _changes(
    connection: Connection,
    exchange: Exchange,
    work: _Work,
    places: Mapping[Name, Place],
    moment: datetime,
) -> list[Change]:
    operator = work.request.caller.kind == "operator"
    changes = []
    for item, is_there in work.decided_items():
        place = places.get(_name(item))
        if is_there and place is not None:
            changes.append(present(exchange, item, place))
        else:
            changes.append(await change_of(connection, exchange, item, place, moment, operator))
    return changes


async def _hold(connection: Connection, store: Store, works: Sequence[_Work]) -> None:
    """Look up the criteria; those that another decides just now, here or elsewhere, go alone."""
    asking = [(work, work.questions(store)) for work in works if work.criteria]
    taken: set[int] = set()
    for work, questions in asking:
        if taken.isdisjoint(questions):
            taken |= questions
        else:
            work.give(None)
    free = await free_questions(connection, taken)
    for work, questions in asking:
        if not questions <= free:
            work.give(None)
    going = [work for work, _ in asking if not work.answered]
    await look_up(connection, [(work.matches, one) for work in going for one in work.criteria])


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
            _name(item)
            for work in _going(works)
            for item, is_there in work.decided_items()
            if is_there or item.entry.method != "POST"
        ],
    )
    for work in works:
        if not held.isdisjoint(work.names):
            work.give(None)
    return places
