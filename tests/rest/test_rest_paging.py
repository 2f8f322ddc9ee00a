"""Pages while others write: no duplicates, and nothing missing that was there throughout.

https://hl7.org/fhir/R4/search.html#paging — a resource that is changed so that it moves behind the place
where the reader is comes again as the new version that it is; no version comes twice.
"""

import asyncio
from itertools import count
from typing import Any

import httpx
import orjson
import pytest
from tests_rest_samples import observation, patient

THERE = 40
WRITERS = 3
QUERIES = (
    "/Observation?_count=3",
    "/Observation?_count=4&_sort=-date",
    "/Observation?_count=3&_sort=value-quantity,_id",
    "/Observation?_count=5&_sort=status,-_lastUpdated",
    "/Observation?_count=7&subject=Patient/p&_include=Observation:subject",
    "/Patient/p/*?_count=6",
    "/?_type=Observation,Patient&_count=6&_sort=-_lastUpdated",
    "/Patient?_id=p&_revinclude=Observation:subject",
)


def body(logical_id: str, number: int) -> dict[str, Any]:
    resource: dict[str, Any] = orjson.loads(observation("Patient/p"))
    resource |= {"id": logical_id, "status": ("final", "amended", "preliminary")[number % 3]}
    resource["effectiveDateTime"] = f"2026-01-{number % 28 + 1:02}"
    resource["valueQuantity"] = {"value": number % 7, "unit": "kg"}
    return resource


async def write(client: httpx.AsyncClient, writer: int, done: asyncio.Event) -> int:
    """Create, change and delete resources of its own until told to stop; how many changes there were."""
    for number in count():
        logical_id = f"w{writer}-{number % 20}"
        if number % 3 == 2:
            answer = await client.delete(f"/Observation/{logical_id}")
            assert answer.status_code in (204, 404, 410)
        else:
            answer = await client.put(
                f"/Observation/{logical_id}", json=body(logical_id, number * 5 + writer)
            )
            assert answer.status_code in (200, 201), answer.text
        if done.is_set():
            return number
    raise AssertionError("unreachable: counting has no end")


async def pages(client: httpx.AsyncClient, query: str) -> list[str]:
    """The versions on all pages together; observations that come along count too."""
    found: list[str] = []
    following = query
    for _ in range(400):
        answer = await client.get(following)
        assert answer.status_code == 200, answer.text
        bundle = answer.json()
        for entry in bundle.get("entry", ()):
            resource = entry["resource"]
            place = f"{resource['resourceType']}/{resource['id']}/{resource['meta']['versionId']}"
            if resource["resourceType"] == "Observation" or entry["search"]["mode"] == "match":
                found.append(place)
        links = {link["relation"]: link["url"] for link in bundle["link"]}
        if "next" not in links:
            return found
        following = links["next"]
    raise AssertionError(f"pages without end: {query}")


@pytest.fixture
async def writers(client) -> list[httpx.AsyncClient]:
    """Clients of one institution, which has stored a patient and his observations."""
    made = [await client("institution", institution="A") for _ in range(WRITERS + 1)]
    await made[0].put("/Patient/p", content=patient("p", "张伟"))
    for number in range(THERE):
        logical_id = f"there-{number}"
        answer = await made[0].put(f"/Observation/{logical_id}", json=body(logical_id, number))
        assert answer.status_code == 201
    return made


async def test_pages_under_writes(writers: list[httpx.AsyncClient]) -> None:
    reader, *others = writers
    there = {f"Observation/there-{number}/1" for number in range(THERE)}
    done = asyncio.Event()
    tasks = [asyncio.create_task(write(one, n, done)) for n, one in enumerate(others)]
    try:
        for query in QUERIES:
            found = await pages(reader, query)
            assert len(found) == len(set(found)), query
            assert there <= set(found), query
    finally:
        done.set()
        changes = await asyncio.gather(*tasks)
    assert all(number > len(QUERIES) for number in changes)
