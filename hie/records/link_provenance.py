"""Who changed the links of a person, as Provenance. https://hl7.org/fhir/R4/provenance.html

One resource for each person concerned, which names nobody else's record. Activities are those of
http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle. Ordinary registrations join persons all the
time and are in the journal of links alone (`Patient/[person]/$link-history`).
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Literal

from hie.kit.clock import instant, now
from hie.kit.db import Connection
from hie.mpi.link import Golden
from hie.mpi.steward import joined_since

Interaction = Literal["link", "unlink", "merge", "unmerge", "not-duplicate", "review"]
"""What is done to links; `review` closes a doubt and changes none."""
LIFECYCLE = "http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle"


def provenance(
    person: str, interaction: Interaction, reason: str, who: dict[str, Any]
) -> dict[str, Any]:
    """The Provenance of a golden Patient; `who` is a Reference to the agent."""
    activity: dict[str, Any] = {"text": interaction}
    if interaction not in ("not-duplicate", "review"):
        activity["coding"] = [{"system": LIFECYCLE, "code": interaction}]
    return {
        "resourceType": "Provenance",
        "target": [{"reference": f"Patient/{person}"}],
        "recorded": instant(now()),
        "reason": [{"text": reason}],
        "activity": activity,
        "agent": [{"who": who}],
    }


async def of_source_merges(
    connection: Connection, goldens: Sequence[Golden], since: datetime
) -> list[dict[str, Any]]:
    """What the index itself has merged or moved among these persons from the moment `since` on."""
    present = {golden.person for golden in goldens if golden.resource is not None}
    found = []
    for event in await joined_since(connection, present, since):
        who = {"identifier": {"value": event.actor}}
        interaction: Interaction = "merge" if event.kind == "merge" else "link"
        for person in present & {event.person, event.other}:
            found.append(provenance(person, interaction, event.reason, who))
    return found


def may_have_merged(patients: Collection[dict[str, Any]], goldens: Sequence[Golden]) -> bool:
    """Whether what was just registered can have joined persons: cheap, and nearly always no."""
    return any("link" in patient for patient in patients) or any(
        golden.resource is not None and golden.resource.get("active") is False for golden in goldens
    )
