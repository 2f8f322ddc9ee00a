"""Small resources for the tests of the REST interface; all people are invented."""

import orjson

WEIGHT = (
    b'{ "resourceType" : "Observation",\n  "status" : "final",\n'
    b'  "code" : { "text" : "body weight" },\n'
    b'  "valueQuantity" : { "value" : 70.10, "unit" : "kg" } }'
)


def patient(
    logical_id: str | None,
    name: str,
    *,
    institution: str = "A",
    number: str = "7",
    card: str | None = None,
    phone: str | None = None,
) -> bytes:
    identifiers = [{"system": f"urn:hie:institution:{institution}:patient", "value": number}]
    if card:
        identifiers.append({"system": "urn:oid:2.16.156.10011.1.3", "value": card})
    resource = {
        "resourceType": "Patient",
        "identifier": identifiers,
        "name": [{"text": name, "family": name[0], "given": [name[1:]]}],
        "birthDate": "1990-03-07",
    }
    if phone:
        resource["telecom"] = [{"system": "phone", "value": phone}]
    if logical_id:
        resource["id"] = logical_id
    return orjson.dumps(resource)


def observation(subject: str, text: str = "body weight") -> bytes:
    return orjson.dumps(
        {
            "resourceType": "Observation",
            "status": "final",
            "code": {"text": text},
            "subject": {"reference": subject},
            "effectiveDateTime": "2026-01-02",
            "valueQuantity": {"value": 70.1, "unit": "kg"},
        }
    )
