"""Without gold: how likely the numbers are under each reading, if objects lie anywhere in their views and are of any size.

A reading under which the numbers spread over the whole frame and stay inside it is likelier than one under which they fill a
corner of it, leave it, or give sides below zero. A number that a reading forbids is taken for a wrong answer, whose density
is the same under every reading: so wrong answers, too, are worth the same under all. What only gold can tell (a swapped
axis, a shift, another scale) is not asked here; `reach` says whether there is reason to.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from georsmllm.doctor.readings import FRAMES, LAYOUTS, Array, Reading, centres, points, rectangles

Flags = NDArray[np.bool_]

SPANS = (1.0, 100.0, 840.0, 1000.0)
"""The scales that published forms have."""
WRONG = math.log(0.03)
"""Of so many objects we believe beforehand that they are wrong."""
OUTSIDE = 3.0
"""What an object that leaves its frame at a side costs in nats."""
SIZES = math.log(1000.0)
"""Sides are taken as equally likely on a logarithmic scale over so wide a range."""
MIRRORED = 5.0
"""Nats by which boxes whose corners run backwards are rarer."""


class Likely(NamedTuple):
    """A reading, the log-likelihood of each object's numbers under it, in nats, and the objects that it forbids."""

    reading: Reading
    by_object: Array
    forbidden: Flags


def readings(arity: int, *, sizes_known: bool) -> list[Reading]:
    """Those that can be told apart without gold: a mirrored axis only where corners are listed backwards by it."""
    found = []
    for layout in LAYOUTS[arity]:
        if layout.endswith("no angle"):
            continue
        is_box = layout.startswith("unturned corners") or (arity == 4 and layout == "corners")
        for mirrored in ((False, False), (False, True), (True, False), (True, True))[: 4 if is_box else 1]:
            found += [Reading(layout, "relative", False, mirrored, (1 / span, 1 / span), (0.0, 0.0)) for span in SPANS]
            if sizes_known:
                found += [
                    Reading(layout, frame, False, mirrored, (1.0, 1.0), (0.0, 0.0)) for frame in ("pixels", "resized")
                ]
    return found


def likely(reading: Reading, numbers: Array, sizes: Array) -> Likely:
    """The log-density of n x k raw numbers: middles uniform over the frame, sides log-uniform, angles uniform."""
    full = FRAMES[reading.frame].units(sizes)[2] / np.array(reading.scale)
    forbidden = _not_whole(reading, numbers)
    box = rectangles(reading.layout, numbers)
    score = -np.log(full).sum(axis=1)
    if box is not None:
        sides = box.sides * np.where(reading.mirrored, -1, 1)
        score -= np.log(np.maximum(np.abs(sides), full * 1e-3)).sum(axis=1) + 2 * math.log(SIZES)
        forbidden |= ((sides < 0) | (sides > 1.5 * full)).any(axis=1)
        forbidden |= ((box.centres < 0) | (box.centres > full)).any(axis=1)
        if numbers.shape[1] == 4:
            low, high = box.centres - np.abs(sides) / 2, box.centres + np.abs(sides) / 2
            score -= OUTSIDE * ((low < -full * 0.005) | (high > full * 1.005)).sum(axis=1)
        else:
            cost, is_none = _angles(reading.layout, numbers[:, 4], sides)
            score -= cost
            forbidden |= is_none
    else:
        raw = points(reading.layout, numbers)
        forbidden |= ((raw < 0) | (raw > full[:, None])).any(axis=(1, 2))
        if raw.shape[1] == 4:  # of eight numbers two are the middle, the others are of the size of the sides
            score -= 3 * np.log(np.maximum(np.ptp(raw, axis=1), full * 5e-3)).sum(axis=1)
            forbidden |= ~_is_convex(raw)
    wrong = WRONG + _anything(numbers)
    return Likely(reading, np.where(forbidden, wrong, np.logaddexp(score, wrong)), forbidden)


def _anything(numbers: Array) -> float:
    """The log-density of numbers that could be any, up to the largest that there is."""
    coordinates = numbers[:, :4] if numbers.shape[1] == 5 else numbers
    most = max(float(np.abs(coordinates).max(initial=0)), 1.0)
    return -float(coordinates.shape[1]) * math.log(2 * most) - (math.log(720) if numbers.shape[1] == 5 else 0.0)


def _is_convex(raw: Array) -> Flags:
    sides = np.roll(raw, -1, axis=1) - raw
    ahead = np.roll(sides, -1, axis=1)
    turns = sides[..., 0] * ahead[..., 1] - sides[..., 1] * ahead[..., 0]
    return np.asarray((turns >= 0).all(axis=1) | (turns <= 0).all(axis=1))


def _not_whole(reading: Reading, numbers: Array) -> Flags:
    """Whole numbers are no shares of 1, and numbers with a fraction below 1 are no pixels or bins."""
    coordinates = numbers[:, :4] if numbers.shape[1] == 5 else numbers
    has_fraction = (coordinates != np.round(coordinates)).any(axis=1)
    is_small = (np.abs(coordinates) <= 1).all(axis=1)
    if reading.frame == "relative" and reading.scale[0] == 1:
        return np.asarray(~has_fraction & ~is_small)
    return np.asarray(has_fraction & is_small)


def _angles(layout: str, angles: Array, sides: Array) -> tuple[Array, Flags]:
    """Nats, and which are no such angles. Degrees: 0 to 90, or half a turn; radians: half a turn each way."""
    cost = np.zeros(len(angles))
    if "radians" in layout:
        cost += math.log(2 * math.pi)
        forbidden = ((angles == np.round(angles)) & (angles != 0)) | (np.abs(angles) > math.pi + 1e-3)
    else:
        cost += math.log(90.0 if (angles >= 0).all() and (angles <= 90).all() else 180.0)
        forbidden = np.abs(angles) > 180
    if layout.startswith("turned corners"):  # whose angle is that of the longer side, and either diagonal may be said
        cost += math.log(4.0)
        forbidden = forbidden | (np.abs(sides[:, 0]) < np.abs(sides[:, 1]) * 0.7)
    return cost, np.asarray(forbidden)


def prior_cost(reading: Reading, arity: int) -> float:
    """Nats by which a reading is rarer than the plainest of its arity, whatever the numbers."""
    cost = 100 * (LAYOUTS[arity][reading.layout].cost + FRAMES[reading.frame].cost)
    return cost + MIRRORED * any(reading.mirrored)


def reach(found: Likely, numbers: Array, sizes: Array) -> tuple[tuple[float, float], tuple[float, float]]:
    """From which share of the frame to which the middles of the objects reach, for x and y, those it forbids left out."""
    full = FRAMES[found.reading.frame].units(sizes)[2] / np.array(found.reading.scale)
    shares = (centres(found.reading.layout, numbers) / full)[~found.forbidden]
    if len(shares) == 0:
        return (0.0, 1.0), (0.0, 1.0)
    room = 1 / len(shares)
    low, high = np.maximum(shares.min(axis=0) - room, 0).tolist(), np.minimum(shares.max(axis=0) + room, 1).tolist()
    return (low[0], high[0]), (low[1], high[1])
