"""The patient: PID to Patient. HL7 2.5.1 section 3.4.2

https://hl7.org/fhir/uv/v2mappings/ConceptMap-segment-pid-to-patient.html
"""

from typing import Any

from hie.ingest.hl7v2.codes import concept, from_table
from hie.ingest.hl7v2.contacts import address, telecom
from hie.ingest.hl7v2.draft import Draft, Manner
from hie.ingest.hl7v2.fault import UnmappableError
from hie.ingest.hl7v2.identifiers import (
    ID_CARD,
    ID_CARD_SHAPE,
    identifier,
    is_own_number,
    kind,
    national_system,
)
from hie.ingest.hl7v2.message import Segment, Value
from hie.ingest.hl7v2.names import person_name
from hie.ingest.hl7v2.source import Source
from hie.ingest.hl7v2.times import date, date_time, has_clock
from hie.ingest.hl7v2.values import integer

SEXES = {
    "F": "female", "M": "male", "O": "other", "A": "other", "N": "other", "U": "unknown",
    "1": "male", "2": "female", "0": "unknown", "9": "unknown", "男": "male", "女": "female",
}  # fmt: skip
"""Table 0001 as the guide's concept map AdministrativeSex translates it, and GB/T 2261.1."""

_MARITAL_SYSTEM = "http://terminology.hl7.org/CodeSystem/v3-MaritalStatus"
MARITAL_STATUSES = {
    "A": ("L", "Legally Separated"), "E": ("L", "Legally Separated"), "D": ("D", "Divorced"),
    "M": ("M", "Married"), "S": ("S", "Never Married"), "W": ("W", "Widowed"),
    "C": ("C", "Common Law"), "G": ("T", "Domestic partner"), "P": ("T", "Domestic partner"),
    "R": ("T", "Domestic partner"), "N": ("A", "Annulled"), "I": ("I", "Interlocutory"),
    "B": ("U", "unmarried"),
}  # fmt: skip
"""Table 0002 as the guide's concept map MaritalStatus translates it."""
_NULL_SYSTEM = "http://terminology.hl7.org/CodeSystem/v3-NullFlavor"
NO_MARITAL_STATUS = {"U": ("UNK", "unknown"), "O": ("OTH", "other"), "T": ("NAVU", "not available")}

_EXTENSION = "http://hl7.org/fhir/StructureDefinition/"
_CLEARABLE = {
    5: "name", 7: "birthDate", 8: "gender", 11: "address", 13: "telecom", 15: "communication",
    16: "maritalStatus", 24: "multipleBirth", 29: "deceased",
}  # fmt: skip


def _numbers(pid: Segment) -> list[Value]:
    # PID-2 and PID-4 are older places for the same numbers; versions before 2.7 repeat PID-3 there.
    seen: set[tuple[str, str]] = set()
    numbers = []
    for value in (*pid.all(3), *pid.all(2), *pid.all(4)):
        key = (value.component(1), value.component(4))
        if key[0] and key not in seen:
            seen.add(key)
            numbers.append(value)
    return numbers


def patient_id(pid: Segment, source: Source) -> str:
    """The id of the sender's Patient: from its own number, or else from the first number given."""
    numbers = _numbers(pid)
    if not numbers:
        raise UnmappableError("PID-3", "The patient has no identifier.", "患者没有任何标识号。")
    own = _own_number(numbers)
    return source.id("Patient", own.component(4), own.component(1))


def _own_number(numbers: list[Value]) -> Value:
    return next((n for n in numbers if is_own_number(n)), numbers[0])


def patient(pid: Segment, source: Source, manner: Manner) -> Draft:
    """The Patient that a PID describes. Raises UnmappableError if a field cannot be understood."""
    resource: dict[str, Any] = {
        "resourceType": "Patient",
        "id": patient_id(pid, source),
        "meta": source.meta,
        "identifier": _identifiers(pid, source),
        **_person(pid, source),
        **_reach(pid),
        **_status(pid, source),
    }
    if extensions := _extensions(pid, source):
        resource["extension"] = extensions
    cleared = {element for field, element in _CLEARABLE.items() if pid.value(field).is_null}
    return Draft(resource, manner, cleared)


def _identifiers(pid: Segment, source: Source) -> list[dict[str, Any]]:
    numbers = _numbers(pid)
    own = _own_number(numbers)
    result = []
    for number in numbers:
        local = source.system("patient") if number is own and is_own_number(number) else None
        result.append(identifier(number, source, "PID-3", own=local))
    social = pid.text(19).upper()
    if social and not any(i["value"].upper() == social for i in result):
        if ID_CARD_SHAPE.fullmatch(social):
            result.append({"type": kind("NI"), "system": ID_CARD, "value": social})
        else:
            system = national_system(pid.value(19)) or source.system("social")
            result.append({"type": kind("SB"), "system": system, "value": pid.text(19)})
    return result


def _person(pid: Segment, source: Source) -> dict[str, Any]:
    result: dict[str, Any] = {}
    names = [
        name
        for number, value in enumerate(pid.all(5))
        if (name := person_name(value, first=number == 0))
    ]
    for value in pid.all(9):
        if alias := person_name(value, first=False):
            names.append(alias)
    if names:
        result["name"] = names
    if birth := pid.text(7):
        result["birthDate"] = date(birth, "PID-7")
        if has_clock(birth):
            moment = date_time(birth, source, "PID-7")
            extension = {"url": _EXTENSION + "patient-birthTime", "valueDateTime": moment}
            result["_birthDate"] = {"extension": [extension]}
    if sex := pid.text(8):
        if sex.upper() not in SEXES:
            raise UnmappableError("PID-8", f"{sex} is not a code for sex.", f"{sex} 不是性别代码。")
        result["gender"] = SEXES[sex.upper()]
    return result


def _reach(pid: Segment) -> dict[str, Any]:
    result: dict[str, Any] = {}
    if addresses := [found for value in pid.all(11) if (found := address(value))]:
        result["address"] = addresses
    telecoms: list[dict[str, Any]] = []
    for field, use in ((13, "home"), (14, "work"), (40, "home")):
        for value in pid.all(field):
            found = telecom(value, use)
            if found and found not in telecoms:
                telecoms.append(found)
    if telecoms:
        result["telecom"] = telecoms
    return result


def _status(pid: Segment, source: Source) -> dict[str, Any]:
    result: dict[str, Any] = {}
    marital = pid.value(16)
    code = marital.component(1).upper()
    if code in NO_MARITAL_STATUS:
        status = from_table(marital, NO_MARITAL_STATUS, _NULL_SYSTEM, source)
    else:
        status = from_table(marital, MARITAL_STATUSES, _MARITAL_SYSTEM, source)
    if status:
        result["maritalStatus"] = status
    languages = [found for value in pid.all(15) if (found := concept(value, source))]
    if languages:
        result["communication"] = [{"language": language} for language in languages]
    if death := pid.text(29):
        result["deceasedDateTime"] = date_time(death, source, "PID-29")
    elif pid.text(30) in ("Y", "N"):
        result["deceasedBoolean"] = pid.text(30) == "Y"
    order = integer(pid.text(25), "PID-25")
    if order is not None:
        result["multipleBirthInteger"] = order
    elif pid.text(24) in ("Y", "N"):
        result["multipleBirthBoolean"] = pid.text(24) == "Y"
    return result


def _extensions(pid: Segment, source: Source) -> list[dict[str, Any]]:
    result: list[dict[str, Any]] = []
    mother = person_name(pid.value(6), first=True)
    if mother:
        url = _EXTENSION + "patient-mothersMaidenName"
        result.append({"url": url, "valueString": mother["text"]})
    if place := pid.text(23):
        url = _EXTENSION + "patient-birthPlace"
        result.append({"url": url, "valueAddress": {"text": place}})
    if nationality := concept(pid.value(28), source):
        inner = {"url": "code", "valueCodeableConcept": nationality}
        result.append({"url": _EXTENSION + "patient-nationality", "extension": [inner]})
    return result
