"""Binaries sent and read as their content. https://hl7.org/fhir/R4/binary.html#rest"""

from base64 import b64encode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

PDF = b"%PDF-1.7\n\x00\xff not really"
SENT = {"content-type": "application/pdf"}


async def stored(client):
    a = await client("institution", institution="A")
    made = await a.put("/Binary/b1", content=PDF, headers=SENT)
    assert made.status_code == 201, made.text
    return a


async def test_content_in_and_out(client) -> None:
    a = await stored(client)
    resource = (await a.get("/Binary/b1")).json()
    assert resource["contentType"] == "application/pdf"
    assert resource["data"] == b64encode(PDF).decode()
    for accept in ("application/pdf", "text/html, application/pdf;q=0.5"):
        for path in ("/Binary/b1", "/Binary/b1/_history/1"):
            read = await a.get(path, headers={"accept": accept})
            assert (read.status_code, read.content) == (200, PDF)
            assert read.headers["content-type"] == "application/pdf"
            assert read.headers["content-disposition"] == "attachment"
            assert read.headers["x-content-type-options"] == "nosniff"
            assert read.headers["etag"] == 'W/"1"'
    head = await a.head("/Binary/b1", headers={"accept": "application/pdf"})
    assert (head.content, head.headers["content-length"]) == (b"", str(len(PDF)))
    same = await a.get("/Binary/b1", headers={"accept": "application/pdf", "if-none-match": "*"})
    assert same.status_code == 304


@pytest.mark.parametrize(
    ("accept", "status", "kind"),
    [
        ("*/*", 200, "application/fhir+json"),
        ("application/fhir+json", 200, "application/fhir+json"),
        ("application/fhir+xml", 200, "application/fhir+xml"),
        ("application/pdf, application/fhir+json", 200, "application/fhir+json"),
        ("image/png", 406, "application/fhir+json"),
    ],
)
async def test_fhir_goes_before_content(client, accept: str, status: int, kind: str) -> None:
    a = await stored(client)
    read = await a.get("/Binary/b1", headers={"accept": accept})
    assert read.status_code == status
    assert read.headers["content-type"].startswith(kind)


async def test_other_types_and_places_have_no_content(client) -> None:
    a = await stored(client)
    for path in ("/Binary", "/Patient/p1", "/Binary/b1/_history"):
        assert (await a.get(path, headers={"accept": "application/pdf"})).status_code == 406
    assert (await a.post("/Patient", content=PDF, headers=SENT)).status_code == 415


async def test_content_has_a_type_and_may_belong_to_somebody(client) -> None:
    a = await client("institution", institution="A")
    headers = {"content-type": "text/plain;  charset=utf-8", "x-security-context": "Patient/p1"}
    made = (await a.post("/Binary", content="病历".encode(), headers=headers)).json()
    assert made["contentType"] == "text/plain; charset=utf-8"
    assert made["securityContext"] == {"reference": "Patient/p1"}
    fhir = await a.post("/Binary", json={"resourceType": "Binary", "contentType": "text/plain"})
    assert fhir.status_code == 201
    assert (await a.post("/Binary", content=b"{}", headers={"content-type": ""})).status_code == 415


async def test_content_is_the_owners_own(client) -> None:
    await stored(client)
    accept = {"accept": "application/pdf"}
    b = await client("institution", institution="B")
    assert (await b.get("/Binary/b1", headers=accept)).status_code == 404
    narrow = await client("institution", institution="A", scopes="system/Patient.cruds")
    assert (await narrow.get("/Binary/b1", headers=accept)).status_code == 403
    assert (await narrow.post("/Binary", content=PDF, headers=SENT)).status_code == 403
    nobody = await client()
    assert (await nobody.get("/Binary/b1", headers=accept)).status_code == 401
    resident = await client("resident", scopes="patient/*.rs", patient="p1")
    assert (await resident.get("/Binary/b1", headers=accept)).status_code in (403, 404)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(min_size=1, max_size=300))
async def test_any_bytes_come_back(client, data: bytes) -> None:
    a = await client("institution", institution="A")
    sent = {"content-type": "application/octet-stream"}
    made = await a.post("/Binary", content=data, headers=sent)
    where = f"/Binary/{made.json()['id']}"
    assert (await a.get(where, headers={"accept": sent["content-type"]})).content == data


@pytest.mark.parametrize(
    ("stated", "told"),
    [
        ("text/plain; x=张", "text/plain"),
        ("text/plain;\nset-cookie: a=b", "text/plain"),
        ("text/plain; x=\u2028", "text/plain"),
        ("text/张", "application/octet-stream"),
        ('text/plain; charset="utf-8"', 'text/plain; charset="utf-8"'),
    ],
)
async def test_a_type_that_no_header_can_say(client, stated: str, told: str) -> None:
    a = await client("institution", institution="A")
    sent = {"resourceType": "Binary", "id": "b1", "contentType": stated, "data": "eA=="}
    assert (await a.put("/Binary/b1", json=sent)).status_code == 201
    read = await a.get("/Binary/b1", headers={"accept": "text/*"})
    assert (read.status_code, read.content, read.headers["content-type"]) == (200, b"x", told)
    assert "set-cookie" not in read.headers


@pytest.mark.parametrize(
    ("accept", "content"),
    [
        ("text/xml", True),
        ("text/html,text/xml;q=0.9,*/*;q=0.8", True),
        ("text/xml, application/fhir+xml", False),
        ("application/xml", False),
        ("application/json", False),
        ("*/*", False),
        ("application/fhir+json", False),
    ],
)
async def test_a_document_in_xml_is_asked_for_as_xml(client, accept: str, content: bool) -> None:
    """A general type stands for FHIR "except for binary": https://hl7.org/fhir/R4/http.html#mime-type"""
    a = await client("institution", institution="A")
    document = b"<ClinicalDocument xmlns='urn:hl7-org:v3'/>"
    held = {"contentType": "text/xml; charset=utf-8", "data": b64encode(document).decode()}
    sent = {"resourceType": "Binary", "id": "b1"} | held
    assert (await a.put("/Binary/b1", json=sent)).status_code == 201
    read = await a.get("/Binary/b1", headers={"accept": accept})
    assert (read.content == document) == content, read.text
    assert ("content-disposition" in read.headers) == content
    formed = await a.get("/Binary/b1?_format=xml", headers={"accept": accept})
    assert formed.headers["content-type"].startswith("application/fhir+xml")
