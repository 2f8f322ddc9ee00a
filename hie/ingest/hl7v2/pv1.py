"""The visit: PV1 to Encounter. HL7 2.5.1 section 3.4.3

https://hl7.org/fhir/uv/v2mappings/ConceptMap-segment-pv1-to-encounter.html
"""

from dataclasses import dataclass
from typing import Any

from hie.ingest.hl7v2.codes import code, concept, system
from hie.ingest.hl7v2.draft import Draft, Manner
from hie.ingest.hl7v2.identifiers import identifier
from hie.ingest.hl7v2.message import Segment, Value
from hie.ingest.hl7v2.practitioner import practitioner
from hie.ingest.hl7v2.source import Source
from hie.ingest.hl7v2.times import date_time

_ACT = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
_CLASS_TABLE = "http://terminology.hl7.org/CodeSystem/v2-0004"
CLASSES = {
    "E": (_ACT, "EMER", "emergency"),
    "I": (_ACT, "IMP", "inpatient encounter"),
    "O": (_ACT, "AMB", "ambulatory"),
    "P": (_ACT, "PRENC", "pre-admission"),
    "R": (_CLASS_TABLE, "R", "Recurring patient"),
    "B": (_CLASS_TABLE, "B", "Obstetrics"),
    "C": (_CLASS_TABLE, "C", "Commercial Account"),
    "U": (_CLASS_TABLE, "U", "Unknown"),
}
"""Table 0004 as the guide's concept map PatientClass[EncounterClass] translates it."""

NO_VISIT = "N"
"""Not applicable: the segment is there only because the message's grammar wants one."""

_PARTICIPATION = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
PARTICIPANTS = (
    (7, "ATND", "attender"),
    (8, "REF", "referrer"),
    (9, "CON", "consultant"),
    (17, "ADM", "admitter"),
)

STATUSES = {"A03": "finished", "A13": "in-progress", "A11": "cancelled"}
"""Events that decide the status; the others leave it to the visit's class and discharge time."""


@dataclass(frozen=True, slots=True)
class Visit:
    """An Encounter and the staff it names."""

    encounter: Draft
    staff: list[Draft]

    @property
    def reference(self) -> dict[str, str]:
        """A reference to the Encounter."""
        return {"reference": f"Encounter/{self.encounter.resource['id']}"}


def visit(pv1: Segment, patient: str, event: str, source: Source, manner: Manner) -> Visit | None:
    """The visit of the Patient with that id; None if the segment does not identify one.

    A visit is known by its number (PV1-19), or else by the moment of admission (PV1-44).
    """
    kind = pv1.text(2).upper()
    key = _key(pv1, patient)
    if kind in ("", NO_VISIT) or key is None:
        return None
    resource: dict[str, Any] = {
        "resourceType": "Encounter",
        "id": source.id("Encounter", *key),
        "meta": source.meta,
        "class": _class(pv1.value(2), source),
        "subject": {"reference": f"Patient/{patient}"},
    }
    defaults = {"status": "planned" if kind == "P" else "in-progress"}
    if event in STATUSES:
        resource["status"] = STATUSES[event]
    elif pv1.text(45):
        resource["status"] = "finished"
    if number := pv1.text(19):
        shown = identifier(pv1.value(19), source, "PV1-19", own=source.system("visit"))
        resource["identifier"] = [{**shown, "type": _visit_number(), "value": number}]
    participants, staff = _participants(pv1, source)
    if participants:
        resource["participant"] = participants
    resource |= _described(pv1, source)
    return Visit(Draft(resource, manner, _cleared(pv1, event), defaults), staff)


def _cleared(pv1: Segment, event: str) -> set[str]:
    cleared = {
        element
        for field, element in ((3, "location"), (4, "type"), (10, "serviceType"))
        if pv1.value(field).is_null
    }
    # A cancelled discharge leaves no discharge time behind.
    if event == "A13" or pv1.value(45).is_null:
        cleared.add("period.end")
    return cleared


def _key(pv1: Segment, patient: str) -> tuple[str, ...] | None:
    if number := pv1.text(19):
        return ("number", pv1.value(19).component(4), number)
    if admitted := pv1.text(44):
        return ("admitted", patient, admitted)
    return None


def _visit_number() -> dict[str, Any]:
    coding = {"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "VN"}
    return {"coding": [coding], "text": "visit number"}


def _class(value: Value, source: Source) -> dict[str, str]:
    given = code(value.component(1))
    if given.upper() in CLASSES:
        address, translated, display = CLASSES[given.upper()]
        return {"system": address, "code": translated, "display": display}
    result = {"system": system(value.component(3), source), "code": given}
    if display := value.component(2):
        result["display"] = display
    return result


def _participants(pv1: Segment, source: Source) -> tuple[list[dict[str, Any]], list[Draft]]:
    participants: list[dict[str, Any]] = []
    staff: dict[str, Draft] = {}
    for field, role, display in PARTICIPANTS:
        for value in pv1.all(field):
            found = practitioner(value, source)
            if found is None:
                continue
            reference, draft = found
            coding = {"system": _PARTICIPATION, "code": role, "display": display}
            participants.append({"type": [{"coding": [coding]}], "individual": reference})
            if draft:
                staff[draft.resource["id"]] = draft
    return participants, list(staff.values())


def _described(pv1: Segment, source: Source) -> dict[str, Any]:
    result: dict[str, Any] = {}
    period = {
        end: date_time(text, source, f"PV1-{field}")
        for end, field in (("start", 44), ("end", 45))
        if (text := pv1.text(field))
    }
    if period:
        result["period"] = period
    if place := _place(pv1.value(3)):
        status = "planned" if pv1.text(2).upper() == "P" else "active"
        result["location"] = [{"location": {"display": place}, "status": status}]
    if admission := concept(pv1.value(4), source):
        result["type"] = [admission]
    if service := concept(pv1.value(10), source):
        result["serviceType"] = service
    hospitalization = {
        element: found
        for element, field in (("admitSource", 14), ("dischargeDisposition", 36))
        if (found := concept(pv1.value(field), source))
    }
    if hospitalization:
        result["hospitalization"] = hospitalization
    return result


def _place(value: Value) -> str:
    """A PL in words, the largest part first: building, floor, ward, room, bed."""
    parts = (value.component(n) for n in (4, 7, 8, 1, 2, 3))
    words: list[str] = []
    for part in parts:
        if part and part not in words:
            words.append(part)
    return " ".join(words)
