"""Histories of resources, types and everything. https://hl7.org/fhir/R4/http.html#history"""

import orjson
import pytest
from tests_rest_samples import observation, patient


def versions(response) -> list[tuple[str, str]]:
    """What each entry is about, newest first, with the method that made it."""
    assert response.status_code == 200, response.text
    return [
        (e["fullUrl"].partition("/fhir/")[2] + e["response"]["etag"][2:], e["request"]["method"])
        for e in response.json().get("entry", ())
    ]


async def filled(client) -> object:
    a = await client("institution", institution="A")
    await a.put("/Patient/p1", content=patient("p1", "张伟"))
    first = orjson.loads(observation("Patient/p1"))
    await a.put("/Observation/o1", json={**first, "id": "o1"})
    await a.put("/Patient/p1", content=patient("p1", "张玮"))
    await a.delete("/Observation/o1")
    await a.put("/Patient/p2", content=patient("p2", "李娜", number="8"))
    return a


async def test_types_and_everything_with_deletions(client) -> None:
    a = await filled(client)
    assert versions(await a.get("/Patient/_history")) == [
        ('Patient/p2"1"', "POST"),
        ('Patient/p1"2"', "PUT"),
        ('Patient/p1"1"', "POST"),
    ]
    assert versions(await a.get("/Observation/_history")) == [
        ('Observation/o1"2"', "DELETE"),
        ('Observation/o1"1"', "POST"),
    ]
    everything = versions(await a.get("/_history"))
    assert [what for what, _ in everything] == [
        'Patient/p2"1"',
        'Observation/o1"2"',
        'Patient/p1"2"',
        'Observation/o1"1"',
        'Patient/p1"1"',
    ]
    deletion = (await a.get("/_history?_count=2")).json()["entry"][1]
    assert "resource" not in deletion
    assert deletion["response"]["status"] == "204"
    assert versions(await a.get("/Observation/o1/_history"))[0][1] == "DELETE"
    assert (await a.get("/Observation/o2/_history")).status_code == 404


@pytest.mark.parametrize("path", ["/Patient/_history", "/_history", "/Patient/p1/_history"])
async def test_pages_give_each_version_once(client, path: str) -> None:
    a = await filled(client)
    whole = versions(await a.get(path))
    paged: list[tuple[str, str]] = []
    address: str | None = f"{path}?_count=1"
    while address:
        page = await a.get(address)
        paged += versions(page)
        following = [k["url"] for k in page.json()["link"] if k["relation"] == "next"]
        address = following[0] if following else None
    assert paged == whole


async def test_since_and_at(client) -> None:
    a = await filled(client)
    entries = (await a.get("/_history")).json()["entry"]
    times = {
        e["fullUrl"][-2:] + e["response"]["etag"][3]: e["response"]["lastModified"] for e in entries
    }
    since = await a.get("/_history", params={"_since": times["p12"]})
    assert {w for w, _ in versions(since)} == {
        'Patient/p1"2"',
        'Observation/o1"2"',
        'Patient/p2"1"',
    }
    at = await a.get("/_history", params={"_at": times["o11"]})
    assert {w for w, _ in versions(at)} == {'Patient/p1"1"', 'Observation/o1"1"'}
    at = await a.get("/Patient/p1/_history", params={"_at": times["p12"]})
    assert {w for w, _ in versions(at)} == {'Patient/p1"2"'}
    this_year = await a.get("/Patient/_history", params={"_at": times["p11"][:4]})
    assert len(versions(this_year)) == 3
    assert versions(await a.get("/Patient/_history?_at=1999")) == []
    assert versions(await a.get("/Patient/p1/_history?_at=1999")) == []
    assert (await a.get("/Patient/p9/_history?_at=1999")).status_code == 404


@pytest.mark.parametrize(
    "query",
    ["_since=yesterday", "_since=2026-01-01", "_at=x", "_count=0", "_count=x", "colour=red"],
)
async def test_bad_parameters_are_named(client, query: str) -> None:
    a = await client("institution", institution="A")
    for path in ("/_history", "/Patient/_history"):
        refused = await a.get(f"{path}?{query}")
        assert refused.status_code == 400
        assert refused.json()["issue"][0]["expression"] == [query.partition("=")[0]]
    lenient = await a.get("/_history?colour=red", headers={"prefer": "handling=lenient"})
    assert lenient.status_code == 200


async def test_histories_show_what_the_caller_may_see(client) -> None:
    await filled(client)
    b = await client("institution", institution="B")
    await b.put("/Patient/p3", content=patient("p3", "王芳", institution="B"))
    assert versions(await b.get("/_history")) == [('Patient/p3"1"', "POST")]
    assert versions(await b.get("/Patient/_history")) == [('Patient/p3"1"', "POST")]
    assert versions(await b.get("/Observation/_history")) == []
    assert (await b.get("/Patient/p1/_history")).status_code == 404
    a = await client("institution", institution="A", scopes="system/Observation.s")
    assert [w for w, _ in versions(await a.get("/_history"))] == [
        'Observation/o1"2"',
        'Observation/o1"1"',
    ]
    for path in ("/Patient/_history", "/Observation/o1/_history"):
        assert (await a.get(path)).status_code == 403
    writer = await client("institution", institution="A", scopes="system/*.cud")
    for path in ("/_history", "/Patient/_history", "/Patient/p1/_history"):
        assert (await writer.get(path)).status_code == 403
    nobody = await client()
    assert (await nobody.get("/_history")).status_code == 401


async def test_a_resident_sees_the_history_of_the_own_record(client, exchange) -> None:
    a = await filled(client)
    golden = (await (await client("operator")).get("/Patient?name=张玮")).json()["entry"]
    person = next(e["resource"]["id"] for e in golden if e["resource"]["id"] not in ("p1", "p2"))
    me = await client("resident", scopes="patient/*.rs", patient=person)
    seen = {w.partition('"')[0] for w, _ in versions(await me.get("/_history"))}
    assert seen == {f"Patient/{person}", "Patient/p1", "Observation/o1"}
    page = await a.get("/Patient/_history?_count=1")
    stolen = next(k["url"] for k in page.json()["link"] if k["relation"] == "next")
    assert (await me.get(stolen)).status_code == 400


async def test_a_history_in_part(client) -> None:
    a = await filled(client)
    entries = (await a.get("/Patient/_history?_elements=birthDate")).json()["entry"]
    assert {tuple(sorted(e["resource"])) for e in entries} == {
        ("birthDate", "id", "meta", "resourceType")
    }
    assert entries[0]["resource"]["meta"]["tag"][-1]["code"] == "SUBSETTED"
