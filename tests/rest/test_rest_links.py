"""What of a transaction follows the entries that it names. https://hl7.org/fhir/R4/http.html#trules"""

from typing import Any

import orjson
import pytest
from tests_rest_samples import observation, patient

URN = "urn:uuid:6a0f3c6e-3f55-4d0c-9d3e-7f3a5ec1d001"
OID = "urn:oid:1.2.3.4"
ROOT = "http://other.example/fhir"


def create(resource: dict[str, Any], full_url: str) -> dict[str, Any]:
    url = resource["resourceType"]
    return {"fullUrl": full_url, "resource": resource, "request": {"method": "POST", "url": url}}


async def stored(a, *entries: dict[str, Any]) -> list[dict[str, Any]]:
    """The resources of a transaction as they were stored."""
    sent = {"resourceType": "Bundle", "type": "transaction", "entry": list(entries)}
    answer = await a.post("/", json=sent, headers={"prefer": "return=representation"})
    assert answer.status_code == 200, answer.text
    return [each["resource"] for each in answer.json()["entry"]]


@pytest.mark.parametrize("full_url", [URN, OID])
@pytest.mark.parametrize("escaped", [False, True])
async def test_which_elements_follow(client, full_url: str, escaped: bool) -> None:
    """ "elements of type uri, url, oid, uuid … Elements of type canonical are not replaced" """
    a = await client("institution", institution="A")
    followed = {"valueUri", "valueUrl", "valueOid" if full_url is OID else "valueUuid"}
    names = [*followed, "valueCanonical", "valueString", "valueCode", "valueMarkdown"]
    resource = orjson.loads(observation(full_url)) | {
        "extension": [{"url": "urn:x", name: full_url} for name in names],
        "identifier": [{"system": full_url, "value": full_url}],
        "instantiatesCanonical" if escaped else "note": None,
        "contained": [
            {"resourceType": "DocumentReference", "id": "d", "status": "current", "content": [
                {"attachment": {"url": full_url, "title": full_url}}]}
        ],
        "component": [
            {"code": {"text": full_url}, "valueString": full_url,
             "extension": [{"url": "urn:x", "valueReference": {"reference": full_url}}]}
        ],
    }  # fmt: skip
    resource = {name: value for name, value in resource.items() if value is not None}
    if escaped:
        resource["code"]["text"] = "body\u2028weight \\ é"
    who = create(orjson.loads(patient(None, "张伟")), full_url)
    made, seen = await stored(
        a, who, create(resource, "urn:uuid:6a0f3c6e-3f55-4d0c-9d3e-7f3a5ec1d002")
    )
    where = f"Patient/{made['id']}"
    for name, extension in zip(names, seen["extension"], strict=True):
        assert extension[name] == (where if name in followed else full_url), name
    assert seen["identifier"] == [{"system": full_url, "value": full_url}]
    assert seen["contained"][0]["content"] == [{"attachment": {"url": where, "title": full_url}}]
    [component] = seen["component"]
    assert (component["code"]["text"], component["valueString"]) == (full_url, full_url)
    assert component["extension"][0]["valueReference"] == {"reference": where}


async def test_a_document_finds_its_file(client) -> None:
    """An http address follows in elements of type url; a uri that is one is the name of something."""
    a = await client("institution", institution="A")
    file = {"resourceType": "Binary", "contentType": "text/plain", "data": "5L2g"}
    document = {
        "resourceType": "DocumentReference",
        "status": "current",
        "content": [{"attachment": {"url": url}} for url in (f"{ROOT}/Binary/8", "Binary/8")],
        "identifier": [{"system": f"{ROOT}/Binary/8", "value": "1"}],
    }
    entries = (create(file, f"{ROOT}/Binary/8"), create(document, f"{ROOT}/DocumentReference/9"))
    made, seen = await stored(a, *entries)
    assert {each["attachment"]["url"] for each in seen["content"]} == {f"Binary/{made['id']}"}
    assert seen["identifier"] == document["identifier"]


async def test_canonical_addresses_stay(client) -> None:
    a = await client("institution", institution="A")
    name = f"{ROOT}/ValueSet/colours"
    colours = {"resourceType": "ValueSet", "url": name, "status": "active"}
    extended = colours | {"url": f"{name}-2", "compose": {"include": [{"valueSet": [name]}]}}
    entries = (create(colours, name), create(extended, f"{name}-2"))
    one, two = await stored(a, *entries)
    assert (one["url"], two["compose"]) == (name, extended["compose"])


async def test_references_to_versions_stay_references_to_versions(client) -> None:
    """ "they will all be re-assigned anyway" """
    a = await client("institution", institution="A")
    await a.put("/Patient/p2", content=patient("p2", "李娜", number="8"))
    await a.put("/Patient/p2", content=patient("p2", "李婷", number="8"))
    made = {
        "resourceType": "Provenance",
        "recorded": "2026-01-01T00:00:00Z",
        "agent": [{"who": {"display": "x"}}],
        "target": [
            {"reference": f"{ROOT}/Patient/77/_history/4"},
            {"reference": "Patient/77/_history/9"},
            {"reference": "Patient/77"},
            {"reference": "Patient/p2/_history/1"},
            {"reference": "Patient/elsewhere/_history/3"},
        ],
    }
    put = {
        "fullUrl": f"{ROOT}/Patient/p2",
        "resource": orjson.loads(patient("p2", "李婧", number="8")),
        "request": {"method": "PUT", "url": "Patient/p2"},
    }
    who = create(orjson.loads(patient(None, "张伟")), f"{ROOT}/Patient/77")
    new, _, provenance = await stored(a, who, put, create(made, f"{ROOT}/Provenance/1"))
    here = f"Patient/{new['id']}"
    assert [each["reference"] for each in provenance["target"]] == [
        f"{here}/_history/1",
        f"{here}/_history/1",
        here,
        "Patient/p2/_history/1",
        "Patient/elsewhere/_history/3",
    ]
