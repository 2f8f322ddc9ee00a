"""What a steward has set apart stays apart: on arrival, in batch, and when somebody asks."""

from functools import partial
from typing import Any

import pytest
from test_mpi_register import number, patient, person, put
from test_mpi_steward import WHO

from hie.kit.db import Database
from hie.kit.hashing import Hasher
from hie.mpi import batch, steward
from hie.mpi.active import current
from hie.mpi.link import Source, register, withdraw
from hie.mpi.match import match
from hie.mpi.people import person_of
from hie.mpi.rehearsal import differences, live, rehearse
from hie.mpi.review import queue
from hie.store.bodies import Bodies
from hie.store.open import Store, secret

ONE_WORKER = partial(batch.link, workers=1)
HOME: dict[str, Any] = {"phone": "19900001234", "address": "柳园路8号5幢302室"}
SAME = patient("张伟", card=number("1980-05-17"), **HOME)


@pytest.fixture
async def store(database: Database) -> Store:
    async with database.connection() as connection:
        return Store(database, Hasher(await secret(connection, "index")), Bodies({}))


@pytest.fixture
async def parted(store: Store) -> tuple[str, str]:
    """The persons of `a` and `b`, written alike, whom a steward has parted."""
    await put(store, "a", SAME, 1)
    await put(store, "b", SAME, 2)
    async with store.database.transaction() as connection:
        before = (await person_of(connection, ["b"]))["b"]
        done = await steward.unlink(connection, store.hasher, "b", before, **WHO)
    assert done.person != before
    return before, done.person


async def waiting(store: Store) -> set[tuple[str, frozenset[str]]]:
    async with store.database.connection() as connection:
        found, _ = await queue(connection)
    return {(one.doubt.reason, frozenset((one.doubt.person, one.doubt.other))) for one in found}


async def test_a_registration_sent_anew_does_not_return(store: Store, parted: Any) -> None:
    async with store.database.transaction() as connection:
        await withdraw(connection, store, ["b"])
    await put(store, "b", SAME, 2)
    assert await person(store, "b") not in (parted[0], "")
    assert await waiting(store) == set()


async def test_two_sent_anew_in_one_transaction_stay_two(store: Store, parted: Any) -> None:
    async with store.database.transaction() as connection:
        await withdraw(connection, store, ["a", "b"])
    async with store.database.transaction() as connection:
        await register(connection, store, [Source("a", 1, SAME), Source("b", 2, SAME)])
    assert await person(store, "a") != await person(store, "b")


async def test_who_fits_both_alike_waits_for_a_human(store: Store, parted: Any) -> None:
    await put(store, "c", SAME, 3)
    fresh = await person(store, "c")
    assert fresh not in parted
    assert await waiting(store) == {("duplicate", frozenset((fresh, one))) for one in parted}


async def test_what_the_human_says_of_one_settles_the_other(store: Store, parted: Any) -> None:
    await put(store, "c", SAME, 3)
    fresh = await person(store, "c")
    async with store.database.transaction() as connection:
        await steward.merge(connection, parted[0], fresh, **WHO)
    assert await waiting(store) == set()


async def test_who_clearly_fits_one_joins_that_one(store: Store, parted: Any) -> None:
    await put(store, "b", patient("张伟", **HOME), 2)
    await put(store, "c", SAME, 3)
    assert await person(store, "c") == parted[0]
    assert await waiting(store) == set()


async def test_an_update_asks_nothing_again(store: Store, parted: Any) -> None:
    await put(store, "b", {**SAME, "gender": "unknown"}, 2)
    assert await person(store, "b") == parted[1]
    assert await waiting(store) == set()


async def test_the_batch_neither_joins_nor_bridges_them(store: Store, parted: Any) -> None:
    await put(store, "c", SAME, 3)
    async with store.database.connection() as connection:
        found = await rehearse(connection, await current(connection), ONE_WORKER)
        linked = await live(connection)
        proposed = list(differences(linked, found.clusters))
    numbers = {id_: number for number, (id_, _) in linked.by_number.items()}
    assert found.clusters[numbers["a"]] != found.clusters[numbers["b"]]
    assert not any({one, other} == set(parted) for _, _, one, other in proposed)


async def test_the_batch_follows_a_steward_who_joined_them_after_all(
    store: Store, parted: Any
) -> None:
    async with store.database.transaction() as connection:
        await steward.merge(connection, *parted, **WHO)
    async with store.database.connection() as connection:
        found = await rehearse(connection, await current(connection), ONE_WORKER)
        assert list(differences(await live(connection), found.clusters)) == []


async def test_a_question_about_one_does_not_name_the_other(store: Store, parted: Any) -> None:
    async with store.database.connection() as connection:
        anybody = await match(connection, store, SAME)
        assert {one.person for one in anybody} == set(parted)
        for id_, own in (("a", parted[0]), ("b", parted[1]), (parted[0], parted[0])):
            found = await match(connection, store, {**SAME, "id": id_}, only_certain=True)
            assert [one.person for one in found] == [own]
