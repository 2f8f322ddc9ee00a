"""Hostile input is answered with 4xx, in bounded time, and the server goes on serving.

The limits are the exchange's own; https://hl7.org/fhir/R4/security.html asks for some.
"""

import asyncio
import gzip
import json
import time
from collections.abc import Callable

import httpx
import pytest
from tests_rest_samples import observation, patient

SECONDS = 5.0
"""Far more than any of these needs, far less than they were meant to cost."""
DEEP = 100_000
LONG = "a" * (100 * 1024 * 1024)


def nested(opening: str, closing: str) -> bytes:
    return (opening * DEEP + closing * DEEP).encode()


def extended(value: str) -> bytes:
    return (
        '{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":'
        f"{value}}}}}"
    ).encode()


BODIES: dict[str, Callable[[], bytes]] = {
    "arrays in arrays": lambda: nested("[", "]"),
    "objects in objects": lambda: b'{"resourceType":"Patient","contact":' + nested('{"a":', "}"),
    "extensions in extensions": lambda: (
        b'{"resourceType":"Patient","extension":'
        + b'[{"url":"u","extension":' * 2000
        + b"[]"
        + b"}]" * 2000
        + b"}"
    ),
    "a string of 100 MB": f'{{"resourceType":"Patient","language":"{LONG}"}}'.encode,
    "a number beyond all numbers": lambda: extended("1e999"),
    "a number of a million digits": lambda: extended("1" * 1_000_000),
    "not a number": lambda: extended("NaN"),
    "a member twice": lambda: b'{"resourceType":"Patient","active":true,"active":false}',
    "a lone surrogate": lambda: b'{"resourceType":"Patient","name":[{"text":"\\ud800"}]}',
    "bytes that are not UTF-8": lambda: b'{"resourceType":"Patient","name":[{"text":"\xff\xfe"}]}',
    "a zero character": lambda: b'{"resourceType":"Patient","name":[{"text":"a\\u0000b"}]}',
    "a byte order mark alone": lambda: b"\xef\xbb\xbf",
    "nothing": lambda: b"",
    "null": lambda: b"null",
    "a list": lambda: b"[]",
    "a type that is a list": lambda: b'{"resourceType":["Patient"]}',
    "an unknown member": lambda: b'{"resourceType":"Patient","__proto__":{"admin":true}}',
}


async def answered(sent: object) -> httpx.Response:
    """The answer, which must be a refusal with an OperationOutcome and come soon."""
    started = time.monotonic()
    answer: httpx.Response = await sent  # type: ignore[misc]
    assert time.monotonic() - started < SECONDS
    assert 400 <= answer.status_code < 500, answer.text[:300]
    assert answer.json()["resourceType"] == "OperationOutcome"
    return answer


@pytest.mark.parametrize("name", BODIES)
async def test_bodies(client, name: str) -> None:
    a = await client("institution", institution="A")
    await answered(a.post("/Patient", content=BODIES[name]()))
    assert (await a.get("/Patient?_summary=count")).json()["total"] == 0


async def test_a_body_that_unpacks_to_much_more(client) -> None:
    a = await client("institution", institution="A")
    bomb = gzip.compress(b" " * (300 * 1024 * 1024))
    await answered(a.post("/Patient", content=bomb, headers={"content-encoding": "gzip"}))


@pytest.mark.parametrize(
    "query",
    [
        "_count=1000000000",
        "_count=-1",
        "_count=99999999999999999999999999",
        "_count=1e3",
        "code=" + ",".join(str(n) for n in range(5000)),
        "patient" + ".link:Patient" * 40 + ".name=x",
        "_has:Observation:patient" * 40 + "=x",
        "_include=*" + "&_include:iterate=*" * 500,
        "date=" + "9" * 100,
        "date=ge0000-00-00",
        "date=2024-13-45",
        "value-quantity=1e999999|http://unitsofmeasure.org|kg",
        "code=%00",
        "code:text=%ff%fe",
        "name:contains=%25%25%25_" * 1000,
        "_cursor=" + "A" * 10_000,
        "_filter=" + "(" * 10_000,
        "&".join(f"code={n}" for n in range(2000)),
    ],
)
async def test_searches(client, query: str) -> None:
    a = await client("institution", institution="A")
    await answered(a.get(f"/Observation?{query}"))


@pytest.mark.parametrize(
    "query",
    [
        "_sort=" + ",".join(["date"] * 500),
        "value-quantity=1|http://unitsofmeasure.org|" + "kg." * 5000,
        "_id=" + "a" * 50_000,
        "code=" + "a" * 10_000,
    ],
)
async def test_searches_that_are_long_and_harmless(client, query: str) -> None:
    a = await client("institution", institution="A")
    started = time.monotonic()
    assert (await a.get(f"/Observation?{query}")).status_code in (200, 400)
    assert time.monotonic() - started < SECONDS


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/Patient/" + "a" * 5000),
        ("GET", "/Patient/a%00b"),
        ("GET", "/$export-files/a%00b"),
        ("GET", "/app-state/Basic?code=a%00b&subject:missing=true"),
        ("GET", "/Patient/$export?_elements=a%00b"),
        ("GET", "/Patient/$ihe-pix?sourceIdentifier=a%00b|1"),
        ("GET", "/Patient/..%2f..%2fetc%2fpasswd"),
        ("GET", "/Patient/a/_history/99999999999999999999"),
        ("GET", "/Patient/a/_history/-1"),
        ("GET", "/Patient/a/_history?_count=1000000000"),
        ("GET", "/Patient/a/_history?_since=yesterday"),
        ("PUT", "/Patient/%20"),
        ("GET", "/Patient/a/$everything?_count=0.5"),
        ("POST", "/Patient/$nothing"),
        ("GET", "/" + "/".join(["a"] * 500)),
    ],
)
async def test_addresses(client, method: str, path: str) -> None:
    a = await client("institution", institution="A")
    await answered(a.request(method, path))


@pytest.mark.parametrize(
    ("path", "parameter"),
    [
        ("/Patient/p1/$open-record", {"name": "note", "valueString": "a\0b"}),
        ("/Patient/$accept-proxy", {"name": "code", "valueString": "\0"}),
        ("/Patient/$invite-proxy", {"name": "action", "valueCode": "\0"}),
        ("/Patient/$end-representation", {"name": "number", "valueInteger": 2**31}),
        ("/Patient/$second-opinion", {"name": "number", "valueInteger": 2**63}),
        ("/Patient/$decide-review", {"name": "number", "valueInteger": -(2**70)}),
        ("/Patient/p1/$link", {"name": "patient", "valueReference": {"reference": "Patient/\0"}}),
        ("/Observation/$lastn", {"name": "code", "valueString": "a\0b"}),
        ("/Patient/$export", {"name": "_elements", "valueString": "a\0b"}),
    ],
)
async def test_values_that_no_parameter_can_have(client, path: str, parameter: object) -> None:
    caller = await client("operator", scopes="system/*.cruds")
    more = [{"name": "verdict", "valueCode": "same"}, {"name": "decision", "valueCode": "keep"}]
    given = [parameter, {"name": "reason", "valueString": "x"}, *more]
    for some in ([parameter], given[:2], [*given[:2], more[0]], [*given[:2], more[1]]):
        sent = json.dumps({"resourceType": "Parameters", "parameter": some}).encode()
        await answered(caller.post(path, content=sent, headers={"prefer": "respond-async"}))


async def test_headers(client) -> None:
    a = await client("institution", institution="A")
    await a.put("/Patient/p1", content=patient("p1", "张伟"))
    for header in ("W/" + '"1"' * 5000, '"', "\x7f", "*" * 100):
        await answered(
            a.put("/Patient/p1", content=patient("p1", "张玮"), headers={"if-match": header})
        )
    await answered(a.get("/Patient/p1", headers={"authorization": "Bearer " + "x" * 50_000}))
    await answered(a.get("/Patient/p1", headers={"authorization": "Basic !!!"}))


async def test_others_are_served_meanwhile(client) -> None:
    """A large refusal does not hold up a small read for long."""
    a = await client("institution", institution="A")
    stored = await a.post("/Observation", content=observation("Patient/1"))
    address = stored.headers["location"].partition("/_history")[0]
    flood = asyncio.gather(
        *(a.post("/Patient", content=BODIES["extensions in extensions"]()) for _ in range(4))
    )
    started = time.monotonic()
    assert (await a.get(address)).status_code == 200
    assert time.monotonic() - started < SECONDS
    assert {one.status_code for one in await flood} <= {400, 413, 422}
