"""What reviewers think, and how far they agree: Cohen's kappa on reviews that two have judged.

Cohen, "A coefficient of agreement for nominal scales", Educ. Psychol. Meas. 20 (1960). The second
reviewer sees what the first one saw, and not what the first one decided; links are not touched.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import orjson

from hie.kit.clock import now
from hie.kit.db import Connection

Verdict = Literal["same", "different", "unsure"]
VERDICTS: tuple[Verdict, ...] = ("same", "different", "unsure")
SAMPLE = 3
"""One of so many decided reviews is shown to a second reviewer."""

INSERT = """
INSERT INTO mpi.opinion (review, reviewer, verdict, note, at) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT DO NOTHING
"""
WAITING = """
SELECT r.number, r.closed, r.reason, r.evidence::text FROM mpi.review r
WHERE r.closed IS NOT NULL AND r.evidence IS NOT NULL AND r.number %% %(sample)s = 0
    AND (%(number)s::bigint IS NULL OR r.number = %(number)s)
    AND NOT EXISTS (SELECT FROM mpi.opinion o WHERE o.review = r.number AND o.reviewer = %(who)s)
    AND (SELECT count(*) FROM mpi.opinion o WHERE o.review = r.number) = 1
ORDER BY r.number LIMIT %(count)s
"""
JUDGED = """
SELECT (array_agg(verdict ORDER BY at, reviewer))[1:2] FROM mpi.opinion
GROUP BY review HAVING count(*) > 1
"""


@dataclass(frozen=True, slots=True)
class Decided:
    """A decided review for a second pair of eyes: what was seen, without the decision."""

    number: int
    closed: datetime
    reason: str
    evidence: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far two reviewers of one case agree; `kappa` is None while it cannot be told."""

    reviews: int
    observed: float | None
    kappa: float | None


async def give(
    connection: Connection, review: int, reviewer: str, verdict: Verdict, note: str
) -> bool:
    """Keep an opinion; False if the reviewer has given one on this review before."""
    cursor = await connection.execute(INSERT, (review, reviewer, verdict, note, now()))
    return cursor.rowcount == 1


async def waiting(
    connection: Connection, reviewer: str, *, number: int | None = None, count: int = 20
) -> list[Decided]:
    """Sampled reviews that one other has judged and `reviewer` has not; or just the one `number`."""
    values = {"sample": SAMPLE, "who": reviewer, "number": number, "count": count}
    cursor = await connection.execute(WAITING, values)
    return [Decided(n, at, why, orjson.loads(seen)) for n, at, why, seen in await cursor.fetchall()]


async def agreement(connection: Connection) -> Agreement:
    """The agreement over all reviews that two have judged."""
    cursor = await connection.execute(JUDGED)
    return kappa([(first, second) for ((first, second),) in await cursor.fetchall()])


def kappa(pairs: Sequence[tuple[str, str]]) -> Agreement:
    """Cohen's kappa of two raters' verdicts. Undefined when both only ever say one and the same."""
    if not pairs:
        return Agreement(0, None, None)
    total = len(pairs)
    observed = sum(one == two for one, two in pairs) / total
    ours, theirs = Counter(one for one, _ in pairs), Counter(two for _, two in pairs)
    expected = sum(ours[verdict] * theirs[verdict] for verdict in VERDICTS) / total**2
    if expected == 1:
        return Agreement(total, observed, None)
    return Agreement(total, observed, (observed - expected) / (1 - expected))
