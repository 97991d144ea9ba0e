"""Without gold: how likely the numbers are under each reading, if objects lie anywhere in their views and are of any size.

A reading under which the numbers spread over the whole frame and stay inside it is likelier than one under which they fill a
corner of it, leave it, or give sides below zero. What only gold can tell (a mirrored or swapped axis, a shift, the sense of
an angle) is not asked here.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from georsmllm.doctor.readings import FRAMES, LAYOUTS, Array, Reading, points, rectangles

SPANS = (1.0, 100.0, 840.0, 1000.0)
"""The scales that published forms have."""
IMPOSSIBLE = 12.0
"""What a number that a reading forbids costs in nats; answers of models do hold wrong ones."""
OUTSIDE = 3.0
"""What an object that leaves its frame at a side costs."""
SIZES = math.log(1000.0)
"""Sides are taken as equally likely on a logarithmic scale over so wide a range."""


class Likely(NamedTuple):
    """A reading and the log-likelihood of each object's numbers under it, in nats."""

    reading: Reading
    by_object: Array


def readings(arity: int, *, sizes_known: bool) -> list[Reading]:
    """Those that can be told apart without gold."""
    layouts = [
        name
        for name in LAYOUTS[arity]
        if not name.endswith("no angle")
        and name not in ("unturned corners, degrees counter-clockwise", "corner and size, degrees counter-clockwise")
        and not name.endswith("radians counter-clockwise")
    ]
    found = [
        Reading(layout, "relative", False, (False, False), (1 / span, 1 / span), (0.0, 0.0))
        for layout in layouts
        for span in SPANS
    ]
    if sizes_known:
        found += [
            Reading(layout, frame, False, (False, False), (1.0, 1.0), (0.0, 0.0))
            for layout in layouts
            for frame in ("pixels", "resized")
        ]
    return found


def likely(reading: Reading, numbers: Array, sizes: Array) -> Likely:
    """The log-density of n x k raw numbers: middles uniform over the frame, sides log-uniform, angles uniform."""
    full = FRAMES[reading.frame].units(sizes)[2] / np.array(reading.scale)
    score = np.zeros(len(numbers))
    box = rectangles(reading.layout, numbers)
    if box is None:
        raw = points(reading.layout, numbers)
        inside = ((raw >= 0) & (raw <= full[:, None])).all(axis=2)
        score -= np.log(full).sum(axis=1)[:, None].repeat(raw.shape[1], axis=1).sum(axis=1)
        score -= IMPOSSIBLE * (~inside).sum(axis=1)
        if raw.shape[1] == 4:
            score -= IMPOSSIBLE * (~_is_convex(raw))
        return Likely(reading, score - _whole(reading, numbers))
    score -= np.log(full).sum(axis=1)
    score -= IMPOSSIBLE * (~((box.centres >= 0) & (box.centres <= full)).all(axis=1))
    least = full * 1e-3
    score -= np.log(np.maximum(np.abs(box.sides), least)).sum(axis=1) + 2 * math.log(SIZES)
    score -= IMPOSSIBLE * ((box.sides < 0) | (box.sides > 1.5 * full)).sum(axis=1)
    if numbers.shape[1] == 4:
        low, high = box.centres - box.sides / 2, box.centres + box.sides / 2
        score -= OUTSIDE * ((low < -full * 0.005) | (high > full * 1.005)).sum(axis=1)
    if numbers.shape[1] == 5:
        score -= _angles(reading.layout, numbers[:, 4], box.sides)
    return Likely(reading, score - _whole(reading, numbers))


def _is_convex(raw: Array) -> NDArray[np.bool_]:
    sides = np.roll(raw, -1, axis=1) - raw
    ahead = np.roll(sides, -1, axis=1)
    turns = sides[..., 0] * ahead[..., 1] - sides[..., 1] * ahead[..., 0]
    return np.asarray((turns >= 0).all(axis=1) | (turns <= 0).all(axis=1))


def _whole(reading: Reading, numbers: Array) -> Array:
    """Whole numbers are no shares of 1, and numbers with a fraction are no pixels or bins."""
    fraction = (numbers[:, :4] != np.round(numbers[:, :4])).any(axis=1)
    if reading.frame == "relative" and reading.scale[0] == 1:
        return np.where(fraction | (numbers[:, :4] <= 1).all(axis=1), 0.0, IMPOSSIBLE)
    return np.where(fraction & (np.abs(numbers[:, :4]) <= 1).all(axis=1), IMPOSSIBLE, 0.0)


def _angles(layout: str, angles: Array, sides: Array) -> Array:
    """Degrees: 0 to 90, or a quarter of a turn each way; radians: half a turn each way."""
    if "radians" in layout:
        whole = angles == np.round(angles)
        return np.where(whole | (np.abs(angles) > math.pi + 1e-3), IMPOSSIBLE, math.log(2 * math.pi))
    span = 90.0 if (angles >= 0).all() and (angles <= 90).all() else 180.0
    cost = np.where(np.abs(angles) > 180, IMPOSSIBLE, math.log(span))
    if layout.startswith("turned corners"):  # whose angle is that of the longer side
        cost = np.where(sides[:, 0] < sides[:, 1] * 0.7, IMPOSSIBLE, cost)
    return cost


def prior_cost(reading: Reading, arity: int) -> float:
    """Nats by which a reading is rarer than the plainest of its arity, whatever the numbers."""
    return 100 * (LAYOUTS[arity][reading.layout].cost + FRAMES[reading.frame].cost)
