"""Identifiers: CX and EI. HL7 2.5.1 section 2.A.14

https://hl7.org/fhir/uv/v2mappings/ConceptMap-datatype-cx-to-identifier.html
Chinese identifier types: WS/T 362 and the object identifiers under 2.16.156.10011.1
"""

import re
from typing import Any

from hie.ingest.hl7v2.message import Value
from hie.ingest.hl7v2.source import Source
from hie.ingest.hl7v2.times import date_time

TYPES = "http://terminology.hl7.org/CodeSystem/v2-0203"
ID_CARD = "urn:oid:2.16.156.10011.1.3"
ID_CARD_SHAPE = re.compile(r"\d{15}|\d{17}[\dXx]")

NATIONAL = {
    "NI": ID_CARD,
    "NNCHN": ID_CARD,
    "居民身份证": ID_CARD,
    "身份证": ID_CARD,
    "身份证号": ID_CARD,
    "IDCARD": ID_CARD,
    "HC": "urn:oid:2.16.156.10011.1.19",
    "居民健康卡": "urn:oid:2.16.156.10011.1.19",
    "健康卡": "urn:oid:2.16.156.10011.1.19",
    "MC": "urn:oid:2.16.156.10011.1.15",
    "医保卡": "urn:oid:2.16.156.10011.1.15",
    "医保卡号": "urn:oid:2.16.156.10011.1.15",
    "健康档案": "urn:oid:2.16.156.10011.1.2",
    "健康档案编号": "urn:oid:2.16.156.10011.1.2",
}
"""By identifier type (CX-5) or assigning authority (CX-4): numbers that mean the same everywhere."""

# Table 0203, those that registrations carry.
_KNOWN_TYPES = frozenset(
    "AN BR DL FILL HC JHN MC MR NI PI PLAC PPN PT RI SB SS VN".split()  # noqa: SIM905 - read as a table
)
_OWN = frozenset({"MR", "PI", "MRN", "PT", ""})
_OID = re.compile(r"[0-2](\.(0|[1-9]\d*)){2,}")


def _authority(value: Value) -> tuple[str, str]:
    """The namespace name and the OID of CX-4, either may be empty."""
    name, universal, kind = (value.component(4, part) for part in (1, 2, 3))
    if _OID.fullmatch(universal) and kind.upper() in {"ISO", ""}:
        return name, universal
    return ("", name) if _OID.fullmatch(name) else (name or universal, "")


def national_system(value: Value) -> str | None:
    """The system of a number that means the same in every institution, None for a local number."""
    name, oid = _authority(value)
    if oid:
        return f"urn:oid:{oid}"
    kind = value.component(5)
    return NATIONAL.get(kind) or NATIONAL.get(kind.upper()) or NATIONAL.get(name)


def is_own_number(value: Value) -> bool:
    """Whether this can be the number under which the institution itself keeps the patient."""
    return national_system(value) is None and value.component(5).upper() in _OWN


def kind(code: str) -> dict[str, Any] | None:
    """`Identifier.type` for a code of table 0203; other words as text; None for nothing."""
    if not code:
        return None
    if code.upper() in _KNOWN_TYPES:
        return {"coding": [{"system": TYPES, "code": code.upper()}]}
    return {"text": code}


def identifier(
    value: Value, source: Source, where: str, *, own: str | None = None
) -> dict[str, Any]:
    """An Identifier from a CX; `own` is the institution's system for its own number, if this is it."""
    name, _ = _authority(value)
    system = national_system(value) or own or source.system("authority", name or value.component(5))
    result: dict[str, Any] = {}
    if type_ := kind(value.component(5)):
        result["type"] = type_
    result |= {"system": system, "value": value.component(1)}
    period = {
        end: date_time(text, source, where)
        for end, text in (("start", value.component(7)), ("end", value.component(8)))
        if text
    }
    if period:
        result["period"] = period
    if name:
        result["assigner"] = {"display": name}
    return result


def order_number(value: Value, source: Source, role: str) -> dict[str, Any] | None:
    """An Identifier from an EI; `role` is PLAC (who ordered) or FILL (who performed)."""
    number = value.component(1)
    if not number:
        return None
    oid = value.component(3)
    if value.component(4).upper() == "ISO" and _OID.fullmatch(oid):
        system = f"urn:oid:{oid}"
    else:
        name = value.component(2)
        system = source.system("order", role.lower(), *([name] if name else []))
    return {
        "type": {"coding": [{"system": TYPES, "code": role}]},
        "system": system,
        "value": number,
    }
