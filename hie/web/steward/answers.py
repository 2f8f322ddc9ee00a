"""The answers of the review operations as values for pages. Operations: docs/identity.md"""

from collections.abc import Iterator
from dataclasses import dataclass

from hie.web.record.coded import Resource
from hie.web.record.parameters import named, value, values
from hie.web.record.person import name_of


@dataclass(frozen=True, slots=True)
class Listed:
    """An entry of the queue."""

    number: int
    opened: str
    reason: str
    bits: float
    guards: tuple[str, ...]
    registration: Resource | None
    persons: int


@dataclass(frozen=True, slots=True)
class Registration:
    """A registration of one side: who holds it ("" in a second review) and what it says."""

    institution: str
    patient: Resource


@dataclass(frozen=True, slots=True)
class Weight:
    """What a field gave or took, in bits."""

    field: str
    level: str
    bits: float


@dataclass(frozen=True, slots=True)
class Pair:
    """A review as a page shows it; a second review has no suggestion."""

    number: int
    reason: str
    left: tuple[Registration, ...]
    right: tuple[Registration, ...]
    bits: float
    weights: tuple[Weight, ...]
    guards: tuple[str, ...]
    suggestion: str
    possible: tuple[str, ...]
    persons: tuple[str, str]
    """References to the persons of both sides, "" in a second review."""
    related: tuple[int, ...]
    """Other open reviews that share a person with this one, or with those."""

    @property
    def names(self) -> tuple[str, ...]:
        """What the sides are called."""
        return tuple(name_of(side[0].patient) for side in (self.left, self.right) if side)


def listed(answer: Resource) -> list[Listed]:
    """The entries of `$reviews` or `$second-reviews`."""
    return [
        Listed(
            number=value(one, "number", 0),
            opened=str(value(one, "opened", "")),
            reason=str(value(one, "reason", "")),
            bits=float(value(one, "bits", 0)),
            guards=tuple(values(one, "guard")),
            registration=value(one, "registration"),
            persons=int(value(one, "persons", 2)),
        )
        for one in named(answer, "review")
    ]


def pair(answer: Resource) -> Pair:
    """The review of `$review`, or of one entry of `$second-reviews`."""
    return Pair(
        number=value(answer, "number", 0),
        reason=str(value(answer, "reason", "")),
        left=tuple(_side(answer, "left")),
        right=tuple(_side(answer, "right")),
        bits=float(value(answer, "bits", 0)),
        weights=tuple(
            Weight(value(one, "field", ""), value(one, "level", ""), float(value(one, "bits", 0)))
            for one in named(answer, "weight")
        ),
        guards=tuple(values(answer, "guard")),
        suggestion=str(value(answer, "suggestion", "")),
        possible=tuple(values(answer, "possible")),
        persons=(_person(answer, "left"), _person(answer, "right")),
        related=tuple(values(answer, "related")),
    )


def _person(answer: Resource, name: str) -> str:
    for side in named(answer, name):
        return str(value(side, "person", {}).get("reference", ""))
    return ""


def _side(answer: Resource, name: str) -> Iterator[Registration]:
    for side in named(answer, name):
        for patient in values(side, "patient"):
            yield Registration("", patient)
        for one in named(side, "registration"):
            yield Registration(str(value(one, "institution", "")), value(one, "patient", {}))
