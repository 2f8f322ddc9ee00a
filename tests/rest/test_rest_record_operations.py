"""$everything, $lastn, $meta, $meta-add and $meta-delete. https://hl7.org/fhir/R4/operationslist.html"""

import orjson
import pytest
from tests_rest_samples import observation, patient

from hie.fhir.validation import validate

LABEL = {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}
TAG = {"system": "urn:x", "code": "study-7"}


def parameters(**meta: object) -> dict:
    return {"resourceType": "Parameters", "parameter": [{"name": "meta", "valueMeta": meta}]}


def ids(response) -> list[str]:
    assert response.status_code == 200, response.text
    return [e["resource"]["id"] for e in response.json().get("entry", ())]


def measured(logical_id: str, when: str | None, *codes: str, text: str | None = None) -> dict:
    made = orjson.loads(observation("Patient/p1"))
    made |= {"id": logical_id, "category": [{"coding": [{"code": "vital-signs"}]}]}
    made["code"] = {"coding": [{"system": "http://loinc.org", "code": code} for code in codes]}
    if text is not None:
        made["code"] = {"text": text}
    del made["effectiveDateTime"]
    return made | ({"effectiveDateTime": when} if when else {})


async def filled(client, *observations: dict):
    a = await client("institution", institution="A")
    await a.put("/Patient/p1", content=patient("p1", "张伟"))
    for each in observations:
        made = await a.put(f"/Observation/{each['id']}", json=each)
        assert made.status_code == 201, made.text
    return a


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["p1", "o1", "o2", "o3"]),
        ("?start=2025-06-01", ["p1", "o2", "o3"]),
        ("?end=2025-06-01", ["p1", "o1", "o3"]),
        ("?start=2024-01-02&end=2024-01-02", ["p1", "o1", "o3"]),
        ("?start=2024-01-03&end=2025", ["p1", "o3"]),
        ("?start=2024-01-03&_type=Observation", ["o2", "o3"]),
        ("?_type=Patient&_type=Observation,Encounter", ["p1", "o1", "o2", "o3"]),
        ("?_since=2126-01-01T00:00:00Z", []),
        ("?_elements=status", ["p1", "o1", "o2", "o3"]),
    ],
)
async def test_everything_of_a_patient(client, query: str, expected: list[str]) -> None:
    a = await filled(
        client,
        measured("o1", "2024-01-02", "1"),
        measured("o2", "2026-01-02T08:00:00+08:00", "1"),
        measured("o3", None, "1"),
    )
    assert ids(await a.get(f"/Patient/p1/$everything{query}")) == expected
    pages: list[str] = []
    address: str | None = f"/Patient/p1/$everything{query or '?'}&_count=1"
    while address:
        page = await a.get(address)
        pages += ids(page)
        links = {link["relation"]: link["url"] for link in page.json()["link"]}
        address = links.get("next")
    assert pages == expected


@pytest.mark.parametrize("query", ["start=x", "start=2026&end=2025", "colour=1", "_type=Nothing"])
async def test_everything_refuses_what_it_cannot_read(client, query: str) -> None:
    a = await filled(client)
    assert (await a.get(f"/Patient/p1/$everything?{query}")).status_code == 400


async def visit(client):
    a = await filled(client)
    await a.put(
        "/Practitioner/d1",
        json={"resourceType": "Practitioner", "id": "d1", "name": [{"text": "李"}]},
    )
    encounter = {
        "resourceType": "Encounter",
        "id": "e1",
        "status": "finished",
        "class": {"code": "AMB"},
        "subject": {"reference": "Patient/p1"},
        "participant": [{"individual": {"reference": "Practitioner/d1"}}],
    }
    await a.put("/Encounter/e1", json=encounter)
    await a.put("/Encounter/e2", json={**encounter, "id": "e2"})
    for logical_id, where in (("o1", "e1"), ("o2", "e2")):
        seen = measured(logical_id, "2026-01-02", "1")
        await a.put(
            f"/Observation/{logical_id}",
            json=seen | {"encounter": {"reference": f"Encounter/{where}"}},
        )
    return a


async def test_everything_of_an_encounter(client) -> None:
    a = await visit(client)
    whole = await a.get("/Encounter/e1/$everything")
    assert set(ids(whole)) == {"e1", "o1", "p1", "d1"}
    modes = {e["resource"]["id"]: e["search"]["mode"] for e in whole.json()["entry"]}
    assert modes == {"e1": "match", "o1": "match", "p1": "include", "d1": "include"}
    only = await a.get("/Encounter/e1/$everything?_type=Observation")
    assert ids(only) == ["o1"]
    for types, expected in (
        ("Patient", ["p1"]),
        ("Practitioner,Patient", ["d1", "p1"]),
        ("Patient,Observation", ["o1", "p1"]),
        ("Library", []),
    ):
        some = await a.get(f"/Encounter/e1/$everything?_type={types}")
        assert sorted(ids(some)) == expected
    recent = "/Encounter/e1/$everything?_type=Patient&_since=2026-01-01T00:00:00Z"
    assert ids(await a.get(recent)) == ["p1"]
    assert ids(await a.get("/Encounter/e1/$everything?_since=2126-01-01T00:00:00Z")) == []
    first = (await a.get("/Encounter/e1/$everything?_type=Observation,Encounter&_count=1")).json()
    following = next(link["url"] for link in first["link"] if link["relation"] == "next")
    assert {first["entry"][0]["resource"]["id"], *ids(await a.get(following))} >= {"e1", "o1"}


async def test_everything_is_the_callers_own(client) -> None:
    await visit(client)
    b = await client("institution", institution="B")
    for path in ("/Patient/p1/$everything", "/Encounter/e1/$everything"):
        assert (await b.get(path)).status_code == 404
        assert (await (await client()).get(path)).status_code == 401
    narrow = await client("institution", institution="A", scopes="system/Observation.rs")
    for path in ("/Patient/p1/$everything", "/Encounter/e1/$everything"):
        assert (await narrow.get(path)).status_code == 403
    visits = await client("institution", institution="A", scopes="system/Encounter.rs")
    assert ids(await visits.get("/Encounter/e1/$everything")) == ["e1"]
    assert (await b.get("/Patient/$everything")).status_code == 400
    golden = (await (await client("operator")).get("/Patient?name=张伟")).json()["entry"]
    person = next(e["resource"]["id"] for e in golden if e["resource"]["id"] != "p1")
    me = await client("resident", scopes="patient/*.rs", patient=person)
    own = ids(await me.get("/Patient/$everything"))
    assert set(own) >= {person, "p1", "e1", "o1"}
    assert own == ids(await me.get(f"/Patient/{person}/$everything"))
    assert set(ids(await me.get("/Encounter/e1/$everything"))) >= {"e1", "o1"}


async def test_reading_operations_can_be_posted_to(client) -> None:
    a = await filled(client, measured("o1", "2024-01-02", "1"), measured("o2", "2026-01-02", "1"))

    def sent(**values: tuple[str, object]) -> dict:
        given = [{"name": name, kind: value} for name, (kind, value) in values.items()]
        return {"resourceType": "Parameters", "parameter": given}

    whole = ids(await a.post("/Patient/p1/$everything", content=b""))
    assert whole == ids(await a.get("/Patient/p1/$everything"))
    asked = sent(start=("valueDate", "2025-01-01"), _type=("valueCode", "Observation"))
    assert ids(await a.post("/Patient/p1/$everything", json=asked)) == ["o2"]
    newest = sent(patient=("valueString", "p1"), code=("valueString", "1"), max=("valueInteger", 1))
    assert ids(await a.post("/Observation/$lastn", json=newest)) == ["o2"]
    assert (await a.post("/Patient/p1/$meta", content=b"")).status_code == 200
    for wrong in ({}, [], sent(patient=("valueReference", {"reference": "Patient/p1"}))):
        assert (await a.post("/Observation/$lastn", json=wrong)).status_code == 400
    assert (
        await a.post("/Observation/$lastn", content=b"x=1", headers={"content-type": "text/plain"})
    ).status_code == 415
    b = await client("institution", institution="B")
    assert (await b.post("/Patient/p1/$everything", content=b"")).status_code == 404
    assert (await (await client()).post("/Patient/p1/$everything", content=b"")).status_code == 401


# The table of the operation's definition: which codes make how many groups.
@pytest.mark.parametrize(
    ("codes", "groups"),
    [
        ((("a",), ("b",), ("c",)), 3),
        ((("a",), ("b",), ("a", "c")), 2),
        ((("a",), ("b",), ("a", "b")), 1),
        (("textM", "Text", "t e x t"), 3),
        (("text", "text", ("a",)), 2),
    ],
)
async def test_lastn_groups_by_code(client, codes: tuple, groups: int) -> None:
    made = [
        measured(f"o{n}", f"2026-01-0{n + 1}", *code)
        if isinstance(code, tuple)
        else measured(f"o{n}", f"2026-01-0{n + 1}", text=code)
        for n, code in enumerate(codes)
    ]
    a = await filled(client, *made)
    found = ids(await a.get("/Observation/$lastn?patient=p1&category=vital-signs"))
    assert len(found) == groups
    assert found[0] == "o2"


async def test_lastn_takes_the_newest_and_ties(client) -> None:
    days = ["2026-01-01", "2026-01-03", "2026-01-02", "2026-01-02", None]
    a = await filled(client, *(measured(f"o{n}", day, "1") for n, day in enumerate(days)))
    query = "/Observation/$lastn?subject=Patient/p1&code=1"
    assert ids(await a.get(query)) == ["o1"]
    assert set(ids(await a.get(f"{query}&max=2"))) == {"o1", "o2", "o3"}
    assert ids(await a.get(f"{query}&max=9"))[-1] == "o4"
    assert ids(await a.get(f"{query}&date=lt2026-01-02")) == ["o0"]


@pytest.mark.parametrize(
    "query", ["patient=p1", "code=1", "patient=p1&code=1&max=0", "patient=p1&code=1&x=1"]
)
async def test_lastn_says_what_it_needs(client, query: str) -> None:
    a = await filled(client)
    assert (await a.get(f"/Observation/$lastn?{query}")).status_code == 400


async def test_lastn_is_the_callers_own(client) -> None:
    await filled(client, measured("o1", "2026-01-01", "1"))
    query = "/Observation/$lastn?patient=p1&code=1"
    b = await client("institution", institution="B")
    assert ids(await b.get(query)) == []
    narrow = await client("institution", institution="A", scopes="system/Patient.rs")
    assert (await narrow.get(query)).status_code == 403
    assert (await (await client()).get(query)).status_code == 401


async def test_labels_are_sets(client) -> None:
    a = await filled(client)
    before = (await a.get("/Patient/p1/$meta")).json()["parameter"][0]["valueMeta"]
    assert before == (await a.get("/Patient/p1")).json()["meta"]
    added = await a.post("/Patient/p1/$meta-add", json=parameters(security=[LABEL], tag=[TAG]))
    assert added.headers["etag"] == 'W/"2"'
    meta = added.json()["parameter"][0]["valueMeta"]
    assert meta["security"] == [LABEL]
    assert TAG in meta["tag"]
    assert before["tag"][0] in meta["tag"]
    again = await a.post(
        "/Patient/p1/$meta-add", json=parameters(tag=[{**TAG, "display": "Study 7"}])
    )
    assert again.headers["etag"] == 'W/"2"'
    assert ids(await a.get("/Patient?_tag=urn:x|study-7")) == ["p1"]
    gone = await a.post("/Patient/p1/$meta-delete", json=parameters(tag=[TAG, before["tag"][0]]))
    left = gone.json()["parameter"][0]["valueMeta"]
    assert left["tag"] == before["tag"]
    assert left["security"] == [LABEL]
    old = await a.get("/Patient/p1/_history/2/$meta")
    assert TAG in old.json()["parameter"][0]["valueMeta"]["tag"]
    late = await a.post(
        "/Patient/p1/$meta-add", json=parameters(tag=[TAG]), headers={"if-match": 'W/"1"'}
    )
    assert late.status_code == 412


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"resourceType": "Parameters"},
        {"resourceType": "Parameters", "parameter": [{"name": "meta", "valueMeta": {"tag": "x"}}]},
        parameters(tag=[{"system": ["urn:x"], "code": "y"}]),
        parameters(security=[{"system": "urn:x", "code": {}}]),
        parameters(tag=[{"system": None, "code": "y"}]),
        parameters(profile=[["urn:p"]]),
        {
            "resourceType": "Parameters",
            "parameter": [{"name": "meta", "valueMeta": {"tag": ["x"]}}],
        },
        [],
    ],
)
async def test_a_bad_meta_is_refused(client, sent: object) -> None:
    a = await filled(client)
    for operation in ("$meta-add", "$meta-delete"):
        assert (await a.post(f"/Patient/p1/{operation}", json=sent)).status_code == 400


async def test_labels_in_use(client) -> None:
    a = await filled(client, measured("o1", "2026-01-01", "1"))
    await a.post("/Patient/p1/$meta-add", json=parameters(security=[LABEL], profile=["urn:p"]))
    await a.post("/Observation/o1/$meta-add", json=parameters(tag=[TAG]))
    everywhere = (await a.get("/$meta")).json()["parameter"][0]["valueMeta"]
    assert everywhere["security"] == [LABEL]
    assert TAG in everywhere["tag"]
    assert "versionId" not in everywhere
    observations = (await a.get("/Observation/$meta")).json()["parameter"][0]["valueMeta"]
    assert "security" not in observations
    assert TAG in observations["tag"]
    b = await client("institution", institution="B")
    nothing = (await b.get("/$meta")).json()
    assert list(nothing["parameter"][0]["valueMeta"]) == ["extension"]
    assert validate(nothing) == []


async def test_labels_are_the_callers_own(client) -> None:
    a = await filled(client)
    b = await client("institution", institution="B")
    assert (await b.get("/Patient/p1/$meta")).status_code == 404
    sent = parameters(tag=[TAG])
    for operation in ("$meta-add", "$meta-delete"):
        path = f"/Patient/p1/{operation}"
        assert (await b.post(path, json=sent)).status_code == 404
        reader = await client("institution", institution="A", scopes="system/Patient.rs")
        assert (await reader.post(path, json=sent)).status_code == 403
        assert (await (await client()).post(path, json=sent)).status_code == 401
    writer = await client("institution", institution="A", scopes="system/*.cud")
    for path in ("/$meta", "/Patient/$meta", "/Patient/p1/$meta"):
        assert (await writer.get(path)).status_code == 403
    assert (await a.get("/Patient/p1")).headers["etag"] == 'W/"1"'
