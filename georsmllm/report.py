"""What a built set holds, in one pass over its records: counts, lengths, what rounding costs, and a sample to look at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from georsmllm import layout
from georsmllm.errors import UsageError
from georsmllm.fitting import Fit, FitTally, SideTally
from georsmllm.hearing import Heard, answer, hear
from georsmllm.layout import Manifest, Stats
from georsmllm.records import Draw, Place, walk
from georsmllm.spreads import SideBin, Spread, side_bins, spread
from georsmllm.tokencount import Splitter, Tokens, TokenTally
from georsmllm.types import Record


class Row(msgspec.Struct, frozen=True):
    """The records of one (split, source, task, form)."""

    split: str
    source: str
    task: str
    form: str
    records: int
    negatives: int


class ClassRow(msgspec.Struct, frozen=True):
    """How many records are about a class, split by split, and how many objects of it they hold as gold."""

    label: str
    records: dict[str, int]
    objects: int


class Numbers(msgspec.Struct, frozen=True):
    """What was counted, by task where nothing else is said. sides: of the gold's objects, by kind. tokens: none without a
    tokenizer."""

    rows: tuple[Row, ...]
    classes: tuple[ClassRow, ...]
    characters: dict[str, Spread]
    points: dict[str, Spread]
    tokens: dict[str, Tokens]
    sides: dict[str, tuple[SideBin, ...]]
    fits: dict[str, Fit]
    unreadable: dict[str, int]


class Report(msgspec.Struct, frozen=True):
    name: str
    manifest: Manifest
    stats: Stats
    numbers: Numbers
    sample: tuple[Place, ...]


class Wanted(msgspec.Struct, frozen=True):
    """Which records are sampled, and how many: of these tasks and splits, none named: of all."""

    samples: int
    tasks: tuple[str, ...] = ()
    splits: tuple[str, ...] = ()


def collect(
    folder: Path, wanted: Wanted, *, splitter: Splitter | None = None, tick: Callable[[int], object] = lambda _: None
) -> Report:
    """The report of a finished set; the same set gives the same report. Memory does not grow with the records.

    The counts are of the whole set. splitter: counts tokens, too. tick: called with 1 a record.
    """
    manifest, stats = layout.manifest(folder), layout.stats(folder)
    _known("task", wanted.tasks, sorted({task for of_split in stats.by_task.values() for task in of_split}))
    _known("split", wanted.splits, sorted({shard.split for shard in manifest.shards}))
    tally, draw = _Tally(splitter), Draw(wanted.samples)
    for place, record in walk(folder, manifest):
        tally.add(place.split, record)
        if record.task in (wanted.tasks or (record.task,)) and place.split in (wanted.splits or (place.split,)):
            draw.offer(place, record)
        tick(1)
    return Report(folder.absolute().name, manifest, stats, tally.numbers(), draw.result())


def num_points(heard: Heard) -> int:
    return sum(len(r.points) for o in heard.objects for r in o.shape.rings) + sum(
        len(o.shape.keypoints) for o in heard.objects
    )


def _known(what: str, wanted: Sequence[str], there: Sequence[str]) -> None:
    for name in wanted:
        if name not in there:
            raise UsageError(f"the set has no {what} {name!r}; it has: {', '.join(there)}")


class _Tally:
    def __init__(self, splitter: Splitter | None) -> None:
        self.forms: Counter[tuple[str, str, str, str]] = Counter()
        self.negatives: Counter[tuple[str, str, str, str]] = Counter()
        self.classes: dict[str, Counter[str]] = {}
        self.objects: Counter[str] = Counter()
        self.characters: dict[str, Counter[int]] = {}
        self.points: dict[str, Counter[int]] = {}
        self.tokens = None if splitter is None else TokenTally(splitter)
        self.sides = SideTally()
        self.fits: dict[str, FitTally] = {}
        self.unreadable: Counter[str] = Counter()

    def add(self, split: str, record: Record) -> None:
        key = split, record.provenance.dataset, record.task, record.provenance.form
        self.forms[key] += 1
        self.negatives[key] += record.provenance.negative
        for label in record.provenance.labels:
            self.classes.setdefault(label, Counter())[split] += 1
        for gold in record.gold:
            self.objects[gold.label] += 1
        self.sides.add(record)
        self.characters.setdefault(record.task, Counter())[len(answer(record))] += 1
        heard = hear(record, "answer")
        for trouble in (*heard.troubles, *hear(record, "prompt").troubles):
            self.unreadable[trouble.reason] += 1
        points = num_points(heard)
        if heard.objects:
            self.points.setdefault(record.task, Counter())[points] += 1
            self.fits.setdefault(record.task, FitTally()).add(record, heard)
        if self.tokens is not None:
            self.tokens.add(record, heard, points)

    def numbers(self) -> Numbers:
        rows = [Row(*key, records=count, negatives=self.negatives[key]) for key, count in sorted(self.forms.items())]
        return Numbers(
            rows=tuple(rows),
            classes=self._class_rows(),
            characters={task: spread(counts) for task, counts in sorted(self.characters.items())},
            points={task: spread(counts) for task, counts in sorted(self.points.items())},
            tokens={} if self.tokens is None else self.tokens.result(),
            sides={kind: side_bins(counts) for kind, counts in sorted(self.sides.counts.items())},
            fits={task: tally.fit() for task, tally in sorted(self.fits.items()) if tally.sizes},
            unreadable=dict(sorted(self.unreadable.items())),
        )

    def _class_rows(self) -> tuple[ClassRow, ...]:
        """The most frequent class first."""
        rows = [ClassRow(label, dict(sorted(c.items())), self.objects[label]) for label, c in self.classes.items()]
        return tuple(sorted(rows, key=lambda row: (-sum(row.records.values()), row.label)))
