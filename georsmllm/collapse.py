"""Area-preserving segment collapse: the fewest vertices of a ring for a wanted IoU, as compiled kernels.

Source: Kronenfeld, Stanislawski, Buttenfield and Brockmeyer, "Simplification of polylines by segment collapse:
minimizing areal displacement while preserving area" (2020). A segment BC between A and D becomes one point E, placed
so that A-E-D cuts off the same area as A-B-C-D; cheapest areal displacement first. Every intermediate ring has the
area of the first, so no half-pixel correction is needed (docs/polygon-study.md compares it with the alternatives).
Rings are open (n, 2) float64 arrays in pixels.
"""

from __future__ import annotations

import heapq

import numpy as np
from numpy.typing import NDArray

from georsmllm.tracing import kernel

Floats = NDArray[np.float64]
# A straight edge drawn in pixels strays 0.18 to 0.29 px from its own line on average, by its slope, so a slanted strip of
# 6 px cannot pass IoU 0.94 but by retelling the stairs: 60 vertices for 8. Below 0.9 that is no excuse.
GRID_NOISE_PX = 0.3
NOISY_IOU = 0.9
FLAT = 1e-6  # px²: below this three points are on a line, and a place computed from them would be rounding


@kernel
def signed_area(ring: Floats) -> float:
    """Positive when clockwise on screen (y down)."""
    total = 0.0
    ox, oy = ring[0]
    for i in range(len(ring)):
        total += (ring[i - 1, 0] - ox) * (ring[i, 1] - oy) - (ring[i, 0] - ox) * (ring[i - 1, 1] - oy)
    return float(total / 2)


@kernel
def perimeter(ring: Floats) -> float:
    total = 0.0
    for i in range(len(ring)):
        total += np.hypot(ring[i, 0] - ring[i - 1, 0], ring[i, 1] - ring[i - 1, 1])
    return total


@kernel
def _min_integral(p0: float, p1: float, q0: float, q1: float) -> float:
    """The integral over t in [0, 1] of min(p, q), both linear."""
    d0, d1 = p0 - q0, p1 - q1
    if d0 <= 0 and d1 <= 0:
        return (p0 + p1) / 2
    if d0 >= 0 and d1 >= 0:
        return (q0 + q1) / 2
    t = d0 / (d0 - d1)
    x = p0 + t * (p1 - p0)
    if d0 < 0:
        return (t * (p0 + x) + (1 - t) * (x + q1)) / 2
    return (t * (q0 + x) + (1 - t) * (x + p1)) / 2


@kernel
def overlap_area(p: Floats, q: Floats) -> float:
    """The area common to two simple rings: the trapezoids left of every pair of edges, signed by their directions."""
    total = 0.0
    ox = p[0, 0]
    for i in range(len(p)):
        ya, yb = p[i - 1, 1], p[i, 1]
        if ya == yb:
            continue
        low, high = min(ya, yb), max(ya, yb)
        slope_p = (p[i, 0] - p[i - 1, 0]) / (yb - ya)
        for j in range(len(q)):
            yc, yd = q[j - 1, 1], q[j, 1]
            top, foot = max(low, min(yc, yd)), min(high, max(yc, yd))
            if foot <= top:
                continue
            slope_q = (q[j, 0] - q[j - 1, 0]) / (yd - yc)
            p0 = p[i - 1, 0] + slope_p * (top - ya) - ox
            q0 = q[j - 1, 0] + slope_q * (top - yc) - ox
            part = (foot - top) * _min_integral(p0, p0 + slope_p * (foot - top), q0, q0 + slope_q * (foot - top))
            total += part if (yb > ya) == (yd > yc) else -part
    return float(abs(total))


@kernel
def _turn(ax: float, ay: float, bx: float, by: float, cx: float, cy: float) -> float:
    return (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)


@kernel
def is_simple(ring: Floats) -> bool:
    """No edge crosses or touches another, apart from neighbours in their common vertex."""
    n = len(ring)
    for i in range(n):
        ax, ay = ring[i - 1]
        bx, by = ring[i]
        if ax == bx and ay == by:
            return False
        nx, ny = ring[(i + 1) % n]
        if _turn(ax, ay, bx, by, nx, ny) == 0 and (bx - ax) * (nx - bx) + (by - ay) * (ny - by) < 0:
            return False  # a spike
        for j in range(i + 2, n + min(i - 1, 0)):
            cx, cy = ring[j - 1]
            dx, dy = ring[j]
            if max(ax, bx) < min(cx, dx) or max(cx, dx) < min(ax, bx):
                continue
            if max(ay, by) < min(cy, dy) or max(cy, dy) < min(ay, by):
                continue
            if (
                _turn(ax, ay, bx, by, cx, cy) * _turn(ax, ay, bx, by, dx, dy) <= 0
                and _turn(cx, cy, dx, dy, ax, ay) * _turn(cx, cy, dx, dy, bx, by) <= 0
            ):
                return False
    return True


@kernel
def _displacement(points: Floats, e: tuple[float, float], b: int, c: int, d: int) -> float:
    """The area between the paths B-C-D and B-E-D, of which E-B-C-D encloses as much on the left as on the right."""
    ex, ey = e
    bx, by, cx, cy = points[b, 0], points[b, 1], points[c, 0], points[c, 1]
    dx, dy = points[d, 0] - ex, points[d, 1] - ey
    double = abs(_turn(ex, ey, bx, by, cx, cy))
    across = (cx - bx) * dy - (cy - by) * dx
    if across != 0:
        s = ((ex - bx) * dy - (ey - by) * dx) / across
        if 0 <= s <= 1:
            return float(double * s)
    return float(double)


@kernel
def _place(points: Floats, a: int, b: int, c: int, d: int, bounds: Floats) -> tuple[float, float, float]:
    """The point E that replaces B and C, and the areal displacement; infinite where no place keeps area and bounds."""
    ax, ay, bx, by = points[a, 0], points[a, 1], points[b, 0], points[b, 1]
    cx, cy, dx, dy = points[c, 0], points[c, 1], points[d, 0], points[d, 1]
    ux, uy = dx - ax, dy - ay
    wanted = _turn(ax, ay, bx, by, cx, cy) + _turn(ax, ay, cx, cy, dx, dy)
    height_b = (bx - ax) * uy - (by - ay) * ux
    height_c = (cx - ax) * uy - (cy - ay) * ux
    if abs(height_b) <= FLAT and abs(height_c) <= FLAT:  # four points on a line: B and C go, A stays
        return ax, ay, 0.0
    best, x, y = np.inf, 0.0, 0.0
    if abs(height_b) > FLAT:  # E on the line AB
        t = wanted / height_b
        ex, ey = ax + t * (bx - ax), ay + t * (by - ay)
        cost = _displacement(points, (ex, ey), b, c, d)
        if bounds[0] <= ex <= bounds[2] and bounds[1] <= ey <= bounds[3]:
            best, x, y = cost, ex, ey
    if abs(height_c) > FLAT:  # E on the line CD
        t = wanted / height_c
        ex, ey = dx + t * (cx - dx), dy + t * (cy - dy)
        cost = _displacement(points, (ex, ey), c, b, a)
        if cost < best and bounds[0] <= ex <= bounds[2] and bounds[1] <= ey <= bounds[3]:
            best, x, y = cost, ex, ey
    return x, y, best


@kernel
def _collapse_all(points: Floats, after: NDArray[np.int64], bounds: Floats) -> tuple[NDArray[np.int64], Floats]:
    """Collapse down to 3 points, in place. Step k moved node steps[k, 0] away from olds[k] and took out steps[k, 1]."""
    n = len(points)
    before = (np.arange(n) - 1) % n
    stamps = np.zeros(n, np.int64)
    alive = np.ones(n, np.bool_)
    steps = np.empty((n, 2), np.int64)
    olds = np.empty((n, 2))
    num = 0
    heap = [(0.0, 0, 0)]
    heap.clear()
    for b in range(n):
        c = after[b]
        heap.append((_place(points, before[b], b, c, after[c], bounds)[2], b, 0))
    heapq.heapify(heap)
    while n - num > 3 and heap:
        cost, b, stamp = heapq.heappop(heap)
        if not alive[b] or stamps[b] != stamp or cost == np.inf:
            continue
        c = after[b]
        x, y, _ = _place(points, before[b], b, c, after[c], bounds)
        steps[num, 0], steps[num, 1] = b, c
        olds[num] = points[b]
        num += 1
        points[b, 0], points[b, 1] = x, y
        alive[c] = False
        after[b] = after[c]
        before[after[c]] = b
        s = before[before[b]]
        for _ in range(4):
            stamps[s] += 1
            t = after[s]
            heapq.heappush(heap, (_place(points, before[s], s, t, after[t], bounds)[2], s, stamps[s]))
            s = after[s]
    return steps[:num], olds[:num]


@kernel
def _ring_from(points: Floats, after: NDArray[np.int64], head: int, count: int) -> Floats:
    """The listed nodes, from the one that came first in the ring they are from."""
    at = first = head
    for _ in range(count):
        first = min(first, at)
        at = after[at]
    out = np.empty((count, 2))
    for i in range(count):
        out[i] = points[first]
        first = after[first]
    return out


@kernel
def fewest_points(ring: Floats, target_iou: float, max_points: int, bounds: Floats) -> tuple[Floats, float]:
    """The least ring of the collapse that reaches the IoU, or else the best one of at most max_points; and its IoU.

    Once a line keeps within GRID_NOISE_PX of the edge on average, at an IoU of NOISY_IOU, it is given up to twice its
    vertices to reach the target, and is returned if they do not help. bounds: x1, y1, x2, y2 that no new vertex may leave.
    Empty, IoU 0, where no candidate is simple.
    """
    points = ring.copy()
    n = len(ring)
    after = (np.arange(n) + 1) % n
    steps, olds = _collapse_all(points, after, bounds)
    area = abs(signed_area(ring))
    best, best_iou = np.empty((0, 2)), 0.0
    noisy, noisy_iou = np.empty((0, 2)), 0.0
    head = steps[-1, 0] if len(steps) else 0
    for k in range(len(steps), -1, -1):
        if k < len(steps):
            head, back = steps[k]  # the node that was taken out still knows its successor
            points[head] = olds[k]
            after[head] = back
        if n - k > max_points or (len(noisy) and n - k > 2 * len(noisy)):
            break
        candidate = _ring_from(points, after, head, n - k)
        if not is_simple(candidate):
            continue
        common = overlap_area(ring, candidate)
        union = area + abs(signed_area(candidate)) - common
        iou = common / union
        if iou >= target_iou:
            return candidate, iou
        if iou > best_iou:
            best, best_iou = candidate, iou
        if not len(noisy) and iou >= NOISY_IOU and union - common <= GRID_NOISE_PX * perimeter(candidate):
            noisy, noisy_iou = candidate, iou
    if len(noisy):
        return noisy, noisy_iou
    return best, best_iou


@kernel
def shared_area(
    coords_p: Floats,
    offsets_p: NDArray[np.int64],
    signs_p: Floats,
    coords_q: Floats,
    offsets_q: NDArray[np.int64],
    signs_q: Floats,
) -> float:
    """The area common to two shapes of several rings each (sign +1 part, -1 hole), rings of one shape not crossing."""
    total = 0.0
    for i in range(len(signs_p)):
        p = coords_p[offsets_p[i] : offsets_p[i + 1]]
        for j in range(len(signs_q)):
            q = coords_q[offsets_q[j] : offsets_q[j + 1]]
            if p[:, 1].max() > q[:, 1].min() and q[:, 1].max() > p[:, 1].min():
                total += signs_p[i] * signs_q[j] * overlap_area(p, q)
    return total
