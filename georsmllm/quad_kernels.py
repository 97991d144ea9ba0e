"""Rotated boxes, many at once: the compiled kernels behind the point text, the DOTA reader and the dialects with angles.

Boxes come as n x 8 numbers, x and y of four corners in order, in pixels; x right, y down.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from georsmllm.tracing import kernel

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FINE, NOT_FINITE, OUTSIDE, COLLAPSED, FLAT = range(5)
"""What became of a box: FLAT ones (their corners on one line, or crossing without area) need the general rule of order."""


def canonical_quads(corners: list[float], size_wh: tuple[int, int], steps: int) -> tuple[Ints, Ints]:
    """The corners of n boxes (8n numbers, pixels of the view) as n x 8 grid numbers, clockwise on the screen from the corner
    with the least (x + y, y, x), behind each its bounds y1, x1, y2, x2 (n x 12 in all); and what became of each (n)."""
    numbers = np.array(corners, dtype=np.float64).reshape(-1, 8)
    grid = np.empty((len(numbers), 12), np.int64)
    fate = np.empty(len(numbers), np.int64)
    _canonical(numbers, size_wh[0], size_wh[1], steps, grid, fate)
    return grid, fate


@kernel
def _canonical(numbers: Floats, width: int, height: int, steps: int, grid: Ints, fate: Ints) -> None:
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


def ordered_quads(numbers: Floats, size_wh: tuple[int, int], least_area: float) -> tuple[Floats, NDArray[np.bool_]]:
    """The boxes with their corners in canonical order (`geometry.order_corners`), and which of them may be taken as they are:
    turning one way at all corners, of at least that area, and inside an image of that size."""
    ordered, is_sound = np.empty_like(numbers), np.empty(len(numbers), np.bool_)
    _order(numbers, size_wh[0], size_wh[1], least_area, ordered, is_sound)
    return ordered, is_sound


@kernel
def _order(
    numbers: Floats, width: int, height: int, least_area: float, ordered: Floats, is_sound: NDArray[np.bool_]
) -> None:
    for i in range(len(numbers)):
        one = numbers[i]
        inside = True
        for k in range(4):
            inside = inside and 0 <= one[2 * k] <= width and 0 <= one[2 * k + 1] <= height
        rising, falling = True, True
        for k in range(4):
            a, b, c = 2 * k, 2 * ((k + 1) % 4), 2 * ((k + 2) % 4)
            turn = (one[b] - one[a]) * (one[c + 1] - one[b + 1]) - (one[b + 1] - one[a + 1]) * (one[c] - one[b])
            rising, falling = rising and turn > 0, falling and turn < 0
        doubled = (one[4] - one[0]) * (one[7] - one[3]) - (one[6] - one[2]) * (one[5] - one[1])
        is_sound[i] = inside and (rising or falling) and abs(doubled) >= 2 * least_area
        start = 0
        for k in range(1, 4):
            sum_k, sum_start = one[2 * k] + one[2 * k + 1], one[2 * start] + one[2 * start + 1]
            y_k, y_start = one[2 * k + 1], one[2 * start + 1]
            if sum_k < sum_start or (sum_k == sum_start and y_k < y_start):
                start = k
        step = 3 if doubled < 0 else 1
        for k in range(4):
            at = (start + step * k) % 4
            ordered[i, 2 * k], ordered[i, 2 * k + 1] = one[2 * at], one[2 * at + 1]


def turned_quads(numbers: Floats) -> Floats | None:
    """N x 5: the middle x and y, the longer and the shorter side of the rectangle of least area around each box, and the
    direction of the longer side in degrees clockwise on the screen, in [0, 180). None unless all boxes are convex.

    Of rectangles of equal area (within 1e-9) that wins whose longer side is the longest, then whose direction is the least.
    """
    found = np.empty((len(numbers), 5))
    return found if _turn(numbers, found) else None


@kernel
def _turn(numbers: Floats, found: Floats) -> bool:
    for i in range(len(numbers)):
        one = numbers[i]
        rising, falling = True, True
        for k in range(4):
            a, b, c = 2 * k, 2 * ((k + 1) % 4), 2 * ((k + 2) % 4)
            turn = (one[b] - one[a]) * (one[c + 1] - one[b + 1]) - (one[b + 1] - one[a + 1]) * (one[c] - one[b])
            rising, falling = rising and turn > 0, falling and turn < 0
        if not (rising or falling):
            return False
        least = np.inf
        for k in range(4):
            a, b = 2 * k, 2 * ((k + 1) % 4)
            ux, uy = one[b] - one[a], one[b + 1] - one[a + 1]
            length = math.hypot(ux, uy)
            ux, uy = ux / length, uy / length
            s0, s1, t0, t1 = np.inf, -np.inf, np.inf, -np.inf
            for j in range(4):
                s, t = one[2 * j] * ux + one[2 * j + 1] * uy, one[2 * j + 1] * ux - one[2 * j] * uy
                s0, s1, t0, t1 = min(s0, s), max(s1, s), min(t0, t), max(t1, t)
            size = (s1 - s0) * (t1 - t0)
            if size < least * (1 - 1e-9):
                least = size
                s, t = (s0 + s1) / 2, (t0 + t1) / 2
                found[i, 0], found[i, 1] = s * ux - t * uy, s * uy + t * ux
                if s1 - s0 < t1 - t0:
                    ux, uy, s0, s1, t0, t1 = -uy, ux, t0, t1, s0, s1
                found[i, 2], found[i, 3] = s1 - s0, t1 - t0
                found[i, 4] = math.degrees(math.atan2(uy, ux)) % 180
    return True
