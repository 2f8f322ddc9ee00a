"""The live population linked anew in batch: what would be joined and parted, as proposals only.

For `hie mpi run` (the same model, everything known today at once) and for judging a new model before
it is switched on. Nothing here changes a link.
"""

import asyncio
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage
from time import perf_counter
from typing import Any

from hie.kit.db import Connection
from hie.mpi import active, batch, review
from hie.mpi.batch import Linker
from hie.mpi.candidates import fill
from hie.mpi.model import Model, build
from hie.mpi.review import Doubt

EXPORT = """
COPY (SELECT number, birth_date, keys, features FROM mpi.registration) TO STDOUT (FORMAT csv)
"""
LIVE = "COPY (SELECT number, id, person FROM mpi.registration) TO STDOUT"
# A steward who joined both persons since has the last word.
APART = """
SELECT one.number, two.number FROM mpi.apart a
JOIN mpi.registration one ON one.id = a.low JOIN mpi.registration two ON two.id = a.high
WHERE one.person <> two.person
"""
MOST_PROPOSALS = 5000
Difference = tuple[str, str, str, str]
"""Reason, registration, its person, the other person."""


@dataclass(slots=True)
class Live:
    """The registrations as they are linked now: number → (id, person)."""

    by_number: dict[int, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What linking anew came to. `clusters` are registration numbers under one name."""

    clusters: Mapping[int, int]
    figures: batch.Figures
    seconds: float
    memory: int
    """The most bytes that this process and one worker held."""


async def rehearse(
    connection: Connection,
    model: Model,
    linker: Linker = batch.link,
    *,
    directory: Path | None = None,
) -> Rehearsal:
    """Link every registration of the index anew under `model`.

    What is linked lies in a folder of its own in `directory`, and is gone at the end.
    """
    began = perf_counter()
    figures = batch.Figures()
    apart = await (await connection.execute(APART)).fetchall()
    with tempfile.TemporaryDirectory(prefix="hie-mpi-run-", dir=directory) as folder:
        file = Path(folder) / "registration.csv"
        with file.open("wb") as target:
            async with connection.cursor() as cursor, cursor.copy(EXPORT) as copy:
                async for block in copy:
                    target.write(block)
        clusters = await asyncio.to_thread(
            lambda: dict(linker(file, model, figures=figures, apart=apart))
        )
    kilobytes = sum(getrusage(whom).ru_maxrss for whom in (RUSAGE_SELF, RUSAGE_CHILDREN))
    return Rehearsal(clusters, figures, perf_counter() - began, kilobytes * 1024)


async def compare(
    connection: Connection, version: str, linker: Linker = batch.link
) -> dict[str, Any]:
    """Link the population by the model in use and by a stored one; what would differ, kept with it.

    Problem 404 when there is no such model, 409 when it is for other comparisons.
    """
    chosen = build(await active.find(connection, version))
    used = await active.current(connection)
    await active.require_same(connection, used, chosen)
    now = await rehearse(connection, used, linker)
    then = await rehearse(connection, chosen, linker)
    linked = await live(connection)
    before, after = (set(differences(linked, run.clusters)) for run in (now, then))

    def only(these: set[Difference], others: set[Difference], reason: str) -> int:
        return sum(one[0] == reason for one in these - others)

    figures = {
        "registrations": now.figures.registrations,
        "clusters_now": len(set(now.clusters.values())),
        "clusters_then": len(set(then.clusters.values())),
        "merges_only_then": only(after, before, "batch-merge"),
        "splits_only_then": only(after, before, "batch-split"),
        "merges_only_now": only(before, after, "batch-merge"),
        "splits_only_now": only(before, after, "batch-split"),
    }
    await active.keep_comparison(connection, version, used.version, figures)
    return figures


async def live(connection: Connection) -> Live:
    """How the registrations are linked now."""
    found = Live()
    async with connection.cursor() as cursor, cursor.copy(LIVE) as copy:
        copy.set_types(["int8", "text", "text"])
        async for number, id_, person in copy.rows():
            found.by_number[number] = (id_, person)
    return found


def differences(linked: Live, clusters: Mapping[int, int]) -> Iterator[Difference]:
    """The joins and partings that are proposed."""
    members: dict[int, list[int]] = defaultdict(list)
    spread: dict[str, dict[int, int]] = defaultdict(dict)
    for number, cluster in clusters.items():
        if number not in linked.by_number:
            continue  # registered since
        members[cluster].append(number)
        counts = spread[linked.by_number[number][1]]
        counts[cluster] = counts.get(cluster, 0) + 1
    for numbers in members.values():
        by_person: dict[str, list[int]] = defaultdict(list)
        for number in sorted(numbers):
            by_person[linked.by_number[number][1]].append(number)
        whole = [person for person in by_person if len(spread[person]) == 1]
        first, *others = sorted(whole, key=lambda person: (-len(by_person[person]), person)) or [""]
        for other in others:
            yield "batch-merge", linked.by_number[by_person[other][0]][0], other, first
    for person, counts in spread.items():
        largest = max(sorted(counts), key=counts.__getitem__)
        for cluster in sorted(set(counts) - {largest}):
            number = next(n for n in members[cluster] if linked.by_number[n][1] == person)
            yield "batch-split", linked.by_number[number][0], person, person


async def propose(connection: Connection, found: Sequence[Difference]) -> int:
    """Put differences into the review queue, with their weight as it is now; how many."""
    doubts = []
    for reason, registration, person, other in found[:MOST_PROPOSALS]:
        doubt = await _weighed(connection, reason, registration, person, other)
        if doubt:
            doubts.append(doubt)
    await review.ask(connection, doubts)
    return len(doubts)


async def _weighed(
    connection: Connection, reason: str, registration: str, person: str, other: str
) -> Doubt | None:
    roster = await fill(connection, (), ids=[registration], persons=[other], lock=False)
    own = roster.members.get(registration)
    if own is None or own.person != person:
        return None
    roster.remove(registration)
    if not roster.by_person.get(other):
        return None
    candidate = roster.candidate(registration, own.features, other)
    return Doubt(reason, registration, person, other, candidate.score.bits, candidate.guards)


def plain(rehearsal: Rehearsal, found: Sequence[Difference]) -> dict[str, Any]:
    """The figures of a run as a JSON object."""
    return {
        "registrations": rehearsal.figures.registrations,
        "pairs": rehearsal.figures.pairs,
        "clusters": len(set(rehearsal.clusters.values())),
        "merges_proposed": sum(reason == "batch-merge" for reason, *_ in found),
        "splits_proposed": sum(reason == "batch-split" for reason, *_ in found),
        "seconds": round(rehearsal.seconds, 1),
        "memory_mb": rehearsal.memory // 1_000_000,
    }
