"""The published roots: everybody may note them, and they prove later that nothing changed."""

from datetime import date

from tests_rest_samples import patient

from hie.audit.seal import seal
from hie.audit.verify import verify


async def test_everybody_reads_the_roots_and_they_prove_the_trail(client, exchange) -> None:
    sender = await client("institution", institution="A")
    assert (await sender.put("/Patient/p1", content=patient("p1", "张伟"))).status_code == 201
    anybody = await client()
    there = "http://127.0.0.1:8080/audit/roots"
    assert (await anybody.get(there)).json() == []
    assert await seal(exchange.store.database, "sha-256") > 0
    (root,) = (await anybody.get(there)).json()
    assert set(root) == {"date", "algorithm", "seals", "root"}
    noted = {date.fromisoformat(root["date"]): bytes.fromhex(root["root"])}
    async with exchange.store.database.connection() as connection:
        report = await verify(connection, noted)
    assert report.findings == []
    assert "张伟" not in (await anybody.get(there)).text
