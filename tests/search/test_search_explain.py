"""A search explained: the tree in words, the statement, PostgreSQL's plan; and by the command."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from search_fixtures import Load
from typer.testing import CliRunner

from hie.cli.main import application
from hie.search.explain import Explanation, Limb, explain
from hie.search.parse import parse
from hie.search.restriction import EVERYTHING, NOTHING
from hie.store.open import Store

EVERY_NODE = (
    ("code", "http://loinc.org|1-8,x"),
    ("code:not", "y"),
    ("status:missing", "true"),
    ("_id", "a,b"),
    ("date", "ge2020"),
    ("value-quantity", "5|http://unitsofmeasure.org|mg"),
    ("code-value-quantity", "a$gt5"),
    ("patient.name", "张"),
    ("_has:DiagnosticReport:result:code", "z"),
    ("_filter", "code eq a or not (code eq b)"),
    ("_sort", "-date,status"),
)


def lines(limb: Limb) -> list[str]:
    return [limb.text, *(line for below in limb.below for line in lines(below))]


@pytest.fixture
async def explained(store: Store, load: Load) -> Explanation:
    query = parse("Observation", EVERY_NODE)
    async with store.database.connection() as connection:
        return await explain(connection, store, query, EVERYTHING, run=True)


async def test_the_tree_says_what_is_asked(explained: Explanation) -> None:
    [branch] = explained.tree
    assert lines(branch) == [
        "Observation",
        "code (token) = http://loinc.org|1-8 or x",
        "not",
        "code (token) = y",
        "status has no value",
        "_id = a or b",
        "date (date) = ge 2019-12-31T16:00:00+00:00 … 2020-12-31T16:00:00+00:00",
        "value-quantity (quantity) = eq 5 (4.5 … 5.5) http://unitsofmeasure.org|mg",
        "code-value-quantity (composite) = a with gt 5 (4.5 … 5.5) any unit",
        "patient points to a Patient with",
        "name (string) = '张'",
        "a DiagnosticReport points here by result, with",
        "code (token) = z",
        "any of",
        "code (token) = a",
        "not",
        "code (token) = b",
        "in order of -date, status",
    ]


async def test_statement_and_plan_are_postgresqls(explained: Explanation, store: Store) -> None:
    [step] = explained.steps
    assert step.statement.startswith("SELECT r.patient_key")
    assert "%s" not in step.statement
    async with store.database.connection() as connection:
        await connection.execute(step.statement)  # type: ignore[call-overload]
    assert "actual time" in step.plan
    assert "Execution Time" in step.plan


async def test_contained_resources_are_a_step_of_their_own(store: Store) -> None:
    steps = {}
    async with store.database.connection() as connection:
        for contained in ("true", "both"):
            query = parse("Medication", [("_contained", contained)], contained=True)
            found = await explain(connection, store, query, EVERYTHING, run=True)
            steps[contained] = [step.purpose for step in found.steps]
    assert steps["true"] == ["What is contained in others"]
    assert steps["both"] == ["The page", "What is contained in others"]


async def test_it_is_explained_for_whom_it_is_asked(store: Store) -> None:
    query = parse("Observation", ())
    async with store.database.connection() as connection:
        explanation = await explain(connection, store, query, NOTHING, run=False)
    [step] = explanation.steps
    assert "One-Time Filter: false" in step.plan
    assert "actual time" not in step.plan


def test_the_command(
    cloned: Callable[[], AbstractContextManager[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    with cloned() as conninfo:
        monkeypatch.setenv("HIE_DATABASE_URL", conninfo)
        run = CliRunner().invoke
        shown = run(application, ["search", "explain", "Patient/1/Observation?code=1-8&_count=5"])
        assert shown.exit_code == 0, shown.output
        for part in ("Tree", "in the compartment of Patient 1", "SQL", "LIMIT 6", "Plan", "cost="):
            assert part in shown.output
        own = run(application, ["search", "explain", "--patient", "g", "--plan", "?_type=Patient"])
        assert own.exit_code == 0, own.output
        assert "mpi.person" in own.output
        wrong = run(application, ["search", "explain", "Observation?nonsense=1"])
        assert wrong.exit_code == 1
        assert "nonsense" in wrong.output
