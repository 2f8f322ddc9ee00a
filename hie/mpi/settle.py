"""Carrying out what a reviewer decides about a pair, with the opinion and what it was based on."""

import orjson

from hie.errors import problem
from hie.kit.db import Connection
from hie.kit.hashing import Hasher
from hie.mpi import opinion, review, steward
from hie.mpi.golden import Golden
from hie.mpi.opinion import Verdict
from hie.mpi.pair import Decision, Pair, evidence
from hie.mpi.steward import Done

KEEP_EVIDENCE = "UPDATE mpi.review SET evidence = %s WHERE number = %s"
OUTCOMES: dict[Decision, review.Outcome] = {
    "merge": "merged",
    "move": "moved",
    "not-duplicate": "not-duplicate",
    "separate": "moved",
    "keep": "kept",
}


async def settle(
    connection: Connection,
    hasher: Hasher,
    pair: Pair,
    decision: Decision,
    *,
    actor: str,
    note: str,
) -> Done:
    """Close the review with `decision`. Problem 409 if it is closed, 422 if it cannot be done so.

    The event of a review that is only closed is 0: no link changes.
    """
    number = pair.review.number
    if decision not in pair.possible:
        possible = ", ".join(pair.possible)
        raise problem(
            422,
            "invalid",
            f"This review can be decided as: {possible}",
            f"该条目可作的决定：{possible}",
            "Parameters.parameter.where(name='decision')",
        )
    if not await review.close(connection, number, OUTCOMES[decision], actor):
        raise problem(409, "conflict", "The review is decided already", "该条目已有决定")
    await connection.execute(KEEP_EVIDENCE, (orjson.dumps(evidence(pair)).decode(), number))
    await opinion.give(connection, number, actor, _verdict(pair, decision), note)
    left, right = pair.left.person, pair.right.person
    registration = pair.left.registrations[0].id
    match decision:
        case "merge":
            # The person with more registrations goes on: fewer people get to know a new id.
            fewer = len(pair.left.registrations) <= len(pair.right.registrations)
            survivor, gone = (right, left) if fewer else (left, right)
            return await steward.merge(connection, survivor, gone, actor=actor, reason=note)
        case "move":
            return await steward.link(connection, registration, right, actor=actor, reason=note)
        case "not-duplicate":
            return await steward.not_duplicate(connection, left, right, actor=actor, reason=note)
        case "separate":
            return await steward.unlink(
                connection, hasher, registration, left, actor=actor, reason=note
            )
        case "keep":
            unchanged: list[Golden] = []
            return Done(0, left, unchanged)


def _verdict(pair: Pair, decision: Decision) -> Verdict:
    """Whether the reviewer takes both sides for one human being."""
    if decision in ("merge", "move"):
        return "same"
    if decision in ("not-duplicate", "separate"):
        return "different"
    return "same" if pair.left.person == pair.right.person else "unsure"
