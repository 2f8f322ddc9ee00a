"""Results: ORU messages. HL7 2.5.1 chapter 7

https://hl7.org/fhir/uv/v2mappings/ConceptMap-message-oru-r01-to-bundle.html
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from hie.ingest.hl7v2.draft import Draft, Manner, Resource
from hie.ingest.hl7v2.message import Message, Segment
from hie.ingest.hl7v2.obr import effective, report, report_key
from hie.ingest.hl7v2.obx import category, note_texts, observation
from hie.ingest.hl7v2.pid import patient, patient_id
from hie.ingest.hl7v2.plan import Collected, Plan, missing_segment
from hie.ingest.hl7v2.pv1 import visit
from hie.ingest.hl7v2.source import Source

_NOTE = "http://hl7.org/fhir/5.0/StructureDefinition/extension-DiagnosticReport.note"


@dataclass(slots=True)
class _Result:
    """An OBX with its comments."""

    obx: Segment
    notes: list[Segment] = field(default_factory=list)


@dataclass(slots=True)
class _Report:
    """An OBR with what stands under it."""

    obr: Segment
    orc: Segment | None
    pid: Segment
    pv1: Segment | None
    notes: list[Segment] = field(default_factory=list)
    results: list[_Result] = field(default_factory=list)


def _reports(message: Message) -> list[_Report]:
    """The groups of an ORU^R01, by the order of segments, which its grammar defines."""
    reports: list[_Report] = []
    pid: Segment | None = None
    pv1: Segment | None = None
    orc: Segment | None = None
    notes: list[Segment] | None = None
    for segment in message.segments:
        match segment.name:
            case "PID":
                pid, pv1, orc, notes = segment, None, None, None
            case "PV1":
                pv1, notes = segment, None
            case "ORC":
                orc, notes = segment, None
            case "OBR":
                if pid is None:
                    raise missing_segment("PID")
                reports.append(_Report(segment, orc, pid, pv1))
                orc, notes = None, reports[-1].notes
            case "OBX" if reports:
                result = _Result(segment)
                reports[-1].results.append(result)
                notes = result.notes
            case "NTE" if notes is not None:
                notes.append(segment)
            case _:
                pass
    return reports


def results(message: Message, source: Source) -> Plan:
    """Reports with their results, of one patient or of several."""
    reports = _reports(message)
    if not reports:
        raise missing_segment("OBR")
    collected = Collected()
    times: Counter[tuple[str, ...]] = Counter()
    for group in reports:
        key = report_key(group.obr, group.orc, message.header.control_id)
        times[key] += 1
        if times[key] > 1:
            key = (*key, str(times[key]))
        _add_report(collected, group, key, source)
    return Plan(patient_id(reports[0].pid, source), collected.drafts)


def _add_report(collected: Collected, group: _Report, key: tuple[str, ...], source: Source) -> None:
    known = patient(group.pid, source, Manner.BACKGROUND)
    identifier: str = known.resource["id"]
    # A result's own PV1 names the visit; only one with a visit number is surely the same visit.
    pv1 = group.pv1 if group.pv1 and group.pv1.text(19) else None
    seen = visit(pv1, identifier, "", source, Manner.BACKGROUND) if pv1 else None
    if seen:
        collected.add(*seen.staff)
    collected.add(known)
    encounter: dict[str, Any] = {}
    if seen:
        collected.add(seen.encounter)
        encounter = {"encounter": seen.reference}
    result = {**report(group.obr, group.orc, key, identifier, source), **encounter}
    kind = category(group.obr.text(24))
    common: Resource = {
        "subject": {"reference": f"Patient/{identifier}"},
        **encounter,
        **effective(group.obr, source),
        **({"category": kind} if kind else {}),
    }
    references = _add_observations(collected, group, key, common, source)
    if references:
        result["result"] = references
    if notes := note_texts(group.notes):
        result["extension"] = [{"url": _NOTE, "valueAnnotation": {"text": text}} for text in notes]
    collected.add(Draft(result))


def _add_observations(
    collected: Collected, group: _Report, key: tuple[str, ...], common: Resource, source: Source
) -> list[dict[str, str]]:
    times: Counter[tuple[str, ...]] = Counter()
    references = []
    for result in group.results:
        obx = result.obx
        if instance := obx.text(21):
            own: tuple[str, ...] = ("instance", obx.text(21, 2), instance)
        else:
            own = (*key, obx.text(3) or obx.text(3, 2), obx.text(4))
        times[own] += 1
        if times[own] > 1:
            own = (*own, str(times[own]))
        draft, staff = observation(obx, result.notes, own, common, source)
        collected.add(*staff, draft)
        references.append({"reference": f"Observation/{draft.resource['id']}"})
    return references
