"""Allergies: AL1 to AllergyIntolerance. HL7 2.5.1 section 3.4.6

https://hl7.org/fhir/uv/v2mappings/ConceptMap-segment-al1-to-allergyintolerance.html
"""

from typing import Any

from hie.ingest.hl7v2.codes import concept
from hie.ingest.hl7v2.draft import Draft
from hie.ingest.hl7v2.message import Segment
from hie.ingest.hl7v2.source import Source
from hie.ingest.hl7v2.times import date_time

CATEGORIES = {
    "DA": "medication", "FA": "food", "EA": "environment", "PA": "environment",
    "LA": "environment", "AA": "biologic",
}  # fmt: skip
"""Table 0127 as the guide's concept map AllergenType translates it."""

CRITICALITIES = {"SV": "high", "MI": "low"}
"""Table 0128 as the guide's concept map AllergySeverity translates it."""

_CLINICAL = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical"


def allergy(al1: Segment, patient: str, source: Source) -> Draft | None:
    """The allergy of the patient with that id, None if no substance is named."""
    substance = concept(al1.value(3), source)
    if substance is None:
        return None
    key = al1.text(3) or substance["text"]
    resource: dict[str, Any] = {
        "resourceType": "AllergyIntolerance",
        "id": source.id("AllergyIntolerance", patient, al1.text(3, 3), key),
        "meta": source.meta,
        "clinicalStatus": {"coding": [{"system": _CLINICAL, "code": "active"}]},
        "code": substance,
        "patient": {"reference": f"Patient/{patient}"},
    }
    if category := CATEGORIES.get(al1.text(2).upper()):
        resource["category"] = [category]
    if criticality := CRITICALITIES.get(al1.text(4).upper()):
        resource["criticality"] = criticality
    manifestations = [{"text": value.text} for value in al1.all(5)]
    if manifestations:
        resource["reaction"] = [{"manifestation": manifestations}]
    if noticed := al1.text(6):
        resource["onsetDateTime"] = date_time(noticed, source, "AL1-6")
    return Draft(resource)
