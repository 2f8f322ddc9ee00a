"""A model learned here is kept, compared with the one in use, switched on and off."""

from functools import partial

import pytest

from hie.errors import Problem
from hie.kit.db import Database
from hie.kit.hashing import Hasher
from hie.mpi import active
from hie.mpi.batch import link
from hie.mpi.evaluate import evaluate
from hie.mpi.features import from_json, of_patient
from hie.mpi.model import build, shipped
from hie.mpi.population import population
from hie.mpi.registration_file import patient
from hie.mpi.rehearsal import compare
from hie.mpi.training import expected_precision, train
from hie.store.bodies import Bodies
from hie.store.open import Store, secret


@pytest.fixture
async def store(database: Database) -> Store:
    async with database.connection() as connection:
        return Store(database, Hasher(await secret(connection, "index")), Bodies({}))


async def test_switching_counts_with_the_next_registration(store: Store) -> None:
    rows = list(population("town", 60, 3))
    await evaluate(store, rows[:40], batch=20)
    async with store.database.transaction() as connection:
        assert (await active.current(connection)).version == shipped()["version"]
        await active.keep(connection, {**shipped(), "version": "stricter", "certain_bits": 500.0})
        with pytest.raises(Problem):
            async with connection.transaction():
                await active.switch(connection, "stricter")
        await compare(connection, "stricter", partial(link, workers=1))
        await active.switch(connection, "stricter")
    found = await evaluate(store, rows[40:], batch=20)
    assert len(set(found.persons)) > len({row["true_person"] for row in rows[40:]}) * 1.5
    async with store.database.transaction() as connection:
        assert (await active.current(connection)).version == "stricter"
        await active.switch(connection, None)
        assert (await active.current(connection)).version == shipped()["version"]


async def test_what_cannot_be_switched_on(store: Store) -> None:
    await evaluate(store, list(population("town", 20, 3)), batch=20)
    async with store.database.connection() as connection:
        await active.keep(connection, shipped("english-1"))
        for version, status in (("unknown", 404), ("english-1", 409)):
            with pytest.raises(Problem) as refused:
                async with connection.transaction():
                    await active.switch(connection, version)
            assert refused.value.status == status
        with pytest.raises(Problem) as taken:
            await active.keep(connection, shipped("english-1"))
        assert taken.value.status == 409


def test_reviewers_decisions_count() -> None:
    people = [of_patient(patient(row)) for row in population("town", 300, 5)]
    seen = ({"name": "given", "birth": "exact"}, True)
    without = train(people, shipped(), version="a", sample=3000)
    taught = train(people, shipped(), version="b", sample=3000, decisions=[seen] * 300)
    assert taught["m"]["name"]["given"] > 3 * without["m"]["name"]["given"]
    assert taught["u"] == without["u"]


def test_expected_precision() -> None:
    people = [of_patient(patient(row)) for row in population("town", 200, 5)]
    assert 0.99 < expected_precision(people, build(shipped()), sample=4000) <= 1.0
    assert expected_precision([], build(shipped())) == 1.0


async def test_learning_from_the_live_population(store: Store) -> None:
    await evaluate(store, list(population("town", 150, 3)), batch=100)
    async with store.database.connection() as connection:
        cursor = await connection.execute(active.SAMPLE, (100,))
        people = [from_json(plain) for (plain,) in await cursor.fetchall()]
        cursor = await connection.execute(active.DECIDED)
        assert await cursor.fetchall() == []
    assert len(people) == 100
    content = train(people, shipped(), version="live", sample=2000)
    async with store.database.connection() as connection:
        await active.keep(connection, content)
        assert await active.find(connection, "live") == content
