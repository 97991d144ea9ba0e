"""How well the boxes that a text says sit on the gold's, by the size of the objects, beside what rounding alone would cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

import msgspec

from georsmllm.discover import dialect
from georsmllm.geometry import bounds, to_box
from georsmllm.hearing import Heard
from georsmllm.metrics.match import iou_matrix
from georsmllm.records import gold_shapes
from georsmllm.spreads import side_bin, side_edges
from georsmllm.types import PointSet, Record

_IOU_STEPS = 1000


class SizeFit(msgspec.Struct, frozen=True):
    """The objects whose side lies in low..high px. theory: the mean of 1 - dx/(2 w) - dy/(2 h), what rounding four sides to
    steps of dx and dy is expected to leave of the IoU of a w x h box (of a square: 1 - d/s; methods section 1.1)."""

    low: float
    high: float
    objects: int
    mean: float
    p5: float
    theory: float


class Fit(msgspec.Struct, frozen=True):
    """How well the text's boxes sit on the gold's: IoU of the bounding boxes, the best of the same class for each gold
    object. p5: the value that 95 % of the objects reach, rounded down to a thousandth."""

    objects: int
    mean: float
    p5: float
    worst: float
    worst_id: str
    sizes: tuple[SizeFit, ...]


class FitTally:
    """The fits of one task, record by record; memory does not grow with them."""

    def __init__(self) -> None:
        self.whole = _Steps()
        self.worst = (2.0, "")
        self.sizes: dict[int, _Steps] = {}

    def add(self, record: Record, heard: Heard) -> None:
        """An answer with points needs no gold to be counted, but only an object of the gold can be missed."""
        for label in sorted({gold.label for gold in record.gold if gold.kind != "point"}):
            gold = tuple(to_box(s) for name, _, s in gold_shapes(record) if name == label and s.kind != "point")
            said = tuple(to_box(o.shape) for o in heard.objects if o.label in (label, ""))
            view = record.provenance.views[record.gold[0].image]
            step = _step(record.provenance.dialect, (view.width, view.height))
            ious = iou_matrix(said, gold, step)
            for box, best in zip(gold, ious.max(axis=0, initial=0.0).tolist(), strict=True):
                self._count(box, best, step)
                self.worst = min(self.worst, (best, record.id))

    def fit(self) -> Fit:
        sizes = tuple(
            SizeFit(*side_edges(n), steps.count, steps.mean(), steps.p5(), round(steps.theory / steps.count, 4))
            for n, steps in sorted(self.sizes.items())
        )
        worst, worst_id = self.worst
        return Fit(self.whole.count, self.whole.mean(), self.whole.p5(), round(worst, 4), worst_id, sizes)

    def _count(self, box: PointSet, iou: float, step: tuple[float, float]) -> None:
        x1, y1, x2, y2 = bounds(box)
        width, height = max(x2 - x1, step[0]), max(y2 - y1, step[1])  # a flat one is measured as one step wide
        theory = max(0.0, 1 - step[0] / (2 * width) - step[1] / (2 * height))
        self.whole.add(iou, theory)
        self.sizes.setdefault(side_bin(width, height), _Steps()).add(iou, theory)


class SideTally:
    """The sides of gold objects by kind, each counted in every record that holds it."""

    def __init__(self) -> None:
        self.counts: dict[str, Counter[int]] = {}

    def add(self, record: Record) -> None:
        for _, _, shape in gold_shapes(record):
            if shape.kind != "point":
                x1, y1, x2, y2 = bounds(shape)
                self.counts.setdefault(shape.kind, Counter())[side_bin(x2 - x1, y2 - y1)] += 1


@lru_cache(maxsize=4096)
def _step(name: str, size_wh: tuple[int, int]) -> tuple[float, float]:
    """One step of a dialect's numbers, in px of a view of that size."""
    return dialect(name).grid(size_wh)


class _Steps:
    """IoUs in a thousand steps, so that a quantile needs no list of them."""

    def __init__(self) -> None:
        self.steps = [0] * (_IOU_STEPS + 1)
        self.count = 0
        self.total = self.theory = 0.0

    def add(self, iou: float, theory: float) -> None:
        self.steps[int(min(iou, 1.0) * _IOU_STEPS)] += 1
        self.count += 1
        self.total += iou
        self.theory += theory

    def mean(self) -> float:
        return round(self.total / self.count, 4)

    def p5(self) -> float:
        return _reached(self.steps, 0.05 * self.count) / _IOU_STEPS


def _reached(steps: Sequence[int], below: float) -> int:
    """The first step at which more than `below` values have been seen."""
    seen = at = 0
    for at, step in enumerate(steps):  # noqa: B007 - where the loop stops is the answer
        seen += step
        if seen > below:
            break
    return at
