"""The forms of references. https://hl7.org/fhir/R4/references.html"""

import pytest

from hie.fhir.references import Reference, parse_reference

UUID = "urn:uuid:05efabf0-4be2-4561-91ce-51548425acb9"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Patient/1", Reference("relative", "Patient/1", "Patient", "1")),
        (
            "Patient/034AB16/_history/100",
            Reference("relative", "Patient/034AB16/_history/100", "Patient", "034AB16", "100"),
        ),
        (
            "http://fhir.hl7.org/svc/StructureDefinition/c8973a22-2b5b-4e76-9c66-00639c99e61b",
            Reference(
                "absolute",
                "http://fhir.hl7.org/svc/StructureDefinition/c8973a22-2b5b-4e76-9c66-00639c99e61b",
                "StructureDefinition",
                "c8973a22-2b5b-4e76-9c66-00639c99e61b",
                base="http://fhir.hl7.org/svc/",
            ),
        ),
        (
            "https://a-b.example:8443/fhir/Patient/1/_history/2",
            Reference(
                "absolute",
                "https://a-b.example:8443/fhir/Patient/1/_history/2",
                "Patient",
                "1",
                "2",
                "https://a-b.example:8443/fhir/",
            ),
        ),
        ("#p1", Reference("contained", "#p1", fragment="p1")),
        ("#", Reference("contained", "#", fragment="")),
        (UUID, Reference("urn", UUID)),
        ("urn:oid:1.2.3", Reference("urn", "urn:oid:1.2.3")),
        (
            "Patient?identifier=a|1",
            Reference("conditional", "Patient?identifier=a|1", "Patient"),
        ),
        ("Patients/1", Reference("other", "Patients/1")),
        ("Patients?a=b", Reference("other", "Patients?a=b")),
        ("urn:uuid:1", Reference("other", "urn:uuid:1")),
        ("http://example.org/some/thing", Reference("other", "http://example.org/some/thing")),
        ("Patient/1_2", Reference("other", "Patient/1_2")),
        ("", Reference("other", "")),
    ],
)
def test_forms(text: str, expected: Reference) -> None:
    assert parse_reference(text) == expected


def test_relative_form() -> None:
    assert parse_reference("https://a.example/fhir/Patient/1/_history/2").relative == "Patient/1"
    assert parse_reference(UUID).relative is None
