"""A standing duty: learn how to compress what the institutions really send.

An exchange that is fed by messages and requests never sees its data as a heap of files, as `hie load`
does; so once its store has doubled, a sample of what is stored is learned from.
"""

import logging

from hie.kit.db import Connection
from hie.kit.duty import Duty
from hie.store.learning import ENOUGH, Sample, learn
from hie.store.open import Store

logger = logging.getLogger(__name__)

INTERVAL = 6 * 3600.0
"""Seconds between two looks at the size of the store."""
SAMPLES = 3000
GROWTH = 2
"""How many times larger the store must be than when it was last learned from."""

EXPECTED = "SELECT reltuples FROM pg_class WHERE oid = 'store.resource'::regclass"
SAMPLE = """
SELECT r.patient_key, r.dictionary, r.body FROM store.resource r TABLESAMPLE SYSTEM (%s) LIMIT %s
"""


async def learn_from_store(store: Store, size: float) -> int | None:
    """Learn from about `SAMPLES` of the store's `size` resources; the dictionary's number, or None."""
    async with store.database.connection() as connection:
        samples = await _sample(connection, store, size)
    return await learn(store.database, store.bodies, samples)


async def _sample(connection: Connection, store: Store, size: float) -> list[Sample]:
    cursor = await connection.execute(SAMPLE, (min(100.0, 100 * SAMPLES / size), 2 * SAMPLES))
    return [
        Sample(str(patient), store.bodies.expand(dictionary, body))
        async for patient, dictionary, body in cursor
    ]


async def learn_if_doubled(store: Store, learned_at: float) -> float:
    """Learn from a store that has doubled since it had `learned_at` resources; how many it has then."""
    async with store.database.connection() as connection:
        row = await (await connection.execute(EXPECTED)).fetchone()
    size = 0.0 if row is None else float(row[0])
    if size < max(ENOUGH, GROWTH * learned_at):
        return learned_at
    number = await learn_from_store(store, size)
    if number is not None:
        logger.info("bodies are compressed with dictionary %s from now on", number)
    return size


def learning(store: Store, interval: float = INTERVAL) -> Duty:
    """The duty of a worker. It looks when it starts, and again when the store has doubled."""
    learned_at = 0.0

    async def turn() -> None:
        nonlocal learned_at
        learned_at = await learn_if_doubled(store, learned_at)

    return Duty("learning of compression", interval, turn)
