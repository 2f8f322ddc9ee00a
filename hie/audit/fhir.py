"""A row of the audit trail as a FHIR AuditEvent. Pure.

https://hl7.org/fhir/R4/auditevent.html, with the codes of IHE's Basic Audit Log Patterns:
https://profiles.ihe.net/ITI/BALP/content.html
"""

from base64 import b64encode
from typing import Any, NamedTuple

from hie.audit.event import Event, Recorded
from hie.kit.clock import instant

_DICOM = "http://dicom.nema.org/resources/ontology/DCM"
_SOURCE_ROLE = {"system": _DICOM, "code": "110153", "display": "Source Role ID"}
_DESTINATION_ROLE = {"system": _DICOM, "code": "110152", "display": "Destination Role ID"}
_RECIPIENT = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType",
    "code": "IRCP",
    "display": "information recipient",
}
_PROVIDER = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-RoleClass",
    "code": "PROV",
    "display": "healthcare provider",
}
_INTERACTIONS = frozenset(
    [
        "read",
        "vread",
        "update",
        "patch",
        "delete",
        "history",
        "history-instance",
        "history-type",
        "history-system",
        "create",
        "search",
        "search-type",
        "search-system",
        "capabilities",
        "transaction",
        "batch",
        "operation",
    ]
)
"""http://hl7.org/fhir/restful-interaction"""


class Known(NamedTuple):
    """What people call an account and an institution; the trail itself keeps login and number."""

    name: str | None = None
    institution_code: str | None = None
    institution_name: str | None = None


NOBODY = Known()


def audit_event(row: Recorded, *, server: str, known: Known = NOBODY) -> dict[str, Any]:
    """`row` as a FHIR R4 AuditEvent; `server` is the exchange's public base URL."""
    event = row.event
    result: dict[str, Any] = {
        "resourceType": "AuditEvent",
        "id": str(row.number),
        "type": _coding("http://terminology.hl7.org/CodeSystem/audit-event-type", "rest"),
        "subtype": [_subtype(event.interaction)],
        "action": event.action,
        "recorded": instant(event.recorded),
        "outcome": str(event.outcome),
    }
    purpose = _purpose(event)
    if purpose:
        result["purposeOfEvent"] = [purpose]
    result["agent"] = _agents(event, server, known)
    result["source"] = {
        "observer": {"display": server},
        "type": [_coding("http://terminology.hl7.org/CodeSystem/security-source-type", "4")],
    }
    entities = _entities(event)
    if entities:
        result["entity"] = entities
    return result


def _subtype(interaction: str) -> dict[str, str]:
    code = interaction if interaction in _INTERACTIONS else "operation"
    coding = _coding("http://hl7.org/fhir/restful-interaction", code)
    return coding if code == interaction else coding | {"display": f"${interaction}"}


def _purpose(event: Event) -> dict[str, Any]:
    purpose: dict[str, Any] = {}
    if event.purpose:
        system = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
        purpose["coding"] = [_coding(system, event.purpose)]
    if event.reason:
        purpose["text"] = event.reason
    return purpose


def _agents(event: Event, server: str, known: Known) -> list[dict[str, Any]]:
    # A read flows from the server to the client; for all else BALP takes the request's direction.
    reading = event.action == "R"
    client: dict[str, Any] = {
        "type": {"coding": [_DESTINATION_ROLE if reading else _SOURCE_ROLE]},
        "who": {"identifier": {"value": event.client_id}},
        "requestor": event.account is None and event.fhir_user is None,
    }
    if event.address:
        client["network"] = {"address": event.address, "type": "2"}
    exchange = {
        "type": {"coding": [_SOURCE_ROLE if reading else _DESTINATION_ROLE]},
        "who": {"display": server},
        "requestor": False,
        "network": {"address": server, "type": "5"},
    }
    agents = [client, exchange]
    if known.institution_code:
        agents.append(_institution(known))
    if client["requestor"]:
        return agents
    user: dict[str, Any] = {"type": {"coding": [_RECIPIENT]}, "who": {}, "requestor": True}
    if event.fhir_user:
        user["who"]["reference"] = event.fhir_user
    if event.account:
        user["who"]["identifier"] = {"value": event.account}
        user["altId"] = event.account
    if known.name:
        user["name"] = known.name
    return [*agents, user]


def _institution(known: Known) -> dict[str, Any]:
    identifier = {"system": "urn:hie:institution", "value": known.institution_code}
    return {
        "type": {"coding": [_PROVIDER]},
        "who": {"identifier": identifier, "display": known.institution_name},
        "requestor": False,
    }


def _entities(event: Event) -> list[dict[str, Any]]:
    entities = []
    if event.patient:
        entities.append(_entity("1", "1", what={"reference": f"Patient/{event.patient}"}))
    if event.entity_type and event.entity_id:
        reference = f"{event.entity_type}/{event.entity_id}"
        if event.entity_version is not None:
            reference += f"/_history/{event.entity_version}"
        entities.append(_entity("2", "4", what={"reference": reference}))
    elif event.entity_count is not None:
        name = f"{event.entity_type or 'Resource'} × {event.entity_count}"
        entities.append(_entity("2", "4", name=name))
    if event.query is not None:
        # The query as the caller wrote it; an entity has a name or a query, never both (sev-1).
        query = b64encode(event.query.encode("utf-8", "replace")).decode("ascii")
        entities.append(_entity("2", "24", query=query))
    if event.request_id:
        system = "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType"
        what = {"identifier": {"value": event.request_id}}
        entities.append({"what": what, "type": _coding(system, "XrequestId")})
    return entities


def _entity(kind: str, role: str, **content: Any) -> dict[str, Any]:
    return {
        **content,
        "type": _coding("http://terminology.hl7.org/CodeSystem/audit-entity-type", kind),
        "role": _coding("http://terminology.hl7.org/CodeSystem/object-role", role),
    }


def _coding(system: str, code: str) -> dict[str, str]:
    return {"system": system, "code": code}
