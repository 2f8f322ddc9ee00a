"""Search parameters that are added: checked, active at once, ready when everything is indexed."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from psycopg.rows import TupleRow
from typer.testing import CliRunner

from hie.cli.main import application
from hie.kit.db import Connection
from hie.records.exchange import Exchange
from hie.search import definitions
from hie.search.define import renew
from hie.search.index import COPY
from hie.search.reindex import BATCH, conclude, jobs, reindex, waiting

WARD = "urn:example:ward"


def parameter(**changes: Any) -> dict[str, Any]:
    return {
        "resourceType": "SearchParameter",
        "id": "ward",
        "url": "urn:example:SearchParameter/ward",
        "name": "Ward",
        "status": "active",
        "description": "The ward of an encounter",
        "code": "ward",
        "base": ["Encounter"],
        "type": "token",
        "expression": f"Encounter.extension('{WARD}')",
        **changes,
    }


def encounter(logical_id: str, ward: str | None) -> dict[str, Any]:
    extension = [{"url": WARD, "valueCode": ward}] if ward else []
    return {
        "resourceType": "Encounter",
        "id": logical_id,
        "status": "finished",
        "class": {"code": "IMP"},
        "period": {"start": f"2020-01-{int(logical_id) % 28 + 1:02}"},
        **({"extension": extension} if extension else {}),
    }


@pytest.fixture
async def operator(client, exchange: Exchange) -> AsyncIterator[httpx.AsyncClient]:
    """The operator; at the end this process knows of no parameters that were added."""
    yield await client("operator")
    async with exchange.store.database.connection() as connection:
        await connection.execute("DELETE FROM search.definition")
        await renew(connection)


async def found(client: httpx.AsyncClient, query: str) -> list[str]:
    answer = await client.get(query)
    assert answer.status_code == 200, answer.text
    return sorted(e["resource"]["id"] for e in answer.json().get("entry", ()))


async def rows_of_index(connection: Connection) -> dict[str, list[TupleRow]]:
    """Everything that the index holds, without the places that differ between databases."""
    tables = {"resource": "type, id, tokens, date_low, date_high FROM store.resource"}
    for table, (columns, _) in COPY.items():
        tables[table] = (
            f"r.id, {', '.join(f't.{c}' for c in columns.split(', '))} "
            f"FROM search.{table} t JOIN store.resource r USING (patient_key, key)"
        )
    return {
        name: sorted(await (await connection.execute(f"SELECT {text}")).fetchall(), key=str)
        for name, text in tables.items()
    }


async def test_a_parameter_without_resources_is_ready_at_once(operator) -> None:
    before = (await operator.get("/metadata")).json()
    assert (await operator.get("/Encounter?ward=a")).status_code == 400
    assert (await operator.put("/SearchParameter/ward", json=parameter())).status_code == 201
    for logical_id, ward in (("1", "a"), ("2", "b"), ("3", None)):
        await operator.put(f"/Encounter/{logical_id}", json=encounter(logical_id, ward))
    assert await found(operator, "/Encounter?ward=a") == ["1"]
    assert await found(operator, "/Encounter?ward:missing=true") == ["3"]
    assert await found(operator, "/Encounter?_filter=ward eq b") == ["2"]
    assert await found(operator, "/Encounter?_sort=-ward&_count=1") == ["2"]
    after = (await operator.get("/metadata")).json()
    assert "ward" not in listed(before)
    assert listed(after)["ward"] == "urn:example:SearchParameter/ward"
    assert (await operator.delete("/SearchParameter/ward")).status_code == 204
    assert (await operator.get("/Encounter?ward=a")).status_code == 400
    assert "ward" not in listed((await operator.get("/metadata")).json())


def listed(statement: dict[str, Any]) -> dict[str, str]:
    types = statement["rest"][0]["resource"]
    encounter = next(each for each in types if each["type"] == "Encounter")
    return {each["name"]: each.get("definition", "") for each in encounter["searchParam"]}


async def test_reindexing_gives_what_a_fresh_write_gives(
    operator, client, exchange: Exchange
) -> None:
    wards = {str(number): "abc"[number % 3] if number % 4 else None for number in range(1, 20)}

    async def write() -> None:
        for logical_id, ward in wards.items():
            await operator.put(f"/Encounter/{logical_id}", json=encounter(logical_id, ward))

    await write()
    await operator.put("/SearchParameter/ward", json=parameter())
    # active for new writes, but not all are indexed: it cannot be asked for, and is not listed
    assert (await operator.get("/Encounter?ward=a")).status_code == 400
    assert "ward" not in listed((await operator.get("/metadata")).json())
    store = exchange.store
    async with store.database.connection() as connection:
        assert await waiting(connection) == ["Encounter"]
    [job] = [job async for job in reindex(store, ["Encounter"])]
    assert (job.done, job.failed) == (19, [])
    assert job.rewritten == sum(ward is not None for ward in wards.values())
    assert await conclude(store) == ["ward"]
    async with store.database.connection() as connection:
        assert await waiting(connection) == []
        indexed = await rows_of_index(connection)
    for ward in "abc":
        expected = sorted(logical_id for logical_id, own in wards.items() if own == ward)
        assert await found(operator, f"/Encounter?ward={ward}&_count=100") == expected
    # the same resources written anew give the same index
    for logical_id in wards:
        await operator.delete(f"/Encounter/{logical_id}")
    await write()
    async with store.database.connection() as connection:
        fresh = await rows_of_index(connection)
    for table, rows in fresh.items():
        assert rows == indexed[table], table


async def test_reindexing_goes_on_where_it_was_interrupted(operator, exchange: Exchange) -> None:
    await operator.put("/SearchParameter/other", json=parameter(id="other", code="other"))
    bundle = [
        {
            "resource": encounter(str(number), "a"),
            "request": {"method": "PUT", "url": f"Encounter/{number}"},
        }
        for number in range(BATCH + 20)
    ]
    content = {"resourceType": "Bundle", "type": "transaction", "entry": bundle}
    assert (await operator.post("/", json=content)).status_code == 200
    await operator.put("/SearchParameter/ward", json=parameter())
    store = exchange.store
    async for job in reindex(store, ["Encounter"]):
        assert (job.done, job.finished) == (BATCH, None)
        break
    assert await conclude(store) == []
    # what is written meanwhile is indexed already
    await operator.put("/Encounter/9999", json=encounter("9999", "z"))
    async with store.database.connection() as connection:
        [begun] = await jobs(connection)
        assert (begun.done, begun.finished) == (BATCH, None)
        assert await waiting(connection) == ["Encounter"]
    states = [job async for job in reindex(store, ["Encounter"])]
    assert [job.done for job in states] == [BATCH + 21]
    assert states[-1].rewritten == BATCH + 20
    assert await conclude(store) == ["ward"]
    assert await found(operator, "/Encounter?ward=z") == ["9999"]
    total = await operator.get("/Encounter?ward=a&_summary=count")
    assert total.json()["total"] == BATCH + 20


async def test_what_cannot_be_read_is_said_and_the_parameter_is_not_ready(
    operator, exchange: Exchange
) -> None:
    for logical_id in ("1", "2"):
        await operator.put(f"/Encounter/{logical_id}", json=encounter(logical_id, "a"))
    store = exchange.store
    async with store.database.connection() as connection:
        await connection.execute("UPDATE store.resource SET body = 'x' WHERE id = '1'")
    await operator.put("/SearchParameter/ward", json=parameter())
    [job] = [job async for job in reindex(store, ["Encounter"])]
    assert (job.done, job.rewritten, job.failed) == (2, 1, ["1"])
    assert await conclude(store) == []
    assert (await operator.get("/Encounter?ward=a")).status_code == 400


async def test_a_changed_or_removed_parameter_leaves_nothing_behind(
    operator, exchange: Exchange
) -> None:
    text = {"type": "string", "expression": "Encounter.extension('urn:example:name')"}
    await operator.put("/SearchParameter/ward", json=parameter(**text))
    own = encounter("1", "a")
    own["extension"].append({"url": "urn:example:name", "valueString": "East Wing"})
    await operator.put("/Encounter/1", json=own)
    assert await found(operator, "/Encounter?ward=east") == ["1"]
    await operator.put("/SearchParameter/ward", json=parameter())
    assert (await operator.get("/Encounter?ward=east")).status_code == 400
    store = exchange.store
    async for _ in reindex(store, ["Encounter"]):
        pass
    assert await conclude(store) == ["ward"]
    assert await found(operator, "/Encounter?ward=a") == ["1"]
    await operator.put("/SearchParameter/ward", json=parameter(status="retired"))
    async for _ in reindex(store, ["Encounter"]):
        pass
    await conclude(store)
    async with store.database.connection() as connection:
        index = await rows_of_index(connection)
        for table in COPY:
            assert all(row[1] < definitions.FIRST_NUMBER for row in index[table])


@pytest.mark.parametrize(
    ("changes", "element"),
    [
        ({"expression": "Encounter.period.start.replace('a', 'b')"}, "expression"),
        ({"expression": "Encounter.nonsense"}, "expression"),
        ({"expression": "Encounter."}, "expression"),
        ({"type": "quantity", "expression": "Encounter.class"}, "expression"),
        ({"type": "special"}, "type"),
        ({"code": "_ward"}, "code"),
        ({"code": "status"}, "code"),
        ({"base": ["Resource"]}, "base"),
        ({"type": "composite"}, "expression"),
    ],
)
async def test_what_nobody_could_search_by_is_refused(
    operator, changes: dict[str, Any], element: str
) -> None:
    answer = await operator.put("/SearchParameter/ward", json=parameter(**changes))
    assert answer.status_code == 422
    named = [issue["expression"] for issue in answer.json()["issue"]]
    assert [f"SearchParameter.{element}"] in named
    assert (await operator.get("/SearchParameter/ward")).status_code == 404


async def test_only_the_operators_count(operator, client) -> None:
    institution = await client("institution", institution="A")
    assert (await institution.put("/SearchParameter/ward", json=parameter())).status_code == 201
    # a document like any other: even one that could not be put in force is kept
    odd = parameter(id="odd", expression="Encounter.nonsense")
    assert (await institution.put("/SearchParameter/odd", json=odd)).status_code == 201
    assert (await operator.get("/Encounter?ward=a")).status_code == 400
    own = parameter(id="own")
    assert (await operator.put("/SearchParameter/own", json=own)).status_code == 201
    again = parameter(id="again")
    refused = await operator.put("/SearchParameter/again", json=again)
    assert refused.status_code == 422
    assert "ward" in refused.text


async def test_an_added_parameter_obeys_the_restriction(operator, client) -> None:
    await operator.put("/SearchParameter/ward", json=parameter())
    for code, logical_id in (("A", "1"), ("B", "2")):
        sender = await client("institution", institution=code)
        body = encounter(logical_id, "a")
        assert (await sender.put(f"/Encounter/{logical_id}", json=body)).status_code == 201
        assert await found(sender, "/Encounter?ward=a") == [logical_id]
    assert await found(operator, "/Encounter?ward=a") == ["1", "2"]


def test_the_command(conninfo: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HIE_DATABASE_URL", conninfo)
    run = CliRunner().invoke
    shown = run(application, ["reindex"])
    assert shown.exit_code == 0, shown.output
    assert "Nothing is waiting" in shown.output
    assert run(application, ["reindex", "--type", "Encounter"]).exit_code == 0
    state = run(application, ["reindex", "--status"])
    assert "Encounter" in state.output
    assert "finished" in state.output
    assert run(application, ["reindex", "--type", "Nonsense"]).exit_code == 2
