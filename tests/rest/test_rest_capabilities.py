"""What the CapabilityStatement says, the server does. https://hl7.org/fhir/R4/capabilitystatement.html"""

import gzip
from pathlib import Path
from typing import Any

import orjson
import pytest

from hie.fhir.validation import validate
from hie.fhir.validation.invariants import broken, rules

INSTANCE = {
    "read": ("GET", "", 200),
    "vread": ("GET", "/_history/1", 200),
    "history-instance": ("GET", "/_history", 200),
    "patch": ("PATCH", "", 200),
}
TYPE = {
    "search-type": ("GET", "?_count=1", 200),
    "history-type": ("GET", "/_history?_count=1", 200),
}
SYSTEM = {
    "search-system": ("GET", "/?_type=Patient&_count=1", 200),
    "history-system": ("GET", "/_history?_count=1", 200),
}


def examples(shared_data: Path) -> dict[str, dict[str, Any]]:
    """A valid official example of each type that has one."""
    found: dict[str, dict[str, Any]] = {}
    with gzip.open(shared_data / "r4" / "examples.ndjson.gz", "rb") as file:
        for line in file:
            resource = orjson.loads(line)
            if resource["resourceType"] not in found and not validate(resource):
                found[resource["resourceType"]] = resource
    return found


async def statement(client) -> dict[str, Any]:
    return (await (await client()).get("/metadata")).json()


async def test_every_interaction_of_every_type_is_there(client, shared_data: Path) -> None:
    rest = (await statement(client))["rest"][0]
    known = examples(shared_data)
    a = await client("institution", institution="A")
    operator = await client("operator")
    tried = 0
    for resource in rest["resource"]:
        name = resource["type"]
        codes = {each["code"] for each in resource["interaction"]}
        assert codes == {*INSTANCE, *TYPE, "create", "update", "delete"}
        for method, path, status in TYPE.values():
            assert (await a.request(method, f"/{name}{path}")).status_code == status, name
        if name not in known:
            continue
        tried += 1
        owner = operator if name == "SearchParameter" else a
        body = known[name] | {"id": "capable"}
        made = await owner.put(f"/{name}/capable", json=body)
        assert made.status_code == 201, (name, made.text)
        for method, path, status in INSTANCE.values():
            sent = {"resourceType": "Parameters"} if method == "PATCH" else None
            answer = await owner.request(method, f"/{name}/capable{path}", json=sent)
            assert answer.status_code == status, (name, method, path, answer.text)
        assert (await owner.delete(f"/{name}/capable")).status_code == 204
    assert tried > 120


async def test_what_is_not_listed_is_not_there(client) -> None:
    listed = {each["type"] for each in (await statement(client))["rest"][0]["resource"]}
    a = await client("institution", institution="A")
    for name in ("Nothing", "Element", "DomainResource", "HumanName"):
        assert name not in listed
        assert (await a.get(f"/{name}")).status_code == 404


async def test_interactions_of_the_system(client) -> None:
    rest = (await statement(client))["rest"][0]
    codes = {each["code"] for each in rest["interaction"]}
    assert codes == {*SYSTEM, "transaction", "batch"}
    a = await client("institution", institution="A")
    for method, path, status in SYSTEM.values():
        assert (await a.request(method, path)).status_code == status
    for kind in ("transaction", "batch"):
        sent = {"resourceType": "Bundle", "type": kind}
        assert (await a.post("/", json=sent)).status_code == 200


@pytest.mark.parametrize("type_name", ["Patient", "Observation", "Encounter", "Consent", "Task"])
async def test_search_parameters_are_answered(client, type_name: str) -> None:
    """Each is known: a value that it cannot have is refused for the value, any other is answered."""
    rest = (await statement(client))["rest"][0]
    resource = next(each for each in rest["resource"] if each["type"] == type_name)
    a = await client("institution", institution="A")
    values = {"date": "2026-01-01", "number": "1", "quantity": "1", "reference": "Patient/1"}
    for parameter in resource["searchParam"]:
        if parameter["type"] in values:
            query = {parameter["name"]: values[parameter["type"]]}
            if parameter["type"] == "reference":
                query = {f"{parameter['name']}:missing": "true"}
            answer = await a.get(f"/{type_name}", params=query)
            assert answer.status_code == 200, (parameter, answer.text)
    for include in resource.get("searchInclude", ()):
        answer = await a.get(f"/{type_name}", params={"_include": include, "_count": "1"})
        assert answer.status_code == 200, include


async def test_operations_are_routed(client) -> None:
    """An operation that is listed answers something else than that there is nothing."""
    rest = (await statement(client))["rest"][0]
    a = await client("institution", institution="A")
    listed = [
        (f"/{r['type']}", o["name"]) for r in rest["resource"] for o in r.get("operation", ())
    ]
    listed += [("", operation["name"]) for operation in rest["operation"]]
    assert ("/Patient", "everything") in listed
    assert ("", "meta") in listed
    for base, name in listed:
        if base not in ("", "/Patient", "/Observation", "/Encounter"):
            continue  # the same for every other type
        places = [f"{base}/${name}", f"{base}/x/${name}"] if base else [f"/${name}"]
        allowed = [(await a.options(place)).headers.get("allow") for place in places]
        assert any(allowed), (base, name)


async def test_policies_hold(client) -> None:
    """Those that other tests show in full are only counted up here."""
    answer = await statement(client)
    assert validate(answer) == []
    assert {"application/json-patch+json", "application/fhir+json"} <= set(answer["patchFormat"])
    for resource in answer["rest"][0]["resource"]:
        assert resource["versioning"] == "versioned-update"
        assert resource["conditionalRead"] == "full-support"
        assert resource["conditionalDelete"] == "single"
        assert resource["updateCreate"]
        assert resource["conditionalCreate"]
        assert resource["conditionalUpdate"]


async def test_formats(client) -> None:
    anybody = await client()
    for name in (await statement(client))["format"]:
        answer = await anybody.get("/metadata", params={"_format": name})
        assert answer.status_code == 200
        assert ("xml" in answer.headers["content-type"]) == ("xml" in name)


async def test_operations_of_ones_own_are_defined_where_the_statement_says(client) -> None:
    rest = (await statement(client))["rest"][0]
    patient = next(each for each in rest["resource"] if each["type"] == "Patient")
    anybody = await client()
    named = [(o["name"], o["definition"]) for o in patient["operation"]]
    own = [(name, url) for name, url in named if url.startswith("http://127.0.0.1")]
    assert len(own) > 20
    assert not [url for _, url in named if not url.startswith("http")]
    steward = await client("operator")
    told_all = 0
    for name, url in own:
        found = (await anybody.get(url)).json()
        assert validate(found) == []
        assert [one for rule in rules(found) if (one := broken(rule)) is not None] == []
        assert (found["url"], found["code"], found["resource"]) == (url, name, ["Patient"])
        place = f"/Patient/x/${name}" if found["instance"] else f"/Patient/${name}"
        allowed = (await anybody.options(place)).headers["allow"]
        assert ("POST" in allowed) == found["affectsState"]
        if found["affectsState"]:
            taken = {one["name"] for one in found["parameter"] if one["use"] == "in"}
            sent = {"resourceType": "Parameters", "parameter": [{"name": "colour"}]}
            refused = await steward.post(place, json=sent)
            if "colour" in refused.text:
                told = refused.json()["issue"][0]["diagnostics"]
                assert all(each in told for each in taken), told
                told_all += 1
    assert told_all > 5
    assert (await anybody.put(own[0][1], json={})).status_code == 405
    assert (await anybody.get("/OperationDefinition/hie-nothing")).status_code == 401
    xml = await anybody.get(own[0][1], headers={"accept": "application/fhir+xml"})
    assert xml.text.count("<OperationDefinition ") == 1


async def test_what_holds_for_the_whole_system(client) -> None:
    """Parameters and compartments: https://hl7.org/fhir/R4/http.html#vsearch"""
    rest = (await statement(client))["rest"][0]
    a = await client("institution", institution="A")
    values = {
        "_type": "Patient,Observation", "_lastUpdated": "2026", "_filter": "_id eq 1", "_list": "l1",
        "_profile": "http://x", "_source": "http://x",
    }  # fmt: skip
    names = {each["name"] for each in rest["searchParam"]}
    assert {*values, "_id", "_tag", "_security", "_content"} <= names
    for name in names:
        asked = {"_type": "Patient", name: values.get(name, "1"), "_count": "1"}
        answer = await a.get("/", params=asked)
        assert answer.status_code == 200, (name, answer.text)
    assert len(rest["compartment"]) == 5
    for canonical in rest["compartment"]:
        name = canonical.rpartition("/")[2]
        kept = next(r["type"] for r in rest["resource"] if r["type"].lower() == name)
        assert (await a.get(f"/{kept}/x/*?_count=1")).status_code in (200, 404), canonical


async def test_the_policy_of_references_holds(client) -> None:
    """Not "local": those to other servers are taken; and "logical" ones, which are identifiers."""
    a = await client("institution", institution="A")
    policies = {
        tuple(r["referencePolicy"]) for r in (await statement(client))["rest"][0]["resource"]
    }
    assert policies == {("literal", "logical")}
    for subject in (
        {"reference": "https://other.example/fhir/Patient/1"},
        {"identifier": {"system": "urn:x", "value": "1"}},
        {"reference": "Patient/nobody"},
    ):
        sent = {"resourceType": "Basic", "code": {"text": "x"}, "subject": subject}
        made = await a.post("/Basic", json=sent)
        assert made.json()["subject"] == subject
