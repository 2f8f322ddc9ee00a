"""Who in the index may be the person that a Patient describes. http://hl7.org/fhir/R4/patient-operation-match.html

Reads only, and locks nothing. Whether the caller may ask, and how many answers it may see, is for
the access layer to say: a partial description must not become a way to trawl.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hie.kit.db import Connection
from hie.mpi import active, blocking
from hie.mpi.candidates import fill
from hie.mpi.comparisons import COMPARISONS
from hie.mpi.decide import Grade, grade
from hie.store.open import Store


@dataclass(frozen=True, slots=True)
class Match:
    """A person, how certain it is, and the bits that each field gave or took."""

    person: str
    grade: Grade
    probability: float
    parts: Mapping[str, float]
    guards: tuple[str, ...]


async def match(
    connection: Connection,
    store: Store,
    patient: Mapping[str, Any],
    *,
    count: int = 10,
    only_certain: bool = False,
) -> list[Match]:
    """The persons that fit `patient`, best first, at most `count`.

    With `only_certain` there is one answer or none: none when two persons are certain. Whom a steward
    has set apart from the registration or person that `patient` is, by its id, is no answer.
    """
    model = await active.current(connection)
    comparisons = COMPARISONS[model.comparisons]
    described = comparisons.of_patient(patient)
    keys = comparisons.keys(described, store.hasher)
    if not keys:
        return []
    id_ = str(patient.get("id", ""))
    roster = await fill(
        connection,
        keys,
        ids=[id_] if id_ else [],
        dates=described.births[:1],
        lock=False,
        model=model,
    )
    described = blocking.without(described, roster.crowded, store.hasher)
    candidates = [roster.candidate(id_, described, person) for person in roster.persons_near(keys)]
    found = [
        Match(
            c.person,
            "certainly-not" if c.apart else grade(c),
            round(c.score.probability, 6),
            c.score.parts,
            c.guards,
        )
        for c in sorted(candidates, key=lambda c: (-c.score.bits, c.person))
    ]
    if only_certain:
        certain = [answer for answer in found if answer.grade == "certain"]
        return certain if len(certain) == 1 else []
    return [answer for answer in found if answer.grade != "certainly-not"][:count]
