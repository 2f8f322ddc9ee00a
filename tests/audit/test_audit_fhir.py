"""Rows of the audit trail as FHIR AuditEvents."""

from base64 import b64decode
from datetime import UTC, datetime
from typing import Any

from fhir.resources.R4B.auditevent import AuditEvent

from hie.audit.event import Event, Recorded
from hie.audit.fhir import audit_event

SERVER = "https://exchange.example"
MOMENT = datetime(2026, 3, 1, 8, 0, 0, 123000, tzinfo=UTC)


def built(event: Event) -> dict[str, Any]:
    resource = audit_event(Recorded(42, event), server=SERVER)
    AuditEvent.model_validate(resource)
    return resource


def test_a_clinicians_read() -> None:
    resource = built(
        Event(
            action="R",
            interaction="read",
            client_id="portal-clinician",
            account="doctor",
            fhir_user="Practitioner/7",
            purpose="TREAT",
            reason="复诊",
            patient="golden",
            entity_type="Observation",
            entity_id="o1",
            entity_version=3,
            request_id="r-1",
            address="192.0.2.1",
            recorded=MOMENT,
        )
    )
    assert resource["id"] == "42"
    assert resource["recorded"] == "2026-03-01T08:00:00.123Z"
    assert resource["outcome"] == "0"
    assert resource["subtype"][0]["code"] == "read"
    assert resource["purposeOfEvent"][0]["coding"][0]["code"] == "TREAT"
    assert resource["purposeOfEvent"][0]["text"] == "复诊"
    client, exchange, user = resource["agent"]
    # BALP: what is read flows from the server (source) to the client (destination).
    assert client["type"]["coding"][0]["code"] == "110152"
    assert exchange["type"]["coding"][0]["code"] == "110153"
    assert [agent["requestor"] for agent in resource["agent"]] == [False, False, True]
    assert user["who"] == {"reference": "Practitioner/7", "identifier": {"value": "doctor"}}
    references = [e["what"]["reference"] for e in resource["entity"] if "reference" in e["what"]]
    assert references == ["Patient/golden", "Observation/o1/_history/3"]


def test_an_institutions_search() -> None:
    resource = built(
        Event(
            action="E",
            interaction="search-type",
            client_id="yx-h1",
            patient="golden",
            entity_type="Observation",
            entity_count=12,
            query="code=718-7&patient=Patient/golden",
            recorded=MOMENT,
        )
    )
    client, exchange = resource["agent"]
    assert client["requestor"] is True
    assert client["type"]["coding"][0]["code"] == "110153"
    assert exchange["type"]["coding"][0]["code"] == "110152"
    query = next(entity for entity in resource["entity"] if "query" in entity)
    assert b64decode(query["query"]) == b"code=718-7&patient=Patient/golden"
    assert query["role"]["code"] == "24"
    assert "purposeOfEvent" not in resource


def test_an_operation_is_named() -> None:
    resource = built(Event(action="E", interaction="everything", client_id="app", recorded=MOMENT))
    assert resource["subtype"][0]["code"] == "operation"
    assert resource["subtype"][0]["display"] == "$everything"
    assert "entity" not in resource
