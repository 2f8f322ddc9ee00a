"""Create, read, update, delete, history and transactions over HTTP. https://hl7.org/fhir/R4/http.html"""

import orjson
from tests_rest_samples import WEIGHT, observation, patient

JSON = dict[str, object]


async def test_a_body_keeps_its_bytes(client) -> None:
    a = await client("institution", institution="A")
    created = await a.post("/Observation", content=WEIGHT)
    assert created.status_code == 201
    assert created.headers["etag"] == 'W/"1"'
    stored = (await a.get(created.headers["location"].partition("/_history")[0])).content
    _, _, tail = WEIGHT.partition(b'"status"')
    assert stored.endswith(b'"status"' + tail)
    assert b'"value" : 70.10' in stored


async def test_update_versions_and_conflicts(client) -> None:
    a = await client("institution", institution="A")
    body = patient("p1", "张伟")
    assert (await a.put("/Patient/p1", content=body)).status_code == 201
    again = await a.put("/Patient/p1", content=body)
    assert (again.status_code, again.headers["etag"]) == (200, 'W/"1"')
    changed = await a.put("/Patient/p1", content=patient("p1", "张玮"))
    assert changed.headers["etag"] == 'W/"2"'
    late = await a.put("/Patient/p1", content=patient("p1", "张苇"), headers={"if-match": 'W/"1"'})
    assert late.status_code == 412
    assert "张伟" in (await a.get("/Patient/p1/_history/1")).text
    history = (await a.get("/Patient/p1/_history")).json()
    assert [e["response"]["etag"] for e in history["entry"]] == ['W/"2"', 'W/"1"']


async def test_delete_keeps_history(client) -> None:
    a = await client("institution", institution="A")
    await a.put("/Patient/p1", content=patient("p1", "张伟"))
    assert (await a.delete("/Patient/p1")).status_code == 204
    gone = await a.get("/Patient/p1")
    assert gone.status_code == 410
    assert gone.json()["resourceType"] == "OperationOutcome"
    assert (await a.get("/Patient/p1/_history/1")).status_code == 200
    assert (await a.get("/Patient?_id=p1")).json().get("entry") is None
    assert (await a.put("/Patient/p1", content=patient("p1", "张伟"))).headers["etag"] == 'W/"3"'


async def test_all_problems_are_listed_and_nothing_is_stored(client) -> None:
    a = await client("institution", institution="A")
    bad = {"resourceType": "Patient", "gender": "m", "birthDate": "1990-13-01", "foo": 1}
    refused = await a.post("/Patient", json=bad)
    assert refused.status_code == 422
    places = {e for i in refused.json()["issue"] for e in i["expression"]}
    assert places == {"Patient.gender", "Patient.birthDate", "Patient.foo"}
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {
                "resource": orjson.loads(patient(None, "张伟")),
                "request": {"method": "POST", "url": "Patient"},
            },
            {"resource": bad, "request": {"method": "POST", "url": "Patient"}},
        ],
    }
    refused = await a.post("/", json=bundle)
    assert refused.status_code == 422
    assert all(
        e.startswith("Bundle.entry[1].resource")
        for i in refused.json()["issue"]
        for e in i["expression"]
    )
    assert (await a.get("/Patient")).json().get("entry") is None


async def test_transaction_resolves_references(client) -> None:
    a = await client("institution", institution="A")
    urn = "urn:uuid:6a0f3c6e-3f55-4d0c-9d3e-7f3a5ec1d001"
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {
                "fullUrl": urn,
                "resource": orjson.loads(patient(None, "张伟")),
                "request": {
                    "method": "POST",
                    "url": "Patient",
                    "ifNoneExist": "identifier=urn:hie:institution:A:patient|7",
                },
            },
            {
                "resource": orjson.loads(observation(urn)),
                "request": {"method": "POST", "url": "Observation"},
            },
        ],
    }
    first = await a.post("/", json=bundle)
    assert first.status_code == 200
    second = (await a.post("/", json=bundle)).json()
    assert [e["response"]["status"] for e in first.json()["entry"]] == ["201 Created"] * 2
    assert second["entry"][0]["response"]["status"] == "200 OK"
    where = first.json()["entry"][0]["response"]["location"].split("/")[-3]
    found = (await a.get(f"/Observation?patient=Patient/{where}")).json()
    assert len(found["entry"]) == 2
    bundle["entry"][1]["resource"]["subject"]["reference"] = "urn:uuid:nobody"  # type: ignore[index]
    assert (await a.post("/", json=bundle)).status_code == 422


async def test_errors_speak_the_callers_language(client) -> None:
    a = await client("institution", institution="A")
    zh = (await a.get("/Patient/none", headers={"accept-language": "zh-CN"})).json()
    assert "没有 Patient/none" in zh["issue"][0]["details"]["text"]
    assert (await a.get("/Patient/none", headers={"accept": "text/turtle"})).status_code == 406
    wrong = {"content-type": "text/plain"}
    assert (await a.post("/Patient", content=b"{}", headers=wrong)).status_code == 415
    assert (await a.get("/Nothing/1")).status_code == 404
    assert (await a.get("/Patient?colour=red")).status_code == 400


async def test_the_capability_statement_is_open_and_valid(client) -> None:
    from hie.fhir.validation import validate

    anybody = await client()
    statement = (await anybody.get("/metadata")).json()
    assert validate(statement) == []


async def test_a_create_takes_no_criteria(client) -> None:
    """Some servers read them as a condition; left aside they would make a second resource."""
    a = await client("institution", institution="A")
    refused = await a.post("/Patient?identifier=x|7", content=patient(None, "张伟"))
    assert refused.status_code == 400
    assert "If-None-Exist" in refused.text
    assert (await a.get("/Patient?_summary=count")).json()["total"] == 0
