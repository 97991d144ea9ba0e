"""With gold: the frames, axes, scales and shifts that bring most middles of answers near a middle of their gold.

A regression would be bent by wrong answers, and a set may hold more of these than right ones. So lines are drawn through few
objects at a time, beside those that people use on purpose, and the ones that most answers are near are kept (RANSAC).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from georsmllm.doctor.readings import FRAMES, Array, Reading

Indices = NDArray[np.intp]
Records = list[tuple[Indices, Indices]]

PLAIN_SPANS = (1.0, 100.0, 1000.0)
SPANS = (
    *PLAIN_SPANS,
    *(50.0, 224.0, 256.0, 336.0, 384.0, 448.0, 500.0, 504.0, 512.0, 640.0, 768.0, 800.0, 840.0, 896.0),
    *(1024.0, 1280.0, 1344.0, 2048.0),
)
"""Scales that people use on purpose: a relative one that is within 3 % of such a span is meant to be it."""
FACTORS = (1.0, 0.5, 2.0, 0.25, 4.0, 0.1, 10.0)
"""The same for pixels: raw numbers times this."""
DRAWS, THROUGH_ONE, MOST_PAIRS, SMALL = 80, 3, 200, 9
"""Lines drawn through two pairs for each frame and axes; lines of each slope on purpose through one; the pairs that judge
them; records of so many pairs give each of them."""
NEAR = 0.02
"""Of the view: so near, or within its gold, is near."""


class Pairs(NamedTuple):
    """Objects that may be each other's: raw middles u, gold's middles g (px), sizes of views, how near is near on each axis
    (shares of the view), the record, and the weight of a pair (a record's are 1 together)."""

    u: Array
    g: Array
    sizes: Array
    near: Array
    record: Indices
    weight: Array


def known(frame: str) -> tuple[float, ...]:
    """Scales (unit a raw number) that a frame has on purpose."""
    return FACTORS if frame in ("pixels", "resized") else tuple(1 / span for span in SPANS)


def pairs(raw: Array, gold: Array, gold_sizes: Array, records: Records) -> Pairs:
    """The pairs of n raw middles and m x 4 x 2 corners of gold: of records with few objects all, of others their means."""
    middle, side = gold.mean(axis=1), np.ptp(gold, axis=1)
    rows: list[tuple[Array, Array, Array, Array, int, float]] = []
    for number, (ours, true) in enumerate(records):
        if len(ours) == 0 or len(true) == 0:
            continue
        size = gold_sizes[true[0]]
        if len(ours) * len(true) > SMALL:
            near = side[true].mean(axis=0) / 2 / size
            rows.append((raw[ours].mean(axis=0), middle[true].mean(axis=0), size, near, number, 1.0))
            continue
        share = 1 / (len(ours) * len(true))
        rows.extend(
            (raw[i], middle[j], size, side[j] / 2 / size, number, share)
            for i, j in product(ours.tolist(), true.tolist())
        )
    step = max(1, -(-len(rows) // MOST_PAIRS))
    u, g, sizes, near, record, weight = zip(*rows[::step], strict=True) if rows else ([],) * 6
    return Pairs(
        np.array(u, dtype=np.float64).reshape(-1, 2),
        np.array(g, dtype=np.float64).reshape(-1, 2),
        np.array(sizes, dtype=np.float64).reshape(-1, 2),
        np.maximum(np.array(near, dtype=np.float64).reshape(-1, 2), NEAR),
        np.array(record, dtype=np.intp),
        np.array(weight, dtype=np.float64),
    )


def proposed(layout: str, found: Pairs) -> Iterator[tuple[float, Reading]]:
    """(the share of the pairs that are near, reading) for every frame, swap and mirroring: the best of the lines on purpose,
    and the best of those that were drawn."""
    if len(found.u) == 0:
        return
    draws = _draws(found)
    for frame in FRAMES:
        scale, offset, full = FRAMES[frame].units(found.sizes)
        unit = (found.g - offset) / scale
        near = found.near * found.sizes / scale
        on_purpose = np.repeat(np.array(known(frame))[:, None], 2, axis=1)
        for is_swapped, mirror_x, mirror_y in product((False, True), repeat=3):
            u = found.u[:, ::-1] if is_swapped else found.u
            wanted = np.where((mirror_x, mirror_y), full - unit, unit)
            for slopes, starts in ((on_purpose, np.zeros_like(on_purpose)), _through(u, wanted, draws, on_purpose)):
                best = _nearest(u, wanted, near, found.weight, slopes, starts)
                if best is not None:
                    share, (ax, ay), (bx, by) = best
                    yield share, Reading(layout, frame, is_swapped, (mirror_x, mirror_y), (ax, ay), (bx, by))


def _draws(found: Pairs) -> Indices:
    """Pairs to draw lines through, two by two, of different records where it goes; the same for the same number of pairs."""
    draws = np.random.default_rng(0).integers(0, len(found.u), (4 * DRAWS, 2))
    differ = found.record[draws[:, 0]] != found.record[draws[:, 1]]
    return np.asarray(draws[differ][:DRAWS], dtype=np.intp)


def _through(u: Array, wanted: Array, draws: Indices, on_purpose: Array) -> tuple[Array, Array]:
    """Slopes and starts (k x 2) of lines through two pairs, and of lines of a slope on purpose through one."""
    first, second = draws[:, 0], draws[:, 1]
    with np.errstate(divide="ignore", invalid="ignore"):
        slopes = (wanted[second] - wanted[first]) / (u[second] - u[first])
    is_line = np.isfinite(slopes).all(axis=1) & (slopes > 0).all(axis=1)
    slopes, first = slopes[is_line], first[is_line]
    some = np.resize(draws[:, 0], len(on_purpose) * THROUGH_ONE) if len(draws) else draws[:, 0]
    same = np.resize(on_purpose, (len(some), 2))
    slopes, through = np.concatenate((slopes, same)), np.concatenate((first, some))
    return slopes, wanted[through] - slopes * u[through]


def _nearest(
    u: Array, wanted: Array, near: Array, weight: Array, slopes: Array, starts: Array
) -> tuple[float, tuple[float, float], tuple[float, float]] | None:
    if len(slopes) == 0:
        return None
    is_near = np.asarray((np.abs(slopes[:, None] * u + starts[:, None] - wanted) <= near).all(axis=2))
    shares = is_near @ weight / weight.sum()
    row = int(np.argmax(shares))
    (ax, ay), (bx, by) = slopes[row].tolist(), starts[row].tolist()
    if (bx or by) and is_near[row].sum() > 2:
        (ax, bx), (ay, by) = (
            _line(u[is_near[row], i], wanted[is_near[row], i], (ax, ay)[i], (bx, by)[i]) for i in (0, 1)
        )
    return float(shares[row]), (ax, ay), (bx, by)


def _line(u: Array, wanted: Array, slope: float, start: float) -> tuple[float, float]:
    """The line of least squares, or the one that there is where that has no sense."""
    spread = u - u.mean()
    if not (spread @ spread) > 0 or not (spread @ wanted) > 0:
        return slope, start
    slope = float(spread @ wanted / (spread @ spread))
    return slope, float(wanted.mean() - slope * u.mean())
