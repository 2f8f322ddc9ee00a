"""Results as JSON lines: medians of rounds with their spread, and percentiles of times."""

import json
from collections.abc import Sequence
from statistics import median, quantiles
from typing import Any


def say(measure: str, **figures: Any) -> None:
    """One line of result."""
    print(json.dumps({"measure": measure, **figures}, ensure_ascii=False), flush=True)


def rounds(values: Sequence[float], digits: int = 0) -> dict[str, float]:
    """The median of several rounds, with the least and the greatest."""
    return {
        "median": round(median(values), digits),
        "least": round(min(values), digits),
        "greatest": round(max(values), digits),
    }


def milliseconds(seconds: Sequence[float]) -> dict[str, float]:
    """Percentiles of response times."""
    cut = quantiles(seconds, n=100) if len(seconds) > 1 else [*seconds] * 99
    return {
        "p50_ms": round(median(seconds) * 1000, 2),
        "p95_ms": round(cut[94] * 1000, 2),
        "p99_ms": round(cut[98] * 1000, 2),
    }
