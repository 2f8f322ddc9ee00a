"""What integrators get wrong, and what they are told: the place and the reason, in both languages.

https://hl7.org/fhir/R4/http.html#rejecting-updates, https://hl7.org/fhir/R4/operationoutcome.html
"""

import re
from typing import Any

import httpx
import orjson
import pytest

PATIENT: dict[str, Any] = {"resourceType": "Patient", "name": [{"family": "T"}]}
OBSERVATION: dict[str, Any] = {
    "resourceType": "Observation",
    "status": "final",
    "code": {"text": "x"},
}
CHINESE = re.compile(r"[\u4e00-\u9fff]")
JSON = "application/fhir+json"
XML = "application/fhir+xml"

# (text, content type, what the refusal says)
UNREADABLE = [
    (b'{"resourceType":"Patient",\n "active":true,\n}', JSON, "line 2, column 15"),
    (b"{'resourceType':'Patient'}", JSON, "line 1, column 2"),
    ('{"resourceType":"Patient","name":[{"family":"张'.encode(), JSON, "line 1, column 47"),
    (b"", JSON, "line 1, column 1"),
    (b"[]", JSON, "JSON object"),
    (b'{"resourceType":"Patient" /* c */}', JSON, "line 1, column 27"),
    ('\ufeff{"resourceType":"Patient"}'.encode(), JSON, "byte order mark"),
    ('{"resourceType":"Patient"}'.encode("utf-16"), JSON, "UTF-16"),
    ('{"resourceType":"Patient",\n"id":"张"}'.encode("gbk"), JSON, "line 2, column 7; it looks like GB"),
    (b'{"resourceType":"Patient","active":NaN}', JSON, "line 1, column 36"),
    (b'{"resourceType":"Patient","id":"\\ud800"}', JSON, "surrogate"),
    (b'{"resourceType":"Patient","active":true,"active":false}', JSON, "'active' occurs twice"),
    (b'{"name":[{"family":"x"}]}', JSON, "resourceType is (missing"),
    (b'<Patient xmlns="http://hl7.org/fhir"/>', JSON, "line 1, column 1"),
    (b'{"resourceType":"Patient"}', XML, "line 1, column 1"),
    (b'<Patient><active value="true"/></Patient>', XML, "in the namespace ''"),
    ('<?xml version="1.0" encoding="GBK"?><x/>'.encode("gbk"), XML, "GBK"),
    ('<Patient xmlns="http://hl7.org/fhir">\n<id value="张"/>'.encode("gbk"), XML, "looks like GB 18030"),
    (b'<Patient xmlns="http://hl7.org/fhir"><id></Patient>', XML, "mismatched tag (line 1, column 44"),
]  # fmt: skip

# (type, what is wrong in it, path, what the refusal says)
INVALID: list[tuple[dict[str, Any], dict[str, Any], str, str]] = [
    (PATIENT, {"birthDate": "1980/01/02"}, "Patient.birthDate", "YYYY-MM-DD"),
    (PATIENT, {"birthDate": "1980-02-30"}, "Patient.birthDate", "not a valid date"),
    (PATIENT, {"birthDate": "\uff11\uff19\uff18\uff10-01-02"}, "Patient.birthDate", "not a valid date"),
    (OBSERVATION, {"effectiveDateTime": "2020-01-01T10:00:00"}, "Observation.effective", "+zz:zz"),
    (OBSERVATION, {"issued": "2020-01-01"}, "Observation.issued", "instant"),
    (PATIENT, {"gender": "男"}, "Patient.gender", "female, male, other, unknown"),
    (PATIENT, {"gender": "Male"}, "Patient.gender", "female, male, other, unknown"),
    (PATIENT, {"surname": "x"}, "Patient.surname", "did you mean name?"),
    (PATIENT, {"contact": [{"name": {"familyName": "x"}}]}, "Patient.contact[0].name.familyName", "family?"),
    (PATIENT, {"name": {"family": "x"}}, "Patient.name", "must be an array"),
    (PATIENT, {"active": "true"}, "Patient.active", "true or false"),
    (OBSERVATION, {"valueQuantity": {"value": "5.4"}}, "Observation.value.value", "a number"),
    (PATIENT, {"gender": None}, "Patient.gender", "null"),
    (PATIENT, {"telecom": []}, "Patient.telecom", "must not be empty"),
    (PATIENT, {"deceasedBoolean": True, "deceasedDateTime": "2020"}, "Patient.deceased", "only one deceased[x]"),
    (OBSERVATION, {"subject": {"reference": "Practitioner/1"}}, "Observation.subject.reference", "Patient"),
    (OBSERVATION, {"subject": {"reference": "patient/1"}}, "Observation.subject.reference", "Type/id"),
    (OBSERVATION, {"subject": {"reference": "#p"}}, "Observation.subject.reference", "contained"),
    (PATIENT, {"extension": [{"valueString": "x"}]}, "Patient.extension[0].url", "required"),
    (PATIENT, {"text": {"status": "generated", "div": "x"}}, "Patient.text.div", "XHTML"),
]  # fmt: skip

# (method, address, headers, status, what the refusal says)
MISSED: list[tuple[str, str, dict[str, str], int, str]] = [
    ("GET", "/patient/1", {}, 404, "did you mean Patient?"),
    ("GET", "/ProcedureRequest/1", {}, 404, "not a resource type of FHIR R4"),
    ("GET", "/R4/Patient/1", {}, 404, "'R4' is not a resource type"),
    ("GET", "/Patient//1", {}, 404, "/Patient//1"),
    ("GET", "/Patient/a_b", {}, 400, "1 to 64 of A-Z a-z 0-9 - ."),
    ("POST", "/Patient/1", {}, 405, "possible: DELETE, GET"),
    ("DELETE", "/Patient", {}, 400, "Patient/id"),
    ("GET", "/Patient/$nothing", {}, 404, "$everything"),
    ("GET", "/Patient/1/$nothing", {}, 404, "$everything"),
    ("GET", "/$nothing", {}, 404, "$graphql"),
    ("GET", "/Patient/1", {"authorization": ""}, 401, "Bearer"),
    ("GET", "/Patient/1", {"authorization": "Basic eDp5"}, 401, "Bearer"),
    ("GET", "/Patient/1", {"authorization": "Bearer nonsense"}, 401, "expired"),
    ("GET", "/Patient?birthdate=yesterday", {}, 400, "'birthdate': 'yesterday'"),
    ("GET", "/Patient?surname=x", {}, 400, "'surname'"),
    ("GET", "/Observation?patient.surname=x", {}, 400, "'patient.surname'"),
    ("GET", "/Patient?name:like=x", {}, 400, "'name:like'"),
    ("GET", "/Patient?_sort:desc=name", {}, 400, "'_sort:desc'"),
    ("GET", "/Patient?_include=organization", {}, 400, "Type:reference"),
    ("GET", "/Patient?name=%E5%E5", {}, 400, "cannot be read"),
    ("DELETE", "/Patient?_count=3", {}, 400, "'_count' is none"),
]  # fmt: skip


async def refusal(client: httpx.AsyncClient, method: str, path: str, **more: Any) -> dict[str, Any]:
    """What the caller is told in English and in Chinese: an outcome, and never a fault of ours."""
    headers = more.pop("headers", {})
    told: dict[str, Any] = {}
    for language in ("en", "zh"):
        answer = await client.request(
            method, path, headers={**headers, "accept-language": language}, **more
        )
        assert 400 <= answer.status_code < 500, (method, path, more, answer.text)
        outcome = answer.json()
        assert outcome["resourceType"] == "OperationOutcome"
        told["status"] = answer.status_code
        told["issue"] = outcome["issue"]
        told[language] = " ".join(issue["details"]["text"] for issue in outcome["issue"])
    assert CHINESE.search(told["zh"]), told
    assert "Traceback" not in told["en"]
    return told


async def test_texts_that_cannot_be_read(client) -> None:
    a = await client("institution", institution="A")
    for text, kind, reason in UNREADABLE:
        told = await refusal(a, "POST", "/Patient", content=text, headers={"content-type": kind})
        assert (told["status"], reason in told["en"]) == (400, True), (text, told)


async def test_elements_that_are_wrong(client) -> None:
    a = await client("institution", institution="A")
    for right, wrong, path, reason in INVALID:
        sent = {**right, **wrong}
        told = await refusal(a, "POST", f"/{right['resourceType']}", json=sent)
        assert told["status"] == 422
        assert told["issue"][0]["expression"] == [path]
        assert reason in told["en"], (wrong, told)


async def test_addresses_and_searches_that_miss(client) -> None:
    a = await client("institution", institution="A")
    for method, path, headers, status, reason in MISSED:
        told = await refusal(a, method, path, headers=headers)
        assert (told["status"], reason in told["en"]) == (status, True), (path, told)


async def test_patches_that_cannot_be_read(client) -> None:
    a = await client("institution", institution="A")
    await a.put("/Patient/p1", json=PATIENT | {"id": "p1"})
    kind = "application/json-patch+json"
    for text, sent_as, reason in (
        (b'[{"op":"add",}]', kind, "line 1, column 14"),
        (
            b'[{"op":"add","path":"/language","value":"' + "张".encode("gbk") + b'"}]',
            kind,
            "GB 18030",
        ),
        (b'{"op":"add"}', kind, "a list"),
        (b'[{"op":"put","path":"/a"}]', kind, "[0] put /a"),
        (b'[{"op":"add","path":"/a","value":1}]', JSON, "application/json-patch+json"),
        (b'{"resourceType":"Parameters",}', JSON, "line 1, column 30"),
        (b"[]", "application/merge-patch+json", "A patch is one of"),
    ):
        told = await refusal(
            a, "PATCH", "/Patient/p1", content=text, headers={"content-type": sent_as}
        )
        assert told["status"] == (415 if "merge" in sent_as else 400)
        assert reason in told["en"], told


async def test_a_form_in_another_encoding(client) -> None:
    a = await client("institution", institution="A")
    form = {"content-type": "application/x-www-form-urlencoded"}
    for text in ("name=张".encode("gbk"), b"name=%D5%C5"):
        told = await refusal(a, "POST", "/Patient/_search", content=text, headers=form)
        assert told["status"] == 400
    assert (await a.post("/Patient/_search", content="name=张", headers=form)).status_code == 200


async def test_a_wrong_base_is_told_the_right_one(client) -> None:
    a = await client("institution", institution="A")
    for method, path in (("GET", "/Patient/1"), ("POST", "/baseR4/Patient"), ("PUT", "/x/y/z")):
        told = await refusal(a, method, f"http://127.0.0.1:8080{path}")
        assert told["status"] == 404
        assert path in told["en"]
        assert "the FHIR interface is at http://127.0.0.1:8080/fhir" in told["en"]


async def test_a_scope_that_is_missing_is_named(client) -> None:
    reader = await client("institution", institution="A", scopes="system/Patient.rs")
    told = await refusal(reader, "POST", "/Patient", json=PATIENT)
    assert told["status"] == 403
    assert "Patient" in told["en"]


def bundle(kind: str, *entries: dict[str, Any], **more: Any) -> bytes:
    return orjson.dumps({"resourceType": "Bundle", "type": kind, "entry": entries, **more})


def post(type_name: str, resource: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"request": {"method": "POST", "url": type_name}, "resource": resource, **more}


@pytest.mark.parametrize(
    ("text", "path", "reason"),
    [
        (b'{"resourceType":"Bundle",\n"type":"batch",}', "Bundle", "line 2, column 16"),
        (b'{"resourceType":"Bundle","type":"tran', "Bundle", "line 1, column 38"),
        (b'{"resourceType":"Bundle","type":"batch","entry":{}}', "Bundle.entry", "array"),
        (bundle("batch", {"request": {"method": "GET"}}), "Bundle.entry[0].request.url", "missing"),
        (bundle("batch", {"request": {"method": "GET", "url": 1}}), "Bundle.entry[0].request.url", "str"),
        (bundle("transaction", post("Patient", PATIENT) | {"fullurl": "x"}), "Bundle.entry[0].fullurl", "unknown"),
        (bundle("transaction", {"request": {"method": "POST", "url": "Patient", "ifNoneExists": "a=b"}, "resource": PATIENT}), "Bundle.entry[0].request.ifNoneExists", "unknown"),
        (bundle("transaction", post("Patient", PATIENT), resources=[]), "Bundle.resources", "unknown"),
        (bundle("transaction", {"resource": PATIENT}), "Bundle.entry[0].request", "request.method"),
        (bundle("transaction", {"request": {"method": "post", "url": "Patient"}, "resource": PATIENT}), "Bundle.entry[0].request", "POST Type"),
        (bundle("collection", {"resource": PATIENT}), "Bundle.type", "a transaction, a batch"),
        (bundle("transaction", post("Patient", PATIENT, fullUrl="urn:uuid:1"), post("Patient", PATIENT, fullUrl="urn:uuid:1")), "Bundle.entry[1].fullUrl", "earlier entry"),
        (bundle("transaction", post("Observation", {**OBSERVATION, "subject": {"reference": "urn:uuid:1"}})), "Bundle.entry[0].resource.subject.reference", "urn:uuid:1"),
        (orjson.dumps(PATIENT), "Bundle.resourceType", "Send a Bundle here"),
    ],
)  # fmt: skip
async def test_bundles_that_cannot_be_carried_out(
    client, text: bytes, path: str, reason: str
) -> None:
    a = await client("institution", institution="A")
    told = await refusal(a, "POST", "/", content=text)
    assert told["issue"][0]["expression"] == [path]
    assert reason in told["en"]


async def test_a_batch_goes_on_beyond_what_it_cannot_understand(client) -> None:
    """Its entries are independent: https://hl7.org/fhir/R4/http.html#brules"""
    a = await client("institution", institution="A")
    wrong = {"request": {"method": "FOO", "url": "Patient"}}
    sent = bundle("batch", wrong, {"resource": PATIENT}, post("Patient", PATIENT))
    answer = (await a.post("/", content=sent)).json()
    assert [entry["response"]["status"][:3] for entry in answer["entry"]] == ["400", "400", "201"]
    place = answer["entry"][0]["response"]["outcome"]["issue"][0]["expression"]
    assert place == ["Bundle.entry[0].request"]
