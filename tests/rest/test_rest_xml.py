"""FHIR in XML over HTTP. https://hl7.org/fhir/R4/http.html#mime-type"""

import pytest

from hie.fhir.xml import to_json

XML = "application/fhir+xml"
OBSERVATION = """<?xml version="1.0" encoding="UTF-8"?>
<Observation xmlns="http://hl7.org/fhir">
  <!-- written by hand -->
  <status value="final"/>
  <code><text value="体重"/></code>
  <valueQuantity><value value="70.10"/><unit value="kg"/></valueQuantity>
</Observation>""".encode()


async def test_xml_in_and_xml_or_json_out(client) -> None:
    a = await client("institution", institution="A")
    headers = {"content-type": f"{XML}; charset=utf-8", "accept": XML}
    created = await a.post("/Observation", content=OBSERVATION, headers=headers)
    assert created.status_code == 201, created.text
    assert created.headers["content-type"] == f"{XML}; charset=utf-8"
    assert '<value value="70.10"/>' in created.text
    address = created.headers["location"].partition("/_history")[0]
    assert b'"value":70.10' in (await a.get(address)).content
    as_xml = await a.get(address, params={"_format": "xml"})
    assert to_json(as_xml.content) == (await a.get(address)).content
    head = await a.head(address, headers={"accept": XML})
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"].startswith(XML)


async def test_searches_and_transactions_in_xml(client) -> None:
    a = await client("institution", institution="A")
    entry = OBSERVATION.partition(b"?>")[2]
    bundle = (
        b'<Bundle xmlns="http://hl7.org/fhir"><type value="transaction"/><entry><resource>'
        + entry
        + b'</resource><request><method value="POST"/><url value="Observation"/></request></entry></Bundle>'
    )
    stored = await a.post("/", content=bundle, headers={"content-type": XML, "accept": XML})
    assert stored.status_code == 200, stored.text
    assert '<status value="201 Created"/>' in stored.text
    found = await a.get("/Observation?_total=accurate", headers={"accept": "text/xml"})
    assert '<total value="1"/>' in found.text
    assert "<fullUrl " in found.text
    statement = await a.get("/metadata?_format=application/fhir%2Bxml")
    assert statement.text.count("<CapabilityStatement ") == 1


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("*/*", "json"),
        ("application/*", "json"),
        ("application/fhir+xml", "xml"),
        ("application/fhir+xml, application/fhir+json", "json"),
        ("application/fhir+xml;q=0.9, application/fhir+json;q=0.1", "xml"),
        ("text/xml;q=0.5, */*;q=0.1", "xml"),
        ("text/html, application/xml;q=0.9, */*;q=0.9", "json"),
    ],
)
async def test_the_accept_header_decides(client, accept: str, chosen: str) -> None:
    anybody = await client()
    answer = await anybody.get("/metadata", headers={"accept": accept})
    kind = "text/xml" if accept.startswith("text/xml") else f"application/fhir+{chosen}"
    assert answer.headers["content-type"].startswith(kind)


async def test_errors_come_in_the_format_that_was_asked_for(client) -> None:
    a = await client("institution", institution="A")
    headers = {"content-type": XML, "accept": XML}
    broken = OBSERVATION.replace(b"<status", b"<stato")
    refused = await a.post("/Observation", content=broken, headers=headers)
    assert refused.status_code == 400
    assert "(line 4, column 3)" in refused.text
    assert '<expression value="Observation.stato"/>' in refused.text
    invalid = OBSERVATION.replace(b"70.10", b"much")
    refused = await a.post("/Observation", content=invalid, headers=headers)
    assert refused.status_code == 422
    assert "Observation.value.value" in refused.text or "valueQuantity.value" in refused.text
    entities = b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname">]>' + OBSERVATION[38:]
    refused = await a.post("/Observation", content=entities, headers=headers)
    assert refused.status_code == 400
    assert "DOCTYPE" in refused.text
    missing = await a.get("/Observation/nothing", headers={"accept": XML})
    assert missing.status_code == 404
    assert "<OperationOutcome " in missing.text
    nobody = await (await client()).get("/Observation", headers={"accept": XML})
    assert nobody.status_code == 401
    assert nobody.headers["content-type"].startswith(XML)


async def test_a_patch_in_xml(client) -> None:
    a = await client("institution", institution="A")
    created = await a.post("/Observation", content=OBSERVATION, headers={"content-type": XML})
    address = created.headers["location"].partition("/_history")[0]
    patch = (
        '<diff xmlns="http://hl7.org/fhir"><replace sel="f:Observation/f:status/@value">amended'
        "</replace></diff>"
    )
    headers = {"content-type": "application/xml-patch+xml", "if-match": 'W/"1"'}
    patched = await a.patch(address, content=patch, headers=headers)
    assert patched.status_code == 200, patched.text
    assert patched.json()["status"] == "amended"
    assert b'"value":70.10' in patched.content
    assert (await a.patch(address, content=patch, headers=headers)).status_code == 412
    b = await client("institution", institution="B")
    assert (await b.patch(address, content=patch, headers=headers)).status_code == 404
