"""What the strict ears of the dialects make of the answers, and which dialects a reading is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from georsmllm.contracts import Dialect, SizeWH, Spoken
from georsmllm.doctor.answers import Common
from georsmllm.doctor.fitting import Answers, overlaps, tabled
from georsmllm.doctor.readings import Array, Reading, quads
from georsmllm.errors import BadAnswer
from georsmllm.geometry import bounds, to_rbox
from georsmllm.metrics.quads import areas, own_ious
from georsmllm.types import KINDS, PointSet

SQUARE: SizeWH = (1000, 1000)
"""The view taken where a size is unknown: only relative frames can then be told."""
READS, SAME = 0.5, 0.8
"""A dialect is named where its strict ear reads this share of the answers, and the same places as the best reading."""


class Case(NamedTuple):
    """One answer; size of its view and gold in pixels of that view, where they are known."""

    id: str
    text: str
    size_wh: SizeWH | None
    gold: tuple[PointSet, ...] | None


class Heard(NamedTuple):
    """A dialect and the share of the answers with numbers that its strict ear reads; iou: with gold, where there is any."""

    name: str
    share: float
    iou: float | None


class Ear(NamedTuple):
    """A dialect's hearing of the answers, and beside it, for the answers whose objects it counts as we do, the numbers of
    these objects, the sizes of their views, and where it puts them (n x 4 x 2, px)."""

    heard: Heard
    numbers: Array
    sizes: Array
    quads: Array


def as_numbers(objects: Sequence[tuple[float, ...]], arity: int) -> Array:
    """The numbers of objects as rows; of outlines the corners of their bounds."""
    if arity:
        return np.array(objects, dtype=np.float64).reshape(-1, arity)
    rows = [(min(o[::2]), min(o[1::2]), max(o[::2]), max(o[1::2])) for o in objects]
    return np.array(rows, dtype=np.float64).reshape(-1, 4)


def as_corners(shape: PointSet) -> tuple[tuple[float, float], ...]:
    """Rotated boxes as they are, the bounds of everything else; clockwise."""
    if shape.kind == "rbox":
        return to_rbox(shape).rings[0].points
    x1, y1, x2, y2 = bounds(shape)
    return (x1, y1), (x2, y1), (x2, y2), (x1, y2)


def listen(said: Common, cases: Sequence[Case], answers: Answers, dialects: Mapping[str, Dialect]) -> list[Ear]:
    """Of the dialects that read any answer with numbers; judged by gold where every case has it."""
    asked = [(i, case, objects) for i, (case, objects) in enumerate(zip(cases, said.said, strict=True)) if objects]
    ears = []
    for name, dialect in dialects.items():
        spoken = [spoken_in(dialect, case.text, case.size_wh or SQUARE) for _, case, _ in asked]
        share = sum(one is not None for one in spoken) / max(1, len(asked))
        if share == 0:
            continue
        numbers: list[tuple[float, ...]] = []
        sizes: list[SizeWH] = []
        places: list[tuple[tuple[float, float], ...]] = []
        for one, (_, case, objects) in zip(spoken, asked, strict=True):
            if one is not None and len(one) == len(objects):
                numbers.extend(objects)
                sizes.extend([case.size_wh or SQUARE] * len(objects))
                places.extend([as_corners(object_.shape) for object_ in one])
        has_gold = all(case.gold is not None for _, case, _ in asked)
        iou = _iou(spoken, [(i, case) for i, case, _ in asked], answers) if has_gold else None
        ears.append(
            Ear(
                Heard(name, share, iou),
                as_numbers(numbers, said.arity),
                np.array(sizes, dtype=np.float64).reshape(-1, 2),
                np.array(places, dtype=np.float64).reshape(-1, 4, 2),
            )
        )
    return ears


def spoken_in(dialect: Dialect, text: str, size_wh: SizeWH) -> tuple[Spoken, ...] | None:
    """What a dialect's strict ear hears in all its stretches of an answer; None where it cannot read one, finds none, or
    leaves brackets of another form around them."""
    spans = dialect.stretches(text)
    ends = [0, *(at for span in spans for at in span), len(text)]
    around = "".join(text[start:end] for start, end in zip(ends[::2], ends[1::2], strict=True))
    if not spans or any(bracket in around for bracket in "{}[]"):
        return None
    spoken: list[Spoken] = []
    try:
        for start, end in spans:
            spoken.extend(dialect.decode(text[start:end], size_wh, KINDS))
    except BadAnswer:
        return None
    return tuple(spoken)


def _iou(spoken: Sequence[tuple[Spoken, ...] | None], cases: Sequence[tuple[int, Case]], answers: Answers) -> float:
    """The mean matched IoU with the gold, over the larger count, as readings are judged; what the ear cannot read counts 0."""
    read = [(row, one, case) for row, (one, (_, case)) in enumerate(zip(spoken, cases, strict=True)) if one is not None]
    placed = [as_corners(object_.shape) for _, one, _ in read for object_ in one]
    sizes = [case.size_wh or SQUARE for _, one, case in read for _ in one]
    ends = np.cumsum([len(one) for _, one, _ in read]).tolist()
    among = [
        (np.arange(end - len(one), end), np.nonzero(answers.gold_record == cases[row][0])[0])
        for end, (row, one, _) in zip(ends, read, strict=True)
    ]
    own = answers._replace(sizes=np.array(sizes, dtype=np.float64).reshape(-1, 2))
    found = overlaps(np.array(placed, dtype=np.float64).reshape(-1, 4, 2), own, tabled(among))
    return float(found.sum()) / len(cases)


def named(reading: Reading, ears: Sequence[Ear]) -> tuple[str, ...]:
    """The dialects that read these answers and put their objects where the reading puts them; half a step of rounding is
    the dialect's own, and no other place."""
    shift = tuple(0.0 if abs(b) <= a else b for a, b in zip(reading.scale, reading.shift, strict=True))
    plain = reading._replace(shift=(shift[0], shift[1]))
    found = []
    for ear in ears:
        if ear.heard.share >= READS and len(ear.numbers):
            agreed = _agreement(quads(plain, ear.numbers, ear.sizes), ear.quads, ear.sizes)
            if agreed >= SAME:
                found.append((-agreed, ear.heard.name))
    return tuple(name for _, name in sorted(found))


def _agreement(ours: Array, theirs: Array, sizes: Array) -> float:
    """Mean IoU of each object with itself; of what has no area, whether its middle is within a hundredth of the view."""
    ours = np.ascontiguousarray(ours)
    flat = (areas(ours) <= 0) | (areas(theirs) <= 0)
    near = (np.abs(ours.mean(axis=1) - theirs.mean(axis=1)) <= sizes / 100).all(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        ious = own_ious(ours, theirs)
    return float(np.where(flat, near, ious).mean())
