"""XML and JSON hold the same. https://hl7.org/fhir/R4/xml.html, https://hl7.org/fhir/R4/json.html"""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from hie.fhir.xml import FhirXmlError, to_json, to_xml

NAMESPACE = 'xmlns="http://hl7.org/fhir"'
# Written for an early draft of R4: StructureDefinition.contextType is gone from it.
DRAFT = {"myconsent-ext.xml"}


def exact(raw: bytes) -> Any:
    """Parsed, with every number as the text it was written in."""
    return json.loads(raw, parse_float=lambda text: ("#", text), parse_int=lambda text: ("#", text))


def test_every_official_example_survives_the_way_to_xml_and_back(shared_data: Path) -> None:
    with gzip.open(shared_data / "r4" / "examples.ndjson.gz") as lines:
        examples = list(lines)
    assert len(examples) == 726
    for line in examples:
        there = exact(line)
        assert exact(to_json(to_xml(line))) == there, (there["resourceType"], there.get("id"))


def test_official_xml_survives_the_way_to_json_and_back(shared_data: Path) -> None:
    files = sorted((shared_data / "tests" / "fhir-r4-cases").glob("*.xml"))
    read = {path.name: to_json(path.read_bytes()) for path in files if path.name not in DRAFT}
    assert len(read) == 14
    for name, text in read.items():
        assert exact(to_json(to_xml(text))) == exact(text), name


@pytest.mark.parametrize(
    ("inner", "expected"),
    [
        ('<active value="true"/>', {"active": True}),
        ('<multipleBirthInteger value="2"/>', {"multipleBirthInteger": ("#", "2")}),
        ('<gender id="g" value="male"/>', {"gender": "male", "_gender": {"id": "g"}}),
        (
            '<name><given value="A"/><given id="b"/></name>',
            {"name": [{"given": ["A", None], "_given": [None, {"id": "b"}]}]},
        ),
        (
            '<extension url="u"><valueDecimal value="1.10"/></extension>',
            {"extension": [{"url": "u", "valueDecimal": ("#", "1.10")}]},
        ),
        (
            '<contained><Basic><id value="x"/></Basic></contained>',
            {"contained": [{"resourceType": "Basic", "id": "x"}]},
        ),
        (
            '<text><div xmlns="http://www.w3.org/1999/xhtml">a <b>&lt;</b></div></text>',
            {"text": {"div": '<div xmlns="http://www.w3.org/1999/xhtml">a <b>&lt;</b></div>'}},
        ),
        ('<birthDate value="a&#10;b"/>', {"birthDate": "a\nb"}),
        # What is no number or truth value is left for validation to name.
        ('<active value="yes"/>', {"active": "yes"}),
        ('<multipleBirthInteger value="two"/>', {"multipleBirthInteger": "two"}),
    ],
)
def test_elements_as_json(inner: str, expected: dict[str, Any]) -> None:
    read = exact(to_json(f"<Patient {NAMESPACE}>{inner}</Patient>".encode()))
    assert read == {"resourceType": "Patient", **expected}


@pytest.mark.parametrize(
    ("text", "reason", "path"),
    [
        ("<Patient/>", "is in the namespace ''", "Patient"),
        (f"<Patien {NAMESPACE}/>", "not a resource type", "Patien"),
        (f"<Patient {NAMESPACE}>", "no element found", None),
        (f"<Patient {NAMESPACE}><nam/></Patient>", "<nam> is not an element", "Patient.nam"),
        (
            f'<Patient {NAMESPACE}><name/><name><use value="usual"/><use value="old"/></name></Patient>',
            "<use> occurs more than once",
            "Patient.name[1].use",
        ),
        (f"<Patient {NAMESPACE}>text</Patient>", "Text outside an attribute", "Patient"),
        (
            f'<Patient {NAMESPACE}><name colour="red"/></Patient>',
            "'colour' is not allowed",
            "Patient.name[0]",
        ),
        (
            f"<Patient {NAMESPACE}><contained/></Patient>",
            "holds 0 resources",
            "Patient.contained[0]",
        ),
        (f"<!DOCTYPE x><Patient {NAMESPACE}/>", "DOCTYPE", None),
        ('<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>', "DOCTYPE", None),
        ("<a>" * 200 + "</a>" * 200, "nested too deeply", None),
    ],
)
def test_what_is_not_fhir_is_refused_with_its_place(
    text: str, reason: str, path: str | None
) -> None:
    with pytest.raises(FhirXmlError) as refused:
        to_json(text.encode())
    assert reason in refused.value.en
    assert "(line 1, column " in refused.value.en
    if path is not None:
        assert refused.value.path == path


@pytest.mark.parametrize("encoding", ["GBK", "gb18030", "big5", "ISO-8859-1", "utf-16"])
def test_other_encodings_than_utf_8_are_named(encoding: str) -> None:
    """https://hl7.org/fhir/R4/xml.html: "The character encoding is always UTF-8"."""
    text = f'<?xml version="1.0" encoding="{encoding}"?><Patient {NAMESPACE}/>'
    with pytest.raises(FhirXmlError, match=f"(?i)declared to be in {encoding}"):
        to_json(text.encode(encoding))


def test_a_character_that_xml_cannot_hold_is_not_lost_silently() -> None:
    with pytest.raises(ValueError, match=r"U\+FFFE"):
        to_xml('{"resourceType":"Basic","language":"\ufffe"}'.encode())


def test_indentation_is_no_content(shared_data: Path) -> None:
    with gzip.open(shared_data / "r4" / "examples.ndjson.gz") as lines:
        examples = list(lines)
    for line in examples[::7]:
        pretty = to_xml(line, pretty=True)
        assert to_json(pretty) == to_json(to_xml(line))
        assert pretty.count(b"\n") > 3
