"""How often somebody may ask: a bucket for each, filled evenly. https://en.wikipedia.org/wiki/Token_bucket

Counted in the process, not in the database: a limit must cost less than what it guards. With several
processes each counts its own share of the requests, so together they allow that many times as much.
"""

import time
from collections.abc import Callable

MOST_KEPT = 50_000


class Rates:
    """Buckets by key; one that is full is the same as none, so it need not be kept."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._full_at: dict[str, float] = {}

    def take(self, key: str, per_minute: int) -> float:
        """Spend one request of a bucket that holds a minute's worth; 0.0 if there was one.

        Otherwise nothing is spent, and it says after how many seconds there is one again.
        """
        now = self._clock()
        each = 60.0 / per_minute
        full_at = max(self._full_at.get(key, now), now) + each
        if full_at - now > 60.0 + each / 2:
            return full_at - now - 60.0
        if len(self._full_at) >= MOST_KEPT and key not in self._full_at:
            self._forget(now)
        self._full_at[key] = full_at
        return 0.0

    def _forget(self, now: float) -> None:
        kept = {key: moment for key, moment in self._full_at.items() if moment > now}
        # Under a flood of different keys the emptiest buckets are the ones worth remembering.
        worst = sorted(kept, key=kept.__getitem__, reverse=True)[: MOST_KEPT // 2]
        self._full_at = {key: kept[key] for key in worst}
