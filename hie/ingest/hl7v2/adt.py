"""Visits and persons: ADT messages. HL7 2.5.1 chapter 3

https://hl7.org/fhir/uv/v2mappings/ConceptMap-message-adt-a01-to-bundle.html
"""

from hie.ingest.hl7v2.al1 import allergy
from hie.ingest.hl7v2.dg1 import diagnosis
from hie.ingest.hl7v2.draft import Manner
from hie.ingest.hl7v2.message import Message
from hie.ingest.hl7v2.mrg import replaced
from hie.ingest.hl7v2.pid import patient
from hie.ingest.hl7v2.plan import Collected, Plan, missing_segment
from hie.ingest.hl7v2.pv1 import Visit, visit
from hie.ingest.hl7v2.source import Source
from hie.ingest.hl7v2.times import date_time


def admission(message: Message, source: Source) -> Plan:
    """A patient, and the visit if there is one, with its diagnoses and allergies."""
    pid = message.first("PID")
    if pid is None:
        raise missing_segment("PID")
    found = patient(pid, source, Manner.SAYS_SOME)
    identifier: str = found.resource["id"]
    collected = Collected()
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


def merge(message: Message, source: Source) -> Plan:
    """Pairs of PID, the patient who stays, and MRG, the number that goes."""
    collected = Collected()
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
        raise missing_segment("PID")
    if message.first("MRG") is None:
        raise missing_segment("MRG")
    return Plan(first, collected.drafts)


def _add_diagnoses(
    collected: Collected, message: Message, subject: str, seen: Visit | None, source: Source
) -> None:
    encounter = seen.encounter.resource["id"] if seen else None
    evn = message.first("EVN")
    recorded = date_time(evn.text(2), source, "EVN-2") if evn and evn.text(2) else None
    entries = []
    for dg1 in message.all("DG1"):
        made = diagnosis(dg1, subject, encounter, recorded, source)
        collected.add(*made.staff, made.condition)
        if made.of_encounter and made.of_encounter not in entries:
            entries.append(made.of_encounter)
    if seen and entries:
        seen.encounter.resource["diagnosis"] = entries
