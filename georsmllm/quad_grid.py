"""Rotated boxes on the grid of the point text, many at once: the compiled kernel behind `pointtext.encode`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from georsmllm.tracing import kernel

Grid = NDArray[np.int64]

FINE, NOT_FINITE, OUTSIDE, COLLAPSED, FLAT = range(5)
"""What became of a box: FLAT ones (their corners on one line, or crossing without area) need the general rule of order."""


def canonical_quads(corners: list[float], size_wh: tuple[int, int], steps: int) -> tuple[Grid, Grid]:
    """The corners of n boxes (8n numbers, pixels of the view) as n x 8 grid numbers, clockwise on the screen from the corner
    with the least (x + y, y, x), behind each its bounds y1, x1, y2, x2 (n x 12 in all); and what became of each (n)."""
    numbers = np.array(corners, dtype=np.float64).reshape(-1, 8)
    grid = np.empty((len(numbers), 12), np.int64)
    fate = np.empty(len(numbers), np.int64)
    _canonical(numbers, size_wh[0], size_wh[1], steps, grid, fate)
    return grid, fate


@kernel
def _canonical(numbers: NDArray[np.float64], width: int, height: int, steps: int, grid: Grid, fate: Grid) -> None:
    x, y = np.empty(4, np.int64), np.empty(4, np.int64)
    for i in range(len(numbers)):
        fate[i] = FINE
        for k in range(4):
            fx = np.floor(numbers[i, 2 * k] * steps / width + 0.5)
            fy = np.floor(numbers[i, 2 * k + 1] * steps / height + 0.5)
            if not (np.isfinite(fx) and np.isfinite(fy)):
                fate[i] = NOT_FINITE
                break
            if fx < 0 or fy < 0 or fx > steps or fy > steps:
                fate[i] = OUTSIDE
                break
            x[k], y[k] = int(fx), int(fy)
        if fate[i] != FINE:
            continue
        for k in range(4):
            for j in range(k):
                if x[j] == x[k] and y[j] == y[k]:
                    fate[i] = COLLAPSED
        doubled = (x[2] - x[0]) * (y[3] - y[1]) - (x[3] - x[1]) * (y[2] - y[0])
        if fate[i] == FINE and doubled == 0:
            fate[i] = FLAT
        if fate[i] != FINE:
            continue
        start = 0
        for k in range(1, 4):
            sum_k, sum_start = x[k] + y[k], x[start] + y[start]
            if sum_k < sum_start or (sum_k == sum_start and y[k] < y[start]):
                start = k
        step = 1 if doubled > 0 else 3
        for k in range(4):
            at = (start + step * k) % 4
            grid[i, 2 * k], grid[i, 2 * k + 1] = x[at], y[at]
        grid[i, 8], grid[i, 9], grid[i, 10], grid[i, 11] = y.min(), x.min(), y.max(), x.max()
