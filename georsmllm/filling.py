"""Rings to pixels by the pixel-centre rule: the compiled kernel behind `masks`.

Frame: pixel-edge; pixel (column, row) has its centre at (column + .5, row + .5).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from georsmllm.tracing import kernel


def fill(
    rings: tuple[NDArray[np.float64], ...], holes: tuple[bool, ...], window: tuple[int, int, int, int]
) -> NDArray[np.bool_]:
    """The pixels of window (x, y, width, height) whose centre lies in a part and in none of that part's holes.

    Each ring is read even-odd; a True in `holes` makes the ring a hole of the part before it. Tie rule (half-open, as
    in every scan converter): a centre on a left or upper edge is inside, on a right or lower edge outside.
    """
    x, y, width, height = window
    out = np.zeros((height, width), dtype=np.bool_)
    if rings:
        offsets = np.zeros(len(rings) + 1, dtype=np.int64)
        np.cumsum([len(ring) for ring in rings], out=offsets[1:])
        coords = np.concatenate(rings) - np.array((x, y), dtype=np.float64)
        _fill(coords, offsets, np.array(holes, dtype=np.bool_), out)
    return out


@kernel
def _fill(
    coords: NDArray[np.float64], offsets: NDArray[np.int64], holes: NDArray[np.bool_], out: NDArray[np.bool_]
) -> None:
    height, width = out.shape
    part = np.zeros((0, 0), np.bool_)
    top, left = 0, 0
    for i in range(len(holes)):
        ring = coords[offsets[i] : offsets[i + 1]]
        y1 = min(max(int(np.floor(ring[:, 1].min())), 0), height)
        y2 = max(min(int(np.ceil(ring[:, 1].max())), height), y1)
        x1 = min(max(int(np.floor(ring[:, 0].min())), 0), width)
        x2 = max(min(int(np.ceil(ring[:, 0].max())), width), x1)
        inside = _even_odd(ring, y1, x1, y2 - y1, x2 - x1)
        if not holes[i]:
            out[top : top + part.shape[0], left : left + part.shape[1]] |= part
            part, top, left = inside, y1, x1
            continue
        for r in range(max(y1, top), min(y2, top + part.shape[0])):
            for c in range(max(x1, left), min(x2, left + part.shape[1])):
                part[r - top, c - left] &= not inside[r - y1, c - x1]
    out[top : top + part.shape[0], left : left + part.shape[1]] |= part


@kernel
def _even_odd(ring: NDArray[np.float64], top: int, left: int, height: int, width: int) -> NDArray[np.bool_]:
    """Each edge flips the first pixel right of it in every row whose centre it crosses; then a running xor."""
    flips = np.zeros((height, width), np.bool_)
    for i in range(len(ring)):
        xa, ya = ring[i - 1]
        xb, yb = ring[i]
        if ya > yb:
            xa, ya, xb, yb = xb, yb, xa, ya
        first = max(int(np.ceil(min(max(ya - 0.5, -1.0), 1e9))), top)
        last = min(int(np.ceil(min(max(yb - 0.5, -1.0), 1e9))), top + height)
        for r in range(first, last):
            x = xa + (r + 0.5 - ya) * (xb - xa) / (yb - ya)
            if x <= left + width:
                c = max(int(np.ceil(max(x - 0.5, -1.0))), left)
                if c < left + width:
                    flips[r - top, c - left] ^= True
    for r in range(height):
        inside = False
        for c in range(width):
            inside ^= flips[r, c]
            flips[r, c] = inside
    return flips
