"""Searches over HTTP: of a type, of the system, of a compartment; of persons; and who may not."""

from typing import Any

import httpx
import orjson
import pytest
from tests_rest_samples import observation, patient

from hie.demo.population import check_character
from hie.mpi.people import person_of

FIRST = "99010119900307001"
CARD = FIRST + check_character(FIRST)


def ids(answer: httpx.Response, mode: str = "match") -> list[str]:
    assert answer.status_code == 200, answer.text
    return sorted(
        f"{e['resource']['resourceType']}/{e['resource'].get('id')}"
        for e in answer.json().get("entry", ())
        if e["search"]["mode"] == mode
    )


def link(answer: httpx.Response, relation: str) -> str:
    return next(each["url"] for each in answer.json()["link"] if each["relation"] == relation)


@pytest.fixture
async def person(client, exchange) -> dict[str, Any]:
    """One person known to institutions A (with an identity card) and B, and a stranger at A."""
    a = await client("institution", institution="A")
    b = await client("institution", institution="B")
    await a.put("/Patient/pA", content=patient("pA", "张伟", institution="A", card=CARD))
    await b.put("/Patient/pB", content=patient("pB", "张伟", institution="B", card=CARD))
    await a.put("/Patient/q", content=patient("q", "王芳", number="8"))
    for sender, logical_id, subject, text in (
        (a, "oA", "pA", "body weight"),
        (b, "oB", "pB", "potassium"),
        (a, "oQ", "q", "secret"),
    ):
        content = orjson.loads(observation(f"Patient/{subject}", text))
        content |= {"id": logical_id, "encounter": {"reference": f"Encounter/e-{subject}"}}
        assert (await sender.put(f"/Observation/{logical_id}", json=content)).status_code == 201
    async with exchange.store.database.connection() as connection:
        people = await person_of(connection, ["pA", "pB", "q"])
    assert people["pA"] == people["pB"]
    return {"golden": people["pA"], "stranger": people["q"], "a": a, "b": b}


async def test_a_compartment_is_the_persons(client, person) -> None:
    golden = person["golden"]
    resident = await client("resident", scopes="patient/*.rs", patient=golden)
    both = ["Observation/oA", "Observation/oB"]
    assert ids(await resident.get(f"/Patient/{golden}/Observation")) == both
    posted = await resident.post(
        f"/Patient/{golden}/Observation/_search",
        content="code:text=potassium",
        headers={"content-type": "application/x-www-form-urlencoded"},
    )
    assert ids(posted) == ["Observation/oB"]
    everything = [*both, "Patient/pA", "Patient/pB"]
    found = await resident.get(f"/Patient/{golden}/*?_type=Observation,Patient")
    assert set(everything) <= set(ids(found)) <= {*everything, f"Patient/{golden}"}
    assert ids(await resident.get("/Encounter/e-pA/Observation")) == ["Observation/oA"]
    head = await resident.head(f"/Patient/{golden}/Observation")
    assert (head.status_code, head.content) == (200, b"")


async def test_an_absolute_address_of_this_server_is_its_own_resource(client, person) -> None:
    """In any place where a reference can stand, and for nobody more than the relative one."""
    a, golden = person["a"], person["golden"]
    base = "http://127.0.0.1:8080/fhir"
    for query in (
        f"subject={base}/Patient/pA",
        f"subject:Patient={base}/Patient/pA",
        f"patient={base}/Patient/pA,Patient/none",
        f"patient={base}/Patient/{golden}",
        f"encounter={base}/Encounter/e-pA",
        f'_filter=subject eq "{base}/Patient/pA"',
    ):
        answer = await a.get("/Observation", params=dict([query.split("=", 1)]))
        assert "Observation/oA" in ids(answer), query
        assert base in link(answer, "self").removeprefix(base)
    for elsewhere in ("http://other.example/fhir/Patient/pA", f"{base}/Patient/pA/x", base):
        assert ids(await a.get("/Observation", params={"subject": elsewhere})) == []
    resident = await client("resident", scopes="patient/*.rs", patient=golden)
    for logical_id, found in ((golden, 2), (person["stranger"], 0), ("q", 0)):
        query = {"patient": f"{base}/Patient/{logical_id}"}
        assert len(ids(await resident.get("/Observation", params=query))) == found


async def test_a_key_of_a_sort_counts_once(person) -> None:
    """Repeated, it would be worked on again and could change nothing."""
    once = await person["a"].get("/Patient?_sort=name,-birthdate")
    often = await person["a"].get(f"/Patient?_sort=name,-birthdate{',-name,birthdate' * 50}")
    assert ids(often) == ids(once) != []


async def test_a_compartment_of_another_is_empty(client, person) -> None:
    resident = await client("resident", scopes="patient/*.rs", patient=person["golden"])
    for path in (
        f"/Patient/{person['stranger']}/Observation",
        "/Patient/q/Observation",
        "/Patient/q/*",
        "/Encounter/e-q/Observation",
        "/?_type=Observation&_id=oQ",
        "/Patient/nobody/Observation",
    ):
        answer = await resident.get(path)
        assert ids(answer) == []
        assert "total" not in answer.json()
    narrow = await client("resident", scopes="patient/Patient.rs", patient=person["golden"])
    assert (await narrow.get(f"/Patient/{person['golden']}/Observation")).status_code == 403
    assert (await narrow.get("/?_type=Observation")).status_code == 403
    assert not any("Observation" in each for each in ids(await narrow.get("/?_count=100")))
    nothing = await client("institution", institution="A", scopes="system/Patient.r")
    assert (await nothing.get("/?_id=pA")).status_code == 403
    anybody = await client()
    assert (await anybody.get("/Patient/pA/Observation")).status_code == 401
    assert (await anybody.get("/?_id=pA")).status_code == 401


async def test_the_whole_system(client, person) -> None:
    a = person["a"]
    assert ids(await a.get("/?_id=oA,pA")) == ["Observation/oA", "Patient/pA"]
    assert ids(await a.get("/?_type=Patient&_id=oA,pA")) == ["Patient/pA"]
    form = {"content-type": "application/x-www-form-urlencoded"}
    posted = await a.post("/_search", content="_id=oA&_type=Observation", headers=form)
    assert ids(posted) == ["Observation/oA"]
    assert link(posted, "self").endswith("/fhir/?_id=oA&_type=Observation")
    assert ids(await a.get("/?_type=Observation&_tag=A")) == ["Observation/oA", "Observation/oQ"]
    assert ids(await a.get("/?_type=Observation,Patient&_lastUpdated=lt2020")) == []
    found: list[str] = []
    following = "/?_type=Observation,Patient&_count=1&_sort=-_lastUpdated"
    while following:
        answer = await a.get(following)
        found += ids(answer)
        links = {each["relation"]: each["url"] for each in answer.json()["link"]}
        following = links.get("next", "")
    assert sorted(found) == ["Observation/oA", "Observation/oQ", "Patient/pA", "Patient/q"]


@pytest.mark.parametrize(
    ("path", "status", "name"),
    [
        ("/?_type=Nonsense", 400, "_type"),
        ("/?_type=Patient&_type=Observation", 400, "_type"),
        ("/Patient/pA/*?_type=Observation&_type=Encounter", 400, "_type"),
        ("/?code=1", 400, "code"),
        ("/?_type=Observation,Patient&code=1", 400, "code"),
        ("/Patient/pA/Practitioner", 400, "Practitioner"),
        ("/Patient/pA/*?_type=Practitioner", 400, "_type"),
        ("/Organization/o/Observation", 404, None),
        ("/Patient/pA/Nonsense", 404, None),
        ("/Observation?nonsense=1", 400, "nonsense"),
        ("/Observation?date=soon", 400, "date"),
        ("/Observation?_sort=nonsense", 400, "_sort"),
    ],
)
async def test_refusals_name_the_parameter(
    client, path: str, status: int, name: str | None
) -> None:
    a = await client("institution", institution="A")
    answer = await a.get(path)
    assert answer.status_code == status
    assert answer.json()["issue"][0].get("expression", [None])[0] == name


async def test_there_are_no_named_queries(client) -> None:
    """None is declared, so none can be asked: https://hl7.org/fhir/R4/search.html#query"""
    a = await client("institution", institution="A")
    refused = await a.get("/Patient?_query=current-high-risk")
    [issue] = refused.json()["issue"]
    assert (refused.status_code, issue["code"], issue["expression"]) == (
        *(400, "not-supported"),
        ["_query"],
    )
    # "Servers processing search requests SHALL refuse": one that was left out would have been processed
    lenient = await a.get("/Patient?_query=x", headers={"prefer": "handling=lenient"})
    assert (lenient.status_code, lenient.json()["issue"][0]["expression"]) == (400, ["_query"])
    statement = (await a.get("/metadata")).json()
    named = {p["name"] for r in statement["rest"][0]["resource"] for p in r["searchParam"]}
    assert "_query" not in named


async def test_lenient_handling_says_what_was_left_out(person) -> None:
    a = person["a"]
    query = "nonsense=1&code:text=secret&date=soon&_count=5&_pretty=true"
    answer = await a.get(f"/Observation?{query}", headers={"prefer": "handling=lenient"})
    assert ids(answer) == ["Observation/oQ"]
    assert link(answer, "self").endswith("/Observation?code:text=secret&_count=5")
    [outcome] = [e for e in answer.json()["entry"] if e["search"]["mode"] == "outcome"]
    named = [issue["expression"] for issue in outcome["resource"]["issue"]]
    assert named == [["nonsense"], ["date"]]


async def test_a_sort_that_some_types_lack_is_left_out_for_all(person) -> None:
    lenient = {"prefer": "handling=lenient"}
    answer = await person["a"].get("/Patient/pA/*?_sort=name", headers=lenient)
    assert ids(answer) == ["Observation/oA", "Patient/pA"]
    assert "_sort" not in link(answer, "self")
    half = await person["a"].get("/Observation?_sort=date,nonsense", headers=lenient)
    assert "_sort" not in link(half, "self")


async def test_a_golden_record_is_found_by_what_its_sources_have(client, person) -> None:
    golden = f"Patient/{person['golden']}"
    operator = await client("operator")
    for text in ("body weight", "potassium"):
        found = ids(await operator.get(f"/Patient?_has:Observation:patient:code:text={text}"))
        assert golden in found
        assert f"Patient/{person['stranger']}" not in found
    by_name = await operator.get(f"/Observation?patient.identifier={CARD}")
    assert ids(by_name) == ["Observation/oA", "Observation/oB"]
    by_id = await operator.get(f"/Observation?patient._id={person['golden']}")
    assert ids(by_id) == ["Observation/oA", "Observation/oB"]
    nested = f"/Patient?_has:Observation:patient:subject={golden}"
    assert golden in ids(await operator.get(nested))


async def test_has_sees_only_what_the_caller_sees(client, person) -> None:
    golden = person["golden"]
    resident = await client("resident", scopes="patient/*.rs", patient=golden)
    found = ids(await resident.get("/Patient?_has:Observation:patient:code:text=potassium"))
    assert f"Patient/{golden}" in found
    assert ids(await resident.get("/Patient?_has:Observation:patient:code:text=secret")) == []
    # A sees its own half of the person and not that B has measured potassium
    a = person["a"]
    assert ids(await a.get("/Patient?_has:Observation:patient:code:text=potassium")) == []
    assert ids(await a.get("/Patient?_has:Observation:patient:code:text=body weight")) == [
        "Patient/pA"
    ]
    assert ids(await a.get("/Observation?patient._id=pB")) == []
    # a clinician who has opened nothing sees golden Patients, but nothing that was measured
    staff = await client("staff", scopes="user/*.rs")
    assert ids(await staff.get("/Patient?_has:Observation:patient:code:text=potassium")) == []


async def test_includes_are_of_the_person(client, person) -> None:
    golden = person["golden"]
    resident = await client("resident", scopes="patient/*.rs", patient=golden)
    # references are shown as the launch patient, and that is what comes along
    found = await resident.get("/Observation?_include=Observation:subject")
    assert ids(found) == ["Observation/oA", "Observation/oB"]
    assert ids(found, "include") == [f"Patient/{golden}"]
    for wildcard in ("Observation:patient", "*"):
        found = await resident.get(f"/Patient?_id={golden}&_revinclude={wildcard}")
        assert ids(found) == [f"Patient/{golden}"]
        assert {"Observation/oA", "Observation/oB"} <= set(ids(found, "include"))
        assert "Observation/oQ" not in ids(found, "include")
    # the institution that has the other half of the person sees its own only
    found = await person["a"].get("/Patient?_id=pA&_revinclude=*")
    assert ids(found, "include") == ["Observation/oA"]
    assert ids(await person["a"].get("/Patient?_id=pB&_revinclude=*"), "include") == []


@pytest.mark.parametrize(
    "query",
    [
        "code:text=secret",
        "_filter=code co secret",
        "_filter=not (code co weight)&code:text=secret",
        "_content=secret",
        "patient=Patient/q",
        "_filter=subject re Patient/q",
        "subject:Patient.name=王芳",
        "encounter=Encounter/e-q",
        "_id=oQ",
        "_id=oQ&_sort=code,-date,_lastUpdated",
        "_list=theirs",
        "_has:DiagnosticReport:result:code:text=of a stranger",
    ],
)
@pytest.mark.parametrize("total", ["none", "estimate", "accurate"])
async def test_nothing_of_a_stranger_shows(client, person, query: str, total: str) -> None:
    """Neither resources nor their number, whatever is asked; nor does the answer differ from none."""
    a = person["a"]
    items = [{"item": {"reference": "Observation/oQ"}}, {"item": {"reference": "Patient/q"}}]
    listing = {"resourceType": "List", "id": "theirs", "status": "current", "mode": "working"}
    report = {
        "resourceType": "DiagnosticReport",
        "id": "r",
        "status": "final",
        "code": {"text": "of a stranger"},
        "subject": {"reference": "Patient/q"},
        "result": [{"reference": "Observation/oQ"}],
    }
    assert (await a.put("/List/theirs", json=listing | {"entry": items})).status_code == 201
    assert (await a.put("/DiagnosticReport/r", json=report)).status_code == 201
    asked = f"/Observation?{query}&_total={total}&_include=*&_count=3"
    assert ids(await a.get(asked)) == ["Observation/oQ"]
    for other in (
        await client("resident", scopes="patient/*.rs", patient=person["golden"]),
        person["b"],
    ):
        answer = (await other.get(asked)).json()
        assert "entry" not in answer
        assert answer.get("total", 0) == 0
        assert [each["relation"] for each in answer["link"]] == ["self"]


async def test_estimates_count_what_may_be_seen(client, person) -> None:
    resident = await client("resident", scopes="patient/*.rs", patient=person["golden"])
    for total in ("estimate", "accurate"):
        answer = await resident.get(f"/Observation?_total={total}&_count=1")
        assert answer.json()["total"] == 2
    assert "total" not in (await resident.get("/Observation?_count=1&_total=none")).json()
    assert (await resident.get("/Observation?_count=0")).json()["total"] == 2


async def test_a_page_is_the_callers_own(client, person, exchange) -> None:
    golden = person["golden"]
    resident = await client("resident", scopes="patient/*.rs", patient=golden)
    following = link(await resident.get("/Observation?_count=1&_sort=date"), "next")
    assert len(ids(await resident.get(following))) == 1
    other = await client("resident", scopes="patient/*.rs", patient=person["stranger"])
    for caller in (other, person["a"]):
        refused = await caller.get(following)
        assert refused.status_code == 400
        assert refused.json()["issue"][0]["expression"] == ["_cursor"]
    changed = following.replace("_sort=date", "_sort=-date")
    assert (await resident.get(changed)).status_code == 400
    # access that ended between two pages ends with it
    async with exchange.store.database.connection() as connection:
        await connection.execute("DELETE FROM mpi.registration WHERE person = %s", (golden,))
    assert ids(await resident.get(following)) == []


async def test_a_person_is_meant_in_filters_and_nested_conditions(client, person) -> None:
    golden = person["golden"]
    operator = await client("operator")
    both = ["Observation/oA", "Observation/oB"]
    for query in (
        f"_filter=patient eq Patient/{golden}",
        f"_filter=subject re Patient/{golden} and not (code co nothing)",
        f"_filter=patient._id eq {golden}",
    ):
        assert ids(await operator.get(f"/Observation?{query}")) == both
    assert "Observation/oA" not in ids(
        await operator.get(f"/Observation?_filter=not (patient eq {golden})")
    )
    reached = await operator.get(f"/Patient?_has:Observation:patient:patient._id={golden}")
    assert f"Patient/{golden}" in ids(reached)


@pytest.mark.parametrize(
    "query",
    [
        "code:text=body weight",
        "code:text=body%20weight,potassium&_count=1",
        "date=ge2026-01-01T00:00:00%2B08:00",
        "value-quantity=gt70|http://unitsofmeasure.org|kg,70.1",
        '_filter=code co "body" and (date ge 2025 or not (status eq final))',
        "subject:Patient.name=张伟&_include=Observation:subject",
        "_has:DiagnosticReport:result:code=a%5C,b",
        "_sort=-date,status&_total=accurate&_elements=code",
        "patient=Patient/pA&_content=%22body weight%22",
    ],
)
async def test_the_self_link_is_the_search_that_was_made(person, query: str) -> None:
    a = person["a"]
    first = await a.get(
        f"/Observation?{query}&_format=json&unheard-of=1&_lastUpdated=",
        headers={"prefer": "handling=lenient"},
    )
    own = link(first, "self")
    assert "unheard-of" not in own
    assert "_lastUpdated" not in own
    again = await a.get(own)
    assert link(again, "self") == own
    assert ids(again) == ids(first)
    assert again.json().get("total") == first.json().get("total")
