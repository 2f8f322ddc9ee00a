"""A client that asks too often is told to wait; others are not held up by it."""

from hie.records.exchange import Exchange


async def test_too_many_requests(client, exchange: Exchange) -> None:
    limited = exchange.settings.model_copy(update={"client_requests_per_minute": 3})
    object.__setattr__(exchange, "settings", limited)
    busy = await client("institution", institution="A")
    other = await client("institution", institution="B")
    for _ in range(3):
        assert (await busy.get("/Patient")).status_code == 200
    answer = await busy.get("/Patient")
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "60"
    assert answer.json()["issue"][0]["code"] == "throttled"
    assert (await other.get("/Patient")).status_code == 200


async def test_a_bundle_is_no_way_around(client, exchange: Exchange) -> None:
    limited = exchange.settings.model_copy(update={"client_requests_per_minute": 3})
    object.__setattr__(exchange, "settings", limited)
    busy = await client("institution", institution="A")
    read = {"request": {"method": "GET", "url": "Patient"}}
    sent = {"resourceType": "Bundle", "type": "batch", "entry": [read] * 4}
    entries = (await busy.post("/", json=sent)).json()["entry"]
    assert [e["response"]["status"] for e in entries] == ["200", "200", "429", "429"]
