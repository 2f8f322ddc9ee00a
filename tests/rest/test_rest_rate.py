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
