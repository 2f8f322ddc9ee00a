"""$validate over HTTP. https://hl7.org/fhir/R4/resource-operation-validate.html"""

import orjson
import pytest
from tests_rest_samples import patient

WRONG = {"resourceType": "Patient", "contact": [{"gender": "male"}]}
R4 = "http://hl7.org/fhir/StructureDefinition/"


def parameters(resource: dict | None, **more: str) -> dict:
    given = [{"name": "resource", "resource": resource}] if resource else []
    given += [{"name": k, "valueCode" if k == "mode" else "valueUri": v} for k, v in more.items()]
    return {"resourceType": "Parameters", "parameter": given}


async def codes(client, path: str, sent: dict | None = None) -> list[tuple[str, str]]:
    answer = await (client.post(path, json=sent) if sent is not None else client.get(path))
    assert answer.status_code == 200, answer.text
    assert answer.json()["resourceType"] == "OperationOutcome"
    return [(i["severity"], i["code"]) for i in answer.json()["issue"]]


async def test_valid_and_not(client) -> None:
    a = await client("institution", institution="A")
    fine = [("information", "informational")]
    good = orjson.loads(patient(None, "张伟"))
    for sent in (good, parameters(good), parameters(good, mode="create", profile=f"{R4}Patient")):
        assert await codes(a, "/Patient/$validate", sent) == fine
    assert await codes(a, "/Patient/$validate", WRONG) == [("error", "invariant")]
    answer = (await a.post("/Patient/$validate", json=WRONG)).json()["issue"][0]
    assert answer["expression"] == ["Patient.contact[0]"]
    assert "pat-1" in answer["details"]["text"]
    assert ("error", "code-invalid") in await codes(a, "/Patient/$validate", good | {"gender": "m"})
    assert await codes(a, "/Observation/$validate", good) == [("error", "invalid")]
    unknown = parameters(good, profile="http://example.org/mine")
    assert await codes(a, "/Patient/$validate", unknown) == [("error", "not-supported")]
    assert (await a.get("/Patient")).json().get("entry") is None


async def test_parameters_in_the_address(client) -> None:
    """Nothing that was asked for is left aside: an unknown profile is not "valid"."""
    a = await client("institution", institution="A")
    good = orjson.loads(patient("p1", "张伟"))
    fine = [("information", "informational")]
    assert await codes(a, f"/Patient/$validate?mode=create&profile={R4}Patient", good) == fine
    unknown = "/Patient/$validate?profile=http://example.org/mine"
    assert await codes(a, unknown, good) == [("error", "not-supported")]
    for wrong in ("mode=none", "profil=x"):
        assert (await a.post(f"/Patient/$validate?{wrong}", json=good)).status_code == 400
    claimed = good | {"meta": {"profile": [f"{R4}Patient", "http://example.org/mine"]}}
    assert await codes(a, "/Patient/$validate", claimed) == [("warning", "not-supported")]
    await a.put("/Patient/p1", json=good)
    assert (await a.post("/Patient/$validate")).status_code == 400
    for _ in range(2):  # with and without a type for the body that is not there
        answer = await a.post("/Patient/p1/$validate?mode=delete")
        assert answer.json()["issue"][0]["severity"] == "information"
        a.headers.pop("content-type", None)


async def test_what_is_stored(client) -> None:
    a = await client("institution", institution="A")
    await a.put("/Patient/p1", json=WRONG | {"id": "p1"})
    assert await codes(a, "/Patient/p1/$validate") == [("error", "invariant")]
    assert await codes(a, "/Patient/p1/$validate", parameters(None)) == [("error", "invariant")]


@pytest.mark.parametrize("sent", [parameters(None), parameters(WRONG, mode="x"), {}, []])
async def test_nothing_to_validate(client, sent: object) -> None:
    a = await client("institution", institution="A")
    refused = await a.post("/Patient/$validate", json=sent)
    assert refused.status_code in (200, 400)
    if refused.status_code == 200:
        assert refused.json()["issue"][0]["severity"] == "error"


async def test_validation_shows_nothing_of_others(client) -> None:
    a = await client("institution", institution="A")
    await a.put("/Patient/p1", json=WRONG | {"id": "p1"})
    b = await client("institution", institution="B")
    hidden, missing = [await b.get(f"/Patient/{i}/$validate") for i in ("p1", "p9")]
    assert hidden.status_code == 404
    assert hidden.text.replace("p1", "p9") == missing.text
    narrow = await client("institution", institution="A", scopes="system/Observation.cruds")
    assert (await narrow.post("/Patient/$validate", json=WRONG)).status_code == 403
    writer = await client("institution", institution="A", scopes="system/Patient.c")
    assert (await writer.get("/Patient/p1/$validate")).status_code == 403
    assert (await (await client()).post("/Patient/$validate", json=WRONG)).status_code == 401
