"""What a built set holds, in one pass over its records: counts, lengths, what rounding costs, and a sample to look at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from georsmllm import layout
from georsmllm.errors import UsageError
from georsmllm.geometry import to_box
from georsmllm.hearing import Heard, answer, hear
from georsmllm.layout import Manifest, Stats
from georsmllm.metrics.match import iou_matrix
from georsmllm.pointtext import N
from georsmllm.records import Draw, Place, walk
from georsmllm.types import PointSet, Record, Ring

_EDGES = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 100_000)
_IOU_STEPS = 1000


class Bin(msgspec.Struct, frozen=True):
    """How many values lie in low..high, both inclusive."""

    low: int
    high: int
    count: int


class Spread(msgspec.Struct, frozen=True):
    """How a whole number is spread over records; the quantiles are exact."""

    count: int
    mean: float
    median: int
    p95: int
    most: int
    bins: tuple[Bin, ...]


class Fit(msgspec.Struct, frozen=True):
    """How well the text's boxes sit on the gold's: IoU of the bounding boxes, the best of the same class for each gold
    object. p5: the value that 95 % of the objects reach, rounded down to a thousandth."""

    objects: int
    mean: float
    p5: float
    worst: float
    worst_id: str


class Row(msgspec.Struct, frozen=True):
    """The records of one (split, task, form)."""

    split: str
    task: str
    form: str
    records: int
    negatives: int


class ClassRow(msgspec.Struct, frozen=True):
    """How many records are about a class, split by split, and how many objects of it they hold as gold."""

    label: str
    records: dict[str, int]
    objects: int


class Report(msgspec.Struct, frozen=True):
    name: str
    manifest: Manifest
    stats: Stats
    rows: tuple[Row, ...]
    classes: tuple[ClassRow, ...]
    characters: dict[str, Spread]
    points: dict[str, Spread]
    fits: dict[str, Fit]
    unreadable: dict[str, int]
    sample: tuple[Place, ...]


def collect(
    folder: Path,
    *,
    samples: int,
    tasks: tuple[str, ...] = (),
    splits: tuple[str, ...] = (),
    tick: Callable[[int], object] = lambda _: None,
) -> Report:
    """The report of a finished set; the same set gives the same report. Memory does not grow with the records.

    tasks, splits: only these are sampled, none named: all; the counts are of the whole set. tick: called with 1 a record.
    """
    manifest, stats = layout.manifest(folder), layout.stats(folder)
    _known("task", tasks, sorted({task for of_split in stats.by_task.values() for task in of_split}))
    _known("split", splits, sorted({shard.split for shard in manifest.shards}))
    tally, draw = _Tally(), Draw(samples)
    for place, record in walk(folder, manifest):
        tally.add(place.split, record)
        if (not tasks or record.task in tasks) and (not splits or place.split in splits):
            draw.offer(place, record)
        tick(1)
    return Report(
        name=folder.absolute().name,
        manifest=manifest,
        stats=stats,
        rows=tuple(
            Row(*key, records=count, negatives=tally.negatives[key]) for key, count in sorted(tally.forms.items())
        ),
        classes=tally.class_rows(),
        characters={task: _spread(tally.characters[task]) for task in sorted(tally.characters)},
        points={task: _spread(tally.points[task]) for task in sorted(tally.points)},
        fits={task: tally.fits[task].fit() for task in sorted(tally.fits)},
        unreadable=dict(sorted(tally.unreadable.items())),
        sample=draw.result(),
    )


def gold_shapes(record: Record) -> tuple[tuple[str, int, PointSet], ...]:
    """(label, image, shape) of every gold object, in pixels of its view."""
    return tuple(
        (gold.label, gold.image, PointSet(gold.kind, tuple(Ring(r.points, r.sign) for r in gold.rings), gold.keypoints))
        for gold in record.gold
    )


def num_points(heard: Heard) -> int:
    return sum(len(r.points) for o in heard.objects for r in o.shape.rings) + sum(
        len(o.shape.keypoints) for o in heard.objects
    )


def _known(what: str, wanted: Sequence[str], there: Sequence[str]) -> None:
    for name in wanted:
        if name not in there:
            raise UsageError(f"the set has no {what} {name!r}; it has: {', '.join(there)}")


# --- counting --------------------------------------------------------------------------------------------------------


class _FitTally:
    """IoUs in a thousand steps, so that a quantile needs no list of them."""

    def __init__(self) -> None:
        self.steps = [0] * (_IOU_STEPS + 1)
        self.total = 0.0
        self.worst = (2.0, "")

    def add(self, iou: float, identity: str) -> None:
        self.steps[int(min(iou, 1.0) * _IOU_STEPS)] += 1
        self.total += iou
        self.worst = min(self.worst, (iou, identity))

    def fit(self) -> Fit:
        count, seen, p5 = sum(self.steps), 0, 0
        for p5, step in enumerate(self.steps):  # noqa: B007 - where the loop stops is the answer
            seen += step
            if seen > 0.05 * count:
                break
        return Fit(count, round(self.total / count, 4), p5 / _IOU_STEPS, round(self.worst[0], 4), self.worst[1])


class _Tally:
    def __init__(self) -> None:
        self.forms: Counter[tuple[str, str, str]] = Counter()
        self.negatives: Counter[tuple[str, str, str]] = Counter()
        self.classes: dict[str, Counter[str]] = {}
        self.objects: Counter[str] = Counter()
        self.characters: dict[str, Counter[int]] = {}
        self.points: dict[str, Counter[int]] = {}
        self.fits: dict[str, _FitTally] = {}
        self.unreadable: Counter[str] = Counter()

    def add(self, split: str, record: Record) -> None:
        key = split, record.task, record.provenance.form
        self.forms[key] += 1
        self.negatives[key] += record.provenance.negative
        for label in record.provenance.labels:
            self.classes.setdefault(label, Counter())[split] += 1
        for gold in record.gold:
            self.objects[gold.label] += 1
        self.characters.setdefault(record.task, Counter())[len(answer(record))] += 1
        heard = hear(record, "answer")
        for trouble in (*heard.troubles, *hear(record, "prompt").troubles):
            self.unreadable[trouble.reason] += 1
        if heard.objects:
            self.points.setdefault(record.task, Counter())[num_points(heard)] += 1
            self._add_fits(record, heard)

    def _add_fits(self, record: Record, heard: Heard) -> None:
        """An answer with points needs no gold to be counted, but only an object of the gold can be missed."""
        for label in sorted({gold.label for gold in record.gold if gold.kind != "point"}):
            gold = tuple(to_box(s) for name, _, s in gold_shapes(record) if name == label and s.kind != "point")
            said = tuple(to_box(o.shape) for o in heard.objects if o.label in (label, ""))
            view = record.provenance.views[record.gold[0].image]
            ious = iou_matrix(said, gold, (view.width / N, view.height / N))
            fits = self.fits.setdefault(record.task, _FitTally())
            for best in ious.max(axis=0, initial=0.0).tolist():
                fits.add(best, record.id)

    def class_rows(self) -> tuple[ClassRow, ...]:
        """The most frequent class first."""
        rows = [ClassRow(label, dict(sorted(c.items())), self.objects[label]) for label, c in self.classes.items()]
        return tuple(sorted(rows, key=lambda row: (-sum(row.records.values()), row.label)))


def _spread(counts: Counter[int]) -> Spread:
    count = counts.total()
    most = max(counts)
    edges = [edge for edge in _EDGES if edge <= most]
    ends = [*(edge - 1 for edge in edges[1:]), most]
    bins = tuple(
        Bin(low, high, sum(n for value, n in counts.items() if low <= value <= high))
        for low, high in zip(edges, ends, strict=True)
    )
    mean = sum(value * n for value, n in counts.items()) / count
    return Spread(count, round(mean, 1), _quantile(counts, 0.5), _quantile(counts, 0.95), most, bins)


def _quantile(counts: Counter[int], share: float) -> int:
    """The least value that at least this share of all values does not exceed."""
    seen, value, total = 0, 0, counts.total()
    for value in sorted(counts):
        seen += counts[value]
        if seen >= share * total:
            break
    return value
