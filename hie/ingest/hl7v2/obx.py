"""One result: OBX and its NTE to Observation. HL7 2.5.1 section 7.4.2

https://hl7.org/fhir/uv/v2mappings/ConceptMap-segment-obx-to-observation.html
"""

import re
from collections.abc import Sequence
from typing import Any

from hie.ingest.hl7v2.codes import SYSTEMS, concept
from hie.ingest.hl7v2.draft import Draft, Manner
from hie.ingest.hl7v2.fault import UnmappableError
from hie.ingest.hl7v2.message import Segment, Value
from hie.ingest.hl7v2.practitioner import practitioner
from hie.ingest.hl7v2.source import Source
from hie.ingest.hl7v2.times import date_time
from hie.ingest.hl7v2.values import NUMBER, decimal, unit, value_of

STATUSES = {
    "A": "amended", "B": "amended", "C": "corrected", "D": "entered-in-error", "F": "final",
    "I": "registered", "N": "final", "O": "registered", "P": "preliminary", "R": "preliminary",
    "S": "preliminary", "U": "final", "V": "final", "W": "entered-in-error", "X": "cancelled",
}  # fmt: skip
"""Table 0085. A, C, D, F, P, W, X as the guide's concept map ObservationResultStatus translates them;
it leaves the others open, and these are the nearest statuses by the table's own definitions."""

_STATUS_ONLY = "U"
"""The status changes to final without the value being sent again."""

_INTERPRETATION = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
INTERPRETATIONS = {
    "<": "Off scale low", ">": "Off scale high", "A": "Abnormal", "AA": "Critical abnormal",
    "B": "Better", "CAR": "Carrier", "D": "Significant change down", "DET": "Detected",
    "E": "Equivocal", "EX": "outside threshold", "EXP": "Expected", "H": "High",
    "HH": "Critical high", "HU": "Significantly high", "I": "Intermediate",
    "IE": "Insufficient evidence", "IND": "Indeterminate", "L": "Low", "LL": "Critical low",
    "LU": "Significantly low", "N": "Normal", "ND": "Not detected", "NEG": "Negative",
    "NR": "Non-reactive", "NS": "Non-susceptible", "POS": "Positive", "R": "Resistant",
    "RR": "Reactive", "S": "Susceptible", "SDD": "Susceptible-dose dependent",
    "U": "Significant change up", "UNE": "Unexpected", "W": "Worse", "WR": "Weakly reactive",
}  # fmt: skip
"""Table 0078 as the guide's concept map InterpretationCodes translates it."""
_ARROWS = {"↑": "H", "↓": "L", "↑↑": "HH", "↓↓": "LL"}

_ABSENT = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
_BOUNDS = re.compile(
    rf"[\[(（]?\s*({NUMBER.pattern})\s*(?:-|–|—|~|～|至)+\s*({NUMBER.pattern})\s*[\])）]?"
)

LABORATORY = frozenset(
    (
        "AU",
        "BG",
        "BLB",
        "CH",
        "CG",
        "GE",
        "HM",
        "ICU",
        "IMM",
        "LAB",
        "MB",
        "MCB",
        "MYC",
        "PAR",
        "SR",
        "TX",
        "VR",
    )
)
IMAGING = frozenset(("CT", "CTH", "NMR", "NMS", "OUS", "RAD", "RUS", "RX", "VUS", "XRC"))
_CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"


VITAL_SIGNS = frozenset(
    (
        *("85353-1", "9279-1", "8867-4", "2708-6", "59408-5", "8310-5", "8302-2", "9843-4"),
        *("8287-5", "29463-7", "39156-5", "85354-9", "8480-6", "8462-4", "8478-0"),
    )
)
"""LOINC codes that are vital signs by definition: https://hl7.org/fhir/R4/observation-vitalsigns.html"""


def category(section: str) -> list[dict[str, Any]]:
    """`Observation.category` from the diagnostic section (OBR-24, table 0074), empty if unclear."""
    section = section.upper()
    if section in LABORATORY:
        code, display = "laboratory", "Laboratory"
    elif section in IMAGING:
        code, display = "imaging", "Imaging"
    else:
        return []
    return [{"coding": [{"system": _CATEGORY, "code": code, "display": display}]}]


def observation(
    obx: Segment,
    notes: Sequence[Segment],
    key: tuple[str, ...],
    common: dict[str, Any],
    source: Source,
) -> tuple[Draft, list[Draft]]:
    """The Observation known under `key`, and the staff it names.

    `common` holds what the report gives all its results: subject, encounter, time, category.
    """
    code = concept(obx.value(3), source)
    if code is None:
        raise UnmappableError("OBX-3", "The result has no code.", "检验结果没有项目代码。")
    sent = obx.text(11).upper()
    resource: dict[str, Any] = {
        "resourceType": "Observation",
        "id": source.id("Observation", *key),
        "meta": source.meta,
        **common,
        **_vital_sign(code),
        "status": STATUSES.get(sent, "unknown"),
        "code": code,
        **value_of(obx, source),
        **_judged(obx, source),
    }
    if moment := obx.text(14):
        resource.pop("effectivePeriod", None)
        resource["effectiveDateTime"] = date_time(moment, source, "OBX-14")
    if not any(name.startswith("value") for name in resource) and sent != _STATUS_ONLY:
        resource["dataAbsentReason"] = _absent(sent)
    if annotations := note_texts(notes):
        resource["note"] = [{"text": text} for text in annotations]
    staff = _performers(obx, resource, source)
    manner = Manner.SAYS_SOME if sent == _STATUS_ONLY else Manner.SAYS_ALL
    return Draft(resource, manner), staff


def _vital_sign(code: dict[str, Any]) -> dict[str, Any]:
    loinc = {c["code"] for c in code.get("coding", ()) if c["system"] == SYSTEMS["LN"]}
    if not loinc & VITAL_SIGNS:
        return {}
    coding = {"system": _CATEGORY, "code": "vital-signs", "display": "Vital Signs"}
    return {"category": [{"coding": [coding]}]}


def _absent(status: str) -> dict[str, Any]:
    code, display = {
        "X": ("error", "Error"),
        "N": ("not-asked", "Not Asked"),
        "I": ("temp-unknown", "Temporarily Unknown"),
        "O": ("temp-unknown", "Temporarily Unknown"),
    }.get(status, ("unknown", "Unknown"))
    return {"coding": [{"system": _ABSENT, "code": code, "display": display}]}


def note_texts(notes: Sequence[Segment]) -> list[str]:
    """The comments of NTE segments, the repetitions of NTE-3 as lines."""
    texts = ("\n".join(value.text for value in note.all(3)) for note in notes)
    return [text for text in texts if text.strip()]


def _interpretation(value: Value, source: Source) -> dict[str, Any] | None:
    sent = value.component(1)
    code = _ARROWS.get(sent, sent.upper())
    if code not in INTERPRETATIONS:
        return concept(value, source)
    coding = {"system": _INTERPRETATION, "code": code, "display": INTERPRETATIONS[code]}
    return {"coding": [coding], **({"text": sent} if sent != code else {})}


def _reference_range(obx: Segment, source: Source) -> dict[str, Any] | None:
    text = obx.value(7).text
    if not any(character.isalnum() for character in text):
        return None
    result: dict[str, Any] = {}
    bounds = _BOUNDS.fullmatch(text)
    if bounds and obx.text(2).upper() in ("NM", "SN"):
        units = unit(obx.value(6), source)
        low, high = (decimal(number) for number in bounds.groups())
        if low <= high:
            result = {"low": {"value": low} | units, "high": {"value": high} | units}
    return result | {"text": text}


def _judged(obx: Segment, source: Source) -> dict[str, Any]:
    result: dict[str, Any] = {}
    interpretations = [found for v in obx.all(8) if (found := _interpretation(v, source))]
    if interpretations:
        result["interpretation"] = interpretations
    if bounds := _reference_range(obx, source):
        result["referenceRange"] = [bounds]
    if method := concept(obx.value(17), source):
        result["method"] = method
    if site := concept(obx.value(20), source):
        result["bodySite"] = site
    return result


def _performers(obx: Segment, resource: dict[str, Any], source: Source) -> list[Draft]:
    staff: dict[str, Draft] = {}
    performers = []
    for value in obx.all(16):
        found = practitioner(value, source)
        if found is None:
            continue
        reference, draft = found
        performers.append(reference)
        if draft:
            staff[draft.resource["id"]] = draft
    if laboratory := obx.text(23):
        performers.append({"display": laboratory})
    if performers:
        resource["performer"] = performers
    return list(staff.values())
