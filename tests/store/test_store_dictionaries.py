"""Bodies are kept in few bytes, come back exactly, and leave nobody's data in a dictionary."""

import re
from pathlib import Path

import pytest

from hie.kit.db import Database
from hie.records.sample import samples_of
from hie.store.institutions import Institution
from hie.store.learner import learn_from_store, learn_if_doubled
from hie.store.learning import ENOUGH, PATIENTS, Sample, better, impersonal, install, learn
from hie.store.open import store_on

FILES = 10


@pytest.fixture(scope="module")
def samples(shared_data: Path) -> list[Sample]:
    files = sorted((shared_data / "synthea").glob("*.json.gz"))[:FILES]
    return samples_of(files, Institution(1, "H1", "第一医院"))


async def test_learning_from_own_data_halves_what_bodies_take(
    database: Database, samples: list[Sample]
) -> None:
    store = await store_on(database)
    body = samples[7].body
    old, before = store.bodies.newest, store.bodies.compress(body)
    learned = await learn(database, store.bodies, samples)
    assert learned == old + 1 == store.bodies.newest
    after = store.bodies.compress(body)
    assert len(after) < len(before) / 2
    assert store.bodies.expand(learned, after) == body
    assert store.bodies.expand(old, before) == body
    # learning the same again gains nothing
    assert await learn(database, store.bodies, samples) is None


async def test_a_process_that_was_open_before_reads_what_others_wrote_since(
    database: Database, samples: list[Sample]
) -> None:
    earlier, other = await store_on(database), await store_on(database)
    learned = await learn(database, other.bodies, samples)
    assert learned is not None
    written = other.bodies.compress(samples[3].body)
    assert earlier.bodies.expand(learned, written) == samples[3].body
    assert earlier.bodies.newest == learned


INSERT = """
INSERT INTO store.resource
    (patient_key, key, change, last_updated, version, institution, type, dictionary, id, tokens, body)
VALUES (hashtextextended(%s, 0), %s, %s, now(), 1, 0, 1, %s, %s, '{}', %s)
"""


async def test_a_worker_learns_from_what_is_stored(
    database: Database, samples: list[Sample]
) -> None:
    store = await store_on(database)
    old = store.bodies.newest
    async with database.transaction() as connection, connection.cursor() as cursor:
        rows = [
            (s.patient, n, n, old, str(n), store.bodies.compress(s.body))
            for n, s in enumerate(samples)
        ]
        await cursor.executemany(INSERT, rows)
    assert await learn_from_store(store, len(samples)) == old + 1
    async with database.connection() as connection:
        await connection.execute("DELETE FROM store.dictionary WHERE number > %s", (old,))
        await connection.execute("ANALYZE store.resource")
    fresh = await store_on(database)
    assert await learn_if_doubled(fresh, 0.0) == len(samples)
    assert fresh.bodies.newest == old + 1
    # as large as when it was learned from, the store is left alone
    assert await learn_if_doubled(fresh, len(samples)) == len(samples)


async def test_a_dictionary_that_nobody_made_is_an_error(database: Database) -> None:
    store = await store_on(database)
    with pytest.raises(LookupError):
        store.bodies.expand(77, b"")


async def test_numbers_are_given_in_order(database: Database) -> None:
    store = await store_on(database)
    async with database.transaction() as connection:
        assert await install(connection, store.bodies.content or b"") == 2
        assert await install(connection, store.bodies.content or b"") == 3


def test_words_of_few_patients_are_not_learned(samples: list[Sample]) -> None:
    """The property that protects people: what stays was found with several of them."""
    masked = impersonal(samples)
    assert [len(body) for body in masked] == [len(sample.body) for sample in samples]
    word = re.compile(rb"[0-9A-Za-z_\x80-\xff]+")
    holders: dict[bytes, set[str]] = {}
    for sample in samples:
        for found in word.findall(sample.body):
            holders.setdefault(found, set()).add(sample.patient)
    for sample, body in zip(samples, masked, strict=True):
        for sent, kept in zip(word.findall(sample.body), word.findall(body), strict=True):
            # eight random characters do not happen to be the right ones
            assert sent != kept or len(holders[sent]) >= PATIENTS or len(sent) < 8


def test_few_samples_teach_nothing(samples: list[Sample]) -> None:
    assert better(None, samples[: ENOUGH - 1]) is None
