"""Two numbers, one patient: MRG to `Patient.link`. HL7 2.5.1 section 3.4.9, events A34 and A40

https://hl7.org/fhir/R4/patient-definitions.html#Patient.link. The registration under the old number stays,
inactive, and points to the one that replaces it: what was recorded under it is not rewritten.
"""

from typing import Any

from hie.ingest.hl7v2.draft import Draft, Manner
from hie.ingest.hl7v2.fault import UnmappableError
from hie.ingest.hl7v2.identifiers import identifier
from hie.ingest.hl7v2.message import Segment
from hie.ingest.hl7v2.source import Source


def replaced(mrg: Segment, survivor: str, source: Source) -> Draft:
    """The Patient under the old number, replaced by the one with the id `survivor`.

    Raises UnmappableError if no old number is given, or it is the surviving patient's own.
    """
    old = mrg.value(1)
    if not old.component(1):
        raise UnmappableError("MRG-1", "No old number is given.", "未给出被合并的患者标识号。")
    # The id is that which PID-3 gave: of the number and its assigning authority.
    old_id = source.id("Patient", old.component(4), old.component(1))
    if old_id == survivor:
        raise UnmappableError(
            "MRG-1", "A patient cannot be merged into itself.", "不能将患者与其自身合并。"
        )
    link = {"other": {"reference": f"Patient/{survivor}"}, "type": "replaced-by"}
    resource: dict[str, Any] = {
        "resourceType": "Patient",
        "id": old_id,
        "meta": source.meta,
        "active": False,
        "link": [link],
    }
    shown = identifier(old, source, "MRG-1", own=source.system("patient"))
    return Draft(resource, Manner.SAYS_SOME, defaults={"identifier": [shown]})
