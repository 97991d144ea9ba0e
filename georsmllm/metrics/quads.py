"""Overlap of many convex quads at once: the areas that every pair shares, by clipping one by the other's sides."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from georsmllm.tracing import kernel
from georsmllm.types import PointSet

Quads = NDArray[np.float64]
"""N x 4 x 2 corners in order, in one frame."""

_NEXT = (1, 2, 3, 0)

_ROOM = 20
"""Corners that a ring under the knife has room for: a convex quad cut four times has at most 8; of one that crosses itself each
cut may make half as many again, 4, 6, 9, 13, 19."""


def convex_quads(shapes: Sequence[PointSet]) -> Quads | None:
    """The corners of rotated boxes, clockwise on the screen; None unless all are that, convex and with area."""
    if any(shape.kind != "rbox" for shape in shapes):
        return None
    numbers = [v for shape in shapes for corner in shape.rings[0].points for v in corner]
    return clockwise(np.array(numbers, dtype=np.float64).reshape(-1, 4, 2))


def clockwise(quads: Quads) -> Quads | None:
    """The same quads, each clockwise on the screen; None unless all are convex and with area."""
    sides = quads[:, _NEXT] - quads
    ahead = sides[:, _NEXT]
    turns = sides[..., 0] * ahead[..., 1] - sides[..., 1] * ahead[..., 0]
    backward = np.asarray((turns < 0).all(axis=1))
    if not ((turns > 0).all(axis=1) | backward).all():
        return None
    return np.where(backward[:, None, None], quads[:, ::-1], quads)


def areas(quads: Quads) -> NDArray[np.float64]:
    """Of each quad: half the cross product of its diagonals."""
    first, second = quads[:, 2] - quads[:, 0], quads[:, 3] - quads[:, 1]
    area: NDArray[np.float64] = (first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]) / 2
    return area


def intersections(a: Quads, b: Quads) -> NDArray[np.float64]:
    """A x B shared areas of clockwise convex quads."""
    inter = np.zeros((len(a), len(b)))
    _fill(a, b, inter)
    return inter


@kernel
def _fill(a: Quads, b: Quads, inter: NDArray[np.float64]) -> None:
    low_b, high_b = np.empty((len(b), 2)), np.empty((len(b), 2))
    for j in range(len(b)):
        for k in range(2):
            low_b[j, k], high_b[j, k] = b[j, :, k].min(), b[j, :, k].max()
    ring, next_ring = np.empty((_ROOM, 2)), np.empty((_ROOM, 2))
    for i in range(len(a)):
        x1, x2 = a[i, :, 0].min(), a[i, :, 0].max()
        y1, y2 = a[i, :, 1].min(), a[i, :, 1].max()
        for j in range(len(b)):
            if low_b[j, 0] < x2 and high_b[j, 0] > x1 and low_b[j, 1] < y2 and high_b[j, 1] > y1:
                inter[i, j] = _shared(a[i], b[j], ring, next_ring)


@kernel
def _shared(a: Quads, b: Quads, ring: Quads, next_ring: Quads) -> float:
    """Sutherland-Hodgman: quad a cut by the four sides of quad b."""
    count = 4
    ring[:4] = a
    for side in range(4):
        px, py = b[side]
        ux, uy = b[(side + 1) % 4, 0] - px, b[(side + 1) % 4, 1] - py
        kept = 0
        x0, y0 = ring[count - 1]
        d0 = ux * (y0 - py) - uy * (x0 - px)
        for k in range(count):
            x1, y1 = ring[k]
            d1 = ux * (y1 - py) - uy * (x1 - px)
            if (d0 < 0) != (d1 < 0):
                t = d0 / (d0 - d1)
                next_ring[kept, 0], next_ring[kept, 1] = x0 + t * (x1 - x0), y0 + t * (y1 - y0)
                kept += 1
            if d1 >= 0:
                next_ring[kept, 0], next_ring[kept, 1] = x1, y1
                kept += 1
            x0, y0, d0 = x1, y1, d1
        if kept < 3:
            return 0.0
        ring, next_ring = next_ring, ring
        count = kept
    total = 0.0
    ox, oy = ring[0]
    for k in range(1, count - 1):
        total += (ring[k, 0] - ox) * (ring[k + 1, 1] - oy) - (ring[k, 1] - oy) * (ring[k + 1, 0] - ox)
    return max(total / 2, 0.0)


def own_ious(a: Quads, b: Quads) -> NDArray[np.float64]:
    """The IoU of each clockwise convex quad of `a` with the quad of `b` that has its number."""
    inter = own_intersections(a, b)
    iou: NDArray[np.float64] = inter / (areas(a) + areas(b) - inter)
    return iou


def own_intersections(a: Quads, b: Quads) -> NDArray[np.float64]:
    """The area that each clockwise convex quad of `a` shares with the quad of `b` that has its number."""
    inter = np.zeros(len(a))
    _fill_own(a, b, inter)
    return inter


@kernel
def _fill_own(a: Quads, b: Quads, inter: NDArray[np.float64]) -> None:
    ring, next_ring = np.empty((_ROOM, 2)), np.empty((_ROOM, 2))
    for i in range(len(a)):
        inter[i] = _shared(a[i], b[i], ring, next_ring)
