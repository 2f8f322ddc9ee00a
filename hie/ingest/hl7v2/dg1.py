"""Diagnoses: DG1 to Condition. HL7 2.5.1 section 6.5.2

https://hl7.org/fhir/uv/v2mappings/ConceptMap-segment-dg1-to-condition.html
https://hl7.org/fhir/uv/v2mappings/ConceptMap-segment-dg1-to-encounter.html
"""

from dataclasses import dataclass
from typing import Any

from hie.ingest.hl7v2.codes import concept
from hie.ingest.hl7v2.draft import Draft, Manner
from hie.ingest.hl7v2.fault import UnmappableError
from hie.ingest.hl7v2.message import Segment
from hie.ingest.hl7v2.practitioner import practitioner
from hie.ingest.hl7v2.source import Source
from hie.ingest.hl7v2.times import date_time
from hie.ingest.hl7v2.values import integer

_CATEGORY = {
    "coding": [
        {
            "system": "http://terminology.hl7.org/CodeSystem/condition-category",
            "code": "encounter-diagnosis",
            "display": "Encounter Diagnosis",
        }
    ]
}
_VERIFICATION = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
_ROLES = "http://terminology.hl7.org/CodeSystem/diagnosis-role"
_TYPES = "http://terminology.hl7.org/CodeSystem/v2-0052"
USES = {
    "A": (_ROLES, "AD", "Admission diagnosis"),
    "W": (_TYPES, "W", "Working"),
    "F": (_TYPES, "F", "Final"),
}
"""Table 0052. A as the guide's concept map DiagnosisType translates it; the others stay."""

_DELETED = "D"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A Condition, the staff who made it, and its entry in `Encounter.diagnosis`."""

    condition: Draft
    staff: list[Draft]
    of_encounter: dict[str, Any] | None


def diagnosis(
    dg1: Segment, patient: str, encounter: str | None, recorded: str | None, source: Source
) -> Diagnosis:
    """The diagnosis of the patient with that id, in the encounter with that id if there is one.

    It is known by its own identifier (DG1-20), or else by its code within the visit. `recorded` is
    when the message that first named it was (EVN-2), which stands for DG1-19 if that is empty.
    """
    code = concept(dg1.value(3), source) or {}
    description = dg1.text(4)
    if description:
        code = {**code, "text": description}
    if not code:
        raise UnmappableError("DG1-3", "The diagnosis has no code.", "诊断没有代码。")
    if number := dg1.text(20):
        key: tuple[str, ...] = ("number", dg1.text(20, 2), number)
    else:
        key = ("code", encounter or patient, dg1.text(3) or code["text"])
    resource: dict[str, Any] = {
        "resourceType": "Condition",
        "id": source.id("Condition", *key),
        "meta": source.meta,
        "category": [_CATEGORY],
        "code": code,
        "subject": {"reference": f"Patient/{patient}"},
    }
    if encounter:
        resource["encounter"] = {"reference": f"Encounter/{encounter}"}
    for element, field in (("onsetDateTime", 5), ("recordedDate", 19)):
        if moment := dg1.text(field):
            resource[element] = date_time(moment, source, f"DG1-{field}")
    if number:
        resource["identifier"] = [{"system": source.system("diagnosis"), "value": number}]
    staff = []
    if found := practitioner(dg1.value(16), source):
        resource["asserter"], draft = found
        staff = [draft] if draft else []
    deleted = dg1.text(21).upper() == _DELETED
    if deleted:
        coding = {
            "system": _VERIFICATION,
            "code": "entered-in-error",
            "display": "Entered in Error",
        }
        resource["verificationStatus"] = {"coding": [coding]}
    entry = None if deleted else _of_encounter(dg1, resource["id"])
    defaults = {"recordedDate": recorded} if recorded else {}
    return Diagnosis(Draft(resource, Manner.SAYS_SOME, defaults=defaults), staff, entry)


def _of_encounter(dg1: Segment, condition: str) -> dict[str, Any]:
    entry: dict[str, Any] = {"condition": {"reference": f"Condition/{condition}"}}
    if use := USES.get(dg1.text(6).upper()):
        system, code, display = use
        entry["use"] = {"coding": [{"system": system, "code": code, "display": display}]}
    if rank := integer(dg1.text(15), "DG1-15"):
        entry["rank"] = rank
    return entry
