"""What a subscriber is told: a feed message (ITI-93) about its own registrations and no others'.

A person appears by the golden id, with links to the subscriber's registrations as they stand now; one
that was merged away names its successor. https://profiles.ihe.net/ITI/PMIR/ITI-93.html
"""

from collections.abc import Sequence
from typing import Any

from hie.fhir.subset import SUBSETTED
from hie.kit.clock import instant, now
from hie.kit.ids import new_id
from hie.mpi.notices import Standing
from hie.records.feed import EVENT

DEFINITION = "https://profiles.ihe.net/ITI/PMIR/StructureDefintion/IHE.PMIR.MessageDefinition"


def _patient(one: Standing) -> dict[str, Any]:
    links = [{"other": {"reference": f"Patient/{id_}"}, "type": "seealso"} for id_ in one.own]
    if one.merged_into:
        successor = {"reference": f"Patient/{one.merged_into}"}
        links.append({"other": successor, "type": "replaced-by"})
    return {
        "resourceType": "Patient",
        "id": one.person,
        "meta": {"tag": [SUBSETTED]},
        "active": one.merged_into is None,
        **({"link": links} if links else {}),
    }


def message(base: str, endpoint: str, persons: Sequence[Standing]) -> dict[str, Any]:
    """The message Bundle for one subscriber; `base` is the exchange's FHIR base."""
    header_id, history_id = new_id(), new_id()
    entries = [
        {
            "fullUrl": f"{base}/Patient/{one.person}",
            "resource": _patient(one),
            "request": {"method": "PUT", "url": f"Patient/{one.person}"},
            "response": {"status": "200"},
        }
        for one in persons
    ]
    header = {
        "resourceType": "MessageHeader",
        "id": header_id,
        "eventUri": EVENT,
        "source": {"endpoint": f"{base}/$process-message"},
        "destination": [{"endpoint": endpoint}],
        "focus": [{"reference": f"Bundle/{history_id}"}],
        "definition": DEFINITION,
    }
    history = {"resourceType": "Bundle", "id": history_id, "type": "history", "entry": entries}
    return {
        "resourceType": "Bundle",
        "id": new_id(),
        "type": "message",
        "timestamp": instant(now()),
        "entry": [
            {"fullUrl": f"{base}/MessageHeader/{header_id}", "resource": header},
            {"fullUrl": f"{base}/Bundle/{history_id}", "resource": history},
        ],
    }
