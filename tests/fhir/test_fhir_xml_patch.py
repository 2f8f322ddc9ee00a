"""XML Patch by its official cases. https://www.rfc-editor.org/rfc/rfc5261"""

from pathlib import Path
from xml.etree import ElementTree

import pytest
from lxml import etree

from hie.errors import Problem
from hie.fhir.patch import XML_PATCH, patched
from hie.fhir.patch.xml_patch import patched_xml

CASES = Path(__file__).parents[3] / "shared/data/tests/fhir-r4-cases/patch/xml-patch-tests.xml"


def cases() -> list[object]:
    """Each case; those within comments are not part of FHIR's set."""
    if not CASES.exists():
        return []
    found = etree.parse(CASES).getroot().findall("case")
    return [pytest.param(case, id=case.get("name")) for case in found]


def plain(text: bytes) -> bytes:
    """XML without the white space between elements, which the cases write for the reader."""
    root = etree.fromstring(text)
    for node in root.iter():
        node.text = (node.text or "").strip() or None
        node.tail = None
    return etree.tostring(root, method="c14n")


@pytest.mark.parametrize("case", cases())
def test_official_case(case: etree._Element) -> None:
    document = next(iter(case.find("target")), None)
    text = b"" if document is None else etree.tostring(document, with_tail=False)
    patch = etree.tostring(case.find("{http://hl7.org/fhir}patch"), with_tail=False)
    if case.find("error") is not None:
        with pytest.raises(Problem) as refused:
            patched_xml(text, patch)
        assert refused.value.status in (400, 422)
        return
    expected = etree.tostring(case.find("patched")[0], with_tail=False)
    assert plain(patched_xml(text, patch)) == plain(expected)


def test_all_official_cases_are_there(shared_data: Path) -> None:
    assert len(cases()) == len(ElementTree.parse(CASES).getroot().findall("case")) == 29


PATIENT = b'{"resourceType": "Patient", "active": true, "multipleBirthInteger": 2, "name": [{"text": "x"}]}'


def diff(inner: str) -> bytes:
    return f'<diff xmlns="http://hl7.org/fhir">{inner}</diff>'.encode()


def test_untouched_members_keep_their_bytes() -> None:
    patch = diff('<replace sel="f:Patient/f:active/@value">false</replace>')
    assert patched(PATIENT, patch, XML_PATCH) == (
        b'{"resourceType":"Patient","active":false,"multipleBirthInteger":2,"name":[{"text": "x"}]}'
    )
    same = diff('<replace sel="f:Patient/f:active/@value">true</replace>')
    assert patched(PATIENT, same, XML_PATCH) == PATIENT


@pytest.mark.parametrize(
    ("patch", "status"),
    [
        (b"<diff", 400),
        (b"<!DOCTYPE d [<!ENTITY e 'x'>]><d>&e;</d>", 400),
        (diff(""), 400),
        (diff('<twist sel="f:Patient"/>'), 400),
        (diff("<remove/>"), 400),
        (diff('<remove sel="f:Patient["/>'), 400),
        (diff('<remove sel="f:Patient' + "[1]" * 11 + '"/>'), 400),
        (diff('<remove sel="count(//*)"/>'), 400),
        (diff('<remove sel="f:Patient"/>'), 422),
        (diff('<remove sel="f:Patient/f:photo"/>'), 422),
        (diff('<add sel="f:Patient"><nonsense/></add>'), 422),
        (diff('<add sel="f:Patient" pos="around"><photo/></add>'), 400),
    ],
)
def test_what_cannot_be_carried_out(patch: bytes, status: int) -> None:
    with pytest.raises(Problem) as refused:
        patched(PATIENT, patch, XML_PATCH)
    assert refused.value.status == status


def test_what_xml_cannot_hold_is_patched_otherwise() -> None:
    patch = diff('<replace sel="f:Patient/f:active/@value">false</replace>')
    with pytest.raises(Problem) as refused:
        patched(
            '{"resourceType":"Patient","active":true,"name":[{"text":"\uffff"}]}'.encode(),
            patch,
            XML_PATCH,
        )
    assert refused.value.status == 422
