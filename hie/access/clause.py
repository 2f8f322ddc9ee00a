"""What a rule of a consent says about a row and its reader, as plain values. Pure.

https://hl7.org/fhir/R4/consent-definitions.html#Consent.provision: all conditions that are given have
to hold. A condition that a reader or a row can satisfy in several ways (codes, recipients, purposes,
dates) is a *group* of which one member suffices; a clause holds a set of groups, so that the meeting
of two clauses is exact: it applies where both do, and nowhere else.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple


class Mark(NamedTuple):
    """What a resource may carry: a code, a security label, or a reference to something."""

    kind: Literal["code", "label", "about"]
    system: str | None
    value: str


class Period(NamedTuple):
    """From `low` until just before `high`; None is open."""

    low: datetime | None = None
    high: datetime | None = None


ALWAYS = Period()


STAFF = "staff"
"""Every member of staff of every institution."""
REPRESENTATIVE = "representative"
"""Whoever acts for the resident: a guardian or a proxy."""

Marks = frozenset[frozenset[Mark]]
Texts = frozenset[frozenset[str]]


@dataclass(frozen=True, slots=True)
class Clause:
    """Conditions on a row, its reader and the moment; a condition left out holds always."""

    valid: Period = ALWAYS
    """When the rule is in force."""
    types: frozenset[str] | None = None
    instances: frozenset[str] | None = None
    """Resources by reference, such as `Encounter/7`."""
    custodians: frozenset[str] | None = None
    """Whose data: institutions, as `urn:hie:institution|<code>` or `Organization/<id>`."""
    dates: frozenset[Period] = frozenset()
    """The clinically relevant date of the row overlaps each of them."""
    marks: Marks = frozenset()
    recipients: Texts = frozenset()
    """Institutions (as above), `Practitioner/<id>`, `Patient/<id>`, `staff`, `representative`."""
    purposes: Texts = frozenset()
    """Codes of http://terminology.hl7.org/CodeSystem/v3-ActReason."""


def _both(one: frozenset[str] | None, other: frozenset[str] | None) -> frozenset[str] | None:
    if one is None or other is None:
        return other if one is None else one
    return one & other


def _latest(one: datetime | None, other: datetime | None) -> datetime | None:
    given = [moment for moment in (one, other) if moment is not None]
    return max(given, default=None)


def _earliest(one: datetime | None, other: datetime | None) -> datetime | None:
    given = [moment for moment in (one, other) if moment is not None]
    return min(given, default=None)


def meet(one: Clause, other: Clause) -> Clause:
    """The clause that applies exactly where both apply; the order does not matter."""
    return Clause(
        valid=Period(
            _latest(one.valid.low, other.valid.low), _earliest(one.valid.high, other.valid.high)
        ),
        types=_both(one.types, other.types),
        instances=_both(one.instances, other.instances),
        custodians=_both(one.custodians, other.custodians),
        dates=one.dates | other.dates,
        marks=one.marks | other.marks,
        recipients=one.recipients | other.recipients,
        purposes=one.purposes | other.purposes,
    )


@dataclass(frozen=True, slots=True)
class Denial:
    """Hides what the clause applies to, unless one of the exceptions applies as well.

    What a row does not say (an older version keeps neither codes nor dates) is decided for the
    resident: an unknown condition of the clause counts as met, one of an exception as not met.
    """

    place: str
    """The provision it comes from, such as `Consent.provision.provision[0]`."""
    clause: Clause
    exceptions: tuple[Clause, ...] = ()
