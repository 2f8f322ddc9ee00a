"""Staff named in a message: XCN to Practitioner. HL7 2.5.1 section 2.A.86

https://hl7.org/fhir/uv/v2mappings/ConceptMap-datatype-xcn-to-practitioner.html
"""

import re
from typing import Any

from hie.ingest.hl7v2.draft import Draft, Manner
from hie.ingest.hl7v2.message import Value
from hie.ingest.hl7v2.names import staff_name
from hie.ingest.hl7v2.source import Source

_OID = re.compile(r"[0-2](\.(0|[1-9]\d*)){2,}")


def practitioner(value: Value, source: Source) -> tuple[dict[str, str], Draft | None] | None:
    """A reference to the person and a Practitioner, which is None without a staff number.

    None if nobody is named.
    """
    number, name = value.component(1), staff_name(value)
    reference: dict[str, str] = {"display": name["text"]} if name else {}
    if not number:
        return (reference, None) if name else None
    authority = value.component(9, 2) or value.component(9)
    system = f"urn:oid:{authority}" if _OID.fullmatch(authority) else source.system("staff")
    identifier = source.id("Practitioner", number)
    resource: dict[str, Any] = {
        "resourceType": "Practitioner",
        "id": identifier,
        "meta": source.meta,
        "identifier": [{"system": system, "value": number}],
    }
    if name:
        resource["name"] = [name]
    reference = {"reference": f"Practitioner/{identifier}", **reference}
    return reference, Draft(resource, Manner.BACKGROUND)
