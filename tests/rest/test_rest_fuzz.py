"""Random requests never make the server fail, and every answer keeps to what all must.

The suite sends the same requests in every run. `make fuzz` (HIE_FUZZ_SECONDS in the environment) goes
on for so long from another seed each time, or from HIE_FUZZ_SEED; a failure prints seed, number and
request.
"""

import os
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path
from urllib.parse import unquote

import orjson
import pytest
from random_answers import answer_to, follow_up, learn, wrong, wrong_again
from random_requests import Drawn, Requests
from random_world import World, by_route, stored_examples

from hie.app import Application
from hie.records.exchange import Exchange
from hie.search.define import renew

SEED = 1
NUMBER = 7000
"""Of requests, for about a quarter of a minute."""
MOST_FINDINGS = 20
"""Different ones; then it is enough."""


@pytest.fixture
async def world(app: Application, exchange: Exchange) -> AsyncIterator[World]:
    """At the end this process knows of no search parameters that were added."""
    yield World(app, exchange)
    async with exchange.store.database.connection() as connection:
        await connection.execute("DELETE FROM search.definition")
        await renew(connection)


async def test_no_request_makes_the_server_fail(
    app: Application, world: World, shared_data: Path
) -> None:
    stated = os.environ.get("HIE_FUZZ_SECONDS")
    chosen = SEED if stated is None else random.SystemRandom().randrange(2**32)
    seed = int(os.environ.get("HIE_FUZZ_SEED", chosen))
    deadline = None if stated is None else time.monotonic() + float(stated)
    stored = stored_examples(shared_data)
    await world.furnish(stored)
    asked = Drawn("nobody", "GET", "/metadata", b"", (), b"", "")
    capabilities = orjson.loads((await answer_to(app, asked, "/fhir/metadata", None)).body)
    requests = Requests(seed, capabilities, stored, world.callers)
    requests.known.persons = world.persons
    counted: Counter[tuple[str, int]] = Counter()
    findings: dict[tuple[str, str], str] = {}
    slowest = (0.0, 0)
    for number in count():
        over = number >= NUMBER if deadline is None else time.monotonic() > deadline
        if over or len(findings) >= MOST_FINDINGS:
            break
        drawn = requests.draw(number)
        started = time.monotonic()
        path = unquote(f"/fhir{drawn.path}")
        answer = await answer_to(app, drawn, path, world.tokens[drawn.caller])
        seconds = time.monotonic() - started
        slowest = max(slowest, (seconds, number))
        found = wrong(drawn, answer, seconds)
        again = follow_up(drawn, answer) if found is None else None
        if again is not None:
            read = await answer_to(app, again, f"/fhir{again.path}", world.tokens["A"])
            found = wrong(again, read, 0.0) or wrong_again(answer, read)
        if found is not None:
            what = f"seed {seed}, request {number}: {found}\n{drawn}\n{answer}"
            findings.setdefault((found, drawn.route), what[:6000])
        counted[drawn.route, answer.status] += 1
        learn(requests.known, drawn, answer)
    took, which = slowest
    print(f"seed {seed}: {counted.total()} requests; number {which} took {took:.1f} s")
    print(by_route(counted))
    assert not findings, "\n\n".join(findings.values())
