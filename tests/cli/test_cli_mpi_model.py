"""`hie mpi train`, `run` and `model …` as a user runs them: nothing unknown is switched on."""

import asyncio
import re
from collections.abc import Callable
from pathlib import Path

import orjson
import psycopg
import pytest
from typer.testing import CliRunner, Result

from hie.cli.main import application
from hie.kit.db import Database
from hie.kit.hashing import Hasher
from hie.mpi import steward
from hie.mpi.evaluate import evaluate
from hie.mpi.model import CURRENT, shipped
from hie.mpi.pair import pair_of
from hie.mpi.population import population
from hie.mpi.review import queue
from hie.mpi.settle import settle
from hie.store.bodies import Bodies
from hie.store.open import Store, secret

Run = Callable[..., Result]
ROWS = list(population("town", 80, 3))


@pytest.fixture
def run(conninfo: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command line on an exchange that holds a small population."""
    monkeypatch.setenv("HIE_DATABASE_URL", conninfo)
    monkeypatch.setenv("HIE_DATA_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")

    async def fill() -> None:
        async with Database(conninfo) as database:
            async with database.connection() as connection:
                store = Store(database, Hasher(await secret(connection, "index")), Bodies({}))
            await evaluate(store, ROWS, batch=100)

    asyncio.run(fill())
    return lambda *words: CliRunner().invoke(application, ("mpi", *words))


@pytest.fixture
def keep(run: Run, tmp_path: Path) -> Callable[..., Result]:
    """Keep a model of this name, with other weights if wished."""

    def kept(version: str, **other: object) -> Result:
        file = tmp_path / f"{version}.json"
        file.write_bytes(orjson.dumps({**shipped(), "version": version, **other}))
        return run("model", "keep", str(file))

    return kept


def weighs(run: Run) -> str:
    listed = run("model", "list")
    assert listed.exit_code == 0, listed.output
    return listed.output.splitlines()[0].removeprefix("weighs now: ")


def figures(result: Result) -> dict[str, int]:
    assert result.exit_code == 0, result.output
    found: dict[str, int] = orjson.loads(result.stdout.splitlines()[-1])
    return found


def compare(run: Run, version: str) -> dict[str, int]:
    return figures(run("model", "compare", version, "--workers", "1", "--json"))


def refused(result: Result, word: str) -> bool:
    return result.exit_code == 1 and word in result.stderr


def test_a_model_is_compared_before_it_is_switched_on(
    run: Run, keep: Callable[..., Result], conninfo: str
) -> None:
    assert keep("same").exit_code == 0
    assert keep("strict", certain_bits=30.0).exit_code == 0
    assert refused(keep("same"), "already")
    assert refused(keep(CURRENT), "already")
    assert refused(keep("shipped"), "already")
    assert refused(run("model", "activate", "same"), "hie mpi model compare same")
    assert refused(run("model", "activate", "unknown"), "unknown")
    assert refused(run("model", "compare", "unknown"), "unknown")
    assert weighs(run) == CURRENT

    alike = compare(run, "same")
    assert alike["registrations"] == len(ROWS)
    assert alike["clusters_now"] == alike["clusters_then"]
    assert alike["merges_only_then"] == alike["splits_only_then"] == 0
    strict = compare(run, "strict")
    assert strict["clusters_then"] > strict["clusters_now"]
    assert strict["splits_only_then"] > 0
    assert weighs(run) == CURRENT

    assert run("model", "activate", "strict").exit_code == 0
    assert weighs(run) == "strict"
    # That comparison was with the model in use then.
    assert refused(run("model", "activate", "same"), "Compare same with strict first")
    assert run("model", "activate", "shipped").exit_code == 0
    assert weighs(run) == CURRENT
    assert run("model", "activate", "same").exit_code == 0
    # So is one on a population that was much smaller.
    assert run("model", "activate", "shipped").exit_code == 0
    with psycopg.connect(conninfo) as connection:
        connection.execute(
            "UPDATE mpi.model SET comparison = jsonb_set(comparison, '{registrations}', '20')"
        )
    assert refused(run("model", "activate", "same"), "first")
    assert re.findall(r"^(\w+): kept 20", run("model", "list").output, re.M) == ["same", "strict"]


def test_english_comparisons_are_not_for_this_index(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "english.json"
    file.write_bytes(orjson.dumps(shipped("english-1")))
    assert run("model", "keep", str(file)).exit_code == 0
    assert refused(run("model", "compare", "english-1"), "chinese")
    assert refused(run("model", "activate", "english-1"), "chinese")


def test_what_was_trained_on_a_file_can_be_kept_and_compared(run: Run, tmp_path: Path) -> None:
    file, model = tmp_path / "people.csv", tmp_path / "model.json"
    made = run("generate", str(file), "--persons", "100", "--seed", "5")
    assert made.exit_code == 0, made.output
    trained = run("train", str(file), str(model), "--version", "trained-1", "--pairs", "4000")
    assert trained.exit_code == 0, trained.output
    assert re.search(r"name +│ exact +│", trained.output)
    assert re.search(r"expected precision: (1\.0|0\.9)\d+", trained.output)
    assert run("model", "keep", str(model)).exit_code == 0
    assert compare(run, "trained-1")["registrations"] == len(ROWS)
    assert run("model", "activate", "trained-1").exit_code == 0
    assert weighs(run) == "trained-1"


def test_learning_counts_what_reviewers_decided(run: Run, conninfo: str) -> None:
    asyncio.run(_decide_one(conninfo))
    learned = run("model", "learn", "learned-1", "--sample", "150", "--pairs", "4000")
    assert learned.exit_code == 0, learned.output
    assert "registrations: 150" in learned.stdout
    assert "decisions: 1" in learned.stdout
    assert re.search(r"expected_precision: (1\.0|0\.9)", learned.stdout)
    assert refused(
        run("model", "learn", "learned-1", "--sample", "50", "--pairs", "1000"), "already"
    )
    assert refused(run("model", "activate", "learned-1"), "first")
    assert weighs(run) == CURRENT


async def _decide_one(conninfo: str) -> None:
    async with Database(conninfo) as database, database.transaction() as connection:
        hasher = Hasher(await secret(connection, "index"))
        cursor = await connection.execute(
            "SELECT person, array_agg(id) FROM mpi.registration GROUP BY 1 HAVING count(*) > 1"
        )
        person, (id_, *_) = (await cursor.fetchall())[0]
        done = await steward.unlink(
            connection, hasher, id_, person, actor="steward", reason="a test"
        )
        await connection.execute("DELETE FROM mpi.apart")
        await connection.execute(
            "INSERT INTO mpi.review (opened, reason, registration, person, other, bits, guards)"
            " VALUES (now(), 'possible', %s, %s, %s, 5, '{}')",
            (id_, done.person, person),
        )
        found, _ = await queue(connection, reason="possible", count=500)
        one = next(review for review in found if review.doubt.registration == id_)
        pair = await pair_of(connection, one)
        assert pair is not None
        await settle(connection, hasher, pair, "merge", actor="Li", note="same card")


def test_a_run_only_counts_or_only_proposes(run: Run) -> None:
    counted = figures(run("run", "--dry-run", "--workers", "1", "--json"))
    assert counted["registrations"] == len(ROWS)
    assert "reviews" not in counted
    proposed = figures(run("run", "--workers", "1", "--json"))
    assert proposed["reviews"] <= proposed["merges_proposed"] + proposed["splits_proposed"]
    assert proposed["clusters"] == counted["clusters"]
