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
        ('Patient/p2"1"', "PUT"),
        ('Patient/p1"2"', "PUT"),
        ('Patient/p1"1"', "PUT"),
    ]
    assert versions(await a.get("/Observation/_history")) == [
        ('Observation/o1"2"', "DELETE"),
        ('Observation/o1"1"', "PUT"),
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
    [
        *("_since=yesterday", "_since=2026-01-01", "_at=x", "_count=0", "_count=x", "colour=red"),
        *("_count=1&_count=2", "_at=2026&_at=2025", "_list=$current-problems", "_list=a/b"),
    ],
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
    assert versions(await b.get("/_history")) == [('Patient/p3"1"', "PUT")]
    assert versions(await b.get("/Patient/_history")) == [('Patient/p3"1"', "PUT")]
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


async def made(a, path: str) -> list[tuple[str, str, str]]:
    """How each version came to be, newest first: method, url and status."""
    entries = (await a.get(path)).json()["entry"]
    for each in entries:
        here = f"{each['fullUrl']}/_history/{each['response']['etag'][3:-1]}"
        created = each["response"]["status"] == "201"
        assert each["response"].get("location") == (here if created else None)
    return [(*each["request"].values(), each["response"]["status"]) for each in entries]


async def test_how_each_version_came_to_be(client) -> None:
    """https://hl7.org/fhir/R4/http.html#history: "the interaction that led to this new version"."""
    a = await client("institution", institution="A")
    sent = orjson.loads(observation("Patient/p1"))
    by_value = "/Observation?code:text=body%20weight"
    where = (await a.put(by_value, json=sent)).json()["id"]
    assert await made(a, f"/Observation/{where}/_history") == [("POST", "Observation", "201")]
    named = "/Observation?code:text=height"
    height = sent | {"code": {"text": "height"}, "id": "o1"}
    await a.put(named, json=height)
    patch = orjson.dumps([{"op": "replace", "path": "/status", "value": "amended"}])
    await a.patch(
        "/Observation/o1", content=patch, headers={"content-type": "application/json-patch+json"}
    )
    await a.delete("/Observation/o1")
    await a.put("/Observation/o1", json=height)
    await a.put("/Observation/o1", json=height | {"status": "amended"})
    assert await made(a, "/Observation/o1/_history") == [
        ("PUT", "Observation/o1", "200"),
        ("PUT", "Observation/o1", "201"),
        ("DELETE", "Observation/o1", "204"),
        ("PUT", "Observation/o1", "200"),
        ("PUT", "Observation/o1", "201"),
    ]
    # an id that looks like one of the exchange's own
    chosen = "01890a5d-ac96-774b-bcce-b302099a8057"
    entries = [
        {"request": {"method": "POST", "url": "Observation"}, "resource": sent | {"id": chosen}},
        {"request": {"method": "PUT", "url": f"Observation/{chosen}"}, "resource": sent | {"id": chosen}},
    ]  # fmt: skip
    await a.post("/", json={"resourceType": "Bundle", "type": "transaction", "entry": entries})
    assert sorted((await made(a, "/Observation/_history"))[:2]) == [
        ("POST", "Observation", "201"),
        ("PUT", f"Observation/{chosen}", "201"),
    ]
    assert await made(a, f"/Observation/{chosen}/_history") == [
        ("PUT", f"Observation/{chosen}", "201")
    ]


async def test_rows_from_before_the_column_are_told_by_their_ids(client, exchange) -> None:
    a = await filled(client)
    own = (await a.post("/Observation", content=observation("Patient/p1"))).json()["id"]
    async with exchange.store.database.transaction() as connection:
        await connection.execute("UPDATE store.resource SET id_given = NULL")
    assert await made(a, f"/Observation/{own}/_history") == [("POST", "Observation", "201")]
    assert await made(a, "/Patient/p2/_history") == [("PUT", "Patient/p2", "201")]


async def test_a_history_of_what_a_list_names(client) -> None:
    """`_list`: "Only include resource versions that are referenced in the specified list"."""
    a = await filled(client)
    references = ("Patient/p1/_history/1", "Observation/o1", "Patient/p2", "Nothing/1", "#x")
    items = [{"item": {"reference": each}} for each in references]
    items[2]["deleted"] = True
    listed = {"resourceType": "List", "id": "l1", "status": "current", "mode": "changes"}
    assert (await a.put("/List/l1", json=listed | {"entry": items[:3]})).status_code == 201
    whole = ['Observation/o1"2"', 'Observation/o1"1"', 'Patient/p1"1"']
    for value in ("l1", "List/l1"):
        assert [w for w, _ in versions(await a.get(f"/_history?_list={value}"))] == whole
    page = await a.get("/_history?_list=l1&_count=2")
    following = next(k["url"] for k in page.json()["link"] if k["relation"] == "next")
    assert [w for w, _ in versions(page) + versions(await a.get(following))] == whole
    assert [w for w, _ in versions(await a.get("/Patient/_history?_list=l1"))] == whole[2:]
    assert versions(await a.get("/_history?_list=l2")) == []
    b = await client("institution", institution="B")
    await b.put("/Patient/p3", content=patient("p3", "王芳", institution="B"))
    assert versions(await b.get("/_history?_list=l1")) == []
    theirs = listed | {"id": "l2", "entry": [items[0], {"item": {"reference": "Patient/p3"}}]}
    await b.put("/List/l2", json=theirs)
    assert [w for w, _ in versions(await b.get("/_history?_list=l2"))] == ['Patient/p3"1"']
    blind = await client("institution", institution="A", scopes="system/Patient.rs")
    assert versions(await blind.get("/Patient/_history?_list=l1")) == []


async def test_a_history_of_another_server_is_taken(client) -> None:
    """ "servers SHOULD accept a history Bundle": https://hl7.org/fhir/R4/http.html#other-bundles"""
    a = await filled(client)
    made = (await a.post("/Observation", content=observation("Patient/p1"))).json()["id"]
    await a.put(f"/Observation/{made}", json=orjson.loads(observation("Patient/p2")) | {"id": made})
    past = (await a.get("/Observation/_history")).json()
    methods = [each["request"]["method"] for each in past["entry"]]
    assert methods == ["PUT", "POST", "DELETE", "PUT"]
    past["entry"].append({"request": {"method": "PUT", "url": "Observation/o7"}})
    b = await client("institution", institution="B")
    refused = await b.post("/", json=past)
    assert [e["response"]["status"][:3] for e in refused.json()["entry"]] == [
        *("403", "403", "404", "403", "400"),
    ]
    text = orjson.dumps(past).replace(b"/o1", b"/o2").replace(b'"o1"', b'"o2"')
    text = text.replace(made.encode(), b"o3")
    taken = await b.post("/", content=text)
    assert taken.json()["type"] == "batch-response"
    answered = [each["response"] for each in taken.json()["entry"]]
    assert [each["status"][:3] for each in answered] == ["200", "201", "204", "201", "400"]
    assert [each.get("etag") for each in answered[:3]] == ['W/"2"', 'W/"1"', 'W/"2"']
    assert (await b.get("/Observation/o3")).json()["subject"] == {"reference": "Patient/p2"}
    assert (await b.get("/Observation/o2")).status_code == 410
    writer = await client("institution", institution="B", scopes="system/Patient.cud")
    again = await writer.post("/", content=text)
    assert {e["response"]["status"][:3] for e in again.json()["entry"]} == {"403", "400"}
