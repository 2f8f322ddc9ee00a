"""The patient identity feed, ITI-93: https://profiles.ihe.net/ITI/PMIR/ITI-93.html"""

from typing import Any

import orjson
import pytest

from hie.fhir.validation import validate
from hie.mpi.people import person_of
from hie.records.feed import EVENT, RESPONSE_EVENT

FEED = "/$process-message"


def patient(id_: str | None, name: str, born: str, **more: Any) -> dict[str, Any]:
    resource: dict[str, Any] = {
        "resourceType": "Patient",
        "active": True,
        "name": [{"text": name}],
        "birthDate": born,
        **more,
    }
    return {**resource, "id": id_} if id_ else resource


def change(method: str, url: str, resource: dict[str, Any] | None = None) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "fullUrl": f"http://example.com/fhir/{url}",
        "request": {"method": method, "url": url},
        "response": {"status": "200"},
    }
    return {**entry, "resource": resource} if resource else entry


def message(*entries: dict[str, Any], event: str = EVENT, kind: str = "history") -> bytes:
    header = {
        "resourceType": "MessageHeader",
        "id": "feed-1",
        "eventUri": event,
        "source": {"endpoint": "http://example.com/patientSource"},
        "destination": [{"endpoint": "http://example.com/patientEndpoint"}],
        "focus": [{"reference": "Bundle/feed-history-1"}],
    }
    inner = {"resourceType": "Bundle", "id": "feed-history-1", "type": kind, "entry": list(entries)}
    bundle = {
        "resourceType": "Bundle",
        "type": "message",
        "entry": [
            {"fullUrl": "http://example.com/fhir/MessageHeader/feed-1", "resource": header},
            {"fullUrl": "http://example.com/fhir/Bundle/feed-history-1", "resource": inner},
        ],
    }
    return orjson.dumps(bundle)


RIEGEL = patient("feed-riegel", "欧阳明远", "1985-07-12")
WOOTEN = patient("feed-wooten", "司马青", "1971-12-14")


@pytest.fixture
async def source(client):
    """An institution whose two patients have come by a feed."""
    sender = await client("institution", institution="A")
    created = message(change("POST", "Patient", RIEGEL), change("POST", "Patient", WOOTEN))
    answer = await sender.post(FEED, content=created)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert validate(body) == []
    header = body["entry"][0]["resource"]
    assert header["eventUri"] == RESPONSE_EVENT
    assert header["response"] == {"identifier": "feed-1", "code": "ok"}
    return sender


async def persons(exchange) -> dict[str, str]:
    async with exchange.store.database.connection() as connection:
        return await person_of(connection, ["feed-riegel", "feed-wooten"])


async def test_create_update_and_delete(exchange, source) -> None:
    people = await persons(exchange)
    assert len(set(people.values())) == 2
    moved = {**RIEGEL, "telecom": [{"system": "phone", "value": "19900000001"}]}
    updated = message(change("PUT", "Patient/feed-riegel", moved))
    assert (await source.post(FEED, content=updated)).status_code == 200
    assert (await source.post(FEED, content=updated)).status_code == 200
    stored = (await source.get("/Patient/feed-riegel")).json()
    assert (stored["meta"]["versionId"], stored["telecom"]) == ("2", moved["telecom"])
    gone = message(change("DELETE", "Patient/feed-riegel"))
    assert (await source.post(FEED, content=gone)).status_code == 200
    assert (await source.get("/Patient/feed-riegel")).status_code == 410
    assert set(await persons(exchange)) == {"feed-wooten"}


async def test_a_merge_deprecates_and_joins(exchange, source) -> None:
    link = [{"other": {"reference": "Patient/feed-wooten"}, "type": "replaced-by"}]
    merged = message(change("PUT", "Patient/feed-riegel", {**RIEGEL, "link": link}))
    assert (await source.post(FEED, content=merged)).status_code == 200
    people = await persons(exchange)
    assert people["feed-riegel"] == people["feed-wooten"]
    stored = (await source.get("/Patient/feed-riegel")).json()
    assert stored["active"] is False
    assert stored["link"] == link
    back = await source.post(FEED, content=message(change("PUT", "Patient/feed-riegel", RIEGEL)))
    assert back.status_code == 405
    assert await persons(exchange) == people


async def test_all_or_nothing(client, exchange, source) -> None:
    bad = {**WOOTEN, "gender": "no such code"}
    sent = message(
        change("PUT", "Patient/feed-riegel", {**RIEGEL, "gender": "male"}),
        change("PUT", "Patient/feed-wooten", bad),
    )
    refused = await source.post(FEED, content=sent)
    assert refused.status_code == 422
    assert refused.json()["issue"][0]["expression"][0].startswith(
        "Bundle.entry[1].resource.entry[1]"
    )
    assert "gender" not in (await source.get("/Patient/feed-riegel")).json()


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"[]",
        orjson.dumps({"resourceType": "Bundle", "type": "message", "entry": []}),
        message(change("PUT", "Patient/x", RIEGEL), event="urn:example:other"),
        message(change("PUT", "Patient/x", RIEGEL), kind="collection"),
        message(change("PUT", "Observation/x", {"resourceType": "Observation", "id": "x"})),
        message(change("GET", "Patient/feed-riegel")),
        message(change("PUT", "Patient/x", RIEGEL)).replace(b'"feed-1"', b'["feed-1"]'),
        message(change("PUT", "Patient/x", RIEGEL)).replace(b'"feed-1"', b'"||"'),
        message({"resource": RIEGEL}),
        message({"resource": RIEGEL, "request": "PUT"}),
        message(change("PUT", "Patient/feed-riegel", {**RIEGEL, "link": "x"})),
    ],
)
async def test_what_is_no_feed_is_refused(source, content: bytes) -> None:
    refused = await source.post(FEED, content=content)
    assert refused.status_code in (400, 422)
    assert refused.json()["resourceType"] == "OperationOutcome"


async def test_an_institution_feeds_only_its_own(client, source) -> None:
    other = await client("institution", institution="B")
    for sent in (
        message(change("PUT", "Patient/feed-riegel", {**RIEGEL, "gender": "male"})),
        message(change("DELETE", "Patient/feed-riegel")),
    ):
        assert (await other.post(FEED, content=sent)).status_code in (403, 404)
    sent = message(change("PUT", "Patient/mine", patient("mine", "王芳", "1990-01-01")))
    reader = await client("institution", institution="A", scopes="system/Patient.rs")
    resident = await client("resident", scopes="patient/*.cruds", patient="somebody")
    for caller in (reader, resident):
        assert (await caller.post(FEED, content=sent)).status_code == 403
    anybody = await client()
    assert (await anybody.post(FEED, content=sent)).status_code == 401
    assert "gender" not in (await source.get("/Patient/feed-riegel")).json()


@pytest.mark.parametrize(
    ("method", "url", "status"),
    [
        ("PUT", "Patient/feed-riegel", 200),
        ("PUT", "http://example.com/fhir/Patient/feed-riegel", 200),
        ("PUT", "https://example.org/FHIR/Patient/feed-riegel", 200),
        ("PUT", "https://example.org/baseR4/Patient/feed-riegel", 200),
        ("POST", "https://example.org/baseR4/Patient", 200),
        ("DELETE", "https://example.org/FHIR/Patient/feed-riegel", 200),
        ("PUT", "https://example.org/FHIR/Observation/feed-riegel", 400),
        ("PUT", "https://example.org/FHIR", 400),
        ("GET", "Patient/feed-riegel", 400),
    ],
)
async def test_a_request_may_name_the_senders_own_base(source, method, url, status) -> None:
    resource = None if method == "DELETE" else {**RIEGEL, "gender": "male"}
    answer = await source.post(FEED, content=message(change(method, url, resource)))
    assert answer.status_code == status, answer.text
    if status == 200:
        left = await source.get("/Patient/feed-riegel")
        assert left.status_code == (410 if method == "DELETE" else 200)
        assert method == "DELETE" or left.json()["gender"] == "male"


async def test_ihes_merge_example_names_nothing_but_the_successor(exchange, source) -> None:
    """https://build.fhir.org/ig/IHE/ITI.PMIR/Bundle-ex-PMIRBundleMerge.json.html"""
    merged = {
        "resourceType": "Patient",
        "id": "feed-wooten",
        "text": {
            "status": "additional",
            "div": '<div xmlns="http://www.w3.org/1999/xhtml">Merged</div>',
        },
        "active": False,
        "link": [{"other": {"reference": "Patient/feed-riegel"}, "type": "replaced-by"}],
    }
    answer = await source.post(FEED, content=message(change("PUT", "Patient/feed-wooten", merged)))
    assert answer.status_code == 200, answer.text
    people = await persons(exchange)
    assert people["feed-wooten"] == people["feed-riegel"]
    shown = (await source.get("/Patient/feed-wooten")).json()
    assert (shown["active"], shown["link"]) == (False, merged["link"])
