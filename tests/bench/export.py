"""A bulk export of everything, by one client that fetches two files at a time.

https://hl7.org/fhir/uv/bulkdata/STU2/export.html
"""

import asyncio
import time

import httpx
from results import say
from stand import Server

ASYNC = {"prefer": "respond-async"}
AT_ONCE = 2


async def _fetch(client: httpx.AsyncClient, url: str, free: asyncio.Semaphore) -> int:
    size = 0
    async with free, client.stream("GET", url) as answer:
        answer.raise_for_status()
        async for chunk in answer.aiter_raw():
            size += len(chunk)
    return size


async def export(server: Server, token: str) -> None:
    """What was exported in which time, and what the server's processes held afterwards."""
    headers = {"authorization": f"Bearer {token}", "accept-encoding": "identity"}
    before = server.spent()
    started = time.perf_counter()
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{server.port}/fhir", headers=headers, timeout=600
    ) as client:
        place = (await client.get("/$export", headers=ASYNC)).headers["content-location"]
        # The server names itself by its public address.
        export_id = place.rpartition("/")[2]
        status = f"/$export-files/{export_id}"
        while (answer := await client.get(status)).status_code == 202:  # noqa: ASYNC110 - as clients do
            await asyncio.sleep(float(answer.headers["retry-after"]))
        files = answer.raise_for_status().json()["output"]
        listed = time.perf_counter() - started
        free = asyncio.Semaphore(AT_ONCE)
        names = [file["url"].rpartition("/")[2] for file in files]
        sizes = await asyncio.gather(
            *(_fetch(client, f"/$export-files/{export_id}/{name}", free) for name in names)
        )
    seconds = time.perf_counter() - started
    resources = sum(file["count"] for file in files)
    in_server, in_database = (
        (after - earlier) / resources * 1e6
        for after, earlier in zip(server.spent(), before, strict=True)
    )
    say(
        "export",
        resources=resources,
        files=len(files),
        megabytes=round(sum(sizes) / 1e6),
        seconds_to_list=round(listed, 2),
        seconds=round(seconds, 1),
        per_second=round(resources / seconds),
        server_us=round(in_server),
        database_us=round(in_database),
    )
    server.memory("after an export")
