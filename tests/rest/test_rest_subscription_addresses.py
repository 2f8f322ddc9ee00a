"""Subscriptions whose endpoint, headers or criteria nobody can use: each ends in an error, alone.

https://hl7.org/fhir/R4/subscription.html#status. A `url` in FHIR is any text without spaces.
"""

import orjson
import pytest
from test_rest_subscriptions import subscription

from hie.kit.egress import Unreachable, call
from hie.records.exchange import Exchange
from hie.subscriptions.notifier import look

UNREADABLE = (
    *("https://[", "https://[::1", "https://a\u2100b/", "https://a:99999/", "https://a:x/"),
    *(
        "https://",
        "https://user@a/",
        "https:///x",
        "https://:443",
        "//a/",
        "\ufffd",
        "https://[x]/",
    ),
)
UNKNOWN = (
    "https://a..b/",
    f"https://{'x' * 300}.example/",
    "https://a%00b/",
    "https://xn--\u00e9/",
)


async def test_an_endpoint_that_is_no_address_ends_that_subscription_only(
    client, exchange: Exchange
) -> None:
    sender = await client("institution", institution="A")
    ids = []
    for endpoint in (*UNREADABLE, "https://hospital.example/feed"):
        answer = await sender.post("/Subscription", content=subscription(endpoint))
        if answer.status_code == 201:
            ids.append(answer.json()["id"])
        else:
            assert answer.status_code == 422, (endpoint, answer.text)
    await look(exchange)
    found = [orjson.loads((await sender.get(f"/Subscription/{one}")).content) for one in ids]
    assert {one["status"] for one in found[:-1]} == {"error"}
    assert all("endpoint" in one["error"] for one in found[:-1])
    assert found[-1]["status"] == "active"


@pytest.mark.parametrize("address", [*UNREADABLE, *UNKNOWN])
async def test_what_cannot_be_called_is_unreachable(address: str) -> None:
    with pytest.raises(Unreachable):
        await call("GET", address, headers={"x": "\u00e9\n"}, trusted=False)
