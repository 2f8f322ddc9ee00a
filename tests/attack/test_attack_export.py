"""Probes of bulk exports: another client's files, what is not one's own inside them, and who may ask.

https://hl7.org/fhir/uv/bulkdata/STU2/export.html#security-considerations
"""

import asyncio
from typing import Any

import httpx
import pytest
from attack_world import READ, World, marker

ASYNC = {"prefer": "respond-async"}
KICK_OFFS = ("/$export", "/Patient/$export", "/Group/b-group/$export", "/$export?_type=Patient")


async def exported(
    fhir: httpx.AsyncClient, address: str = "/$export"
) -> tuple[str, dict[str, Any]]:
    """The address of a finished export, and its list of files."""
    started = await fhir.get(address, headers=ASYNC)
    assert started.status_code == 202, started.text
    place = started.headers["content-location"]
    while (answer := await fhir.get(place)).status_code == 202:  # noqa: ASYNC110 - a client polls
        await asyncio.sleep(0.05)
    assert answer.status_code == 200, answer.text
    return place, answer.json()


async def everything(fhir: httpx.AsyncClient, address: str = "/$export") -> str:
    place, manifest = await exported(fhir, address)
    texts = [(await fhir.get(file["url"])).text for file in manifest["output"]]
    await fhir.delete(place)
    return "".join(texts)


async def test_an_institution_exports_what_it_sent_and_nothing_else(world: World) -> None:
    fhir = await world.as_institution("hospital-a")
    for address in ("/$export", "/Patient/$export"):
        text = await everything(fhir, address)
        assert marker("liu") in text
        assert marker("wang") not in text


async def test_naming_foreign_patients_reaches_nobody(world: World) -> None:
    fhir = await world.as_institution("hospital-a")
    foreign = await fhir.get("/Patient/$export?patient=Patient/b-wang", headers=ASYNC)
    absent = await fhir.get("/Patient/$export?patient=Patient/b-none", headers=ASYNC)
    assert foreign.status_code == absent.status_code == 404
    assert foreign.text.replace("b-wang", "b-none") == absent.text


async def test_a_group_of_foreign_patients_reaches_nobody(world: World) -> None:
    """The members of a group are whom its sender names, and no reason to see them."""
    fhir = await world.as_institution("hospital-a")
    golden = world.people["wang"]
    members = [{"entity": {"reference": f"Patient/{golden}"}}]
    group = {"resourceType": "Group", "id": "a-trawl", "type": "person", "actual": True}
    stored = await fhir.put("/Group/a-trawl", json={**group, "member": members})
    assert stored.status_code in (200, 201), stored.text
    assert marker("wang") not in await everything(fhir, "/Group/a-trawl/$export")


async def test_a_filter_finds_nothing_foreign(world: World) -> None:
    fhir = await world.as_institution("hospital-a")
    search = "Observation%3Fpatient.name%3D%E7%8E%8B%E7%A7%80%E5%85%B0"
    _, manifest = await exported(fhir, f"/$export?_type=Observation&_typeFilter={search}")
    assert manifest["output"] == []


async def test_another_clients_export_is_not_there(world: World) -> None:
    owner = await world.as_institution("hospital-b")
    place, manifest = await exported(owner)
    thief = await world.as_institution("hospital-a")
    for url in (place, *(file["url"] for file in manifest["output"])):
        assert (await thief.get(url)).status_code == 404
    assert (await thief.delete(place)).status_code == 404
    assert (await owner.get(place)).status_code == 200
    await owner.delete(place)


@pytest.mark.parametrize(
    ("login", "scope"),
    [("zhang", f"{READ} user/*.rs"), ("doctor", "user/*.rs"), ("steward", "user/*.rs")],
)
async def test_no_person_exports(world: World, login: str, scope: str) -> None:
    fhir = await world.as_person(login, scope)
    for address in KICK_OFFS:
        refused = await fhir.get(address, headers=ASYNC)
        assert refused.status_code == 403, refused.text
    owner = await world.as_institution("hospital-b")
    place, manifest = await exported(owner)
    for url in (place, manifest["output"][0]["url"]):
        assert (await fhir.get(url)).status_code == 403
    await owner.delete(place)


async def test_files_need_a_token(world: World) -> None:
    owner = await world.as_institution("hospital-b")
    place, manifest = await exported(owner)
    nobody = world.browser()
    for url in (place, *(file["url"] for file in manifest["output"])):
        assert (await nobody.get(url)).status_code == 401
        token = owner.headers["authorization"].removeprefix("Bearer ")
        assert (await nobody.get(f"{url}?access_token={token}")).status_code == 401
    await owner.delete(place)
