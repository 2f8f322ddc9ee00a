"""The population linked anew on Spark: the same proposals as on one machine.

Runs where PySpark and Java are installed: `pip install 'hie[spark]'`, Java 17 or newer.
"""

import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from test_mpi_batch import ONE_WORKER

from hie.kit.db import Database
from hie.kit.hashing import Hasher
from hie.mpi import active, steward
from hie.mpi.evaluate import evaluate
from hie.mpi.model import shipped
from hie.mpi.people import person_of
from hie.mpi.population import population
from hie.mpi.rehearsal import differences, live, rehearse
from hie.store.bodies import Bodies
from hie.store.open import Store, secret

pytest.importorskip("pyspark", reason="needs PySpark: pip install 'hie[spark]'")
if shutil.which("java") is None:
    pytest.skip("needs Java 17 or newer on the path", allow_module_level=True)


@pytest.fixture(scope="module")
def session() -> Iterator[Any]:
    from hie.mpi import spark

    found = spark.session("local[2]")
    found.conf.set("spark.sql.shuffle.partitions", "2")
    yield found
    found.stop()


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    """Nothing is left of what was linked."""
    yield tmp_path
    assert list(tmp_path.iterdir()) == []


@pytest.mark.filterwarnings("default")  # Spark's own, of which there are many
async def test_spark_proposes_what_one_machine_proposes(
    session: Any, database: Database, directory: Path
) -> None:
    from hie.mpi import spark

    async with database.connection() as connection:
        store = Store(database, Hasher(await secret(connection, "index")), Bodies({}))
        await active.keep(connection, {**shipped(), "version": "strict", "certain_bits": 500.0})
        await active.switch(connection, "strict")
    rows = list(population("port", 150, 3))
    await evaluate(store, rows, batch=100)
    async with database.transaction() as connection:
        await active.switch(connection, None)
        people = await person_of(connection, [row["rec_id"] for row in rows])
        alike = [row["rec_id"] for row in rows if row["true_person"] == rows[0]["true_person"]]
        await steward.not_duplicate(
            connection, people[alike[0]], people[alike[1]], actor="steward", reason="test"
        )
    on_spark = partial(spark.link, session=session)
    async with database.connection() as connection:
        linked, model = await live(connection), await active.current(connection)
        here = await rehearse(connection, model, ONE_WORKER)
        there = await rehearse(connection, model, on_spark, directory=directory)
    assert (there.figures.registrations, there.figures.pairs) == (len(rows), here.figures.pairs)
    proposed = set(differences(linked, here.clusters))
    assert set(differences(linked, there.clusters)) == proposed
    assert len(proposed) > 50
    numbers = {id_: number for number, (id_, _) in linked.by_number.items()}
    one, two = (there.clusters[numbers[id_]] for id_ in alike[:2])
    assert one != two
