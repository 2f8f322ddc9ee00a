"""Conditional interactions, alone and inside Bundles. https://hl7.org/fhir/R4/http.html#ccreate"""

import asyncio

import orjson
import pytest
from tests_rest_samples import observation, patient

BY_NUMBER = "identifier=urn:hie:institution:A:patient|7"
ELSEWHERE = "identifier=urn%3Ahie%3Ainstitution%3AA%3Apatient%7C7"


async def total(client, query: str) -> int:
    return (await client.get(f"{query}&_total=accurate")).json()["total"]


def bundle(kind: str, *entries: dict) -> dict:
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries)}


def entry(method: str, url: str, resource: bytes | None = None, **request: str) -> dict:
    made = {"request": {"method": method, "url": url, **request}}
    return made | ({"resource": orjson.loads(resource)} if resource else {})


def statuses(response) -> list[str]:
    assert response.status_code == 200, response.text
    return [e["response"]["status"][:3] for e in response.json()["entry"]]


async def test_create_only_if_none_exists(client) -> None:
    a = await client("institution", institution="A")
    body = patient(None, "张伟")
    first = await a.post("/Patient", content=body, headers={"if-none-exist": BY_NUMBER})
    second = await a.post("/Patient", content=body, headers={"if-none-exist": ELSEWHERE})
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.headers["location"] == second.headers["location"]
    await a.post("/Patient", content=body)
    third = await a.post("/Patient", content=body, headers={"if-none-exist": BY_NUMBER})
    assert third.status_code == 412


async def test_the_address_before_the_criteria_is_left_aside(client) -> None:
    """Some client libraries send it in If-None-Exist, where R4 wants "the query portion"."""
    a = await client("institution", institution="A")
    body = patient(None, "张伟")
    base = "http://127.0.0.1:8080/fhir"
    seen = set()
    for before in ("", "?", "Patient?", f"{base}/Patient?"):
        sent = {"if-none-exist": f"{before}{BY_NUMBER}"}
        seen.add((await a.post("/Patient", content=body, headers=sent)).headers["location"])
        one = entry("POST", "Patient", body, ifNoneExist=f"{before}{BY_NUMBER}")
        [answered] = (await a.post("/", json=bundle("transaction", one))).json()["entry"]
        seen.add(answered["response"]["location"])
    assert len(seen) == 1
    other = {"if-none-exist": f"Observation?{BY_NUMBER}"}
    assert (await a.post("/Patient", content=body, headers=other)).status_code == 400


@pytest.mark.parametrize(
    "criteria", ["", "identifier=", "_count=1", "colour=red", f"{BY_NUMBER}&name="]
)
async def test_criteria_without_meaning_are_refused(client, criteria: str) -> None:
    a = await client("institution", institution="A")
    await a.put("/Patient/p1", content=patient("p1", "张伟"))
    body = patient(None, "张伟")
    if criteria:
        refused = await a.post("/Patient", content=body, headers={"if-none-exist": criteria})
        assert refused.status_code == 400
    assert (await a.put(f"/Patient?{criteria}", content=body)).status_code == 400
    assert (await a.delete(f"/Patient?{criteria}")).status_code == 400
    assert (await a.get("/Patient/p1")).headers["etag"] == 'W/"1"'


async def test_racing_creates_make_one(client) -> None:
    a = await client("institution", institution="A")
    headers = [{"if-none-exist": BY_NUMBER if n % 2 else ELSEWHERE} for n in range(6)]
    answers = await asyncio.gather(
        *(a.post("/Patient", content=patient(None, "张伟"), headers=h) for h in headers)
    )
    assert sorted(r.status_code for r in answers) == [200] * 5 + [201]


async def test_racing_updates_make_one(client) -> None:
    a = await client("institution", institution="A")
    answers = await asyncio.gather(
        *(a.put(f"/Patient?{BY_NUMBER}", content=patient(None, "张伟")) for _ in range(6))
    )
    assert sorted(r.status_code for r in answers) == [200] * 5 + [201]


async def test_racing_updates_of_one_resource_make_one_version_each(client) -> None:
    a = await client("institution", institution="A")
    names = [f"张{c}" for c in "一二三四五六"]
    await a.put("/Patient/p1", content=patient("p1", "张伟"))
    await asyncio.gather(*(a.put("/Patient/p1", content=patient("p1", n)) for n in names))
    history = (await a.get("/Patient/p1/_history")).json()["entry"]
    assert [e["response"]["etag"] for e in history] == [f'W/"{n}"' for n in range(7, 0, -1)]
    assert {e["resource"]["name"][0]["text"] for e in history} == {"张伟", *names}


async def test_conditional_update_by_the_table_of_the_specification(client) -> None:
    a = await client("institution", institution="A")
    made = await a.put(f"/Patient?{BY_NUMBER}", content=patient(None, "张伟"))
    assert made.status_code == 201
    where = made.json()["id"]
    again = await a.put(f"/Patient?{BY_NUMBER}", content=patient(None, "张玮"))
    assert (again.status_code, again.headers["etag"]) == (200, 'W/"2"')
    assert again.json()["id"] == where
    named = await a.put(f"/Patient?{BY_NUMBER}", content=patient(where, "张苇"))
    assert named.headers["etag"] == 'W/"3"'
    other = await a.put(f"/Patient?{BY_NUMBER}", content=patient("another", "张苇"))
    assert other.status_code == 400
    chosen = await a.put("/Patient?name=李娜", content=patient("p2", "李娜", number="8"))
    assert (chosen.status_code, chosen.json()["id"]) == (201, "p2")
    await a.post("/Patient", content=patient(None, "张伟"))
    several = await a.put(f"/Patient?{BY_NUMBER}", content=patient(None, "张伟"))
    assert several.status_code == 412
    late = await a.put(
        "/Patient?name=李娜", content=patient("p2", "李婷", number="8"), headers={"if-match": '"9"'}
    )
    assert late.status_code == 412


async def test_create_and_do_not_overwrite(client) -> None:
    a = await client("institution", institution="A")
    new = {"if-none-match": "*"}
    made = await a.put("/Patient/p1", content=patient("p1", "张伟"), headers=new)
    assert made.status_code == 201
    again = await a.put("/Patient/p1", content=patient("p1", "张玮"), headers=new)
    assert again.status_code == 412
    put = entry("PUT", "Patient/p1", patient("p1", "张玮"), ifNoneMatch="*")
    assert (await a.post("/", json=bundle("transaction", put))).status_code == 412
    other = {"if-none-match": 'W/"7"'}
    assert (
        await a.put("/Patient/p1", content=patient("p1", "张玮"), headers=other)
    ).status_code == 200
    same = {"if-none-match": 'W/"2"'}
    assert (await a.delete("/Patient/p1", headers=same)).status_code == 412
    await a.delete("/Patient/p1")
    assert (
        await a.put("/Patient/p1", content=patient("p1", "张伟"), headers=new)
    ).status_code == 201
    racing = await asyncio.gather(
        *(a.put("/Patient/p2", content=patient("p2", f"张{n}"), headers=new) for n in "一二三四")
    )
    assert sorted(r.status_code for r in racing) == [201, 412, 412, 412]


async def test_conditional_delete_of_one(client) -> None:
    a = await client("institution", institution="A")
    await a.put("/Patient/p1", content=patient("p1", "张伟"))
    assert (await a.delete(f"/Patient?{BY_NUMBER}")).status_code == 204
    assert (await a.get("/Patient/p1")).status_code == 410
    nothing = await a.delete(f"/Patient?{BY_NUMBER}", headers={"prefer": "return=OperationOutcome"})
    assert nothing.json()["issue"][0]["details"]["text"] == "There was nothing to delete"
    for logical_id in ("p2", "p3"):
        await a.put(f"/Patient/{logical_id}", content=patient(logical_id, "张伟"))
    assert (await a.delete(f"/Patient?{BY_NUMBER}")).status_code == 412
    assert await total(a, "/Patient?_id=p2,p3") == 2


async def test_conditional_delete_of_several_is_a_setting(client, exchange, app) -> None:
    from dataclasses import replace

    changed = exchange.settings.model_copy(update={"conditional_delete": "multiple"})
    app.state.exchange = replace(exchange, settings=changed)
    a = await client("institution", institution="A")
    statement = (await a.get("/metadata")).json()
    assert statement["rest"][0]["resource"][0]["conditionalDelete"] == "multiple"
    for logical_id in ("p2", "p3"):
        await a.put(f"/Patient/{logical_id}", content=patient(logical_id, "张伟"))
    assert (await a.delete(f"/Patient?{BY_NUMBER}")).status_code == 204
    assert await total(a, "/Patient?_id=p2,p3") == 0


async def test_conditional_reads(client) -> None:
    a = await client("institution", institution="A")
    made = await a.put("/Patient/p1", content=patient("p1", "张伟"))
    modified = made.headers["last-modified"]
    for headers, status in (
        ({"if-none-match": 'W/"1"'}, 304),
        ({"if-none-match": '"7", "1"'}, 304),
        ({"if-none-match": "*"}, 304),
        ({"if-none-match": 'W/"2"'}, 200),
        ({"if-modified-since": modified}, 304),
        ({"if-modified-since": "Sat, 01 Jan 2000 00:00:00 GMT"}, 200),
        ({"if-modified-since": "yesterday"}, 200),
        ({"if-modified-since": "Mon, 01 Jan 99999999999 00:00:00 GMT"}, 200),
        ({"if-modified-since": "Mon, 01 Jan 2020 00:00:00 +99999999999999999999"}, 200),
        ({"if-none-match": 'W/"2"', "if-modified-since": modified}, 200),
    ):
        response = await a.get("/Patient/p1", headers=headers)
        assert (response.status_code, bool(response.content)) == (status, status == 200), headers
        assert response.headers["etag"] == 'W/"1"'
    b = await client("institution", institution="B")
    hidden = await b.get("/Patient/p1", headers={"if-none-match": "*"})
    assert hidden.status_code == 404


async def test_a_match_sees_only_what_its_caller_may_see(client) -> None:
    a = await client("institution", institution="A")
    b = await client("institution", institution="B")
    await a.put("/Patient/p1", content=patient("p1", "张伟"))
    made = await b.put(f"/Patient?{BY_NUMBER}", content=patient(None, "张伟"))
    assert made.status_code == 201
    assert (await b.delete(f"/Patient?{BY_NUMBER}")).status_code == 204
    assert (await a.get("/Patient/p1")).status_code == 200
    blind = await client("institution", institution="A", scopes="system/Patient.cud")
    body = patient(None, "张伟")
    answers = [
        await blind.post("/Patient", content=body, headers={"if-none-exist": BY_NUMBER}),
        await blind.put(f"/Patient?{BY_NUMBER}", content=body),
        await blind.delete(f"/Patient?{BY_NUMBER}"),
    ]
    assert [r.status_code for r in answers] == [403, 403, 403]
    reader = await client("institution", institution="A", scopes="system/Patient.rs")
    assert (await reader.put(f"/Patient?{BY_NUMBER}", content=body)).status_code == 403
    assert (await reader.delete(f"/Patient?{BY_NUMBER}")).status_code == 403
    nobody = await client()
    assert (await nobody.delete(f"/Patient?{BY_NUMBER}")).status_code == 401


async def test_a_transaction_of_every_method(client) -> None:
    a = await client("institution", institution="A")
    await a.put("/Patient/p1", content=patient("p1", "张伟"))
    await a.put("/Patient/p2", content=patient("p2", "李娜", number="8"))
    urn = "urn:uuid:6a0f3c6e-3f55-4d0c-9d3e-7f3a5ec1d001"
    answer = await a.post(
        "/",
        json=bundle(
            "transaction",
            entry("GET", "Observation?subject=Patient/p1"),
            entry("GET", "Patient/p1", ifNoneMatch='W/"2"'),
            entry("PUT", f"Patient?{BY_NUMBER}", patient(None, "张玮")) | {"fullUrl": urn},
            entry("POST", "Observation", observation(urn)),
            entry("DELETE", "Patient?identifier=8"),
            entry("GET", "Patient/p1/_history/1"),
        ),
    )
    assert statuses(answer) == ["200", "304", "200", "201", "204", "200"]
    entries = answer.json()["entry"]
    assert entries[0]["resource"]["entry"][0]["resource"]["subject"]["reference"] == "Patient/p1"
    assert entries[5]["resource"]["name"][0]["text"] == "张伟"
    assert (await a.get("/Patient/p2")).status_code == 410


async def test_a_read_that_fails_undoes_the_transaction(client) -> None:
    a = await client("institution", institution="A")
    made = entry("PUT", "Patient/p1", patient("p1", "张伟"))
    failed = await a.post("/", json=bundle("transaction", made, entry("GET", "Patient/none")))
    assert failed.status_code == 404
    assert failed.json()["issue"][0]["expression"] == ["Bundle.entry[1]"]
    assert (await a.get("/Patient/p1")).status_code == 404


async def test_a_resource_is_changed_by_one_entry_only(client) -> None:
    a = await client("institution", institution="A")
    await a.put("/Patient/p1", content=patient("p1", "张伟"))
    put = entry("PUT", "Patient/p1", patient("p1", "张玮"))
    for other in (put, entry("DELETE", f"Patient?{BY_NUMBER}"), entry("DELETE", "Patient/p1")):
        refused = await a.post("/", json=bundle("transaction", put, other))
        assert refused.status_code == 400
    assert (await a.get("/Patient/p1")).headers["etag"] == 'W/"1"'


async def test_two_creates_with_the_same_criteria_are_one(client) -> None:
    a = await client("institution", institution="A")
    urns = [f"urn:uuid:6a0f3c6e-3f55-4d0c-9d3e-7f3a5ec1d00{n}" for n in range(2)]
    answer = await a.post(
        "/",
        json=bundle(
            "transaction",
            *(
                entry("POST", "Patient", patient(None, "张伟"), ifNoneExist=criteria)
                | {"fullUrl": urn}
                for urn, criteria in zip(urns, (BY_NUMBER, ELSEWHERE), strict=True)
            ),
            *(entry("POST", "Observation", observation(urn)) for urn in urns),
        ),
    )
    assert statuses(answer) == ["201", "200", "201", "201"]
    where = [e["response"]["location"] for e in answer.json()["entry"]]
    assert where[0] == where[1]
    logical_id = where[0].split("/")[-3]
    assert await total(a, f"/Observation?subject=Patient/{logical_id}") == 2


async def test_entries_may_refer_to_each_other_in_a_circle(client) -> None:
    a = await client("institution", institution="A")
    urns = [f"urn:uuid:6a0f3c6e-3f55-4d0c-9d3e-7f3a5ec1d00{n}" for n in range(2)]
    entries = []
    for own, other in (urns, reversed(urns)):
        resource = orjson.loads(observation("Patient/p1"))
        resource["hasMember"] = [{"reference": other}]
        made = entry("POST", "Observation", orjson.dumps(resource))
        entries.append(made | {"fullUrl": own})
    answer = await a.post("/", json=bundle("transaction", *entries))
    ids = [e["response"]["location"].split("/")[-3] for e in answer.json()["entry"]]
    for own, other in (ids, reversed(ids)):
        stored = (await a.get(f"/Observation/{own}")).json()
        assert stored["hasMember"] == [{"reference": f"Observation/{other}"}]


async def test_references_relative_to_a_full_url(client) -> None:
    """https://hl7.org/fhir/R4/bundle.html#references: the root of an entry's own fullUrl goes before them."""
    a = await client("institution", institution="A")
    await a.put("/Patient/77", content=patient("77", "王芳", number="77"))
    roots = ("http://one.example/fhir", "http://two.example/fhir")
    entries = []
    for number, root in enumerate(roots):
        made = entry("POST", "Patient", patient(None, "张伟", number=str(number)))
        entries.append(made | {"fullUrl": f"{root}/Patient/77"})
        seen = entry("POST", "Observation", observation("Patient/77"))
        entries.append(seen | {"fullUrl": f"{root}/Observation/5"})
    entries.append(entry("POST", "Observation", observation("Patient/77")))
    answer = await a.post("/", json=bundle("transaction", *entries))
    assert statuses(answer) == ["201"] * 5
    where = [e["response"]["location"].split("/")[-3] for e in answer.json()["entry"]]
    subjects = [
        (await a.get(f"/Observation/{where[number]}")).json()["subject"]["reference"]
        for number in (1, 3, 4)
    ]
    assert subjects == [f"Patient/{where[0]}", f"Patient/{where[2]}", "Patient/77"]


@pytest.mark.parametrize("quote", ["'", '"'])
async def test_links_of_a_narrative_follow(client, quote: str) -> None:
    """ "<a href="" & <img src="" in the narrative": https://hl7.org/fhir/R4/http.html#trules"""
    a = await client("institution", institution="A")
    urn = "urn:uuid:6a0f3c6e-3f55-4d0c-9d3e-7f3a5ec1d009"
    resource = orjson.loads(observation(urn))
    links = f"<a href={quote}{urn}{quote}>p</a><img alt={quote}x{quote} src={quote}{urn}{quote}/>"
    div = f'<div xmlns="http://www.w3.org/1999/xhtml">{links} {urn}</div>'
    resource["text"] = {"status": "generated", "div": div}
    made = entry("POST", "Patient", patient(None, "张伟")) | {"fullUrl": urn}
    sent = bundle("transaction", entry("POST", "Observation", orjson.dumps(resource)), made)
    answer = await a.post("/", json=sent, headers={"prefer": "return=representation"})
    stored, target = (each["resource"] for each in answer.json()["entry"])
    assert stored["subject"]["reference"] == f"Patient/{target['id']}"
    followed = links.replace(urn, f"Patient/{target['id']}")
    assert stored["text"]["div"] == div.replace(links, followed)


async def test_conditional_references(client) -> None:
    a = await client("institution", institution="A")
    await a.put("/Patient/p2", content=patient("p2", "李娜", number="8"))
    made = entry("POST", "Patient", patient(None, "张伟"))
    seen = [
        entry("POST", "Observation", observation(f"Patient?{criteria}"))
        for criteria in (BY_NUMBER, BY_NUMBER.replace("|7", "|8"), "name=李娜")
    ]
    answer = await a.post("/", json=bundle("transaction", *seen, made))
    assert statuses(answer) == ["201"] * 4
    where = [e["response"]["location"].split("/")[-3] for e in answer.json()["entry"]]
    for logical_id, subject in zip(where, (where[3], "p2", "p2"), strict=False):
        stored = (await a.get(f"/Observation/{logical_id}")).json()
        assert stored["subject"] == {"reference": f"Patient/{subject}"}
    for criteria in ("identifier=urn:x|9", "colour=red", "name=张伟&identifier="):
        refused = await a.post("/Observation", content=observation(f"Patient?{criteria}"))
        assert refused.status_code in (400, 412)
    twice = await a.post("/", json=bundle("transaction", seen[0], made))
    assert twice.status_code == 412
    assert await total(a, "/Observation?status=final") == 3


async def test_a_batch_answers_each_entry_for_itself(client) -> None:
    a = await client("institution", institution="A")
    await a.put("/Patient/p1", content=patient("p1", "张伟"))
    await a.put("/Patient/p2", content=patient("p2", "张伟"))
    answer = await a.post(
        "/",
        json=bundle(
            "batch",
            entry("PUT", f"Patient?{BY_NUMBER}", patient(None, "张玮")),
            entry("DELETE", "Patient?name=none"),
            entry("PUT", "Patient/p1", patient("p1", "张玮"), ifMatch='W/"7"'),
            entry("PUT", "Patient/p1", patient("p1", "张玮"), ifMatch='W/"1"'),
            entry("POST", "Patient", patient(None, "张伟"), ifNoneExist="identifier=9"),
            entry("GET", "Patient/none"),
            entry("GET", "Patient/p2", ifModifiedSince="2126-01-01T00:00:00Z"),
            entry("GET", "Patient/p1/$everything"),
        ),
    )
    assert statuses(answer) == ["412", "204", "412", "200", "201", "404", "304", "200"]
    entries = answer.json()["entry"]
    assert entries[0]["response"]["outcome"]["issue"][0]["code"] == "multiple-matches"
    assert entries[5]["response"]["outcome"]["resourceType"] == "OperationOutcome"
    assert entries[7]["resource"]["type"] == "searchset"


async def test_a_date_that_no_calendar_has_is_no_condition_in_a_batch_either(client) -> None:
    a = await client("institution", institution="A")
    await a.put("/Patient/p1", content=patient("p1", "张伟"))
    read = entry("GET", "Patient/p1")
    for moment in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "yesterday"):
        read["request"]["ifModifiedSince"] = moment
        assert statuses(await a.post("/", json=bundle("batch", read))) == ["200"], moment


async def test_operations_in_a_batch(client) -> None:
    a = await client("institution", institution="A")
    await a.put("/Patient/p1", content=patient("p1", "张伟"))
    label = {"tag": [{"system": "urn:x", "code": "y"}]}
    sent = {"resourceType": "Parameters", "parameter": [{"name": "meta", "valueMeta": label}]}
    entries = [
        entry("POST", "Patient/p1/$meta-add", orjson.dumps(sent)),
        entry("POST", "Patient/_search?_id=p1"),
        entry("GET", "$graphql?query={PatientList{id}}"),
        entry("POST", "Patient/p1/$nothing", orjson.dumps(sent)),
        entry("GET", "$graphql?query={nothing}"),
    ]
    answer = await a.post("/", json=bundle("batch", *entries))
    assert statuses(answer) == ["200", "200", "200", "404", "400"]
    for refused in answer.json()["entry"][3:]:
        assert refused["response"]["outcome"]["resourceType"] == "OperationOutcome"
    meta, found, graph, *_ = (e.get("resource") for e in answer.json()["entry"])
    assert meta["resourceType"] == "Parameters"
    assert found["entry"][0]["resource"]["meta"]["versionId"] == "2"
    assert (graph["resourceType"], graph["contentType"]) == ("Binary", "application/json")
    refused = await a.post("/", json=bundle("transaction", entries[0]))
    assert refused.status_code == 400
    assert (await a.get("/Patient/p1")).headers["etag"] == 'W/"2"'


async def test_reads_inside_a_bundle_are_the_callers_own(client) -> None:
    a = await client("institution", institution="A")
    await a.put("/Patient/p1", content=patient("p1", "张伟"))
    b = await client("institution", institution="B")
    reads = [entry("GET", url) for url in ("Patient/p1", "Patient/p1/_history", "Patient?_id=p1")]
    answer = await b.post("/", json=bundle("batch", *reads))
    assert statuses(answer) == ["404", "404", "200"]
    assert "entry" not in answer.json()["entry"][2]["resource"]
    writer = await client("institution", institution="A", scopes="system/Patient.cu")
    assert statuses(await writer.post("/", json=bundle("batch", *reads))) == ["403"] * 3


async def test_ten_thousand_entries_are_one_transaction(client) -> None:
    a = await client("institution", institution="A")
    await a.put("/Patient/p1", content=patient("p1", "张伟"))
    one = entry("POST", "Observation", observation("Patient/p1"))
    urn = "urn:uuid:6a0f3c6e-3f55-4d0c-9d3e-7f3a5ec1d001"
    visit = {"resourceType": "Encounter", "status": "finished", "class": {"code": "AMB"}}
    first = entry("POST", "Encounter", orjson.dumps(visit)) | {"fullUrl": urn}
    last = orjson.loads(observation("Patient/p1", "the last")) | {"encounter": {"reference": urn}}
    many = bundle(
        "transaction", first, *[one] * 9998, entry("POST", "Observation", orjson.dumps(last))
    )
    answer = await a.post("/", json=many, timeout=120)
    assert statuses(answer) == ["201"] * 10_000
    assert await total(a, "/Observation?patient=p1") == 9999
    found = (await a.get("/Observation?encounter:Encounter.status=finished")).json()["entry"]
    assert [e["resource"]["code"]["text"] for e in found] == ["the last"]
    many["entry"][5000] = entry("PUT", "Observation/x", observation("Patient/p1"))
    refused = await a.post("/", json=many, timeout=120)
    assert refused.status_code == 400
    assert await total(a, "/Observation?patient=p1") == 9999


BASE = "http://127.0.0.1:8080/fhir"
REPRESENTATION = "return=representation"
OWN = f"subject={BASE}/Patient/p1"


def named_observation(logical_id: str) -> bytes:
    return orjson.dumps({**orjson.loads(observation("Patient/p1")), "id": logical_id})


async def observed(client):
    """An institution with one Observation of its patient."""
    a = await client("institution", institution="A")
    await a.put("/Patient/p1", content=patient("p1", "张伟"))
    await a.put("/Observation/o1", content=named_observation("o1"))
    return a


@pytest.mark.parametrize(
    "criteria",
    [
        OWN,
        f"patient={BASE}/Patient/p1",
        f"subject={BASE}/Patient/p0,{BASE}/Patient/p1",
        f"_filter=subject eq {BASE}/Patient/p1",
    ],
)
async def test_criteria_know_this_servers_own_addresses(client, criteria: str) -> None:
    """As searches do: https://hl7.org/fhir/R4/search.html#reference"""
    a = await observed(client)
    body = observation("Patient/p1")
    created = await a.post("/Observation", content=body, headers={"if-none-exist": criteria})
    assert created.headers["location"] == f"{BASE}/Observation/o1/_history/1"
    patch = orjson.dumps([{"op": "replace", "path": "/status", "value": "amended"}])
    sent = {"content-type": "application/json-patch+json"}
    patched = await a.patch(f"/Observation?{criteria}", content=patch, headers=sent)
    assert patched.json()["status"] == "amended"
    updated = await a.put(f"/Observation?{criteria}", content=body)
    assert (updated.status_code, updated.headers["etag"]) == (200, 'W/"3"')
    assert (await a.delete(f"/Observation?{criteria}")).status_code == 204
    assert (await a.get("/Observation/o1")).status_code == 410


async def test_criteria_do_not_take_another_servers_addresses_for_their_own(client) -> None:
    a = await observed(client)
    other = "subject=https://other.example.org/fhir/Patient/p1"
    assert (await a.delete(f"/Observation?{other}")).status_code == 204
    assert (await a.get("/Observation/o1")).status_code == 200
    b = await client("institution", institution="B")
    assert (await b.delete(f"/Observation?{OWN}")).status_code in (204, 404)
    assert (await a.get("/Observation/o1")).status_code == 200


async def test_both_ways_to_write_a_reference_are_one_question(client) -> None:
    """Also for who asks at the same time, and for two entries of one transaction."""
    a = await client("institution", institution="A")
    await a.put("/Patient/p1", content=patient("p1", "张伟"))
    body = observation("Patient/p1")
    ways = [OWN, "subject=Patient/p1"]
    answers = await asyncio.gather(
        *(
            a.post("/Observation", content=body, headers={"if-none-exist": ways[n % 2]})
            for n in range(6)
        )
    )
    assert sorted(r.status_code for r in answers) == [200] * 5 + [201]
    assert (await a.delete(f"/Observation?{OWN}")).status_code == 204
    both = [entry("POST", "Observation", body, ifNoneExist=way) for way in ways]
    assert statuses(await a.post("/", json=bundle("transaction", *both))) == ["201", "200"]


@pytest.mark.parametrize("before", ["", f"{BASE}/"])
async def test_conditional_references_know_this_servers_own_addresses(client, before: str) -> None:
    a = await observed(client)
    organization = orjson.dumps(
        {"resourceType": "Organization", "id": "g1", "partOf": {"reference": "Organization/g0"}}
    )
    await a.put("/Organization/g1", content=organization)
    asked = f"{before}Organization?partof={BASE}/Organization/g0"
    body = orjson.loads(observation("Patient/p1")) | {"performer": [{"reference": asked}]}
    one = entry("POST", "Observation", orjson.dumps(body))
    done = await a.post("/", json=bundle("transaction", one), headers={"prefer": REPRESENTATION})
    [answered] = done.json()["entry"]
    assert answered["resource"]["performer"] == [{"reference": "Organization/g1"}]
