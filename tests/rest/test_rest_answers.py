"""Sentences of R4 about answers, each with what comes back. https://hl7.org/fhir/R4/http.html"""

import orjson
import pytest
from tests_rest_samples import observation, patient

from hie.fhir.validation import validate
from hie.fhir.validation.invariants import broken, rules

PATCH = {"content-type": "application/json-patch+json"}
BY_NUMBER = "identifier=urn:hie:institution:A:patient|7"
SUBSETTED = "SUBSETTED"


async def filled(client):
    a = await client("institution", institution="A")
    await a.put("/Patient/p1", content=patient("p1", "张伟"))
    return a


async def test_what_is_deleted_is_brought_back_by_its_version(client) -> None:
    """ "servers MAY include an ETag … to allow version contention management when a resource is
    brought back to life": https://hl7.org/fhir/R4/http.html#read, #delete"""
    a = await filled(client)
    gone = await a.delete("/Patient/p1")
    for method, path in (
        ("GET", "/Patient/p1"),
        ("HEAD", "/Patient/p1"),
        ("GET", "/Patient/p1/_history/2"),
    ):
        answer = await a.request(method, path)
        assert (answer.status_code, answer.headers["etag"]) == (410, gone.headers["etag"])
        assert "last-modified" in answer.headers
    body = patient("p1", "张伟")
    for match, status in (('W/"1"', 412), ("*", 412), ('W/"2"', 201), ('W/"2"', 412)):
        answer = await a.put("/Patient/p1", content=body, headers={"if-match": match})
        assert answer.status_code == status, match
    await a.delete("/Patient/p1")
    stale = await a.delete("/Patient/p1", headers={"if-match": 'W/"3"'})
    assert stale.status_code == 412
    b = await client("institution", institution="B")
    hidden = await b.get("/Patient/p1")
    assert (hidden.status_code, hidden.headers.get("etag")) == (404, None)


async def test_the_statement_has_an_etag(client) -> None:
    """ "An ETag header SHOULD be returned": https://hl7.org/fhir/R4/http.html#capabilities"""
    anybody = await client()
    whole = await anybody.get("/metadata")
    tag = whole.headers["etag"]
    assert (await anybody.get("/metadata")).headers["etag"] == tag
    part = await anybody.get("/metadata?_elements=status")
    assert part.headers["etag"] != tag
    for known, status in ((tag, 304), (f'"x", {tag}', 304), ("*", 304), ('W/"x"', 200)):
        answer = await anybody.get("/metadata", headers={"if-none-match": known})
        assert (answer.status_code, answer.headers["etag"]) == (status, tag)


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("application/json", "application/json"),
        ("text/json", "text/json"),
        ("application/xml", "application/xml"),
        ("text/xml;q=0.5", "text/xml"),
        ("application/json, text/plain, */*", "application/json"),
        ("application/json;q=0.4, application/fhir+json", "application/fhir+json"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "application/xml"),
        ("application/fhir+json;q=0, */*", "application/fhir+xml"),
        ("application/xml;q=0.1, */*;q=0.2", "application/fhir+json"),
        ("application/json+fhir", "application/fhir+json"),
        ("*/*", "application/fhir+json"),
        ("application/json;q=0", None),
    ],
)
async def test_a_general_media_type_is_answered_by_its_name(
    client, accept: str, kind: str | None
) -> None:
    """ "the server SHOULD respond with the requested mime type":
    https://hl7.org/fhir/R4/http.html#mime-type"""
    a = await filled(client)
    for path in ("/Patient/p1", "/Patient?_id=p1", "/Patient/none"):
        answer = await a.get(path, headers={"accept": accept})
        if kind is None:
            assert answer.status_code == 406
        else:
            assert answer.headers["content-type"] == f"{kind}; charset=utf-8"
            assert answer.text.startswith("<" if "xml" in kind else "{")
    named = await a.get("/Patient/p1?_format=json", headers={"accept": accept})
    assert named.headers["content-type"] == "application/fhir+json; charset=utf-8"


async def test_a_part_of_what_was_changed(client) -> None:
    """`_summary` and `_elements` are "for use with all of the interactions":
    https://hl7.org/fhir/R4/http.html#parameters"""
    a = await client("institution", institution="A")
    patch = orjson.dumps([{"op": "replace", "path": "/birthDate", "value": "1991-01-01"}])
    answers = [
        await a.post("/Patient?_elements=birthDate", content=patient(None, "李娜", number="8")),
        await a.put("/Patient/p1?_elements=birthDate", content=patient("p1", "张伟")),
        await a.put(f"/Patient?{BY_NUMBER}&_elements=birthDate", content=patient(None, "张玮")),
        await a.patch("/Patient/p1?_elements=birthDate", content=patch, headers=PATCH),
        await a.patch(f"/Patient?{BY_NUMBER}&_elements=birthDate", content=patch, headers=PATCH),
    ]
    for answer in answers:
        assert answer.status_code in (200, 201), answer.text
        assert set(answer.json()) == {"resourceType", "id", "meta", "birthDate"}
        assert answer.json()["meta"]["tag"][-1]["code"] == SUBSETTED
    stored = (await a.get("/Patient/p1")).json()
    assert stored["name"][0]["text"] == "张玮"
    assert stored["meta"]["tag"][-1]["code"] != SUBSETTED
    for query in (
        "_summary=much",
        "_elements=colour",
        "_summary=count",
        "_elements=id&_summary=text",
    ):
        refused = await a.put(f"/Patient/p9?{query}", content=patient("p9", "王芳", number="9"))
        assert refused.status_code == 400
        refused = await a.delete(f"/Patient?{BY_NUMBER}&{query}")
        assert refused.status_code == 400
    assert (await a.get("/Patient/p9")).status_code == 404
    assert (await a.get("/Patient/p1")).status_code == 200


async def test_a_batch_is_carried_out_in_the_order_of_a_transaction(client) -> None:
    """ "servers execute the batch in the same order as that specified below for transactions",
    and the answers are "in the same order" as the entries: https://hl7.org/fhir/R4/http.html#brules"""
    a = await filled(client)
    entries = [
        {"request": {"method": "GET", "url": "Patient/p1"}},
        {"request": {"method": "GET", "url": "Observation?subject=Patient/p1&_summary=count"}},
        {"request": {"method": "NONE", "url": "Patient/p1"}},
        {
            "request": {"method": "PUT", "url": "Patient/p1"},
            "resource": orjson.loads(patient("p1", "张玮")),
        },
        {
            "request": {"method": "POST", "url": "Observation"},
            "resource": orjson.loads(observation("Patient/p1")),
        },
        {"request": {"method": "DELETE", "url": "Patient/none"}},
    ]
    answer = await a.post("/", json={"resourceType": "Bundle", "type": "batch", "entry": entries})
    answered = answer.json()["entry"]
    statuses = [each["response"]["status"][:3] for each in answered]
    assert statuses == ["200", "200", "400", "200", "201", "404"]
    assert answered[0]["resource"]["name"][0]["text"] == "张玮"
    modified = answered[0]["resource"]["meta"]["lastUpdated"]
    assert answered[0]["response"]["lastModified"] == modified
    assert answered[1]["resource"]["total"] == 1


@pytest.mark.parametrize("kind", ["batch", "transaction"])
async def test_the_answer_to_a_bundle_is_a_valid_bundle(client, kind: str) -> None:
    """bdl-7: "FullUrl must be unique in a bundle, or else … different meta.versionId" """
    a = await filled(client)
    await a.put("/Patient/p1", content=patient("p1", "张玮"))
    put = {
        "request": {"method": "PUT", "url": "Patient/p1"},
        "resource": orjson.loads(patient("p1", "张苇")),
    }
    reads = ("Patient/p1", "Patient/p1/_history/1", "Patient/p1", "Patient?_id=p1")
    entries = [put, *({"request": {"method": "GET", "url": url}} for url in reads)]
    sent = {"resourceType": "Bundle", "type": kind, "entry": entries}
    answer = (await a.post("/", json=sent, headers={"prefer": "return=representation"})).json()
    assert validate(answer) == []
    assert [found for rule in rules(answer) if (found := broken(rule)) is not None] == []
    assert ["fullUrl" in each for each in answer["entry"]] == [True, False, True, False, False]
    assert [each["resource"]["resourceType"] for each in answer["entry"]] == [
        *["Patient"] * 4,
        "Bundle",
    ]


async def test_a_correlation_id_comes_back(client) -> None:
    """ "echoed back in the response": https://hl7.org/fhir/R4/http.html#custom"""
    anybody = await client()
    path = "/metadata?_elements=status"
    sent = {"x-correlation-id": "ward-7"}
    assert (await anybody.get(path, headers=sent)).headers["x-correlation-id"] == "ward-7"
    assert "x-correlation-id" not in (await anybody.get(path)).headers
