"""Learns a compression dictionary from an installation's own resources.

What resources have in common differs between senders far more than between patients, so a dictionary
made elsewhere is worth little: with one trained on other data Synthea's bodies take 630 bytes on
average, with their own 165 (docs/decisions/0002-storage.md).

A dictionary is made of pieces of its samples and outlives them. So that nobody's data live on in it,
every word that is not found in the records of several patients is replaced by random characters
before training. https://facebook.github.io/zstd/zstd_manual.html#Chapter10
"""

import re
from asyncio import to_thread
from collections.abc import Sequence
from random import Random
from typing import NamedTuple

import zstandard

from hie.kit.db import Connection, Database
from hie.store.bodies import Bodies, mean_size, train

PATIENTS = 5
"""A word stays as it is if it was found in the records of that many patients."""
ENOUGH = 1000
"""Samples below which a dictionary would remember them instead of learning what is usual."""
SIZE = 131072
"""Twice as much gains nothing, and slows compressing down."""
TESTED = 10
"""Every tenth sample is not learned from: on these dictionaries are compared."""
GAIN = 0.9
"""A new dictionary must save a tenth, for it is loaded by every process for ever after."""

_WORD = re.compile(rb"[0-9A-Za-z_\x80-\xff]+")
_HEXADECIMAL = re.compile(rb"[0-9a-f]+")
_DIGITS = b"0123456789"
_LETTERS = b"abcdefghijklmnopqrstuvwxyz"

NUMBER = "SELECT coalesce(max(number), 0) + 1 FROM store.dictionary"
INSERT = "INSERT INTO store.dictionary (number, content) VALUES (%s, %s)"


class Sample(NamedTuple):
    """A body, and whose record it is from."""

    patient: str
    body: bytes


def impersonal(samples: Sequence[Sample]) -> list[bytes]:
    """The bodies with every word random that fewer than `PATIENTS` patients have."""
    holders: dict[bytes, set[str]] = {}
    for patient, body in samples:
        for word in set(_WORD.findall(body)):
            found = holders.setdefault(word, set())
            if len(found) < PATIENTS:
                found.add(patient)
    shared = {word for word, patients in holders.items() if len(patients) >= PATIENTS}
    random = Random(0)  # noqa: S311 - to fill gaps, not to keep a secret

    def replaced(match: re.Match[bytes]) -> bytes:
        word = match[0]
        if word in shared:
            return word
        # like for like: the dictionary's statistics of characters are learned as well
        if word.isdigit():
            alphabet = _DIGITS
        elif _HEXADECIMAL.fullmatch(word):
            alphabet = _DIGITS + b"abcdef"
        else:
            alphabet = _LETTERS
        return bytes(random.choices(alphabet, k=len(word)))

    return [_WORD.sub(replaced, sample.body) for sample in samples]


def better(current: bytes | None, samples: Sequence[Sample]) -> bytes | None:
    """A dictionary that saves a tenth against `current`, or None if the samples give none."""
    if len(samples) < ENOUGH:
        return None
    tested = [sample.body for sample in samples[::TESTED]]
    learned = impersonal([s for number, s in enumerate(samples) if number % TESTED])
    try:
        candidate = train(learned, SIZE)
    except zstandard.ZstdError:
        return None  # too little to learn from
    least = mean_size(tested, current) * GAIN
    return candidate if mean_size(tested, candidate) < least else None


async def install(connection: Connection, content: bytes) -> int:
    """Keep the dictionary under the next number. The caller's transaction decides."""
    await connection.execute("LOCK TABLE store.dictionary IN EXCLUSIVE MODE")
    cursor = await connection.execute(NUMBER)
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - an aggregate gives one row
    await connection.execute(INSERT, (row[0], content))
    return int(row[0])


async def learn(database: Database, bodies: Bodies, samples: Sequence[Sample]) -> int | None:
    """Install a dictionary learned from the samples if it is better; its number, or None."""
    content = await to_thread(better, bodies.content, samples)
    if content is None:
        return None
    async with database.transaction() as connection:
        number = await install(connection, content)
    bodies.know(number)
    return number
