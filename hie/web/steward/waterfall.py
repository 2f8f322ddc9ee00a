"""The weights of a pair as a drawing: each bar begins where the one before it ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor

from hie.mpi.decide import CERTAIN_BITS, REVIEW_BITS
from hie.web.steward.answers import Weight

WIDTH = 760
LABELS = 270
ROW = 30
RIGHT = 64
TOP = 22


@dataclass(frozen=True, slots=True)
class Bar:
    """One field: its bar, and the line on which it stands."""

    weight: Weight
    x: float
    width: float
    y: int
    end: float


@dataclass(frozen=True, slots=True)
class Mark:
    """A vertical line at a number of bits."""

    bits: float
    x: float
    threshold: bool


@dataclass(frozen=True, slots=True)
class Waterfall:
    """Bars from the first weight to the sum, in a drawing `width` by `height`."""

    bars: tuple[Bar, ...]
    marks: tuple[Mark, ...]
    total: float
    total_x: float
    width: int
    height: int


def waterfall(weights: Sequence[Weight]) -> Waterfall:
    """The drawing of these weights, in their order."""
    sums = [0.0]
    for weight in weights:
        sums.append(sums[-1] + weight.bits)
    low = min(*sums, 0.0) - 1
    high = max(*sums, CERTAIN_BITS) + 1
    scale = (WIDTH - LABELS - RIGHT) / (high - low)

    def place(bits: float) -> float:
        return round(LABELS + (bits - low) * scale, 1)

    bars = tuple(
        Bar(
            weight,
            place(min(before, after)),
            max(round(abs(weight.bits) * scale, 1), 1.0),
            TOP + index * ROW,
            place(after),
        )
        for index, (weight, before, after) in enumerate(zip(weights, sums, sums[1:], strict=False))
    )
    step = 5 if high - low < 45 else 10
    ticks = range(ceil(low / step) * step, floor(high) + 1, step)
    marks = [Mark(float(bits), place(bits), threshold=False) for bits in ticks]
    marks += [Mark(bits, place(bits), threshold=True) for bits in (REVIEW_BITS, CERTAIN_BITS)]
    height = TOP + len(weights) * ROW + 34
    return Waterfall(bars, tuple(marks), round(sums[-1], 1), place(sums[-1]), WIDTH, height)
