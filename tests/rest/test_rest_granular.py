"""Granular scopes: of a type, the app sees the part that was granted, on every way to read.

https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html#finer-grained-resource-constraints-using-search-parameters
"""

from dataclasses import dataclass
from typing import Any

import httpx
import orjson
import pytest
from tests_rest_samples import patient

from hie.mpi.people import person_of

CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
LABORATORY = f"{CATEGORY}|laboratory"


def observation(id_: str, category: str, text: str) -> bytes:
    return orjson.dumps(
        {
            "resourceType": "Observation",
            "id": id_,
            "status": "final",
            "category": [{"coding": [{"system": CATEGORY, "code": category}]}],
            "code": {"text": text},
            "subject": {"reference": "Patient/p"},
            "effectiveDateTime": "2026-01-02",
        }
    )


@dataclass
class World:
    client: Any
    person: str

    async def app(self, scopes: str) -> httpx.AsyncClient:
        app: httpx.AsyncClient = await self.client("resident", scopes=scopes, patient=self.person)
        return app


@pytest.fixture
async def world(client, exchange) -> World:
    sender = await client("institution", institution="A")
    await sender.put("/Patient/p", content=patient("p", "张伟"))
    await sender.put("/Observation/lab", content=observation("lab", "laboratory", "glucose"))
    await sender.put("/Observation/vital", content=observation("vital", "vital-signs", "pulse"))
    report = {
        "resourceType": "DiagnosticReport",
        "id": "report",
        "status": "final",
        "code": {"text": "report"},
        "subject": {"reference": "Patient/p"},
        "result": [{"reference": "Observation/lab"}, {"reference": "Observation/vital"}],
    }
    await sender.put("/DiagnosticReport/report", content=orjson.dumps(report))
    async with exchange.store.database.connection() as connection:
        return World(client, (await person_of(connection, ["p"]))["p"])


def ids(answer: httpx.Response) -> set[str]:
    assert answer.status_code == 200, answer.text
    found = [entry["resource"] for entry in answer.json().get("entry", ())]
    return {one["id"] for one in found if one["resourceType"] == "Observation"}


@pytest.mark.parametrize("value", [LABORATORY, "laboratory", f"{CATEGORY}|exam,{LABORATORY}"])
async def test_a_part_of_a_type_on_every_path(world: World, value: str) -> None:
    app = await world.app(f"patient/Observation.rs?category={value} patient/DiagnosticReport.rs")
    assert (await app.get("/Observation/lab")).status_code == 200
    assert (await app.get("/Observation/vital")).status_code == 404
    assert (await app.get("/Observation/vital/_history/1")).status_code == 404
    assert (await app.get("/Observation/vital/_history")).status_code == 404
    assert ids(await app.get("/Observation")) == {"lab"}
    assert ids(await app.get("/Observation?category=vital-signs")) == set()
    assert (await app.get("/Observation?_total=accurate")).json()["total"] == 1
    assert (await app.get("/Observation?_summary=count")).json()["total"] == 1
    assert ids(await app.get("/DiagnosticReport?_include=DiagnosticReport:result")) == {"lab"}
    assert ids(await app.get(f"/Patient/{world.person}/Observation")) == {"lab"}
    hidden = await app.get("/DiagnosticReport?result.code:text=pulse")
    assert hidden.json().get("entry") is None
    batch = {
        "resourceType": "Bundle",
        "type": "batch",
        "entry": [{"request": {"method": "GET", "url": "Observation/vital"}}],
    }
    answer = await app.post("/", content=orjson.dumps(batch))
    assert answer.json()["entry"][0]["response"]["status"].startswith("404")


async def test_several_parts_add_up_and_conditions_of_one_scope_all_hold(world: World) -> None:
    both = await world.app(
        "patient/Observation.rs?category=laboratory patient/Observation.rs?category=vital-signs"
    )
    assert ids(await both.get("/Observation")) == {"lab", "vital"}
    neither = await world.app("patient/Observation.rs?category=laboratory&category=vital-signs")
    assert ids(await neither.get("/Observation")) == set()
    whole = await world.app("patient/Observation.rs patient/Observation.rs?category=laboratory")
    assert ids(await whole.get("/Observation")) == {"lab", "vital"}


async def test_reading_a_part_is_not_searching_it(world: World) -> None:
    app = await world.app("patient/Observation.r?category=laboratory")
    assert (await app.get("/Observation/lab")).status_code == 200
    assert (await app.get("/Observation")).status_code == 403
    assert (await app.get("/Condition")).status_code == 403


@pytest.mark.parametrize(
    "scope",
    [
        "patient/Observation.rs?date=2026",
        "patient/Observation.rs?nonsense=x",
        "patient/Observation.rs?category:not=laboratory",
        "patient/*.rs?category=laboratory",
        "patient/Observation.rs?subject:Patient.name=x",
    ],
)
async def test_a_condition_that_cannot_be_held_grants_nothing(world: World, scope: str) -> None:
    app = await world.app(scope)
    assert (await app.get("/Observation")).status_code == 403
    assert (await app.get("/Observation/lab")).status_code == 403


async def test_a_part_is_read_and_never_changed(world: World) -> None:
    app = await world.app("patient/Observation.cruds?category=laboratory")
    assert (await app.get("/Observation/lab")).status_code == 200
    body = observation("new", "laboratory", "mine")
    assert (await app.put("/Observation/new", content=body)).status_code == 403
    assert (await app.delete("/Observation/lab")).status_code == 403


async def test_an_institutions_part_is_its_own(world: World, client) -> None:
    scopes = "system/Observation.rs?category=laboratory"
    own = await client("institution", institution="A", scopes=scopes)
    other = await client("institution", institution="B", scopes=scopes)
    assert ids(await own.get("/Observation")) == {"lab"}
    assert ids(await other.get("/Observation")) == set()
