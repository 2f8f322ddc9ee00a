"""Status codes, headers, origins and encodings. https://hl7.org/fhir/R4/http.html"""

import gzip
from dataclasses import replace

import httpx
import pytest
import zstandard
from tests_rest_samples import observation, patient

from hie.app import application_on
from hie.auth.clients import create_client, disable_client
from hie.rest import body, bundle_entry

APP = "https://app.example.org"


async def filled(client, number: int = 1):
    a = await client("institution", institution="A")
    await a.put("/Patient/p1", content=patient("p1", "张伟"))
    for _ in range(number):
        await a.post("/Observation", content=observation("Patient/p1"))
    return a


async def test_addresses_of_versions(client) -> None:
    a = await client("institution", institution="A")
    made = await a.post("/Patient", content=patient(None, "张伟"))
    where = made.headers["location"]
    assert where == f"http://127.0.0.1:8080/fhir/Patient/{made.json()['id']}/_history/1"
    version = await a.get(where)
    assert (version.headers["etag"], version.content) == (made.headers["etag"], made.content)
    assert version.headers["last-modified"] == made.headers["last-modified"]


async def test_head_is_get_without_the_body(client) -> None:
    a = await filled(client)
    for path in ("/Patient/p1", "/Patient", "/metadata", "/Patient/none"):
        whole, head = await a.get(path), await a.head(path)
        assert (head.status_code, head.content) == (whole.status_code, b"")
        assert head.headers.get("etag") == whole.headers.get("etag")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/Patient/none", 404),
        ("GET", "/Nothing", 404),
        ("GET", "/Patient/p1/_history/9", 404),
        ("GET", "/Patient/p1/$nothing", 404),
        ("POST", "/Patient/p1", 405),
        ("DELETE", "/metadata", 405),
        ("PUT", "/", 405),
    ],
)
async def test_errors_are_outcomes(client, method: str, path: str, status: int) -> None:
    a = await filled(client)
    refused = await a.request(method, path)
    assert refused.status_code == status
    assert refused.json()["resourceType"] == "OperationOutcome"
    assert refused.headers["content-type"] == "application/fhir+json; charset=utf-8"
    assert ("allow" in refused.headers) == (status == 405)


@pytest.mark.parametrize(
    ("wanted", "kind"),
    [("minimal", None), ("representation", "Patient"), ("OperationOutcome", "OperationOutcome")],
)
async def test_what_comes_back_is_what_is_preferred(client, wanted: str, kind: str | None) -> None:
    a = await client("institution", institution="A")
    prefer = {"prefer": f"return={wanted}"}
    patch = {"content-type": "application/json-patch+json", **prefer}
    answers = [
        await a.post("/Patient", content=patient(None, "张伟"), headers=prefer),
        await a.put("/Patient/p1", content=patient("p1", "张伟"), headers=prefer),
        await a.patch("/Patient/p1", content=b"[]", headers=patch),
    ]
    for answer in answers:
        assert answer.status_code in (200, 201)
        assert {"etag", "last-modified", "location"} <= set(answer.headers)
        assert (answer.json()["resourceType"] if answer.content else None) == kind
    gone = await a.delete("/Patient/p1", headers=prefer)
    assert gone.status_code == (200 if wanted == "OperationOutcome" else 204)
    entry = {
        "resource": {"resourceType": "Basic", "code": {"text": "x"}},
        "request": {"method": "POST", "url": "Basic"},
    }
    sent = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
    [answered] = (await a.post("/", json=sent, headers=prefer)).json()["entry"]
    assert ("resource" in answered) == (wanted == "representation")
    assert ("outcome" in answered["response"]) == (wanted == "OperationOutcome")


@pytest.mark.parametrize(
    ("prefer", "shown"),
    [
        (["return=everything"], True),
        (["return=everything, return=minimal"], True),
        (["return=minimal, return=representation"], False),
        (["respond-sync; wait=3", "return=minimal"], False),
        (["handling=lenient;return=minimal"], False),
        (['Return="Minimal"'], False),
    ],
)
async def test_what_is_not_understood_of_preferences_is_ignored(
    client, prefer: list[str], shown: bool
) -> None:
    """RFC 7240, 2: ignored and not an error; of a repeated one the first counts."""
    a = await client("institution", institution="A")
    headers = [("prefer", one) for one in prefer]
    made = await a.put("/Patient/p1", content=patient("p1", "张伟"), headers=headers)
    assert made.status_code == 201
    assert bool(made.content) == shown


async def test_the_format_of_answers(client) -> None:
    """https://hl7.org/fhir/R4/http.html#parameters"""
    a = await filled(client)
    for path, accept, format_ in (
        ("/Patient/p1", "", "json"),
        ("/Patient/p1?_format=", "application/fhir+xml", "xml"),
        ("/Patient/p1?_format=application/fhir%2Bxml", "application/fhir+json", "xml"),
        ("/Patient/p1?_format=application/fhir+xml", "text/html", "xml"),
        ("/Patient/p1?_format=text/xml", "", "xml"),
        ("/Patient/p1?_format=JSON", "application/xml", "json"),
        ("/Patient/p1", "application/pdf, application/xml;q=0.2", "xml"),
        ("/Patient/p1", "text/turtle", None),
        ("/Patient/p1?_format=ttl", "application/json", None),
    ):
        answer = await a.get(path, headers={"accept": accept})
        assert answer.status_code == (200 if format_ else 406)
        kind = f"application/fhir+{format_ or 'json'}; charset=utf-8"
        if path == "/Patient/p1" and accept.startswith("application/pdf"):
            kind = "application/xml; charset=utf-8"
        assert answer.headers["content-type"] == kind, (path, accept)


async def test_a_slash_at_the_end_means_the_same(client) -> None:
    a = await filled(client)
    assert (await a.get("/Patient/p1/")).content == (await a.get("/Patient/p1")).content
    assert (await a.post("/Patient/", content=patient(None, "张伟"))).status_code == 201
    assert (await a.get("/Patient//")).status_code == 404


async def test_options_says_what_is_possible(client) -> None:
    anybody = await client()
    for path, allowed in (
        ("/Patient/p1", "DELETE, GET, HEAD, OPTIONS, PATCH, PUT"),
        ("/metadata", "GET, HEAD, OPTIONS"),
    ):
        answer = await anybody.options(path)
        assert (answer.status_code, answer.headers["allow"]) == (204, allowed)


async def test_bodies_that_are_not_taken(client, monkeypatch: pytest.MonkeyPatch) -> None:
    a = await filled(client)
    sent = patient(None, "张伟")
    compressed = await a.post(
        "/Patient", content=gzip.compress(sent), headers={"content-encoding": "gzip"}
    )
    assert compressed.status_code == 415
    other = ("application/fhir+json; charset=GBK", 'application/json;charset="gb2312"')
    for content_type in ("text/plain", "application/pdf", "", *other):
        refused = await a.post("/Patient", content=sent, headers={"content-type": content_type})
        assert refused.status_code == 415
    for content_type in ("application/fhir+json;charset=UTF-8", 'text/json; charset="utf8"'):
        taken = await a.post("/Patient", content=sent, headers={"content-type": content_type})
        assert taken.status_code == 201
    large = await a.post("/Patient", content=b" " * (body.LARGEST_RESOURCE + 1))
    assert large.status_code == 413
    assert (await a.post("/Patient", content=b"")).status_code == 400
    monkeypatch.setattr(bundle_entry, "MOST_ENTRIES", 1)
    entry = {"request": {"method": "GET", "url": "Patient/p1"}}
    many = await a.post("/", json={"resourceType": "Bundle", "type": "batch", "entry": [entry] * 2})
    assert many.status_code == 413


@pytest.mark.parametrize(
    ("version", "taken"), [("4.0", True), ('"4.0"', True), ("3.0", False), ("5.0", False)]
)
async def test_the_version_of_fhir_is_a_part_of_the_type(client, version: str, taken: bool) -> None:
    a = await filled(client)
    kind = f"application/fhir+json; fhirVersion={version}"
    read = await a.get("/Patient/p1", headers={"accept": kind})
    assert read.status_code == (200 if taken else 406)
    sent = await a.post("/Patient", content=patient(None, "李娜"), headers={"content-type": kind})
    assert sent.status_code == (201 if taken else 415)


async def test_each_request_has_an_id(client, exchange) -> None:
    a = await filled(client)
    own = await a.get("/Patient/p1", headers={"x-request-id": "ward-7-0001"})
    assert own.headers["x-request-id"] == "ward-7-0001"
    made = {(await a.get("/Patient/p1")).headers["x-request-id"] for _ in range(2)}
    assert len(made) == 2
    long = await a.get("/Patient/none", headers={"x-request-id": "x" * 200})
    assert len(long.headers["x-request-id"]) < 100
    async with exchange.store.database.connection() as connection:
        cursor = await connection.execute("SELECT request_id FROM audit.event")
        kept = {row[0] for row in await cursor.fetchall()}
    assert {"ward-7-0001", *made} <= kept


@pytest.mark.parametrize(
    ("asked", "expand"),
    [
        ("gzip", gzip.decompress),
        ("zstd", lambda sent: zstandard.ZstdDecompressor().decompressobj().decompress(sent)),
        ("zstd, gzip", lambda sent: zstandard.ZstdDecompressor().decompressobj().decompress(sent)),
        ("br, identity", bytes),
    ],
)
async def test_large_answers_are_compressed(client, asked: str, expand) -> None:
    a = await filled(client, 20)
    headers = {"accept-encoding": asked}
    async with a.stream("GET", "/Observation?_sort=_id", headers=headers) as answer:
        sent = b"".join([part async for part in answer.aiter_raw()])
    whole = (await a.get("/Observation?_sort=_id", headers={"accept-encoding": "identity"})).json()
    assert httpx.Response(200, content=expand(sent)).json()["entry"] == whole["entry"]
    assert answer.headers.get("content-encoding") == (
        {"gzip": "gzip", "br, identity": None}.get(asked, "zstd")
    )
    assert answer.headers["vary"].lower() == "accept-encoding"
    small = await a.get("/Patient/p1", headers=headers)
    assert "content-encoding" not in small.headers


async def test_origins(client, exchange) -> None:
    await filled(client)
    settings = exchange.settings.model_copy(update={"cors_origins": f"{APP}, https://b.example"})
    allowed = application_on(replace(exchange, settings=settings))
    preflight = {
        "origin": APP,
        "access-control-request-method": "PATCH",
        "access-control-request-headers": "authorization, if-match",
    }
    base = "http://127.0.0.1:8080/fhir"
    async with httpx.AsyncClient(transport=httpx.ASGITransport(allowed), base_url=base) as web:
        asked = await web.options("/Patient/p1", headers=preflight)
        assert asked.status_code == 200
        assert asked.headers["access-control-allow-origin"] == APP
        assert "PATCH" in asked.headers["access-control-allow-methods"]
        other = await web.options(
            "/Patient/p1", headers={**preflight, "origin": "https://evil.example"}
        )
        assert other.status_code == 400
        assert "access-control-allow-origin" not in other.headers
        refused = await web.get("/Patient/p1", headers={"origin": APP})
        assert refused.status_code == 401
        assert refused.headers["access-control-allow-origin"] == APP
        assert "etag" in refused.headers["access-control-expose-headers"]
        assert (await web.get("/metadata")).json()["rest"][0]["security"]["cors"] is True
        for answer in (asked, other, refused):
            assert "access-control-allow-credentials" not in answer.headers
    plain = await client()
    closed = await plain.get("/Patient/p1", headers={"origin": APP})
    assert "access-control-allow-origin" not in closed.headers
    async with exchange.store.database.transaction() as connection:
        await create_client(
            connection, client_id="web", name="web", kind="public", scopes="patient/*.rs",
            redirect_uris=[f"{APP}/callback"],
        )  # fmt: skip
    registered = await plain.get("/Patient/p1", headers={"origin": APP})
    assert registered.headers["access-control-allow-origin"] == APP
    asked = await plain.options("/Patient/p1", headers=preflight)
    assert asked.headers["access-control-allow-origin"] == APP
    for other_origin in (
        "https://app.example.evil",
        f"{APP}:444",
        "null",
        "https://app.exampl",
        "%",
    ):
        other = await plain.get("/Patient/p1", headers={"origin": other_origin})
        assert "access-control-allow-origin" not in other.headers, other_origin
    async with exchange.store.database.transaction() as connection:
        assert await disable_client(connection, "web")
    closed = await plain.get("/Patient/p1", headers={"origin": APP})
    assert "access-control-allow-origin" not in closed.headers
    for path in ("/metadata", "/.well-known/smart-configuration"):
        open_to_all = await plain.get(path, headers={"origin": "https://anywhere.example"})
        assert open_to_all.headers["access-control-allow-origin"] == "*"
