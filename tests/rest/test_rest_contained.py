"""Searches on contained resources over HTTP. https://hl7.org/fhir/R4/search.html#contained

What is given, that it follows every change, and that who may not see the container does not learn from
what it contains.
"""

from dataclasses import dataclass
from typing import Any

import httpx
import orjson
import pytest
from tests_rest_samples import patient

from hie.demo.population import check_character
from hie.mpi.people import person_of

FIRST = "99010119900307001"
CARD = FIRST + check_character(FIRST)
BASE = "http://127.0.0.1:8080/fhir"
SYSTEM = "http://www.whocc.no/atc"
FORM = {"content-type": "application/x-www-form-urlencoded"}


def request(logical_id: str, subject: str, code: str = "A10BA02") -> bytes:
    """A prescription of a mixture that it contains, with decimals that say how precise they are."""
    return (
        b'{"resourceType": "MedicationRequest", "id": "%s", "status": "active", "intent": "order",'
        b'"contained": [{"resourceType": "Medication", "id": "mix", "code": {"coding": [{"system": "%s",'
        b'"code": "%s"}]}, "amount": {"numerator": {"value": 70.10, "unit": "g"}}}, {"resourceType":'
        b'"Observation", "id": "lab", "status": "final", "code": {"text": "level"}, "subject":'
        b'{"reference": "Patient/%s"}, "valueQuantity": {"value": 1.0, "unit": "g"}}],'
        b'"medicationReference": {"reference": "#mix"}, "subject": {"reference": "Patient/%s"},'
        b'"reasonReference": [{"reference": "#lab"}]}'
    ) % tuple(each.encode() for each in (logical_id, SYSTEM, code, subject, subject))


@dataclass
class World:
    a: httpx.AsyncClient
    b: httpx.AsyncClient
    golden: str
    stranger: str


@pytest.fixture
async def world(client, exchange) -> World:
    """A prescribes something to each of two patients; B knows one of them."""
    a = await client("institution", institution="A")
    b = await client("institution", institution="B")
    await a.put("/Patient/pA", content=patient("pA", "张伟", card=CARD))
    await b.put("/Patient/pB", content=patient("pB", "张伟", institution="B", card=CARD))
    await a.put("/Patient/q", content=patient("q", "王芳", number="8"))
    for logical_id, subject in (("m", "pA"), ("n", "q")):
        stored = await a.put(
            f"/MedicationRequest/{logical_id}", content=request(logical_id, subject)
        )
        assert stored.status_code == 201, stored.text
    async with exchange.store.database.connection() as connection:
        people = await person_of(connection, ["pA", "q"])
    return World(a, b, people["pA"], people["q"])


def urls(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    entries = answer.json().get("entry", ())
    assert all(entry["search"]["mode"] == "match" for entry in entries)
    return sorted(entry["fullUrl"].removeprefix(f"{BASE}/") for entry in entries)


def link(answer: httpx.Response, relation: str) -> str:
    return next(each["url"] for each in answer.json()["link"] if each["relation"] == relation)


BOTH = ["MedicationRequest/m", "MedicationRequest/n"]
INSIDE = ["MedicationRequest/m#mix", "MedicationRequest/n#mix"]


async def test_the_container_or_what_it_contains_is_given(world: World) -> None:
    query = f"/Medication?code={SYSTEM}|A10BA02"
    assert urls(await world.a.get(query)) == []
    assert urls(await world.a.get(f"{query}&_contained=false")) == []
    found = await world.a.get(f"{query}&_contained=true")
    assert urls(found) == BOTH
    assert [e["resource"]["resourceType"] for e in found.json()["entry"]] == [
        "MedicationRequest",
        "MedicationRequest",
    ]
    assert link(found, "self").endswith("&_contained=true")
    found = await world.a.get(f"{query}&_contained=true&_containedType=contained")
    assert urls(found) == INSIDE
    assert b'"amount": {"numerator": {"value": 70.10, "unit": "g"}}' in found.content
    assert {e["resource"]["id"] for e in found.json()["entry"]} == {"mix"}


async def test_both_kinds_on_one_page_and_on_several(world: World) -> None:
    own = {"resourceType": "Medication", "id": "own", "code": {"coding": [{"code": "A10BA02"}]}}
    assert (await world.a.put("/Medication/own", json=own)).status_code == 201
    query = "/Medication?code=A10BA02&_contained=both&_total=accurate"
    whole = await world.a.get(query)
    assert urls(whole) == ["Medication/own", *BOTH]
    assert whole.json()["total"] == 3
    assert urls(await world.a.get(f"{query}&_containedType=contained")) == [
        "Medication/own",
        *INSIDE,
    ]
    for shown in ("container", "contained"):
        for sort in ("", "&_sort=-_id", "&_sort=_lastUpdated"):
            found: list[str] = []
            following = f"{query}&_containedType={shown}&_count=1{sort}"
            while following:
                page = await world.a.get(following)
                found += urls(page)
                links = {each["relation"]: each["url"] for each in page.json()["link"]}
                following = links.get("next", "")
            assert len(found) == len(set(found)) == 3


async def test_every_way_to_ask(world: World) -> None:
    query = "code=A10BA02&_contained=true"
    posted = await world.a.post("/Medication/_search", content=query, headers=FORM)
    assert urls(posted) == BOTH
    head = await world.a.head(f"/Medication?{query}")
    assert head.status_code == 200
    assert head.content == b""
    counted = await world.a.get(f"/Medication?{query}&_summary=count")
    assert counted.json()["total"] == 2
    assert "entry" not in counted.json()
    bundle = {
        "resourceType": "Bundle",
        "type": "batch",
        "entry": [{"request": {"method": "GET", "url": f"Medication?{query}"}}],
    }
    answer = await world.a.post("/", json=bundle)
    assert len(answer.json()["entry"][0]["resource"]["entry"]) == 2


async def test_parts_of_what_is_given(world: World) -> None:
    query = "/Observation?code:text=level&_contained=true&_containedType=contained"
    found = await world.a.get(f"{query}&_elements=status")
    for entry in found.json()["entry"]:
        resource = entry["resource"]
        assert set(resource) == {"resourceType", "id", "meta", "status", "code"}  # code: mandatory
        assert resource["meta"]["tag"][0]["code"] == "SUBSETTED"


async def test_the_compartment_is_that_of_the_container(client, world: World) -> None:
    resident = await client("resident", scopes="patient/*.rs", patient=world.golden)
    there = f"/Patient/{world.golden}/Observation?_contained=true"
    assert urls(await resident.get(there)) == ["MedicationRequest/m"]
    assert urls(await resident.get(f"/Observation?patient={world.golden}&_contained=true")) == [
        "MedicationRequest/m"
    ]
    shown = await resident.get(f"{there}&_containedType=contained")
    assert urls(shown) == ["MedicationRequest/m#lab"]
    [entry] = shown.json()["entry"]
    assert entry["resource"]["subject"]["reference"] == f"Patient/{world.golden}"


async def test_it_follows_every_change(world: World) -> None:
    old, new = (f"/Medication?code={code}&_contained=true" for code in ("A10BA02", "N02BE01"))
    await world.a.put("/MedicationRequest/m", content=request("m", "pA", "N02BE01"))
    assert urls(await world.a.get(old)) == ["MedicationRequest/n"]
    assert urls(await world.a.get(new)) == ["MedicationRequest/m"]
    # to another patient, and back to what it was
    await world.a.put("/MedicationRequest/m", content=request("m", "q", "N02BE01"))
    assert urls(await world.a.get(f"{new}&_containedType=contained")) == ["MedicationRequest/m#mix"]
    await world.a.put("/MedicationRequest/m", content=request("m", "pA"))
    assert urls(await world.a.get(old)) == BOTH
    assert urls(await world.a.get(new)) == []
    await world.a.delete("/MedicationRequest/m")
    assert urls(await world.a.get(old)) == ["MedicationRequest/n"]
    entries = [
        {
            "resource": orjson.loads(request(f"t{n}", "q", "N02BE01")),
            "request": {"method": "PUT", "url": f"MedicationRequest/t{n}"},
        }
        for n in range(12)
    ]
    bundle: dict[str, Any] = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    assert (await world.a.post("/", json=bundle)).status_code == 200
    assert len(urls(await world.a.get(new))) == 12


QUERIES = (
    "/Medication?code=A10BA02&_contained=true",
    "/Medication?code=A10BA02&_contained=both&_containedType=contained",
    "/Medication?code=A10BA02&_contained=true&_total=accurate&_count=0",
    "/Medication?_id=mix&_contained=true&_sort=-_lastUpdated",
    "/Observation?code:text=level&_contained=both&_include=*",
    "/Observation?value-quantity=1&_contained=true&_containedType=contained&_sort=value-quantity",
    "/Observation?patient=Patient/q&_contained=true",
    "/Observation?patient.family=王&_contained=true&_total=estimate",
    "/?_type=Medication,Observation&_id=mix,lab&_contained=true",
    "/Patient/q/Observation?_contained=true",
)


@pytest.mark.parametrize("query", QUERIES)
async def test_a_container_that_may_not_be_seen_is_not_found(
    client, world: World, query: str
) -> None:
    """Neither another person's nor another institution's, nor one of a type without a scope."""
    everything = await world.a.get(query)
    assert "MedicationRequest/n" in everything.text or everything.json()["total"] == 2
    scopes = "patient/Medication.rs patient/Observation.rs patient/Patient.rs"
    narrow = await client("resident", scopes=scopes, patient=world.stranger)
    reading = await client(
        "resident", scopes=f"{scopes} patient/MedicationRequest.r", patient=world.stranger
    )
    own = await client("resident", scopes="patient/*.rs", patient=world.golden)
    for caller in (world.b, narrow, reading, own):
        answer = await caller.get(query)
        assert answer.status_code == 200, answer.text
        assert "MedicationRequest/n" not in answer.text
        assert "王" not in str(answer.json().get("entry", ""))
        if caller is not own:
            assert "entry" not in answer.json()
            assert answer.json().get("total", 0) == 0


async def test_scopes_must_allow_what_is_contained(client, world: World) -> None:
    narrow = await client("resident", scopes="patient/MedicationRequest.rs", patient=world.stranger)
    for type_name in ("Medication", "Observation"):
        answer = await narrow.get(f"/{type_name}?_contained=true")
        assert answer.status_code == 403
    # of the whole system only the types that the scopes allow are searched
    assert urls(await narrow.get("/?_id=mix&_contained=true")) == []
    some = await client(
        "resident",
        scopes="patient/MedicationRequest.rs patient/Observation.rs?category=laboratory",
        patient=world.stranger,
    )
    assert urls(await some.get("/Observation?_contained=true")) == []


async def test_a_page_is_the_callers_own(client, world: World) -> None:
    query = "/Medication?code=A10BA02&_contained=true&_containedType=contained&_count=1"
    following = link(await world.a.get(query), "next")
    assert len(urls(await world.a.get(following))) == 1
    for caller in (
        world.b,
        await client("resident", scopes="patient/*.rs", patient=world.stranger),
    ):
        refused = await caller.get(following)
        assert refused.status_code == 400
        assert refused.json()["issue"][0]["expression"] == ["_cursor"]
    changed = following.replace("_containedType=contained", "_containedType=container")
    assert (await world.a.get(changed)).status_code == 400


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("_contained=maybe", "_contained"),
        ("_contained=true&_containedType=all", "_containedType"),
        ("_contained=true&_content=word", "_content"),
        ("_contained=true&_containedType=contained&_include=*", "_include"),
    ],
)
async def test_refusals_name_the_parameter(world: World, query: str, name: str) -> None:
    answer = await world.a.get(f"/Medication?{query}")
    assert answer.status_code == 400
    assert answer.json()["issue"][0]["expression"] == [name]


async def test_conditions_of_a_write_are_on_resources_of_their_own(world: World) -> None:
    made = await world.a.post(
        "/Medication",
        json={"resourceType": "Medication", "code": {"coding": [{"code": "A10BA02"}]}},
        headers={"if-none-exist": "code=A10BA02&_contained=true"},
    )
    assert made.status_code == 400
    assert made.json()["issue"][0]["expression"] == ["_contained"]


async def test_lists_of_graphql_are_of_resources_of_their_own(world: World) -> None:
    query = '{MedicationList(_contained: "true"){id}}'
    answer = await world.a.get("/$graphql", params={"query": query})
    assert answer.status_code == 400
    assert "_contained" in answer.text


CHAINS = (
    "/MedicationRequest?medication.code=A10BA02",
    "/MedicationRequest?medication.code=A10BA02&_total=accurate&_sort=-_id",
    "/MedicationRequest?patient=Patient/q&medication.code=A10BA02",
    "/MedicationRequest?_filter=medication.code eq A10BA02",
    "/?_type=MedicationRequest,MedicationDispense&medication.code=A10BA02",
)


@pytest.mark.parametrize("query", CHAINS)
async def test_chains_lead_into_what_the_caller_may_see(client, world: World, query: str) -> None:
    assert "MedicationRequest/n" in urls(await world.a.get(query))
    own = await client("resident", scopes="patient/*.rs", patient=world.golden)
    requests = "patient/MedicationRequest.rs patient/MedicationDispense.rs"
    # what is contained is seen with its container, but not searched without its own scope
    unscoped = await client("resident", scopes=requests, patient=world.stranger)
    scoped = await client(
        "resident", scopes=f"{requests} patient/Medication.rs", patient=world.stranger
    )
    for caller in (world.b, own, unscoped):
        answer = await caller.get(query)
        assert "MedicationRequest/n" not in answer.text
        assert answer.json().get("total", 0) <= 1
    assert urls(await scoped.get(query)) == ["MedicationRequest/n"]


async def test_chains_follow_every_change(world: World) -> None:
    old, new = (f"/MedicationRequest?medication.code={code}" for code in ("A10BA02", "N02BE01"))
    assert urls(await world.a.get(old)) == BOTH
    await world.a.put("/MedicationRequest/m", content=request("m", "pA", "N02BE01"))
    assert urls(await world.a.get(old)) == ["MedicationRequest/n"]
    assert urls(await world.a.get(new)) == ["MedicationRequest/m"]
    await world.a.delete("/MedicationRequest/m")
    assert urls(await world.a.get(new)) == []
    held = orjson.loads(request("n", "q"))
    del held["medicationReference"]
    held["medicationCodeableConcept"] = {"text": "what is contained is not it"}
    await world.a.put("/MedicationRequest/n", json=held)
    assert urls(await world.a.get(old)) == []
