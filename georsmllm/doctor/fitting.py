"""With gold: the reading under which the answers lie best on it, found by regression and judged by IoU."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from georsmllm.doctor.readings import FRAMES, LAYOUTS, Array, Reading, centres, quads
from georsmllm.metrics.quads import areas, intersections

Indices = NDArray[np.intp]

SPANS = (1.0, 100.0, 336.0, 448.0, 504.0, 512.0, 640.0, 800.0, 840.0, 1000.0, 1024.0)
"""Scales that people use on purpose: a relative one that is within 3 % of such a span is meant to be it."""
FACTORS = (1.0, 0.5, 2.0, 0.25, 4.0, 0.1, 10.0)
"""The same for pixels: raw numbers times this."""
SNAP = 0.03
FREE_SCALE, FREE_SHIFT, FLIP = 0.03, 0.02, 0.03
"""What a scale of no known span, a shift on an axis, and a mirrored or swapped axis must win in mean IoU to be believed."""
FEW, PROMISING, LIKELY, FINALISTS = 40, 80, 8, 12
"""How many records are looked at before the last judgement, and how many readings come through each sieve."""


class Answers(NamedTuple):
    """Objects of all answers: numbers n x k raw, the record of each, its view's size; gold m x 4 x 2 in px and its record.

    arity is k, or 0 for outlines (whose bounds the numbers are)."""

    arity: int
    numbers: Array
    record: Array
    sizes: Array
    gold: Array
    gold_record: Array
    gold_sizes: Array


class Fitted(NamedTuple):
    """A reading, its mean IoU over the records, each record's, and what it costs to believe it."""

    reading: Reading
    iou: float
    by_record: Array
    cost: float

    @property
    def worth(self) -> float:
        return self.iou - self.cost


def fit(answers: Answers) -> list[Fitted]:
    """The readings worth telling, the best first; empty where fewer than two records have as many objects as gold.

    Regression sorts the frames and axes, a part of the records chooses among scales and layouts, all of them judge.
    """
    records = _records(answers)
    pairs = [(ours, gold) for ours, gold in records if len(ours) == len(gold) > 0]
    if len(pairs) < 2:
        return []
    some = records[:: max(1, len(records) // FEW)]
    roughs = [
        (residual, reading)
        for layout in {_centre_key(name): name for name in reversed(LAYOUTS[answers.arity])}.values()
        for reading, residual in _regressed(answers, layout, pairs)
    ]
    roughs.sort()
    likely = _best([judged(answers, rough, some) for _, rough in roughs[:PROMISING]])[:LIKELY]
    detailed = {
        reading: None
        for found in likely
        for layout in LAYOUTS[answers.arity]
        if _centre_key(layout) == _centre_key(found.reading.layout)
        for reading in _snapped(found.reading._replace(layout=layout))
    }
    finalists = _best([judged(answers, reading, some) for reading in detailed])[:FINALISTS]
    return _best([judged(answers, found.reading, records) for found in finalists])


def _best(found: list[Fitted]) -> list[Fitted]:
    return sorted(found, key=lambda one: (-one.worth, one.reading))


def _records(answers: Answers) -> list[tuple[Indices, Indices]]:
    """For each record that has either, the indices of its objects and of its gold."""
    last = int(max(answers.record.max(initial=-1), answers.gold_record.max(initial=-1)))
    both = [
        (np.nonzero(answers.record == record)[0], np.nonzero(answers.gold_record == record)[0])
        for record in range(last + 1)
    ]
    return [(ours, gold) for ours, gold in both if len(ours) or len(gold)]


def judged(answers: Answers, reading: Reading, records: list[tuple[Indices, Indices]]) -> Fitted:
    """The mean over records of the matched IoU over the larger count; a point counts 1 inside its gold's bounds."""
    placed = np.ascontiguousarray(quads(reading, answers.numbers, answers.sizes))
    is_point = answers.arity == 2
    by_record = np.array([_overlap(placed[ours], answers.gold[gold], is_point=is_point) for ours, gold in records])
    return Fitted(reading, float(by_record.mean()), by_record, _cost(reading, answers.arity))


def _overlap(ours: Array, gold: Array, *, is_point: bool) -> float:
    if len(ours) == 0 or len(gold) == 0:
        return float(len(ours) == len(gold))
    if is_point:
        low, high = gold.min(axis=1), gold.max(axis=1)
        iou = ((ours[:, None, 0] >= low) & (ours[:, None, 0] <= high)).all(axis=2).astype(np.float64)
    else:
        inter = intersections(ours, gold)
        own, true = areas(ours)[:, None], areas(gold)[None]
        inter = np.minimum(inter, np.minimum(own, true))  # a quad that crosses itself is clipped to no sense
        iou = np.divide(inter, own + true - inter, out=np.zeros_like(inter), where=(own > 0) & (true > 0))
    if iou.size == 1:
        return float(iou[0, 0])
    rows, columns = linear_sum_assignment(-iou)
    return float(iou[rows, columns].sum()) / max(len(ours), len(gold))


def _cost(reading: Reading, arity: int) -> float:
    known = FACTORS if reading.frame in ("pixels", "resized") else tuple(1 / span for span in SPANS)
    return (
        LAYOUTS[arity][reading.layout].cost
        + FRAMES[reading.frame].cost
        + FLIP * (reading.is_swapped + sum(reading.mirrored))
        + FREE_SCALE * sum(scale not in known for scale in reading.scale) / 2
        + (0.0 if reading.scale[0] == reading.scale[1] else FREE_SCALE)
        + FREE_SHIFT * sum(shift != 0 for shift in reading.shift)
        + (0.01 if reading.scale[0] != 1 and reading.frame in ("pixels", "resized") else 0.0)
    )


def _centre_key(layout: str) -> str:
    """Layouts whose objects have one middle share a regression."""
    shape = layout.partition(", ")[0]
    return "corners" if shape in ("unturned corners", "turned corners") else shape


def _regressed(answers: Answers, layout: str, pairs: list[tuple[Indices, Indices]]) -> Iterator[tuple[Reading, float]]:
    """For every frame, swap and mirroring: the scale and shift of each axis, and how far off the middles stay (share of
    the view, median)."""
    raw = centres(layout, answers.numbers)
    middle = answers.gold.mean(axis=1)
    u = np.array([raw[ours].mean(axis=0) for ours, _ in pairs])
    g = np.array([middle[gold].mean(axis=0) for _, gold in pairs])
    sizes = np.array([answers.gold_sizes[gold[0]] for _, gold in pairs])
    for frame in FRAMES:
        scale, offset, full = FRAMES[frame].units(sizes)
        unit = (g - offset) / scale
        for is_swapped, mirror_x, mirror_y in product((False, True), repeat=3):
            wanted = np.where((mirror_x, mirror_y), full - unit, unit)
            lines = [_line(u[:, 1 - axis if is_swapped else axis], wanted[:, axis]) for axis in (0, 1)]
            if any(line is None or line[0] <= 0 for line in lines):
                continue
            (ax, bx), (ay, by) = (line for line in lines if line is not None)
            left = np.abs((u[:, ::-1] if is_swapped else u) * (ax, ay) + (bx, by) - wanted) * scale / sizes
            reading = Reading(layout, frame, is_swapped, (mirror_x, mirror_y), (ax, ay), (bx, by))
            yield reading, float(np.median(left.max(axis=1)))


def _line(u: Array, t: Array) -> tuple[float, float] | None:
    """Slope and intercept by medians (Theil-Sen): wrong answers among the right ones do not bend it."""
    du = u[:, None] - u[None]
    rows, columns = np.nonzero(np.abs(du) > 1e-9)
    if len(rows) == 0:
        return None
    slope = float(np.median((t[rows] - t[columns]) / du[rows, columns]))
    return slope, float(np.median(t - slope * u))


def _snapped(rough: Reading) -> Iterator[Reading]:
    """The reading with the scale and shift that people would choose, then with more and more of what was measured."""
    known = FACTORS if rough.frame in ("pixels", "resized") else tuple(1 / span for span in SPANS)
    near_x, near_y = ([k for k in known if abs(k / scale - 1) <= SNAP] for scale in rough.scale)
    for scale in sorted({*near_x, *near_y}):
        yield rough._replace(scale=(scale, scale), shift=(0.0, 0.0))
        yield rough._replace(scale=(scale, scale))
    one = (rough.scale[0] * rough.scale[1]) ** 0.5
    yield rough._replace(scale=(one, one), shift=(0.0, 0.0))
    yield rough._replace(shift=(0.0, 0.0))
    yield rough
