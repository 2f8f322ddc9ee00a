"""A whole message: which segments belong together, and what they become.

ADT: HL7 2.5.1 chapter 3, https://hl7.org/fhir/uv/v2mappings/ConceptMap-message-adt-a01-to-bundle.html
ORU: HL7 2.5.1 chapter 7, https://hl7.org/fhir/uv/v2mappings/ConceptMap-message-oru-r01-to-bundle.html
"""

import re
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

from hie.ingest.hl7v2.al1 import allergy
from hie.ingest.hl7v2.dg1 import diagnosis
from hie.ingest.hl7v2.draft import Draft, Manner, Resource
from hie.ingest.hl7v2.fault import UnmappableError
from hie.ingest.hl7v2.message import Header, Message, Segment
from hie.ingest.hl7v2.mrg import replaced
from hie.ingest.hl7v2.obr import effective, report, report_key
from hie.ingest.hl7v2.obx import category, note_texts, observation
from hie.ingest.hl7v2.pid import patient, patient_id
from hie.ingest.hl7v2.pv1 import Visit, visit
from hie.ingest.hl7v2.source import Source

EVENTS = {
    "ADT": frozenset(
        {"A01", "A02", "A03", "A04", "A05", "A08", "A11", "A13", "A28", "A31", "A34", "A40"}
    ),
    "ORU": frozenset({"R01"}),
}
"""What is understood: visits (admit, transfer, discharge, register, pre-admit, update, cancel admit,
cancel discharge), persons (add, update, merge), results."""
_MERGES = frozenset({"A34", "A40"})

_ZONE = re.compile(r"\d{4,14}(?:\.\d+)?([+-]\d\d)(\d\d)")
_NOTE = "http://hl7.org/fhir/5.0/StructureDefinition/extension-DiagnosticReport.note"


def is_understood(header: Header) -> bool:
    """Whether there are rules for the message's type and event."""
    return header.event in EVENTS.get(header.type, frozenset())


@dataclass(slots=True)
class Plan:
    """What a message says: drafts in an order in which each only refers to those before it."""

    patient: str
    """The id of the (first) patient it is about."""
    drafts: list[Draft]


def plan(message: Message, source: Source) -> Plan:
    """What the message says. Raises UnmappableError for the first thing that no rule covers."""
    header = message.header
    if not is_understood(header):
        raise UnmappableError(
            "MSH-9",
            f"There are no rules for messages of type {header.message_type}.",
            f"没有针对 {header.message_type} 类型消息的转换规则。",
        )
    if zone := _ZONE.fullmatch(header.time):
        source = replace(source, zone=f"{zone.group(1)}:{zone.group(2)}")
    if header.type == "ORU":
        return _results(message, source)
    return _merges(message, source) if header.event in _MERGES else _admission(message, source)


def _no_patient() -> UnmappableError:
    return UnmappableError("PID", "The message has no PID segment.", "消息缺少 PID 段。")


@dataclass(slots=True)
class _Collected:
    """Drafts without repetition: the same doctor signs many results."""

    drafts: list[Draft] = field(default_factory=list)
    _known: set[str] = field(default_factory=set)

    def add(self, *drafts: Draft) -> None:
        for draft in drafts:
            key = f"{draft.resource['resourceType']}/{draft.resource['id']}"
            if key not in self._known:
                self._known.add(key)
                self.drafts.append(draft)


def _admission(message: Message, source: Source) -> Plan:
    pid = message.first("PID")
    if pid is None:
        raise _no_patient()
    found = patient(pid, source, Manner.SAYS_SOME)
    identifier: str = found.resource["id"]
    collected = _Collected()
    pv1 = message.first("PV1")
    event = message.header.event
    seen = visit(pv1, identifier, event, source, Manner.SAYS_SOME) if pv1 else None
    if seen:
        collected.add(*seen.staff)
    collected.add(found)
    if seen:
        collected.add(seen.encounter)
    _add_diagnoses(collected, message, identifier, seen, source)
    for al1 in message.all("AL1"):
        if draft := allergy(al1, identifier, source):
            collected.add(draft)
    return Plan(identifier, collected.drafts)


def _merges(message: Message, source: Source) -> Plan:
    """Pairs of PID, the patient who stays, and MRG, the number that goes."""
    collected = _Collected()
    survivor: str | None = None
    first: str | None = None
    for segment in message.segments:
        if segment.name == "PID":
            found = patient(segment, source, Manner.SAYS_SOME)
            survivor = found.resource["id"]
            first = first or survivor
            collected.add(found)
        elif segment.name == "MRG" and survivor:
            collected.add(replaced(segment, survivor, source))
    if first is None:
        raise _no_patient()
    if message.first("MRG") is None:
        raise UnmappableError("MRG", "The message has no MRG segment.", "消息缺少 MRG 段。")
    return Plan(first, collected.drafts)


def _add_diagnoses(
    collected: _Collected, message: Message, subject: str, seen: Visit | None, source: Source
) -> None:
    encounter = seen.encounter.resource["id"] if seen else None
    entries = []
    for dg1 in message.all("DG1"):
        made = diagnosis(dg1, subject, encounter, source)
        collected.add(*made.staff, made.condition)
        if made.of_encounter and made.of_encounter not in entries:
            entries.append(made.of_encounter)
    if seen and entries:
        seen.encounter.resource["diagnosis"] = entries


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
                    raise _no_patient()
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


def _results(message: Message, source: Source) -> Plan:
    reports = _reports(message)
    if not reports:
        raise UnmappableError("OBR", "The message has no OBR segment.", "消息缺少 OBR 段。")
    collected = _Collected()
    times: Counter[tuple[str, ...]] = Counter()
    for group in reports:
        key = report_key(group.obr, group.orc, message.header.control_id)
        times[key] += 1
        if times[key] > 1:
            key = (*key, str(times[key]))
        _add_report(collected, group, key, source)
    return Plan(patient_id(reports[0].pid, source), collected.drafts)


def _add_report(
    collected: _Collected, group: _Report, key: tuple[str, ...], source: Source
) -> None:
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
    collected: _Collected, group: _Report, key: tuple[str, ...], common: Resource, source: Source
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
