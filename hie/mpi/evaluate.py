"""Measuring the index on a file of registrations: through `register`, on PostgreSQL, in random order."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from hie.kit.db import Database
from hie.mpi.link import register
from hie.mpi.people import person_of
from hie.mpi.quality import Quality, by_kind, quality
from hie.mpi.registration_file import Row, source
from hie.store.open import Store

BATCH = 500
REVIEWED = "SELECT count(DISTINCT registration) FROM mpi.review"
ANALYSE = "ANALYZE mpi.block, mpi.registration, mpi.person"


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What came out. `quality` is None where the file does not say who is who."""

    persons: list[str]
    quality: Quality | None
    kinds: dict[str, Quality]
    review_share: float
    latencies: list[float]
    """Milliseconds of each transaction, sorted."""
    seconds: float

    def plain(self) -> dict[str, Any]:
        """As the object that `--json` prints."""
        names = ("precision", "recall", "f1", "over_merged", "split")
        figures = self.quality.plain() if self.quality else {}
        return {
            **{name: figures.get(name) for name in names},
            "review_share": round(self.review_share, 6),
            "by_kind": {kind: found.plain() for kind, found in self.kinds.items()},
            "latency_ms": {f"p{p}": round(self.latency(p), 2) for p in (50, 95, 99)},
            "records_per_s": round(len(self.persons) / self.seconds, 1),
        }

    def latency(self, percentile: int) -> float:
        """A percentile of the latencies, in milliseconds."""
        if not self.latencies:
            return 0.0
        return self.latencies[min(len(self.latencies) * percentile // 100, len(self.latencies) - 1)]


async def evaluate(
    store: Store,
    rows: Sequence[Row],
    *,
    batch: int = 1,
    seed: int = 1,
    progress: Callable[[int], None] = lambda _: None,
) -> Evaluation:
    """Register `rows` in random order, `batch` of them a transaction, and judge the persons made."""
    shuffled = list(rows)
    random.Random(seed).shuffle(shuffled)  # noqa: S311 - an order, not a secret
    latencies: list[float] = []
    began = perf_counter()
    for start in range(0, len(shuffled), batch):
        chunk = [source(row) for row in shuffled[start : start + batch]]
        at = perf_counter()
        async with store.database.transaction() as connection:
            await register(connection, store, chunk)
        latencies.append((perf_counter() - at) * 1000)
        progress(len(chunk))
        if start + batch in (batch * 1000, batch * 10000):
            await _analyse(store.database)
    seconds = perf_counter() - began
    async with store.database.connection() as connection:
        found = await person_of(connection, [row["rec_id"] for row in rows])
        cursor = await connection.execute(REVIEWED)
        (reviewed,) = await cursor.fetchone() or (0,)
    persons = [found[row["rec_id"]] for row in rows]
    known = bool(rows) and all("true_person" in row for row in rows)
    return Evaluation(
        persons=persons,
        quality=quality([row["true_person"] for row in rows], persons) if known else None,
        kinds=by_kind(rows, persons) if known else {},
        review_share=reviewed / max(len(rows), 1),
        latencies=sorted(latencies),
        seconds=seconds,
    )


async def _analyse(database: Database) -> None:
    """What autovacuum would do by itself in an hour of ordinary traffic."""
    async with database.connection() as connection:
        await connection.execute(ANALYSE)
