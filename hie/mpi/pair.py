"""Two persons as a reviewer sees them: both sides, the weight of each field, what to do about it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from hie.kit.db import Connection
from hie.mpi.candidates import fill
from hie.mpi.decide import CERTAIN_BITS, REVIEW_BITS
from hie.mpi.features import Features
from hie.mpi.golden import parts_of
from hie.mpi.review import Review
from hie.mpi.survive import Part

Decision = Literal["merge", "move", "not-duplicate", "separate", "keep"]
DECISIONS: tuple[Decision, ...] = ("merge", "move", "not-duplicate", "separate", "keep")
DIFFERENT = frozenset(("numbers", "twin", "order", "sex", "stranger", "generation"))
"""Objections that usually mean two people."""


@dataclass(frozen=True, slots=True)
class Side:
    """A person's registrations: of each its id, institution and identity data."""

    person: str
    registrations: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Pair:
    """A registration with its person on the left, what it is weighed against on the right.

    `parts` are the bits of each field and `levels` say how the field agrees; `suggestion` is what
    most reviewers would do, never done by itself.
    """

    review: Review
    left: Side
    right: Side
    bits: float
    parts: Mapping[str, float]
    levels: Mapping[str, str]
    guards: tuple[str, ...]
    suggestion: Decision

    @property
    def possible(self) -> tuple[Decision, ...]:
        """The decisions that can be carried out."""
        if self.left.person == self.right.person:
            return ("separate", "keep")
        if len(self.left.registrations) > 1:
            return ("merge", "move", "not-duplicate", "keep")
        return ("merge", "not-duplicate", "keep")


async def pair_of(connection: Connection, review: Review) -> Pair | None:
    """The pair of an open review as things stand now; None when it has settled itself.

    That is when the registration is gone, or has meanwhile come to the other person.
    """
    doubt = review.doubt
    alone = doubt.person == doubt.other
    members = await parts_of(connection, {doubt.person, doubt.other})
    left, right = members[doubt.person], members[doubt.other]
    own = next((part for part in left if part.id == doubt.registration), None)
    if own is None:  # the registration that raised the doubt has moved: weigh any of its person's
        own = left[0] if left and not alone else None
    if alone:
        right = [part for part in left if own is not None and part.id != own.id]
        left = [own] if own is not None else []
    if own is None or not right:
        return None
    bits, parts, levels, guards = await _weigh(connection, own, right)
    return Pair(
        review,
        Side(doubt.person, tuple(sorted(left, key=lambda part: part.id != own.id))),
        Side(doubt.other, tuple(right)),
        bits,
        parts,
        levels,
        guards,
        _suggestion(bits, guards, alone=alone),
    )


async def _weigh(
    connection: Connection, own: Part, right: list[Part]
) -> tuple[float, Mapping[str, float], Mapping[str, str], tuple[str, ...]]:
    described: Features = own.features
    roster = await fill(
        connection,
        (),
        ids=[own.id, *(part.id for part in right)],
        dates=described.births[:1],
        lock=False,
    )
    person = roster.members[right[0].id].person
    roster.remove(own.id)
    candidate = roster.candidate(own.id, described, person)
    result = candidate.score
    return result.bits, result.parts, dict(result.levels), candidate.guards


def _suggestion(bits: float, guards: tuple[str, ...], *, alone: bool) -> Decision:
    if alone:
        return "separate" if bits < REVIEW_BITS or DIFFERENT & set(guards) else "keep"
    if DIFFERENT & set(guards) or bits < 0:
        return "not-duplicate"
    return "merge" if bits >= CERTAIN_BITS else "keep"


def evidence(pair: Pair) -> dict[str, Any]:
    """What the reviewer saw, to be kept: for second opinions and for training."""

    def side(given: Side) -> list[dict[str, Any]]:
        return [
            {"id": part.id, "institution": part.institution, "content": dict(part.content)}
            for part in given.registrations
        ]

    return {
        "left": side(pair.left),
        "right": side(pair.right),
        "bits": pair.bits,
        "parts": [[field, weight] for field, weight in pair.parts.items()],  # in their order
        "levels": dict(pair.levels),
        "guards": list(pair.guards),
    }
