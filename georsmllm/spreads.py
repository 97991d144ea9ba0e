"""How whole numbers and the sides of objects are spread: exact quantiles, and bins that are the same for every set."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping

import msgspec

_EDGES = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 100_000)
SIDE_STEPS = 2
"""Bins of sides to each doubling."""


class Bin(msgspec.Struct, frozen=True):
    """How many values lie in low..high, both inclusive."""

    low: int
    high: int
    count: int


class Spread(msgspec.Struct, frozen=True):
    """How a whole number is spread over records; the quantiles are exact."""

    count: int
    mean: float
    median: int
    p90: int
    p95: int
    most: int
    bins: tuple[Bin, ...]


class SideBin(msgspec.Struct, frozen=True):
    """How many objects have a side of low up to and without high, in px."""

    low: float
    high: float
    count: int


def spread(counts: Counter[int]) -> Spread:
    """Of values by how often each came, at least one."""
    count = counts.total()
    most = max(counts)
    edges = [edge for edge in _EDGES if edge <= most]
    ends = [*(edge - 1 for edge in edges[1:]), most]
    bins = tuple(
        Bin(low, high, sum(n for value, n in counts.items() if low <= value <= high))
        for low, high in zip(edges, ends, strict=True)
    )
    mean = sum(value * n for value, n in counts.items()) / count
    median, p90, p95 = (quantile(counts, share) for share in (0.5, 0.9, 0.95))
    return Spread(count, round(mean, 1), median, p90, p95, most, bins)


def quantile(counts: Counter[int], share: float) -> int:
    """The least value that at least this share of all values does not exceed."""
    seen, value, total = 0, 0, counts.total()
    for value in sorted(counts):
        seen += counts[value]
        if seen >= share * total:
            break
    return value


def side_bin(width: float, height: float) -> int:
    """The number of the bin of a box's side, the root of its area in px; a side under 1 px counts as 1."""
    return max(0, math.floor(SIDE_STEPS * 0.5 * math.log2(max(1.0, width * height))))


def side_edges(number: int) -> tuple[float, float]:
    """Where a bin of sides begins and ends, in px."""
    return round(2 ** (number / SIDE_STEPS), 2), round(2 ** ((number + 1) / SIDE_STEPS), 2)


def side_bins(counts: Mapping[int, int]) -> tuple[SideBin, ...]:
    """From the first bin that holds anything to the last."""
    if not counts:
        return ()
    return tuple(SideBin(*side_edges(n), counts.get(n, 0)) for n in range(min(counts), max(counts) + 1))
