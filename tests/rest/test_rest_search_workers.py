"""A search parameter is active on every worker with its next write: two processes, one database."""

import asyncio
import sys
from asyncio.subprocess import PIPE

import orjson

from hie.records.exchange import Exchange
from hie.search.define import renew

WORKER = """
import asyncio, sys
from hie.access.caller import Caller
from hie.records.accept import accept
from hie.records.entry import Entry
from hie.records.open import open_exchange
from hie.records.find import find
from hie.settings import Settings

async def main(conninfo):
    async with open_exchange(Settings(database_url=conninfo), conninfo) as exchange:
        for line in sys.stdin:
            word, _, rest = line.strip().partition(" ")
            if word == "write":
                entry = Entry("PUT", "Encounter", rest.split('"id":"')[1].split('"')[0], body=rest.encode())
                [outcome] = await accept(exchange, Caller.operator(), [entry])
                print(outcome.status, flush=True)
            else:
                name, _, value = rest.partition("=")
                try:
                    body = await find(exchange, Caller.operator(), "Encounter", [(name, value)])
                    print(body.count(b'"fullUrl"'), flush=True)
                except Exception as error:
                    print("refused", flush=True)

asyncio.run(main(sys.argv[1]))
"""


def encounter(logical_id: str) -> str:
    return orjson.dumps(
        {
            "resourceType": "Encounter",
            "id": logical_id,
            "status": "finished",
            "class": {"code": "IMP"},
            "extension": [{"url": "urn:example:ward", "valueCode": "a"}],
        }
    ).decode()


async def test_another_process_knows_with_its_next_request(
    client, exchange: Exchange, conninfo: str
) -> None:
    operator = await client("operator")
    worker = await asyncio.create_subprocess_exec(
        sys.executable, "-c", WORKER, conninfo, stdin=PIPE, stdout=PIPE
    )

    async def tell(line: str) -> str:
        assert worker.stdin is not None
        assert worker.stdout is not None
        worker.stdin.write(f"{line}\n".encode())
        return (await worker.stdout.readline()).decode().strip()

    try:
        # it has compiled what it knows before the parameter is there
        assert await tell("find ward=a") == "refused"
        assert await tell("find status=finished") == "0"
        parameter = {
            "resourceType": "SearchParameter",
            "id": "ward",
            "url": "urn:example:SearchParameter/ward",
            "name": "Ward",
            "status": "active",
            "description": "The ward of an encounter",
            "code": "ward",
            "base": ["Encounter"],
            "type": "token",
            "expression": "Encounter.extension('urn:example:ward')",
        }
        assert (await operator.put("/SearchParameter/ward", json=parameter)).status_code == 201
        assert await tell(f"write {encounter('there')}") == "201"
        assert (await operator.put("/Encounter/here", content=encounter("here"))).status_code == 201
        found = (await operator.get("/Encounter?ward=a")).json()["entry"]
        assert {each["resource"]["id"] for each in found} == {"here", "there"}
        assert await tell("find ward=a") == "2"
        assert (await operator.delete("/SearchParameter/ward")).status_code == 204
        assert await tell("find ward=a") == "refused"
    finally:
        assert worker.stdin is not None
        worker.stdin.close()
        await worker.wait()
        async with exchange.store.database.connection() as connection:
            await connection.execute("DELETE FROM search.definition")
            await renew(connection)
