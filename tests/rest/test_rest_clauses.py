"""Clauses of R4 that an integrator found to be answered otherwise. https://hl7.org/fhir/R4/http.html"""

import httpx
import pytest
from tests_rest_samples import observation, patient

FORM = {"content-type": "application/x-www-form-urlencoded"}
XML = "application/fhir+xml"


async def filled(client) -> httpx.AsyncClient:
    a = await client("institution", institution="A")
    await a.put("/Patient/p1", content=patient("p1", "张伟"))
    await a.post("/Observation", content=observation("Patient/p1"))
    return a


@pytest.mark.parametrize(
    ("path", "accept", "place"),
    [("/Patient", "text/html", "Accept"), ("/Patient?_format=html", "*/*", "_format")],
)
async def test_a_format_that_is_not_spoken_is_named_where_it_was_asked(
    client, path: str, accept: str, place: str
) -> None:
    a = await filled(client)
    refused = await a.get(path, headers={"accept": accept})
    assert (refused.status_code, refused.json()["issue"][0]["expression"]) == (406, [place])


@pytest.mark.parametrize("version", ["01", "+1", "1.0", "１", "1 ", "0"])
async def test_the_id_of_a_version_is_a_text(client, version: str) -> None:
    a = await filled(client)
    assert (await a.get(f"/Patient/p1/_history/{version}")).status_code in (400, 404)
    assert (await a.get("/Patient/p1/_history/1")).status_code == 200


@pytest.mark.parametrize("name", ["_include", "_revinclude", "_include:iterate"])
async def test_includes_cannot_be_mixed_with_the_text(client, name: str) -> None:
    """https://hl7.org/fhir/R4/search.html#summary"""
    a = await filled(client)
    value = "Provenance:target" if "rev" in name else "Observation:subject"
    refused = await a.get(f"/Observation?{name}={value}&_summary=text")
    assert (refused.status_code, refused.json()["issue"][0]["expression"]) == (400, [name])
    assert (await a.get(f"/Observation?{name}=&_summary=text")).status_code == 200


async def test_the_number_alone_has_no_page(client) -> None:
    a = await filled(client)
    found = (await a.get("/Observation?_count=5&_summary=count&_include=*")).json()
    [link] = found["link"]
    assert (found["total"], link["url"].partition("?")[2]) == (
        *(1, "_include=*&_count=0&_summary=count"),
    )
    assert "entry" not in found


async def test_the_form_of_the_answer_can_be_posted_with_the_search(client) -> None:
    a = await filled(client)
    posted = await a.post("/Patient/_search", content="_format=xml&_pretty=true", headers=FORM)
    assert posted.headers["content-type"].startswith(XML)
    assert "\n  <type" in posted.text
    indented = await a.post("/Patient/_search", content="_pretty=true", headers=FORM)
    assert indented.text.startswith('{\n  "resourceType"')
    refused = await a.post("/Patient/_search", content="_format=html", headers=FORM)
    assert (refused.status_code, refused.json()["issue"][0]["expression"]) == (406, ["_format"])


@pytest.mark.parametrize(
    ("query", "elements"),
    [
        ("_summary=true", {"status", "date", "kind", "fhirVersion", "format", "software"}),
        ("_elements=fhirVersion", {"fhirVersion", "status", "date", "kind", "format"}),
    ],
)
async def test_a_part_of_the_capability_statement(client, query: str, elements: set[str]) -> None:
    whole = await (await client()).get("/metadata")
    part = await (await client()).get(f"/metadata?{query}")
    assert elements <= set(part.json())
    assert part.json()["meta"]["tag"][0]["code"] == "SUBSETTED"
    assert len(part.content) < len(whole.content)
    assert (await (await client()).get("/metadata?_summary=count")).status_code == 400


@pytest.mark.parametrize("kind", ["batch", "transaction"])
async def test_resources_in_answers_to_bundles_have_their_addresses(client, kind: str) -> None:
    """https://hl7.org/fhir/R4/bundle.html#bundle-unique"""
    a = await filled(client)
    await a.put("/Patient/p1", content=patient("p1", "张玮"))
    addresses = ["Patient/p1", "Patient/p1/_history/1", "Patient?_id=p1", "Patient/p1/_history"]
    entries = [{"request": {"method": "GET", "url": url}} for url in addresses]
    bundle = {"resourceType": "Bundle", "type": kind, "entry": entries}
    answered = (await a.post("/", json=bundle)).json()["entry"]
    base = "http://127.0.0.1:8080/fhir/Patient/p1"
    assert [one.get("fullUrl") for one in answered] == [base, base, None, None]


@pytest.mark.parametrize(
    "name",
    [
        "subject.nonsense",
        "subject:Patient.name:nonsense",
        "subject:Patient.birthdate",
        "_has:Observation:nonsense:code",
        "_has:Observation:subject:nonsense",
        "code:nonsense",
    ],
)
async def test_a_refused_parameter_is_named_as_it_was_sent(client, name: str) -> None:
    a = await filled(client)
    where = "Patient" if name.startswith("_has") else "Observation"
    refused = await a.get(f"/{where}", params={name: "nonsense"})
    assert (refused.status_code, refused.json()["issue"][0]["expression"]) == (400, [name])


LONG_AGO = "Mon, 01 Jan 2001 00:00:00 GMT"


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_what_was_modified_since_is_not_changed(client, method: str) -> None:
    """https://www.rfc-editor.org/rfc/rfc9110#section-13.1.4"""
    a = await filled(client)

    async def send(**headers: str) -> int:
        kind = "application/json-patch+json" if method == "PATCH" else a.headers["content-type"]
        changed = patient("p1", "张伟", number="8") if method == "PUT" else b"[]"
        sent = {"content-type": kind, **headers}
        body = None if method == "DELETE" else changed
        return (await a.request(method, "/Patient/p1", content=body, headers=sent)).status_code

    read = await a.get("/Patient/p1")
    assert await send(**{"if-unmodified-since": LONG_AGO}) == 412
    assert (await a.get("/Patient/p1")).headers["etag"] == read.headers["etag"]
    both = {"if-unmodified-since": LONG_AGO, "if-match": read.headers["etag"]}
    assert await send(**both) in (200, 204)  # a version says more than a time
    assert await send(**{"if-unmodified-since": "rubbish"}) in (200, 204)
    last = (await a.get("/Patient/p1")).headers.get("last-modified", LONG_AGO)
    assert await send(**{"if-unmodified-since": last}) in (200, 204)


async def test_what_is_not_there_has_no_time_of_modification(client) -> None:
    a = await filled(client)
    sent = {"if-unmodified-since": LONG_AGO}
    created = await a.put("/Patient/p2", content=patient("p2", "王芳", number="8"), headers=sent)
    assert created.status_code == 201


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_a_change_of_one_resource_takes_no_criteria(client, method: str) -> None:
    """Left aside, they would let a change through that was meant to depend on them."""
    a = await filled(client)
    for name in ("gender", "_cascade"):
        refused = await a.request(method, f"/Patient/p1?{name}=x", content=patient("p1", "王芳"))
        assert (refused.status_code, refused.json()["issue"][0]["expression"]) == (400, [name])
    assert (await a.get("/Patient/p1")).headers["etag"] == 'W/"1"'
    allowed = await a.put("/Patient/p1?_format=json&_pretty=true", content=patient("p1", "王芳"))
    assert allowed.status_code == 200


@pytest.mark.parametrize("kind", ["batch", "transaction"])
async def test_a_head_inside_a_bundle_says_why_it_fails(client, kind: str) -> None:
    a = await filled(client)

    async def ask(url: str) -> httpx.Response:
        entry = {"request": {"method": "HEAD", "url": url}}
        return await a.post("/", json={"resourceType": "Bundle", "type": kind, "entry": [entry]})

    [there] = (await ask("Patient/p1")).json()["entry"]
    assert (there["response"]["status"], "resource" in there) == ("200", False)
    missing = await ask("Patient/none")
    outcome = missing.json()
    if kind == "batch":
        [entry] = outcome["entry"]
        assert entry["response"]["status"] == "404"
        outcome = entry["response"]["outcome"]
    else:
        assert missing.status_code == 404
    assert outcome["issue"][0]["code"] == "not-found"
