"""Addresses and telephone numbers: XAD and XTN. HL7 2.5.1 sections 2.A.85 and 2.A.89

https://hl7.org/fhir/uv/v2mappings/ConceptMap-datatype-xad-to-address.html
https://hl7.org/fhir/uv/v2mappings/ConceptMap-datatype-xtn-to-contactpoint.html
"""

from typing import Any

from hie.ingest.hl7v2.message import Value

ADDRESS_USES = {"H": "home", "B": "work", "O": "work", "C": "temp", "BA": "old", "BI": "billing"}
"""Table 0190 as the guide's concept map AddressType[Use] translates it."""

TELECOM_USES = {"PRN": "home", "WPN": "work", "PRS": "mobile"}
TELECOM_SYSTEMS = {
    "PH": "phone", "CP": "phone", "FX": "fax", "BP": "pager", "MD": "other",
    "INTERNET": "email", "X.400": "email", "SAT": "phone", "TDD": "other", "TTY": "other",
}  # fmt: skip


def address(value: Value) -> dict[str, Any] | None:
    """An Address from an XAD, None if empty."""
    lines = [part for part in (value.component(1), value.component(2), value.component(8)) if part]
    parts = {
        "line": lines,
        "city": value.component(3),
        "district": value.component(9),
        "state": value.component(4),
        "postalCode": value.component(5),
        "country": value.component(6),
    }
    given = {name: part for name, part in parts.items() if part}
    if not given:
        return None
    result: dict[str, Any] = {}
    kind = value.component(7).upper()
    if use := ADDRESS_USES.get(kind):
        result["use"] = use
    if kind == "M":
        result["type"] = "postal"
    return result | given


def telecom(value: Value, default_use: str) -> dict[str, Any] | None:
    """A ContactPoint from an XTN, None if empty; `default_use` applies if XTN-2 is empty."""
    kind, use = value.component(3).upper(), value.component(2).upper()
    email = value.component(4)
    number = value.component(12) or value.component(1)
    if not number and value.component(7):
        number = "-".join(part for part in (value.component(6), value.component(7)) if part)
        if country := value.component(5):
            number = f"+{country.lstrip('+')} {number}"
    system = (
        "email" if use == "NET" or (email and not number) else TELECOM_SYSTEMS.get(kind, "phone")
    )
    text = (email or number) if system == "email" else number
    if not text:
        return None
    result = {"system": system, "value": text}
    if kind == "CP":
        result["use"] = "mobile"
    elif use in TELECOM_USES:
        result["use"] = TELECOM_USES[use]
    elif not use:
        result["use"] = default_use
    return result
