"""Random requests never make the server fail. `make fuzz` goes on for longer.

HIE_FUZZ_SECONDS and HIE_FUZZ_SEED in the environment say for how long, and from where; a failure
prints the seed and the request.
"""

import gzip
import os
import random
import time
from pathlib import Path

import httpx
import orjson
from random_requests import Drawn, Requests

from hie.app import Application
from hie.auth.tokens import mint
from hie.records.exchange import Exchange

LONGEST = 10.0
"""Seconds for one answer, on a machine that does much else."""
BASE = "http://127.0.0.1:8080/fhir"


def wrong(drawn: Drawn, answer: httpx.Response, seconds: float) -> str | None:
    """What is wrong with the answer, if anything."""
    if answer.status_code >= 500:
        return f"status {answer.status_code}"
    if seconds > LONGEST:
        return f"{seconds:.1f} s"
    kind = answer.headers.get("content-type", "")
    if answer.status_code >= 400 and drawn.method != "HEAD":
        if "xml" in kind:
            return None if b"<OperationOutcome" in answer.content else "no OperationOutcome"
        body = orjson.loads(answer.content)
        if body.get("resourceType") != "OperationOutcome" and "errors" not in body:
            return "no OperationOutcome"
    return None


async def test_no_request_makes_the_server_fail(
    app: Application, exchange: Exchange, shared_data: Path
) -> None:
    seed = int(os.environ.get("HIE_FUZZ_SEED", random.SystemRandom().randrange(2**32)))
    seconds = float(os.environ.get("HIE_FUZZ_SECONDS", "20"))
    with gzip.open(shared_data / "r4" / "examples.ndjson.gz") as lines:
        examples = [orjson.loads(line) for line in lines if len(line) < 20_000]
    async with exchange.store.database.transaction() as connection:
        token = await mint(connection, client_id="fuzz", scopes="system/*.cruds")
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    headers = {"authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(transport=transport, base_url=BASE, headers=headers) as client:
        capabilities = (await client.get("/metadata")).json()
        requests = Requests(seed, capabilities, examples)
        for name, logical_id in (("Patient", "p1"), ("Observation", "o1")):
            one = next(one for one in examples if one["resourceType"] == name)
            await client.put(f"/{name}/{logical_id}", json={**one, "id": logical_id})
        deadline = time.monotonic() + seconds
        statuses: dict[int, int] = {}
        while time.monotonic() < deadline:
            drawn = requests.draw()
            started = time.monotonic()
            answer = await client.request(
                drawn.method, drawn.path, headers=drawn.headers, content=drawn.body
            )
            found = wrong(drawn, answer, time.monotonic() - started)
            assert found is None, f"seed {seed}: {found}\n{drawn}\n{answer.text[:2000]}"
            statuses[answer.status_code] = statuses.get(answer.status_code, 0) + 1
    print(f"seed {seed}: {sum(statuses.values())} requests, {statuses}")
