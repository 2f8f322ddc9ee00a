"""Probes of identity: trawling by matching and cross-references, relinking, merging into somebody else.

https://profiles.ihe.net/ITI/PDQm/volume-1.html#1385-pdqm-security-considerations
"""

from typing import Any

import httpx
import orjson
import pytest
from attack_district import CARD, RESIDENTS
from attack_world import READ, World

from hie.mpi.people import person_of

ACTS = ("link", "unlink", "merge", "unmerge", "not-duplicate")
NO_STEWARDS = ("zhang's app", "hospital-a", "doctor", "auditor")
WANG = RESIDENTS["wang"]


async def attacker(world: World, who: str) -> httpx.AsyncClient:
    if who == "zhang's app":
        return await world.as_person("zhang", f"{READ} user/*.cruds")
    if who == "hospital-a":
        return await world.as_institution("hospital-a")
    return await world.as_person(who, "user/*.cruds")


async def links(world: World) -> dict[str, str]:
    """Who is whose, as the database has it."""
    ids = [f"{at}-{person}" for at in "ab" for person in RESIDENTS]
    async with world.database.connection() as connection:
        return await person_of(connection, ids)


def described(*wanted: str) -> bytes:
    """Wang, as far as the attacker tells."""
    whole: dict[str, Any] = {
        "identifier": [{"system": CARD, "value": WANG["card"]}],
        "name": [{"text": WANG["name"]}],
        "birthDate": WANG["birth"],
        "gender": "female",
    }
    resource = {"resourceType": "Patient", **{key: whole[key] for key in wanted}}
    return orjson.dumps(resource)


EVERYTHING = ("identifier", "name", "birthDate", "gender")


def act_on(world: World, act: str) -> tuple[str, bytes]:
    patient = act in ("link", "unlink")
    other = "b-wang" if patient else world.people["wang"]
    given = [
        {
            "name": "patient" if patient else "other",
            "valueReference": {"reference": f"Patient/{other}"},
        },
        {"name": "reason", "valueString": "because I say so"},
    ]
    sent = orjson.dumps({"resourceType": "Parameters", "parameter": given})
    return f"/Patient/{world.people['zhang']}/${act}", sent


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("who", NO_STEWARDS)
async def test_nobody_but_a_steward_moves_links(world: World, who: str, act: str) -> None:
    before = await links(world)
    client = await attacker(world, who)
    url, sent = act_on(world, act)
    answer = await client.post(url, content=sent)
    assert answer.status_code == 403, answer.text
    assert await links(world) == before


async def test_a_stewards_reading_app_moves_no_links(world: World) -> None:
    before = await links(world)
    client = await world.as_person("steward", "user/Patient.rs")
    url, sent = act_on(world, "merge")
    assert (await client.post(url, content=sent)).status_code == 403
    assert await links(world) == before


@pytest.mark.parametrize("who", NO_STEWARDS)
@pytest.mark.parametrize(
    "path", ["$reviews", "$review?number=1", "$second-reviews", "$reviewer-agreement"]
)
async def test_nobody_but_a_steward_sees_the_queue(world: World, who: str, path: str) -> None:
    client = await attacker(world, who)
    assert (await client.get(f"/Patient/{path}")).status_code == 403


async def test_a_residents_app_matches_nobody(world: World) -> None:
    client = await attacker(world, "zhang's app")
    answer = await client.post("/Patient/$match", content=described(*EVERYTHING))
    assert answer.status_code == 403
    assert world.people["wang"] not in answer.text


async def test_an_institution_learns_no_demographics_by_matching(world: World) -> None:
    client = await attacker(world, "hospital-a")
    answer = await client.post("/Patient/$match", content=described(*EVERYTHING))
    assert answer.status_code == 200, answer.text
    found = [entry["resource"] for entry in answer.json()["entry"]]
    assert [resource["id"] for resource in found] == [world.people["wang"]]
    for secret in (WANG["name"], WANG["birth"], WANG["card"], "b-wang", "hospital-b"):
        assert secret not in answer.text


@pytest.mark.parametrize(
    "wanted", [("name",), ("birthDate",), ("name", "birthDate"), ("identifier",), ("gender",)]
)
async def test_who_is_hardly_described_is_not_found(world: World, wanted: tuple[str, ...]) -> None:
    client = await world.as_person("doctor", "user/*.rs")
    answer = await client.post("/Patient/$match", content=described(*wanted))
    assert answer.status_code == 422, answer.text
    assert world.people["wang"] not in answer.text


async def test_an_institution_translates_no_strangers_numbers(world: World) -> None:
    client = await attacker(world, "hospital-a")

    async def ask(value: str) -> httpx.Response:
        return await client.get("/Patient/$ihe-pix", params={"sourceIdentifier": value})

    there, nowhere = await ask(f"{CARD}|{WANG['card']}"), await ask(f"{CARD}|99010119000101001X")
    assert there.status_code == nowhere.status_code == 404
    assert there.json()["issue"] == nowhere.json()["issue"]
    by_id = await ask(f"{world.fhir}|Patient/b-wang")
    assert by_id.status_code == 404
    assert by_id.json()["issue"] == nowhere.json()["issue"]


async def test_an_institution_merges_its_patients_into_nobody_elses(world: World) -> None:
    """Neither by `Patient.link` nor by the feed; its own patient may say so in vain."""
    client = await attacker(world, "hospital-a")
    mallory = {
        "resourceType": "Patient",
        "id": "a-mallory",
        "active": False,
        "name": [{"text": "慕容无忌"}],
        "birthDate": "1933-03-03",
        "link": [{"other": {"reference": "Patient/b-wang"}, "type": "replaced-by"}],
    }
    try:
        put = await client.put("/Patient/a-mallory", content=orjson.dumps(mallory))
        assert put.status_code in (200, 201), put.text
        async with world.database.connection() as connection:
            people = await person_of(connection, ["a-mallory", "b-wang"])
        assert people["a-mallory"] != people["b-wang"]
    finally:
        await client.delete("/Patient/a-mallory")


async def test_the_feed_changes_nobody_elses_patient(world: World) -> None:
    client = await attacker(world, "hospital-a")
    stolen = {"resourceType": "Patient", "id": "b-wang", "name": [{"text": "改名"}]}
    header = {
        "resourceType": "MessageHeader",
        "eventUri": "urn:ihe:iti:pmir:2019:patient-feed",
        "source": {"endpoint": "https://a.example"},
    }
    change = {"request": {"method": "PUT", "url": "Patient/b-wang"}, "resource": stolen}
    history = {"resourceType": "Bundle", "type": "history", "entry": [change]}
    message = {
        "resourceType": "Bundle",
        "type": "message",
        "entry": [{"resource": header}, {"resource": history}],
    }
    answer = await client.post("/$process-message", content=orjson.dumps(message))
    assert answer.status_code == 403, answer.text
    owner = await world.as_institution("hospital-b")
    assert WANG["name"] in (await owner.get("/Patient/b-wang")).text
