"""Coded values: CE, CWE, CNE, IS to CodeableConcept. HL7 2.5.1 section 2.A.13

https://hl7.org/fhir/uv/v2mappings/ConceptMap-datatype-cwe-to-codeableconcept.html
"""

import re
from typing import Any

from hie.ingest.hl7v2.message import Value
from hie.ingest.hl7v2.source import Source

SYSTEMS = {
    "LN": "http://loinc.org",
    "SCT": "http://snomed.info/sct",
    "I10": "http://hl7.org/fhir/sid/icd-10",
    "ICD10": "http://hl7.org/fhir/sid/icd-10",
    "ICD-10": "http://hl7.org/fhir/sid/icd-10",
    "I9C": "http://hl7.org/fhir/sid/icd-9-cm",
    "UCUM": "http://unitsofmeasure.org",
    "ISO3166_1": "urn:iso:std:iso:3166",
    "ICD10CN": "urn:oid:2.16.156.10011.2.3.3.11",
    "ICD9CM3CN": "urn:oid:2.16.156.10011.2.3.3.12",
}
"""Table 0396, those with a FHIR address: https://hl7.org/fhir/R4/terminologies-systems.html"""

_TABLE = re.compile(r"HL7(\d{4})")
_OID = re.compile(r"[0-2](\.(0|[1-9]\d*)){2,}")


def code(text: str) -> str:
    """`text` as a FHIR code: single spaces inside, none around."""
    return " ".join(text.split())


def system(name: str, source: Source) -> str:
    """The address of a code system, given its name in table 0396.

    A code system unknown here, or none, is one of the institution's own: two hospitals' local codes
    never mean the same by accident.
    """
    name = name.strip()
    if address := SYSTEMS.get(name.upper()):
        return address
    if table := _TABLE.fullmatch(name.upper()):
        return f"http://terminology.hl7.org/CodeSystem/v2-{table.group(1)}"
    if _OID.fullmatch(name):
        return f"urn:oid:{name}"
    if name.startswith(("http://", "https://", "urn:")):
        return name
    return source.system("codes", name) if name and name != "L" else source.system("codes")


def _coding(value: Value, first: int, source: Source) -> dict[str, str] | None:
    given = code(value.component(first))
    if not given:
        return None
    coding = {"system": system(value.component(first + 2), source), "code": given}
    if display := value.component(first + 1):
        coding["display"] = display
    return coding


def concept(value: Value, source: Source) -> dict[str, Any] | None:
    """A CodeableConcept with the code and its alternate; None if the field says nothing."""
    codings = [c for c in (_coding(value, 1, source), _coding(value, 4, source)) if c]
    text = value.component(9) or value.component(2) or value.component(5)
    result: dict[str, Any] = {}
    if codings:
        result["coding"] = codings
    if text:
        result["text"] = text
    return result or None


def from_table(
    value: Value, table: dict[str, tuple[str, str]], address: str, source: Source
) -> dict[str, Any] | None:
    """A CodeableConcept whose code the `table` translates into `address`; others stay as sent."""
    found = table.get(value.component(1).upper())
    if found is None:
        return concept(value, source)
    coding = {"system": address, "code": found[0], "display": found[1]}
    text = value.component(2)
    return {"coding": [coding], **({"text": text} if text else {})}
