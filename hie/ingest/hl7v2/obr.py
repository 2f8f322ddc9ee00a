"""The report: OBR to DiagnosticReport. HL7 2.5.1 section 4.5.3

https://hl7.org/fhir/uv/v2mappings/ConceptMap-segment-obr-to-diagnosticreport.html
"""

from typing import Any

from hie.ingest.hl7v2.codes import concept
from hie.ingest.hl7v2.fault import UnmappableError
from hie.ingest.hl7v2.identifiers import order_number
from hie.ingest.hl7v2.message import Segment
from hie.ingest.hl7v2.source import Source
from hie.ingest.hl7v2.times import date_time, instant

STATUSES = {
    "O": "registered", "I": "registered", "S": "registered", "N": "registered", "A": "partial",
    "P": "preliminary", "M": "preliminary", "R": "partial", "C": "corrected", "F": "final",
    "X": "cancelled",
}  # fmt: skip
"""Table 0123 as the guide's concept map ResultStatus translates it. Three are ours: A some results
of several, M corrected but not final, N done but without results yet."""

_SECTIONS = "http://terminology.hl7.org/CodeSystem/v2-0074"


def report_key(obr: Segment, orc: Segment | None, control_id: str) -> tuple[str, ...]:
    """What tells this report from the sender's others, the same whenever it is sent again."""
    service = obr.text(4) or obr.text(4, 2)
    for role, field in (("filler", 3), ("placer", 2)):
        for segment in (obr, orc):
            if segment is not None and (number := segment.text(field)):
                return (role, segment.text(field, 2), number, service)
    return ("message", control_id, obr.text(1), service)


def status(obr: Segment) -> str:
    """`DiagnosticReport.status`; a report that names none is `unknown`."""
    sent = obr.text(25).upper()
    if sent and sent not in STATUSES:
        raise UnmappableError(
            "OBR-25",
            f"Result status {sent} does not stand for a report.",
            f"结果状态 {sent} 不对应任何报告。",
        )
    return STATUSES.get(sent, "unknown")


def effective(obr: Segment, source: Source) -> dict[str, Any]:
    """`effective[x]` of the report and of results without a time of their own."""
    start, end = obr.text(7), obr.text(8)
    if start and end and start != end:
        return {
            "effectivePeriod": {
                "start": date_time(start, source, "OBR-7"),
                "end": date_time(end, source, "OBR-8"),
            }
        }
    if start or end:
        return {"effectiveDateTime": date_time(start or end, source, "OBR-7")}
    return {}


def report(
    obr: Segment, orc: Segment | None, key: tuple[str, ...], patient: str, source: Source
) -> dict[str, Any]:
    """The DiagnosticReport, as yet without its results."""
    code = concept(obr.value(4), source)
    if code is None:
        raise UnmappableError(
            "OBR-4", "The report has no service code.", "报告没有检验检查项目代码。"
        )
    resource: dict[str, Any] = {
        "resourceType": "DiagnosticReport",
        "id": source.id("DiagnosticReport", *key),
        "meta": source.meta,
        "status": status(obr),
        "code": code,
        "subject": {"reference": f"Patient/{patient}"},
        **effective(obr, source),
    }
    identifiers = []
    for field, role in ((2, "PLAC"), (3, "FILL")):
        for segment in (obr, orc):
            if segment is not None and (found := order_number(segment.value(field), source, role)):
                identifiers.append(found)
                break
    if identifiers:
        resource["identifier"] = identifiers
    if (issued := obr.text(22)) and (moment := instant(issued, source, "OBR-22")):
        resource["issued"] = moment
    if section := obr.text(24):
        resource["category"] = [{"coding": [{"system": _SECTIONS, "code": section.upper()}]}]
    if interpreter := _interpreter(obr):
        resource["resultsInterpreter"] = [{"display": interpreter}]
    return resource


def _interpreter(obr: Segment) -> str:
    # NDL-1 is a CNN, whose parts are subcomponents: number, family name, given name.
    value = obr.value(32)
    family, given = value.component(1, 2), value.component(1, 3)
    joined = family + given if not (family + given).isascii() else f"{given} {family}".strip()
    return joined or value.component(1)
