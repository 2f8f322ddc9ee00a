"""Random patches of the three kinds, most of them for something that the resource really holds.

https://hl7.org/fhir/R4/http.html#patch
"""

from random import Random
from typing import Any
from xml.sax.saxutils import quoteattr

from random_bytes import damaged_text
from random_resources import changed, text_of
from random_searches import JUNK

Json = Any
JSON_PATCH = "application/json-patch+json"
XML_PATCH = "application/xml-patch+xml"
FHIR_JSON = "application/fhir+json"


def steps_of(random: Random, resource: Json) -> list[str | int]:
    """The way to some place inside a resource."""
    steps: list[str | int] = []
    value = resource
    while isinstance(value, dict | list) and value and (not steps or random.random() < 0.75):
        step = random.choice(list(value) if isinstance(value, dict) else range(len(value)))
        steps.append(step)
        value = value[step]
    return steps


def _at(resource: Json, steps: list[str | int]) -> Json:
    value = resource
    for step in steps:
        value = value[step]
    return value


def json_patch(random: Random, resource: Json) -> tuple[str, bytes]:
    """https://www.rfc-editor.org/rfc/rfc6902"""
    operations = []
    for _ in range(random.choice((1, 1, 2, 3))):
        steps, other = steps_of(random, resource), steps_of(random, resource)
        pointer, source = (
            "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in some)
            for some in (steps, other)
        )
        if random.random() < 0.15:
            pointer += random.choice(
                ("/-", "/0", "/x", "/", "/~2", "/01", "/9999999999999999999999", "/²")
            )
        value = _at(resource, random.choice((steps, other)))
        if random.random() < 0.4:
            value = changed(random, value)
        kind = random.choice(("add", "replace", "remove", "move", "copy", "test"))
        operation = {"op": kind, "path": pointer}
        if kind in ("add", "replace", "test"):
            operation["value"] = value
        if kind in ("move", "copy"):
            operation["from"] = source
        operations.append(changed(random, operation) if random.random() < 0.15 else operation)
    return JSON_PATCH, text_of(operations)


def _fhirpath(random: Random, resource: Json, steps: list[str | int]) -> str:
    path = resource["resourceType"]
    for step in steps:
        path += f"[{step}]" if isinstance(step, int) else f".{step}"
    chance = random.random()
    if chance < 0.1:
        path += random.choice(
            (".first()", ".where(true)", "[0]", ".where(use='official')", ".ofType(string)")
        )
    elif chance < 0.15:
        path += random.choice(
            (".repeat($this)", " | 1", ".where(", "[²]", "[99999999999999999999]", ".x()")
        )
    elif chance < 0.2:
        path = damaged_text(random, path)
    return path


def fhirpath_patch(random: Random, resource: Json) -> Json:
    """Parameters as https://hl7.org/fhir/R4/fhirpatch.html has them."""
    operations = []
    for _ in range(random.choice((1, 1, 2))):
        steps = steps_of(random, resource)
        kind = random.choice(("add", "insert", "delete", "replace", "move"))
        path = _fhirpath(random, resource, steps[:-1] if kind == "add" else steps)
        part: list[Json] = [
            {"name": "type", "valueCode": kind},
            {"name": "path", "valueString": path},
        ]
        if kind == "add":
            part.append({"name": "name", "valueString": str(steps[-1]) if steps else "x"})
        if kind in ("add", "insert", "replace"):
            part.append(_value(random, _at(resource, steps)))
        if kind == "insert":
            part.append({"name": "index", "valueInteger": random.choice((0, 1, -1, 2**40))})
        if kind == "move":
            part.append({"name": "source", "valueInteger": random.choice((0, 1, -1))})
            part.append({"name": "destination", "valueInteger": random.choice((0, 1, 99))})
        operation: Json = {"name": "operation", "part": part}
        operations.append(changed(random, operation) if random.random() < 0.2 else operation)
    return {"resourceType": "Parameters", "parameter": operations}


def _value(random: Random, value: Json) -> Json:
    match value:
        case bool():
            return {"name": "value", "valueBoolean": not value}
        case int() | float():
            return {"name": "value", "valueDecimal": value}
        case str():
            kind = random.choice(("valueString", "valueCode", "valueDateTime", "valueUri"))
            return {"name": "value", kind: random.choice((value, random.choice(JUNK)))}
        case dict():
            kind = random.choice(("valueCodeableConcept", "valueReference", "valueHumanName"))
            if random.random() < 0.4:
                return {
                    "name": "value",
                    "part": [{"name": k, **_named(v)} for k, v in value.items()],
                }
            return {"name": "value", kind: value}
    return {"name": "value", "valueString": "x"}


def _named(value: Json) -> Json:
    return {k: v for k, v in _value(Random(0), value).items() if k != "name"}


def xml_patch(random: Random, resource: Json) -> tuple[str, bytes]:
    """https://www.rfc-editor.org/rfc/rfc5261"""
    steps = steps_of(random, resource)
    path = f"f:{resource['resourceType']}"
    for step in steps:
        path += f"[{step + 1}]" if isinstance(step, int) else f"/f:{step}"
    value = _at(resource, steps)
    if not isinstance(value, dict | list) and random.random() < 0.8:
        path += "/@value"
    if random.random() < 0.15:
        path += random.choice(
            ("[1]", "/..", "//*", "[", "/@id", "/text()", "[@value='x']", "[999999999999]")
        )
    kind = random.choice(("replace", "remove", "add"))
    inner = random.choice(
        ("x", "false", '<active value="true"/>', "<text/>", "<name><family value='y'/></name>")
    )
    more = random.choice(
        ("", "", ' pos="prepend"', ' pos="before"', ' pos="x"', ' type="@value"', ' ws="both"')
    )
    if kind == "remove":
        inner = ""
    text = f'<diff xmlns:f="http://hl7.org/fhir" xmlns="http://hl7.org/fhir"><{kind} sel={quoteattr(path)}{more}>{inner}</{kind}></diff>'
    return XML_PATCH, text.encode(errors="surrogateescape")


def patch(random: Random, resource: Json) -> tuple[str, bytes]:
    """A media type with a patch of that kind."""
    match random.randrange(5):
        case 0 | 1:
            return json_patch(random, resource)
        case 2 | 3:
            return FHIR_JSON, text_of(fhirpath_patch(random, resource))
    return xml_patch(random, resource)
