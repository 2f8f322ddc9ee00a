"""The header X-Provenance. https://hl7.org/fhir/R4/provenance.html#header"""

from typing import Any

import httpx
import orjson
import pytest
from tests_rest_samples import observation, patient

from hie.rest.provenance import LARGEST

WHO = {"reference": "Practitioner/nurse"}


def attached(**more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Provenance",
        "recorded": "2026-01-02T10:00:00+08:00",
        "agent": [{"who": WHO}],
        **more,
    }


def header(document: Any) -> dict[str, str]:
    text = document if isinstance(document, bytes) else orjson.dumps(document)
    return {"x-provenance": text.decode("latin-1")}


async def targets(client: httpx.AsyncClient) -> list[list[str]]:
    """What each stored Provenance is about, in the order of their creation."""
    found = (await client.get("/Provenance?_sort=_lastUpdated")).json()
    return [
        [one["reference"] for one in entry["resource"]["target"]]
        for entry in found.get("entry", [])
    ]


async def observed(client) -> httpx.AsyncClient:
    a = await client("institution", institution="A")
    await a.put("/Patient/p1", content=patient("p1", "张伟"))
    return a


def named(logical_id: str, text: str = "body weight") -> bytes:
    return orjson.dumps({**orjson.loads(observation("Patient/p1", text)), "id": logical_id})


async def test_it_is_stored_with_what_is_created_updated_and_patched(client) -> None:
    a = await observed(client)
    sent = header(attached(location={"reference": "Location/1"}))
    created = await a.post("/Observation", content=observation("Patient/p1"), headers=sent)
    place = created.headers["location"].partition("/fhir/")[2]
    await a.put("/Observation/o1", content=named("o1"), headers=sent)
    patch = orjson.dumps([{"op": "replace", "path": "/status", "value": "amended"}])
    kind = {"content-type": "application/json-patch+json"}
    patched = await a.patch("/Observation/o1", content=patch, headers={**sent, **kind})
    assert patched.headers["etag"] == 'W/"2"'
    assert await targets(a) == [
        [place],
        ["Observation/o1/_history/1"],
        ["Observation/o1/_history/2"],
    ]
    found = (await a.get("/Provenance?target=Observation/o1&_count=1")).json()["entry"][0]
    assert found["resource"]["agent"] == [{"who": WHO}]
    assert found["resource"]["location"] == {"reference": "Location/1"}
    assert found["resource"]["meta"]["tag"][-1]["code"] == "A"
    reverse = (await a.get("/Observation?_id=o1&_revinclude=Provenance:target")).json()["entry"]
    assert [one["resource"]["resourceType"] for one in reverse[1:]] == ["Provenance"] * 2


async def test_what_changes_nothing_has_none(client) -> None:
    a = await observed(client)
    sent = header(attached())
    for _ in range(2):
        await a.put("/Observation/o1", content=named("o1"), headers=sent)
    twice = {**sent, "if-none-exist": "patient=Patient/p1"}
    matched = await a.post("/Observation", content=observation("Patient/p1"), headers=twice)
    assert matched.status_code == 200
    assert await targets(a) == [["Observation/o1/_history/1"]]


async def test_a_transaction_has_one_about_all_that_it_writes(client) -> None:
    a = await observed(client)
    await a.put("/Observation/gone", content=named("gone"))
    entries = [
        {"request": {"method": "DELETE", "url": "Observation/gone"}},
        {
            "request": {"method": "PUT", "url": "Observation/o1"},
            "resource": orjson.loads(named("o1")),
        },
        {
            "request": {"method": "PUT", "url": "Observation/o2"},
            "resource": orjson.loads(named("o2")),
        },
        {"request": {"method": "GET", "url": "Provenance?target=Observation/o2"}},
    ]
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    answered = (await a.post("/", json=bundle, headers=header(attached()))).json()
    assert len(answered["entry"][3]["resource"]["entry"]) == 1
    assert await targets(a) == [["Observation/o1/_history/1", "Observation/o2/_history/1"]]
    bundle = {**bundle, "type": "batch", "entry": entries[:3]}
    again = {**orjson.loads(named("o1", "height"))}
    bundle["entry"][1]["resource"] = again
    await a.post("/", json=bundle, headers=header(attached()))
    assert (await targets(a))[1:] == [["Observation/o1/_history/2"]]


async def test_it_is_json_in_utf_8_whatever_the_body_is(client) -> None:
    a = await observed(client)
    text = '<Observation xmlns="http://hl7.org/fhir"><status value="final"/><code><text value="x"/></code></Observation>'
    reason = [{"text": "护士录入"}]
    sent = {**header(attached(reason=reason)), "content-type": "application/fhir+xml"}
    raw = [(k.encode(), v.encode("latin-1")) for k, v in {**dict(a.headers), **sent}.items()]
    created = await a.post("/Observation", content=text, headers=raw)
    assert created.status_code == 201
    [entry] = (await a.get("/Provenance")).json()["entry"]
    assert entry["resource"]["reason"] == reason


@pytest.mark.parametrize(
    ("text", "status", "place"),
    [
        (b"", 400, "X-Provenance"),
        (b"{", 400, "X-Provenance"),
        (b"[]", 400, "X-Provenance"),
        (b"{}", 400, "X-Provenance"),
        (b"%7B%7D", 400, "X-Provenance"),
        (b'{"resourceType":"Patient"}', 400, "X-Provenance"),
        (orjson.dumps(attached(target=[])), 400, "X-Provenance.target"),
        (b'{"resourceType":"Provenance","agent":[{}],"agent":[{}]}', 400, "X-Provenance"),
        (orjson.dumps(attached(recorded="today")), 422, "X-Provenance.recorded"),
        (orjson.dumps(attached(agent=[{}])), 422, "X-Provenance.agent[0]"),
        (orjson.dumps(attached(agents=[])), 422, "X-Provenance.agents"),
        (
            orjson.dumps(
                attached(entity=[{"role": "source", "what": {"reference": "urn:uuid:1"}}])
            ),
            422,
            "X-Provenance.entity[0].what.reference",
        ),
        (orjson.dumps(attached(activity={"text": "x" * LARGEST})), 431, "X-Provenance"),
    ],
)
async def test_one_that_cannot_be_stored_is_refused_with_its_place_and_nothing_is_stored(
    client, text: bytes, status: int, place: str
) -> None:
    a = await observed(client)
    refused = await a.put("/Observation/o1", content=named("o1"), headers=header(text))
    assert refused.status_code == status, refused.text
    assert refused.json()["issue"][0]["expression"] == [place]
    assert (await a.get("/Observation/o1")).status_code == 404
    assert await targets(a) == []


async def test_two_headers_and_deletions_are_refused(client) -> None:
    a = await observed(client)
    await a.put("/Observation/o1", content=named("o1"))
    one = header(attached())
    twice = [*a.headers.items(), *one.items(), *one.items()]
    assert (await a.put("/Observation/o2", content=named("o2"), headers=twice)).status_code == 400
    for address in ("/Observation/o1", "/Observation?_id=o1"):
        refused = await a.delete(address, headers=one)
        assert refused.json()["issue"][0]["expression"] == ["X-Provenance"]
    assert (await a.get("/Observation/o1", headers=one)).status_code == 200


@pytest.mark.parametrize("scopes", ["system/Observation.cruds", "system/*.rs system/*.u"])
async def test_who_may_not_create_one_may_not_attach_one(client, scopes: str) -> None:
    await observed(client)
    a = await client("institution", institution="A", scopes=scopes)
    refused = await a.put("/Observation/o1", content=named("o1"), headers=header(attached()))
    assert refused.status_code == 403
    assert (await a.get("/Observation/o1")).status_code == 404


async def test_it_belongs_to_who_sent_it(client) -> None:
    a = await observed(client)
    await a.put("/Observation/o1", content=named("o1"), headers=header(attached()))
    b = await client("institution", institution="B")
    assert await targets(b) == []
    other = await b.put("/Observation/o1", content=named("o1", "mine"), headers=header(attached()))
    assert other.status_code in (403, 404)
    assert await targets(b) == []
    assert await targets(a) == [["Observation/o1/_history/1"]]


async def test_residents_attach_none(client) -> None:
    a = await observed(client)
    person = await client("resident", scopes="patient/*.cruds", patient="p1")
    body = observation("Patient/p1")
    refused = await person.post("/Observation", content=body, headers=header(attached()))
    assert refused.status_code == 403
    assert await targets(a) == []
