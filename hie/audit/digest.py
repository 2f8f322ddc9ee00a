"""What is hashed of an audit row, and how batches are chained. Pure.

A seal covers a batch of rows. For each of them it keeps a *leaf*: number, time and the hash of the
whole row; so a check can say which row is wrong. The seal's link is the hash of its leaves and of the
link before it: who changes a row has to change every later link, and some of these are published.

SHA-256: https://doi.org/10.6028/NIST.FIPS.180-4; SM3: GB/T 32905, for deployments that need
Chinese commercial cryptography. Both come from the `cryptography` package.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from struct import Struct
from typing import Literal, NamedTuple, get_args

import orjson
from cryptography.hazmat.primitives import hashes

from hie.audit.event import Recorded

Algorithm = Literal["sha-256", "sm3"]
ALGORITHMS: frozenset[str] = frozenset(get_args(Algorithm))

# The members of a row in the order in which they are hashed. Sealed rows keep this form for ever.
MEMBERS = (
    *("recorded", "action", "interaction", "outcome", "client_id", "account", "fhir_user"),
    *("institution", "purpose", "reason", "patient", "entity_type", "entity_id"),
    *("entity_version", "entity_count", "query", "request_id", "address"),
)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
LEAF = Struct(">qq16s")
HEAD = Struct(">qqq")


class Leaf(NamedTuple):
    """One row as a seal knows it. `recorded` is in microseconds since 1970."""

    number: int
    recorded: int
    digest: bytes


def microseconds(moment: datetime) -> int:
    """The moment as a whole number, exactly."""
    return (moment - EPOCH) // MICROSECOND


def digest(algorithm: str, *parts: bytes) -> bytes:
    """The hash of the parts. ValueError for an algorithm that is not known."""
    if algorithm not in ALGORITHMS:
        raise ValueError(f"unknown hash algorithm: {algorithm}")
    made = hashes.Hash(hashes.SM3() if algorithm == "sm3" else hashes.SHA256())
    for part in parts:
        made.update(part)
    return made.finalize()


def leaf(algorithm: str, row: Recorded) -> Leaf:
    """The leaf of a row."""
    event = row.event
    recorded = microseconds(event.recorded)
    members = [row.number, recorded, *(getattr(event, name) for name in MEMBERS[1:])]
    return Leaf(row.number, recorded, digest(algorithm, orjson.dumps(members))[:16])


def pack(leaves: Iterable[Leaf]) -> bytes:
    """The leaves as a seal stores them."""
    return b"".join(LEAF.pack(*each) for each in leaves)


def unpack(stored: bytes) -> Iterator[Leaf]:
    """The leaves of a seal. ValueError if something is cut off."""
    if len(stored) % LEAF.size:
        raise ValueError("the leaves of a seal are cut off")
    return (Leaf(*each) for each in LEAF.iter_unpack(stored))


def link(
    algorithm: str, previous: bytes, position: int, through: int, sealed: datetime, leaves: bytes
) -> bytes:
    """The link of a seal, which every later link depends on."""
    head = HEAD.pack(position, through, microseconds(sealed))
    return digest(algorithm, previous, algorithm.encode(), head, leaves)
