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
from collections import Counter
from collections.abc import Sequence, Set
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
_PARTED = re.compile(rb"([0-9A-Za-z_\x80-\xff]+)")
"""The same as a group, so that splitting by it keeps the words: every second piece is one."""
_HEXADECIMAL = re.compile(rb"[0-9a-f]+")


def _alphabet(characters: bytes) -> bytes:
    """The table by which `bytes.translate` makes random bytes to random ones of these."""
    return bytes(characters[number % len(characters)] for number in range(256))


_DIGITS = _alphabet(b"0123456789")
_HEXADECIMAL_DIGITS = _alphabet(b"0123456789abcdef")
_LETTERS = _alphabet(b"abcdefghijklmnopqrstuvwxyz")

NUMBER = "SELECT coalesce(max(number), 0) + 1 FROM store.dictionary"
INSERT = "INSERT INTO store.dictionary (number, content) VALUES (%s, %s)"


class Sample(NamedTuple):
    """A body, and whose record it is from."""

    patient: str
    body: bytes


def impersonal(samples: Sequence[Sample]) -> list[bytes]:
    """The bodies with every word random that fewer than `PATIENTS` patients have."""
    words: dict[str, set[bytes]] = {}
    for patient, body in samples:
        words.setdefault(patient, set()).update(_WORD.findall(body))
    patients = Counter(word for own in words.values() for word in own)
    shared = {word for word, count in patients.items() if count >= PATIENTS}
    random = Random(0)  # noqa: S311 - to fill gaps, not to keep a secret
    return [_filled(sample.body, shared, random) for sample in samples]


def _filled(body: bytes, shared: Set[bytes], random: Random) -> bytes:
    pieces = _PARTED.split(body)
    for place in range(1, len(pieces), 2):
        word = pieces[place]
        if word in shared:
            continue
        # like for like: the dictionary's statistics of characters are learned as well
        if word.isdigit():
            alphabet = _DIGITS
        elif _HEXADECIMAL.fullmatch(word):
            alphabet = _HEXADECIMAL_DIGITS
        else:
            alphabet = _LETTERS
        pieces[place] = random.randbytes(len(word)).translate(alphabet)
    return b"".join(pieces)


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
