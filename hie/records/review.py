"""The review queue for data stewards: what is open, one pair, decisions, second opinions.

Whatever shows somebody's identity data is on record under that person, as every disclosure is.
"""

from collections.abc import Sequence
from typing import NamedTuple

from hie.access.caller import Caller
from hie.errors import Problem, problem
from hie.kit.db import Connection
from hie.mpi import opinion, review
from hie.mpi.cluster import cluster_of, clusters
from hie.mpi.golden import parts_of
from hie.mpi.opinion import Agreement, Decided, Verdict
from hie.mpi.pair import Decision, Pair, pair_of
from hie.mpi.people import person_of
from hie.mpi.review import Review
from hie.mpi.settle import settle
from hie.mpi.steward import Done
from hie.mpi.survive import Part
from hie.records.disclosure import event
from hie.records.exchange import Exchange
from hie.records.link_provenance import Interaction
from hie.records.relink import relink, require_reason, require_steward

INTERACTIONS: dict[Decision, Interaction] = {
    "merge": "merge",
    "move": "link",
    "not-duplicate": "not-duplicate",
    "separate": "unlink",
    "keep": "review",
}

MOST_OPEN = 20_000
"""So many open reviews are looked at to find what hangs together."""


class Work(NamedTuple):
    """A piece of work: its pair, the registration that raised it, and how many persons hang together."""

    review: Review
    registration: Part | None
    persons: int


def unknown(number: int) -> Problem:
    """The answer for a review that is not there, is closed, or has settled itself."""
    return problem(
        404, "not-found", f"There is no open review {number}", f"没有编号 {number} 的待审核条目"
    )


async def open_reviews(
    exchange: Exchange,
    caller: Caller,
    *,
    reason: str | None = None,
    guard: str | None = None,
    count: int = 20,
    offset: int = 0,
) -> tuple[list[Work], int]:
    """A page of the queue, and how many pieces of work there are; pairs that share a person are one.

    With `reason` and `guard` those pieces that hold such a pair, which then stands for the piece.
    """
    require_steward(caller, "r")
    async with exchange.store.database.connection() as connection:
        every, _ = await review.queue(connection, count=MOST_OPEN)
        wanted = {
            one.number
            for one in every
            if reason in (None, one.doubt.reason) and (guard is None or guard in one.doubt.guards)
        }
        found = [
            (next(one for one in whole.reviews if one.number in wanted), len(whole.persons))
            for whole in clusters(every)
            if any(one.number in wanted for one in whole.reviews)
        ]
        shown = found[offset : offset + count]
        members = await parts_of(connection, {one.doubt.person for one, _ in shown})
    by_id = {part.id: part for parts in members.values() for part in parts}
    await _disclosed(exchange, caller, "reviews", [one.doubt.person for one, _ in shown])
    return [Work(one, by_id.get(one.doubt.registration), n) for one, n in shown], len(found)


async def review_pair(
    exchange: Exchange, caller: Caller, number: int
) -> tuple[Pair, tuple[Review, ...]]:
    """An open review with both sides, and the other reviews of its cluster. Problem 404."""
    require_steward(caller, "r")
    async with exchange.store.database.connection() as connection:
        pair = await _pair(connection, number)
        every, _ = await review.queue(connection, count=MOST_OPEN)
    await _disclosed(exchange, caller, "review", [pair.left.person, pair.right.person])
    related = cluster_of(number, every).reviews
    return pair, tuple(one for one in related if one.number != number)


async def decide_review(
    exchange: Exchange, caller: Caller, number: int, decision: Decision, reason: str
) -> Done:
    """Carry out a decision, with all that follows. Problem 404, 409 or 422."""
    actor = require_steward(caller, "u")
    note = require_reason(reason)

    async def act(connection: Connection) -> Done:
        pair = await _pair(connection, number)
        return await settle(
            connection, exchange.store.hasher, pair, decision, actor=actor, note=note
        )

    return await relink(exchange, caller, INTERACTIONS[decision], note, act)


async def second_reviews(
    exchange: Exchange, caller: Caller, number: int | None = None
) -> list[Decided]:
    """Decided reviews that wait for this caller's second opinion; or the one `number` of them."""
    who = require_steward(caller, "r")
    async with exchange.store.database.connection() as connection:
        found = await opinion.waiting(connection, who, number=number)
        persons = set()
        for one in found if number is not None else ():
            persons |= set(await _persons(connection, one))
    await _disclosed(exchange, caller, "review", sorted(persons))
    return found


async def second_opinion(
    exchange: Exchange, caller: Caller, number: int, verdict: Verdict, reason: str
) -> Agreement:
    """Keep a second opinion; the agreement after it. Problem 404 if none is asked of the caller."""
    who = require_steward(caller, "u")
    note = require_reason(reason)
    async with exchange.store.database.transaction() as connection:
        found = await opinion.waiting(connection, who, number=number)
        if not found:
            raise unknown(number)
        await opinion.give(connection, number, who, verdict, note)
        agreed = await opinion.agreement(connection)
        persons = await _persons(connection, found[0])
        events = [
            event(caller, "E", "second-opinion", person, entity_type="Patient", entity_id=person)
            for person in persons
        ]
        await exchange.audit.record_in(connection, events)
    return agreed


async def reviewer_agreement(exchange: Exchange, caller: Caller) -> Agreement:
    """How far reviewers agree; nobody's data."""
    require_steward(caller, "r")
    async with exchange.store.database.connection() as connection:
        return await opinion.agreement(connection)


async def _pair(connection: Connection, number: int) -> Pair:
    found = await review.find(connection, number)
    pair = await pair_of(connection, found) if found else None
    if pair is None:
        raise unknown(number)
    return pair


async def _persons(connection: Connection, one: Decided) -> list[str]:
    """The persons whom the registrations in the evidence belong to now."""
    ids = [part["id"] for side in ("left", "right") for part in one.evidence[side]]
    return sorted(set((await person_of(connection, ids)).values()))


async def _disclosed(
    exchange: Exchange, caller: Caller, interaction: str, persons: Sequence[str]
) -> None:
    events = [
        event(caller, "R", interaction, person, entity_type="Patient", entity_id=person)
        for person in dict.fromkeys(persons)
    ]
    await exchange.audit.record(*events)
