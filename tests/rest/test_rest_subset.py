"""`_summary`, `_elements` and `_pretty`. https://hl7.org/fhir/R4/search.html#summary"""

import gzip
import json
from pathlib import Path

import orjson
import pytest

from hie.fhir.definitions import member
from hie.fhir.subset import SUBSETTED, Subset
from hie.fhir.validation import validate
from hie.fhir.xml import to_json

DRUG = (
    b'{"resourceType":"MedicationRequest","id":"m1","text":{"status":"generated",'
    b'"div":"<div xmlns=\\"http://www.w3.org/1999/xhtml\\">x</div>"},"status":"active",'
    b'"intent":"order","doNotPerform":true,"medicationCodeableConcept":{"text":"aspirin"},'
    b'"subject":{"reference":"Patient/p1"},"note":[{"text":"never"}],'
    b'"dispenseRequest":{"quantity":{"value":1.10}}}'
)
ALWAYS = {"resourceType", "id", "meta"}
MANDATORY = {"status", "intent", "medicationCodeableConcept", "subject"}


async def stored(client):
    a = await client("institution", institution="A")
    assert (await a.put("/MedicationRequest/m1", content=DRUG)).status_code == 201
    return a


@pytest.mark.parametrize(
    ("query", "members"),
    [
        ("_summary=true", MANDATORY | {"doNotPerform"}),
        ("_summary=text", MANDATORY | {"text"}),
        ("_summary=data", MANDATORY | {"doNotPerform", "note", "dispenseRequest"}),
        ("_elements=note", MANDATORY | {"doNotPerform", "note"}),
        ("_elements=id,MedicationRequest.text", MANDATORY | {"doNotPerform", "text"}),
        ("_elements=Patient.name", None),
        ("_summary=false", None),
    ],
)
async def test_each_way_to_see_a_part(client, query: str, members: set[str] | None) -> None:
    a = await stored(client)
    whole = await a.get("/MedicationRequest/m1")
    answers = [
        (await a.get(f"/MedicationRequest/m1?{query}")).json(),
        (await a.get(f"/MedicationRequest/m1/_history/1?{query}")).json(),
        (await a.get(f"/MedicationRequest?{query}")).json()["entry"][0]["resource"],
        (await a.get(f"/MedicationRequest/_history?{query}")).json()["entry"][0]["resource"],
    ]
    for part in answers:
        if members is None:
            assert part == whole.json()
        else:
            assert set(part) == members | ALWAYS
            assert part["meta"]["tag"][-1] == SUBSETTED


async def test_what_stays_keeps_its_bytes(client) -> None:
    a = await stored(client)
    part = await a.get("/MedicationRequest/m1?_elements=dispenseRequest")
    assert b'"dispenseRequest":{"quantity":{"value":1.10}}' in part.content
    assert part.headers["etag"] == 'W/"1"'


@pytest.mark.parametrize("name", ["reported", "reportedBoolean", "reported[x]"])
async def test_a_choice_has_several_names(client, name: str) -> None:
    a = await client("institution", institution="A")
    drug = DRUG.replace(b'"intent"', b'"reportedBoolean":true,"intent"')
    assert (await a.put("/MedicationRequest/m1", content=drug)).status_code == 201
    for path in ("/MedicationRequest/m1", "/MedicationRequest"):
        answer = await a.get(path, params={"_elements": f"note,{name}"})
        assert '"reportedBoolean":true' in answer.text
        assert "dispenseRequest" not in answer.text


async def test_count_gives_the_number_alone(client) -> None:
    a = await stored(client)
    counted = (await a.get("/MedicationRequest?_summary=count")).json()
    assert counted["total"] == 1
    assert "entry" not in counted


async def test_only_a_search_can_be_counted(client) -> None:
    a = await stored(client)
    for path in ("/MedicationRequest/m1", "/MedicationRequest/_history", "/_history"):
        assert (await a.get(f"{path}?_summary=count")).status_code == 400


async def test_links_keep_the_part(client) -> None:
    a = await stored(client)
    await a.put("/MedicationRequest/m2", content=DRUG.replace(b'"m1"', b'"m2"'))
    page = (await a.get("/MedicationRequest?_elements=note&_count=1")).json()
    links = {link["relation"]: link["url"] for link in page["link"]}
    assert "_elements=MedicationRequest.note" in links["self"]
    following = (await a.get(links["next"])).json()["entry"][0]["resource"]
    assert "note" in following
    assert "dispenseRequest" not in following


@pytest.mark.parametrize(
    "query", ["_summary=all", "_elements=colour", "_summary=true&_elements=note"]
)
@pytest.mark.parametrize("path", ["/MedicationRequest/m1", "/MedicationRequest"])
async def test_nonsense_is_refused(client, path: str, query: str) -> None:
    a = await stored(client)
    assert (await a.get(f"{path}?{query}")).status_code == 400


async def test_a_part_cannot_come_back_as_the_whole(client) -> None:
    a = await stored(client)
    part = await a.get("/MedicationRequest/m1?_summary=true")
    refused = await a.put("/MedicationRequest/m1", content=part.content)
    assert refused.status_code == 422
    assert refused.json()["issue"][0]["expression"] == ["MedicationRequest.meta.tag"]


async def test_pretty(client) -> None:
    a = await stored(client)
    plain = await a.get("/MedicationRequest/m1")
    pretty = await a.get("/MedicationRequest/m1?_pretty=true")
    assert pretty.json() == plain.json()
    assert b'\n  "status": "active",\n' in pretty.content
    assert b'"value": 1.10' in pretty.content
    assert int(pretty.headers["content-length"]) == len(pretty.content)
    xml = await a.get("/MedicationRequest/m1?_format=xml")
    indented = await a.get("/MedicationRequest/m1?_format=xml&_pretty=true")
    assert b'\n  <status value="active"/>\n' in indented.content
    assert to_json(indented.content) == to_json(xml.content)


@pytest.mark.parametrize(
    "subset",
    [Subset("true"), Subset("text"), Subset("data"), Subset(elements={"": frozenset({"text"})})],
    ids=["true", "text", "data", "elements"],
)
def test_parts_of_the_official_examples_are_valid(shared_data: Path, subset: Subset) -> None:
    """Whatever was valid stays so: mandatory elements are there and references lead somewhere."""
    with gzip.open(shared_data / "r4" / "examples.ndjson.gz", "rb") as file:
        examples = file.read().splitlines()
    for body in examples:
        before = orjson.loads(body)
        if validate(before):
            continue
        after = orjson.loads(subset.of(before["resourceType"], body))
        assert validate(after) == [], before["resourceType"]
        for name in after:
            found = member(before["resourceType"], name.removeprefix("_"))
            if subset.summary == "true" and name not in ("resourceType", "contained"):
                assert found is not None
                assert found[0].summary or found[0].minimum, json.dumps(
                    [before["resourceType"], name]
                )
