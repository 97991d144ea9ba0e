"""With gold: the readings under which the answers lie best on it, proposed by few objects and judged by IoU."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment

from georsmllm.doctor.proposals import PLAIN_SPANS, Indices, Records, known, pairs, proposed
from georsmllm.doctor.readings import FRAMES, LAYOUTS, Array, Reading, centres, quads
from georsmllm.metrics.quads import areas, own_intersections

SNAP = 0.03
FREE_SCALE, FREE_SHIFT, FLIP, RARE_SCALE = 0.03, 0.02, 0.03, 0.015
"""What a scale of no known span, a shift on an axis, a mirrored or swapped axis, and a scale that few people use must win in
mean IoU to be believed."""
DEARER = 5.0
"""By so many records all this costs double: few can be fitted by chance."""
FEW, PROMISING, LIKELY, FINALISTS, POLISHED = 40, 50, 8, 12, 4
"""How many records are looked at before the last judgement, and how many readings come through each sieve."""
STEPS = (0.02, 0.007, 0.0025)
"""By which scales (of themselves) and shifts (of the frame) are moved while the IoU grows."""
MET = 0.5
"""The IoU from which an answer that is moved by itself meets its gold."""
TINY = 1e-12
NEARLY = 0.05
"""Of the view: a middle so far from gold without area counts nothing, a nearer one in proportion."""


class Answers(NamedTuple):
    """Objects of all answers: numbers n x k raw, the record of each, its view's size; gold m x 4 x 2 in px and its record.

    arity is k, or 0 for outlines (whose bounds the numbers are)."""

    arity: int
    numbers: Array
    record: Indices
    sizes: Array
    gold: Array
    gold_record: Indices
    gold_sizes: Array


class Table(NamedTuple):
    """Every object of every record beside every object of its gold: their indices, record after record, and how many of both
    each record has."""

    ours: Indices
    gold: Indices
    shapes: tuple[tuple[int, int], ...]


class Fitted(NamedTuple):
    """A reading, its mean IoU over the records, each record's, and what it costs to believe it."""

    reading: Reading
    iou: float
    by_record: Array
    cost: float

    @property
    def worth(self) -> float:
        return self.iou - self.cost


def records(answers: Answers) -> Records:
    """For each record that has objects, their indices and those of its gold."""
    gold = _split(answers.gold_record)
    nothing = np.zeros(0, dtype=np.intp)
    return [(ours, gold.get(record, nothing)) for record, ours in _split(answers.record).items()]


def _split(record: Indices) -> dict[int, Indices]:
    names, starts = np.unique(record, return_index=True)
    rows = np.split(np.arange(len(record)), starts)[1:]
    return dict(zip(names.tolist(), rows, strict=True))


def fit(answers: Answers, among: Records) -> list[Fitted]:
    """The readings worth telling, the best first; empty where fewer than two records have both objects and gold.

    The middles propose frames, axes, scales and shifts; a part of the records chooses among them and their layouts, all of
    them judge.
    """
    if sum(len(gold) > 0 for _, gold in among) < 2:
        return []
    some, all_ = tabled(among[:: max(1, len(among) // FEW)]), tabled(among)
    roughs: list[tuple[float, Reading]] = []
    for layout in {_centre_key(name): name for name in reversed(LAYOUTS[answers.arity])}.values():
        raw = centres(layout, answers.numbers)
        roughs += proposed(layout, pairs(raw, answers.gold, answers.gold_sizes, among))
    roughs.sort(key=lambda rough: (cost_of(rough[1], answers.arity, len(among)) - rough[0], rough[1]))
    found = _best([judged(answers, reading, some) for _, reading in roughs[:PROMISING]])[:LIKELY]
    for vary, most in ((partial(_laid_out, arity=answers.arity), LIKELY), (_snapped, FINALISTS)):
        varied = dict.fromkeys(reading for one in found for reading in vary(one.reading))
        found = _best([judged(answers, reading, some) for reading in varied])[:most]
    finalists = [one.reading for one in found]
    polished = [_polished(answers, reading, some) for reading in _one_of_each(finalists)[:POLISHED]]
    centred = [_centred(answers, reading, among) for reading in polished if any(reading.shift)]
    return _best([judged(answers, reading, all_) for reading in dict.fromkeys((*finalists, *polished, *centred))])


def _laid_out(rough: Reading, *, arity: int) -> Iterator[Reading]:
    """The reading in every layout that has the same middles."""
    for layout in LAYOUTS[arity]:
        if _centre_key(layout) == _centre_key(rough.layout):
            yield rough._replace(layout=layout)


def _one_of_each(readings: Sequence[Reading]) -> list[Reading]:
    """The first reading with each set of numbers that were measured, of those with any."""
    first: dict[tuple[object, ...], Reading] = {}
    for reading in readings:
        free = tuple(scale not in known(reading.frame) for scale in reading.scale) + tuple(map(bool, reading.shift))
        if any(free):
            first.setdefault((reading[:4], free, reading.scale[0] == reading.scale[1]), reading)
    return list(first.values())


def dealt(among: Records, by: int) -> Records:
    """Each answer beside the gold of so many records further on, of those that have any: what is fitted to this is none."""
    with_gold = [i for i, (_, gold) in enumerate(among) if len(gold)]
    others = dict(zip(with_gold, (*with_gold[by:], *with_gold[:by]), strict=True))
    return [(ours, among[others.get(i, i)][1]) for i, (ours, _) in enumerate(among)]


def _best(found: list[Fitted]) -> list[Fitted]:
    return sorted(found, key=lambda one: (-one.worth, list(FRAMES).index(one.reading.frame), one.reading))


def judged(answers: Answers, reading: Reading, table: Table) -> Fitted:
    """The mean over records of the matched IoU over the larger count."""
    placed = np.ascontiguousarray(quads(reading, answers.numbers, answers.sizes))
    by_record = overlaps(placed, answers, table)
    return Fitted(reading, float(by_record.mean()), by_record, cost_of(reading, answers.arity, len(by_record)))


def tabled(among: Records) -> Table:
    shapes = tuple((len(ours), len(gold)) for ours, gold in among)
    ours = [np.repeat(ours, len(gold)) for ours, gold in among]
    theirs = [np.tile(gold, len(ours)) for ours, gold in among]
    return Table(np.concatenate(ours), np.concatenate(theirs), shapes)


def overlaps(placed: Array, answers: Answers, table: Table) -> Array:
    """Each record's matched IoU over the larger count, its objects placed (n x 4 x 2, px)."""
    ours, gold = placed[table.ours], answers.gold[table.gold]
    a, b = areas(ours), areas(gold)
    inter = np.minimum(own_intersections(ours, gold), np.minimum(a, b))  # of crossed quads: nonsense
    iou = np.maximum(inter / np.maximum(a + b - inter, TINY), 0.0)
    by_middle = (np.ptp(ours, axis=1).max(axis=1) == 0) | (np.ptp(gold, axis=1).min(axis=1) == 0)
    if by_middle.any():
        iou = np.where(by_middle, _hits(ours, gold, answers.sizes[table.ours]), iou)
    found, start = np.empty(len(table.shapes)), 0
    for row, (num, num_gold) in enumerate(table.shapes):
        if num == num_gold == 1:
            found[row] = iou[start]
        elif num and num_gold:
            matrix = iou[start : start + num * num_gold].reshape(num, num_gold)
            rows, columns = linear_sum_assignment(matrix, maximize=True)
            found[row] = matrix[rows, columns].sum() / max(num, num_gold)
        else:
            found[row] = num == num_gold
        start += num * num_gold
    return found


def _hits(ours: Array, gold: Array, sizes: Array) -> Array:
    """Of each pair: 1 for a middle inside the gold's bounds, less the farther it is from gold without area."""
    low, high, middle = gold.min(axis=1), gold.max(axis=1), ours.mean(axis=1)
    far = (np.maximum(np.maximum(low - middle, middle - high), 0) / sizes).max(axis=1)
    hits: Array = np.where(((high - low) > 0).all(axis=1), far == 0, np.maximum(1 - far / NEARLY, 0))
    return hits


def adrift(answers: Answers, reading: Reading, missed: Records) -> float:
    """The share of answers that a reading misses and that would meet their gold if each were moved by itself, less what the
    same makes of the gold of others: 0 for wrong answers, near 1 where the offsets of tiles were not added back."""
    placed = np.ascontiguousarray(quads(reading, answers.numbers, answers.sizes))
    alike = [record for record in missed if len(record[0]) == len(record[1]) > 0]
    if len(alike) < 2 or answers.arity == 2:
        return 0.0
    own, others = (_met_moved(placed, answers, records) for records in (alike, dealt(alike, 1)))
    return max(own - others, 0.0) * len(alike) / len(missed)


def _met_moved(placed: Array, answers: Answers, among: Records) -> float:
    moved = placed.copy()
    for ours, gold in among:
        moved[ours] += answers.gold[gold].mean(axis=(0, 1)) - placed[ours].mean(axis=(0, 1))
    return float((overlaps(moved, answers, tabled(among)) >= MET).mean())


def cost_of(reading: Reading, arity: int, num: int) -> float:
    """What a reading must win in mean IoU over so many records before it is believed."""
    scales = known(reading.frame)
    plain = scales[:1] if reading.frame in ("pixels", "resized") else tuple(1 / span for span in PLAIN_SPANS)
    cost = (
        LAYOUTS[arity][reading.layout].cost
        + FRAMES[reading.frame].cost
        + FLIP * (reading.is_swapped + sum(reading.mirrored))
        + FREE_SCALE * sum(scale not in scales for scale in reading.scale) / 2
        + RARE_SCALE * sum(scale in scales and scale not in plain for scale in reading.scale) / 2
        + (0.0 if reading.scale[0] == reading.scale[1] else FREE_SCALE)
        + FREE_SHIFT * sum(shift != 0 for shift in reading.shift)
    )
    return cost * (1 + DEARER / num)


def _centre_key(layout: str) -> str:
    """Layouts whose objects have one middle share a proposal."""
    shape = layout.partition(", ")[0]
    return "corners" if shape in ("unturned corners", "turned corners") else shape


def _snapped(rough: Reading) -> Iterator[Reading]:
    """The reading with the scale and shift that people would choose, then with more and more of what was measured."""
    near_x, near_y = ([k for k in known(rough.frame) if abs(k / scale - 1) <= SNAP] for scale in rough.scale)
    one = (rough.scale[0] * rough.scale[1]) ** 0.5
    x, y = rough.shift
    for scale in (*((k, k) for k in sorted({*near_x, *near_y})), (one, one), rough.scale):
        for shift in dict.fromkeys(((0.0, 0.0), (x, 0.0), (0.0, y), (x, y))):
            yield rough._replace(scale=scale, shift=shift)


def _polished(answers: Answers, reading: Reading, some: Table) -> Reading:
    """The reading with its measured scales and shifts moved as long as the IoU grows; those on purpose stay."""
    full = FRAMES[reading.frame].units(answers.sizes)[2].mean(axis=0)
    best = judged(answers, reading, some)
    for step in STEPS:
        for moved in _moves(best.reading, step, full):
            found = judged(answers, moved, some)
            best = found if found.worth > best.worth else best
    return best.reading


def _centred(answers: Answers, reading: Reading, among: Records) -> Reading:
    """The reading with its shifts moved by what single answers lie off their single gold, on the median: exactly, where a
    shift is all that is wrong with them."""
    alone = [(ours[0], gold[0]) for ours, gold in among if len(ours) == len(gold) == 1]
    if len(alone) < 2:
        return reading
    ours, gold = (np.array(indices, dtype=np.intp) for indices in zip(*alone, strict=True))
    off = answers.gold[gold].mean(axis=1) - quads(reading, answers.numbers, answers.sizes)[ours].mean(axis=1)
    units = np.median(off / FRAMES[reading.frame].units(answers.sizes[ours])[0], axis=0)
    dx, dy = np.where(reading.mirrored, -units, units).tolist()
    (bx, by) = reading.shift
    return reading._replace(shift=(bx + dx if bx else 0.0, by + dy if by else 0.0))


def _moves(reading: Reading, step: float, full: Array) -> Iterator[Reading]:
    (ax, ay), (bx, by) = reading.scale, reading.shift
    for sign in (-1, 1):
        grown = 1 + sign * step
        if ax == ay and ax not in known(reading.frame):
            yield reading._replace(scale=(ax * grown, ay * grown))
        if ax != ay:
            yield reading._replace(scale=(ax * grown, ay))
            yield reading._replace(scale=(ax, ay * grown))
        if bx:
            yield reading._replace(shift=(bx + sign * step * float(full[0]), by))
        if by:
            yield reading._replace(shift=(bx, by + sign * step * float(full[1])))
