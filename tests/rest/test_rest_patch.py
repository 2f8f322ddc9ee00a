"""PATCH over HTTP and in Bundles. https://hl7.org/fhir/R4/http.html#patch"""

import asyncio
from base64 import b64encode

import orjson
import pytest
from tests_rest_samples import WEIGHT, patient

JSON_PATCH = {"content-type": "application/json-patch+json"}
BY_NUMBER = "identifier=urn:hie:institution:A:patient|7"


HALF_OF_A_PAIR = (
    b'{"resourceType":"Parameters","parameter":[{"name":"operation","part":['
    b'{"name":"type","valueCode":"delete"},{"name":"path","valueString":"Patient.\\uD800"}]}]}'
)


def replace(path: str, value: object) -> bytes:
    return orjson.dumps([{"op": "replace", "path": path, "value": value}])


def parameters(kind: str, path: str, **parts: object) -> dict:
    names = {"value": "valueString", "name": "valueString", "index": "valueInteger"}
    return {
        "resourceType": "Parameters",
        "parameter": [
            {
                "name": "operation",
                "part": [
                    {"name": "type", "valueCode": kind},
                    {"name": "path", "valueString": path},
                    *(
                        {"name": k, **(v if isinstance(v, dict) else {names[k]: v})}
                        for k, v in parts.items()
                    ),
                ],
            }
        ],
    }


async def test_json_patch_leaves_other_bytes_alone(client) -> None:
    a = await client("institution", institution="A")
    where = (await a.post("/Observation", content=WEIGHT)).json()["id"]
    changed = await a.patch(
        f"/Observation/{where}", content=replace("/status", "amended"), headers=JSON_PATCH
    )
    assert (changed.status_code, changed.headers["etag"]) == (200, 'W/"2"')
    assert b'"status":"amended"' in changed.content
    assert b'"code":{ "text" : "body weight" }' in changed.content
    assert b'"value" : 70.10' in changed.content
    inside = await a.patch(
        f"/Observation/{where}", content=replace("/valueQuantity/unit", "Kg"), headers=JSON_PATCH
    )
    assert b'"value":70.10' in inside.content
    assert (await a.get(f"/Observation/{where}/_history/2")).content == changed.content


async def test_fhirpath_patch(client) -> None:
    a = await client("institution", institution="A")
    await a.put("/Patient/p1", content=patient("p1", "张伟"))
    path = "Patient.name.where(text='张伟').text"
    changed = await a.patch("/Patient/p1", json=parameters("replace", path, value="张玮"))
    assert changed.headers["etag"] == 'W/"2"'
    assert changed.json()["name"][0]["text"] == "张玮"
    found = await a.get("/Patient?name=张玮")
    assert found.json()["entry"][0]["resource"]["id"] == "p1"
    dated = {"valueDateTime": "2026-01-01"}
    for kind, where, parts, deceased in (
        ("add", "Patient", {"name": "deceased", "value": dated}, "deceasedDateTime"),
        ("replace", "Patient.deceased", {"value": {"valueBoolean": True}}, "deceasedBoolean"),
        ("delete", "Patient.deceased", {}, None),
    ):
        changed = await a.patch("/Patient/p1", json=parameters(kind, where, **parts))
        assert changed.status_code == 200, changed.text
        assert [k for k in changed.json() if k.startswith("deceased")] == [deceased][
            : bool(deceased)
        ]


async def test_extensions_of_primitives_are_patched_beside_them(client) -> None:
    a = await client("institution", institution="A")
    await a.put("/Patient/p1", content=patient("p1", "张伟"))
    url = "http://example.org/calendar"
    added = parameters(
        "add",
        "Patient.birthDate",
        name="extension",
        value={"valueExtension": {"url": url, "valueDecimal": 1}},
    )
    body = orjson.dumps(added).replace(b'"valueDecimal":1', b'"valueDecimal":1.10')
    changed = await a.patch("/Patient/p1", content=body)
    assert b'"_birthDate":{"extension":[{"url":"%s","valueDecimal":1.10}]}' % url.encode() in (
        changed.content
    )
    path = f"Patient.birthDate.extension('{url}').value"
    renewed = await a.patch(
        "/Patient/p1", json=parameters("replace", path, value={"valueString": "lunar"})
    )
    assert renewed.json()["_birthDate"] == {"extension": [{"url": url, "valueString": "lunar"}]}
    gone = await a.patch("/Patient/p1", json=parameters("delete", "Patient.birthDate.extension"))
    assert "_birthDate" not in gone.json()


async def test_a_patch_that_changes_nothing_makes_no_version(client) -> None:
    a = await client("institution", institution="A")
    where = (await a.post("/Observation", content=WEIGHT)).json()["id"]
    same = await a.patch(
        f"/Observation/{where}", content=replace("/status", "final"), headers=JSON_PATCH
    )
    assert (same.status_code, same.headers["etag"]) == (200, 'W/"1"')
    empty = await a.patch(f"/Observation/{where}", json={"resourceType": "Parameters"})
    assert empty.headers["etag"] == 'W/"1"'


@pytest.mark.parametrize(
    ("patch", "content_type", "status"),
    [
        (b"[", "application/json-patch+json", 400),
        (b'{"op":"remove"}', "application/json-patch+json", 400),
        (b'[{"op":"dance","path":"/id"}]', "application/json-patch+json", 400),
        (b'[{"op":"test","path":"/birthDate","value":"x"}]', "application/json-patch+json", 422),
        (b'[{"op":"remove","path":"/gender"}]', "application/json-patch+json", 422),
        (b'[{"op":"replace","path":"/id","value":"p2"}]', "application/json-patch+json", 422),
        (b'[{"op":"replace","path":"","value":[]}]', "application/json-patch+json", 422),
        (b'[{"op":"add","path":"/gender","value":"m"}]', "application/json-patch+json", 422),
        (b'[{"op":"remove","path":"/\\ud800"}]', "application/json-patch+json", 400),
        (b'[{"op":"remove","path":"/\xed\xa0\x80"}]', "application/json-patch+json", 400),
        ('[{"op":"remove","path":"/name"}]'.encode("utf-16"), "application/json-patch+json", 400),
        (HALF_OF_A_PAIR, "application/fhir+json", 400),
        (b"{}", "application/fhir+json", 400),
        (b"{}", "application/merge-patch+json", 415),
        (b"[]", "text/plain", 415),
    ],
)
async def test_what_cannot_be_carried_out_is_refused(client, patch, content_type, status) -> None:
    a = await client("institution", institution="A")
    await a.put("/Patient/p1", content=patient("p1", "张伟"))
    refused = await a.patch("/Patient/p1", content=patch, headers={"content-type": content_type})
    assert refused.status_code == status, refused.text
    assert (await a.get("/Patient/p1")).headers["etag"] == 'W/"1"'


@pytest.mark.parametrize(
    "path",
    [
        "Patient.name.where(text.matches('(a+)+$')).text",
        "Patient.repeat(name).text",
        "%context.name.text",
        "Patient.name.text.upper()",
        "'text'",
        "Patient.name.",
        "Patient.photo.url",
        "Observation.status",
        "Patient." + "name." * 300,
        "Patient.name.where(" * 20,
    ],
)
async def test_paths_only_look_at_the_resource(client, path: str) -> None:
    a = await client("institution", institution="A")
    await a.put("/Patient/p1", content=patient("p1", "张伟"))
    refused = await a.patch("/Patient/p1", json=parameters("replace", path, value="x"))
    assert refused.status_code == 422, refused.text


async def test_conditions(client) -> None:
    a = await client("institution", institution="A")
    await a.put("/Patient/p1", content=patient("p1", "张伟"))
    patch = replace("/gender", "male").replace(b"replace", b"add")
    late = await a.patch("/Patient/p1", content=patch, headers={**JSON_PATCH, "if-match": '"7"'})
    assert late.status_code == 412
    done = await a.patch("/Patient/p1", content=patch, headers={**JSON_PATCH, "if-match": 'W/"1"'})
    assert done.headers["etag"] == 'W/"2"'
    female = replace("/gender", "female")
    matched = await a.patch(f"/Patient?{BY_NUMBER}", content=female, headers=JSON_PATCH)
    assert (matched.status_code, matched.json()["gender"]) == (200, "female")
    nothing = await a.patch("/Patient?identifier=9", content=female, headers=JSON_PATCH)
    assert nothing.status_code == 404
    await a.delete("/Patient/p1")
    gone = await a.patch("/Patient/p1", content=female, headers=JSON_PATCH)
    assert gone.status_code == 410


async def test_patches_of_one_resource_follow_each_other(client) -> None:
    a = await client("institution", institution="A")
    await a.put("/Patient/p1", content=patient("p1", "张伟"))
    added = [
        {"op": "add", "path": "/identifier/-", "value": {"system": "urn:x", "value": str(n)}}
        for n in range(6)
    ]
    answers = await asyncio.gather(
        *(a.patch("/Patient/p1", content=orjson.dumps([op]), headers=JSON_PATCH) for op in added)
    )
    assert {r.status_code for r in answers} == {200}
    stored = (await a.get("/Patient/p1")).json()
    assert len(stored["identifier"]) == 7
    assert stored["meta"]["versionId"] == "7"


async def test_patches_in_bundles(client) -> None:
    a = await client("institution", institution="A")
    for logical_id, number in (("p1", "7"), ("p2", "8")):
        await a.put(f"/Patient/{logical_id}", content=patient(logical_id, "张伟", number=number))
    binary = {
        "resourceType": "Binary",
        "contentType": "application/json-patch+json",
        "data": b64encode(replace("/birthDate", "1990-03-08")).decode(),
    }
    entries = [
        {"resource": binary, "request": {"method": "PATCH", "url": f"Patient?{BY_NUMBER}"}},
        {
            "resource": parameters("replace", "Patient.birthDate", value={"valueDate": "1990-03"}),
            "request": {"method": "PATCH", "url": "Patient/p2", "ifMatch": 'W/"1"'},
        },
    ]
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    answer = await a.post("/", json=bundle)
    assert [e["response"]["etag"] for e in answer.json()["entry"]] == ['W/"2"', 'W/"2"']
    assert (await a.get("/Patient/p2")).json()["birthDate"] == "1990-03"
    binary["data"] = b64encode(replace("/birthDate", "8 March")).decode()
    refused = await a.post("/", json={**bundle, "entry": entries[:1]})
    assert refused.status_code == 422
    assert refused.json()["issue"][0]["expression"] == ["Bundle.entry[0].resource.birthDate"]
    binary["data"] = "?"
    assert (await a.post("/", json={**bundle, "entry": entries[:1]})).status_code == 400


async def test_nobody_patches_what_is_not_theirs(client) -> None:
    a = await client("institution", institution="A")
    await a.put("/Patient/p1", content=patient("p1", "张伟"))
    patch = replace("/birthDate", "1990-03-08")
    b = await client("institution", institution="B")
    foreign = await b.patch("/Patient/p1", content=patch, headers=JSON_PATCH)
    missing = await b.patch("/Patient/p9", content=patch, headers=JSON_PATCH)
    assert (foreign.status_code, missing.status_code) == (404, 404)
    assert foreign.text.replace("p1", "p9") == missing.text
    for kind, scopes, status in (
        ("institution", "system/Patient.rs", 403),
        ("institution", "system/Observation.cruds", 403),
        ("resident", "patient/*.cruds", 403),
    ):
        other = await client(
            kind, institution="A" if kind == "institution" else None, scopes=scopes
        )
        refused = await other.patch("/Patient/p1", content=patch, headers=JSON_PATCH)
        assert refused.status_code == status
    nobody = await client()
    assert (await nobody.patch("/Patient/p1", content=patch)).status_code == 401
    writer = await client("institution", institution="A", scopes="system/Patient.u")
    silent = await writer.patch("/Patient/p1", content=patch, headers=JSON_PATCH)
    assert (silent.status_code, silent.content) == (200, b"")
    sent = parameters("replace", "Patient.birthDate", value={"valueDate": "1990-03-08"})
    entry = {"resource": sent, "request": {"method": "PATCH", "url": "Patient/p1"}}
    for kind in ("batch", "transaction"):
        bundle = {"resourceType": "Bundle", "type": kind, "entry": [entry]}
        quiet = await writer.post("/", json=bundle, headers={"prefer": "return=representation"})
        assert [list(e) for e in quiet.json()["entry"]] == [["response"]]
    assert (await a.get("/Patient/p1")).json()["birthDate"] == "1990-03-08"


@pytest.mark.parametrize("path", ["/nothing/x", "/name/7", "/name/0/nothing", "/name/x"])
async def test_a_refusal_names_the_operation_and_nothing_of_the_resource(client, path: str) -> None:
    """Who may change a record need not be one who may read it."""
    a = await client("institution", institution="A")
    await a.put("/Patient/p1", content=patient("p1", "张伟"))
    writer = await client("institution", institution="A", scopes="system/Patient.u")
    sent = orjson.dumps(
        [
            {"op": "test", "path": "/resourceType", "value": "Patient"},
            {"op": "replace", "path": path, "value": "y"},
        ]
    )
    refused = await writer.patch("/Patient/p1", content=sent, headers=JSON_PATCH)
    assert refused.status_code == 422, refused.text
    assert f"[1] replace {path}: " in refused.text
    assert "张伟" not in refused.text
    assert "resourceType'" not in refused.text
    for place, reason in (
        ("Patient.where(name.text < 1)", "does not fit"),
        ("Patient.nmae.given[0]", "Patient has no element nmae"),
        ("Patient.name[0] garbage", "column 17"),
    ):
        sent = parameters("delete", place)
        refused = await writer.patch("/Patient/p1", json=sent)
        assert refused.status_code == 422
        assert reason in refused.text
        assert "张伟" not in refused.text
    wrong = orjson.dumps([{"op": "test", "path": "/birthDate", "value": "1800-01-01"}])
    differs = await writer.patch("/Patient/p1", content=wrong, headers=JSON_PATCH)
    assert differs.status_code == 422
    stored = (await a.get("/Patient/p1")).json()
    assert stored["birthDate"] not in differs.text


@pytest.mark.parametrize(
    ("status", "expected"),
    [("generated", 200), ("extensions", 200), ("additional", 422), ("empty", 200)],
)
async def test_a_narrative_does_not_outlive_what_it_tells(
    client, status: str, expected: int
) -> None:
    """ "not clinically unsafe after the PATCH": https://hl7.org/fhir/R4/http.html#patch"""
    a = await client("institution", institution="A")
    div = '<div xmlns="http://www.w3.org/1999/xhtml">born 1990</div>'
    told = orjson.loads(patient("p1", "张伟")) | {"text": {"status": status, "div": div}}
    await a.put("/Patient/p1", json=told)
    label = orjson.dumps([{"op": "add", "path": "/meta/security", "value": [{"code": "R"}]}])
    labelled = await a.patch("/Patient/p1", content=label, headers=JSON_PATCH)
    assert labelled.json()["text"] == told["text"]
    same = await a.patch("/Patient/p1", content=b"[]", headers=JSON_PATCH)
    assert same.headers["etag"] == labelled.headers["etag"]
    born = {"op": "replace", "path": "/birthDate", "value": "1991-01-01"}
    alone = await a.patch("/Patient/p1", json=[born], headers=JSON_PATCH)
    assert alone.status_code == expected
    if expected == 200:
        assert alone.json().get("text") == (told["text"] if status == "empty" else None)
        await a.put("/Patient/p1", json=told)
    else:
        assert "born" not in alone.text
        assert alone.json()["issue"][0]["expression"] == ["text"]
    new = {"status": "generated", "div": div.replace("1990", "1991")}
    both = [born, {"op": "replace", "path": "/text", "value": new}]
    changed = await a.patch("/Patient/p1", json=both, headers=JSON_PATCH)
    assert changed.json()["text"] == new
