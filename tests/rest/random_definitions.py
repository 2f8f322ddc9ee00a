"""Random SearchParameters and Subscriptions, which change what the exchange does from then on.

https://hl7.org/fhir/R4/searchparameter.html
"""

from random import Random
from typing import Any

from random_bytes import damaged_text
from random_resources import changed

Json = Any
EXPRESSIONS = (
    *("Patient.name.given", "Patient.birthDate", "Patient.extension('urn:x')", "Observation.value"),
    *("Observation.value.as(Quantity)", "(Observation.value as CodeableConcept)", "Patient.active"),
    *(
        "Encounter.period",
        "Patient.managingOrganization",
        "Patient.link.other",
        "Observation.issued",
    ),
    *("Patient.name.where(use='official').family", "Observation.component.value", "Resource.id"),
    *("Patient.name | Patient.contact.name", "Observation.subject.where(resolve() is Patient)"),
    *("Patient", "Patient.nothing", "Observation.code.coding.code", "Patient.extension.value", ""),
    *("Patient.telecom.where(system='phone').value", "Patient.multipleBirth", "Patient.photo.hash"),
    *("Patient.contact.where(name.exists()).name.first()", "'x'", "true", "Patient.name[0]", "%x"),
)
KINDS = (
    "token",
    "string",
    "date",
    "reference",
    "quantity",
    "number",
    "uri",
    "composite",
    "special",
)
CODES = ("ward", "ward", "given", "name", "_id", "x-y", "²", "a b")
BASES = (
    ["Patient"],
    ["Observation"],
    ["Encounter"],
    ["Patient", "Observation"],
    ["Resource"],
    ["X"],
)


def search_parameter(random: Random, logical_id: str) -> Json:
    """A definition that could often be put in force."""
    expression = random.choice(EXPRESSIONS)
    if random.random() < 0.1:
        expression = damaged_text(random, expression)
    named = expression.lstrip("(").partition(".")[0]
    base = [named] if named.isalpha() and random.random() < 0.8 else random.choice(BASES)
    made: Json = {
        "resourceType": "SearchParameter",
        "id": logical_id,
        "url": f"urn:example:SearchParameter/{random.choice(('a', 'b', 'c'))}",
        "name": "Ward",
        "status": random.choice(("active", "active", "active", "draft", "retired")),
        "description": "x",
        "code": random.choice(CODES),
        "base": base,
        "type": random.choice(KINDS),
        "expression": expression,
    }
    if made["type"] == "reference" and random.random() < 0.7:
        made["target"] = random.choice((["Patient"], ["Organization"], ["X"]))
    if made["type"] == "composite":
        definition = "http://hl7.org/fhir/SearchParameter/Observation-code"
        made["component"] = [{"definition": definition, "expression": "code"}] * 2
    return changed(random, made) if random.random() < 0.2 else made


def subscription(random: Random, logical_id: str) -> Json:
    """A subscription to the links of Patients, or to something that nobody is told of."""
    made: Json = {
        "resourceType": "Subscription",
        "id": logical_id,
        "status": random.choice(("requested", "requested", "active", "off")),
        "reason": "x",
        "criteria": random.choice(
            ("Patient?", "Patient", "Patient?name=x", "Observation?code=x", "?")
        ),
        "channel": {
            "type": random.choice(("rest-hook", "rest-hook", "message", "websocket")),
            "endpoint": random.choice(
                ("https://example.org/x", "http://127.0.0.1:1/", "x", "http://[")
            ),
            "payload": random.choice(("application/fhir+json", "x")),
        },
    }
    return changed(random, made) if random.random() < 0.3 else made
