"""The exchange's own faults are told as OperationOutcomes with a number for its operator.

https://hl7.org/fhir/R4/http.html#2.21.0.4
"""

import logging

import httpx
import pytest
from tests_rest_samples import patient

from hie.records.exchange import Exchange


def check(answer: httpx.Response, status: int, code: str, caplog: pytest.LogCaptureFixture) -> None:
    assert answer.status_code == status
    [issue] = answer.json()["issue"]
    assert issue["code"] == code
    incident = issue["diagnostics"].rpartition("incident ")[2]
    assert incident in issue["details"]["text"]
    assert f"incident {incident}: GET /fhir/Patient/p1" in caplog.text
    token = answer.request.headers["authorization"].removeprefix("Bearer ")
    assert token not in caplog.text


async def test_what_cannot_be_put_on_record_is_not_disclosed(
    client, exchange: Exchange, caplog: pytest.LogCaptureFixture
) -> None:
    a = await client("institution", institution="A")
    await a.put("/Patient/p1", content=patient("p1", "张伟"))
    async with exchange.store.database.connection() as connection:
        await connection.execute("DROP TABLE audit.event CASCADE")
    check(await a.get("/Patient/p1"), 503, "transient", caplog)


async def test_a_fault_is_ours_and_has_a_number(
    client, exchange: Exchange, caplog: pytest.LogCaptureFixture
) -> None:
    a = await client("institution", institution="A")
    async with exchange.store.database.connection() as connection:
        await connection.execute("DROP TABLE store.resource CASCADE")
    with caplog.at_level(logging.ERROR):
        check(await a.get("/Patient/p1"), 500, "exception", caplog)
