"""What is put on record about one access or one change.

FHIR: https://hl7.org/fhir/R4/auditevent.html. Which fields a row needs follows IHE's Basic Audit
Log Patterns: https://profiles.ihe.net/ITI/BALP/
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from hie.kit.clock import now

Action = Literal["C", "R", "U", "D", "E"]
"""Create, read, update, delete, execute: http://hl7.org/fhir/audit-event-action"""

Outcome = Literal[0, 4, 8, 12]
"""Success, minor, serious, major failure: http://hl7.org/fhir/audit-event-outcome"""


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of the audit trail. What concerns several residents is one event for each."""

    action: Action
    interaction: str
    """A code of http://hl7.org/fhir/restful-interaction, or an operation's name such as `everything`."""
    client_id: str
    outcome: Outcome = 0
    account: str | None = None
    fhir_user: str | None = None
    """The person as a relative reference, such as `Practitioner/123`."""
    institution: int | None = None
    purpose: str | None = None
    """A code of http://terminology.hl7.org/CodeSystem/v3-ActReason, such as `TREAT`."""
    reason: str | None = None
    """The reason in the user's own words."""
    patient: str | None = None
    """The id of the golden Patient whose data it is."""
    entity_type: str | None = None
    entity_id: str | None = None
    entity_version: int | None = None
    entity_count: int | None = None
    """How many resources were disclosed or changed, when it is not one named by its id."""
    query: str | None = None
    request_id: str | None = None
    address: str | None = None
    recorded: datetime = field(default_factory=now)


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event as the trail keeps it, with its number there."""

    number: int
    event: Event
