"""The records of a built set: walked in order, read by their place, found by their id, sampled by the hash of their ids."""

from __future__ import annotations

import difflib
import heapq
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec

from georsmllm import layout
from georsmllm.errors import UsageError
from georsmllm.layout import Manifest, Shard
from georsmllm.rng import hash64
from georsmllm.types import PointSet, Record, Ring

_HINT = "see all that is wrong: georsmllm validate"

_LIKELY = 200  # difflib compares with so many ids and no more, however large the set

PER_CLASS = 8
"""At most so many sampled records of one (task, form, class) are waiting at a time; more come from the form as a whole."""


class Place(NamedTuple):
    """A record's line by its file and its bytes; rank: its place in the draw."""

    rank: int
    split: str
    path: str
    start: int
    length: int


def walk(folder: Path, manifest: Manifest) -> Iterator[tuple[Place, Record]]:
    """Every record of a set with its place, shard by shard; raises UsageError with file:line."""
    decoder = msgspec.json.Decoder(Record)
    for shard in manifest.shards:
        start = 0
        with _open(folder, shard) as file:
            for number, line in enumerate(file, start=1):
                try:
                    record = decoder.decode(line)
                except (msgspec.DecodeError, UnicodeDecodeError) as error:
                    raise UsageError(f"{folder / shard.path}:{number}: {error}; {_HINT} {folder}") from None
                yield Place(hash64("look", record.id), shard.split, shard.path, start, len(line)), record
                start += len(line)


def read_at(folder: Path, place: Place) -> Record:
    with (folder / place.path).open("rb") as file:
        file.seek(place.start)
        return msgspec.json.decode(file.read(place.length), type=Record)


def gold_shapes(record: Record) -> tuple[tuple[str, int, PointSet], ...]:
    """(label, image, shape) of every gold object, in pixels of its view."""
    return tuple(
        (gold.label, gold.image, PointSet(gold.kind, tuple(Ring(r.points, r.sign) for r in gold.rings), gold.keypoints))
        for gold in record.gold
    )


def find(folder: Path, identity: str) -> Record:
    """The record of that id; raises UsageError."""
    needle = msgspec.json.encode(identity)
    decoder = msgspec.json.Decoder(Record)
    for shard in layout.manifest(folder).shards:
        with _open(folder, shard) as file:
            for line in file:
                if needle in line and (record := decoder.decode(line)).id == identity:
                    return record
    close = _nearest(folder, identity)
    tail = f"did you mean {' or '.join(map(repr, close))}?" if close else "the set is empty"
    raise UsageError(
        f"no record has the id {identity!r} in {folder}; {tail} See ids with: georsmllm look {folder} --list"
    )


def ids(folder: Path) -> Iterator[tuple[str, str, str]]:
    """(id, split, task) of every record, in the order of the set; raises UsageError with file:line."""
    decoder = msgspec.json.Decoder(_Named)
    for shard in layout.manifest(folder).shards:
        with _open(folder, shard) as file:
            for number, line in enumerate(file, start=1):
                try:
                    named = decoder.decode(line)
                except (msgspec.DecodeError, UnicodeDecodeError) as error:
                    raise UsageError(f"{folder / shard.path}:{number}: {error}; {_HINT} {folder}") from None
                yield named.id, shard.split, named.task


class _Named(msgspec.Struct, frozen=True):
    id: str
    task: str


def _nearest(folder: Path, identity: str) -> list[str]:
    """The three ids most like one that does not exist: of those whose ends agree with it best, the closest."""

    def ends(name: str) -> int:
        return _alike(name, identity) + _alike(name[::-1], identity[::-1])

    likely = heapq.nlargest(_LIKELY, (name for name, _, _ in ids(folder)), key=lambda name: (ends(name), name))
    return difflib.get_close_matches(identity, likely, n=3, cutoff=0.0)


def _alike(one: str, other: str) -> int:
    """How many characters two names begin with in common."""
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _open(folder: Path, shard: Shard) -> BinaryIO:
    try:
        return (folder / shard.path).open("rb")
    except FileNotFoundError:
        raise UsageError(f"{folder / shard.path} is missing; {_HINT} {folder}") from None


class _Lowest:
    """The places of lowest rank, a fixed number of them."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.heap: list[tuple[int, Place]] = []

    def offer(self, place: Place) -> None:
        item = (-place.rank, place)
        if len(self.heap) < self.size:
            heapq.heappush(self.heap, item)
        elif self.heap and item[0] > self.heap[0][0]:
            heapq.heapreplace(self.heap, item)

    def places(self) -> list[Place]:
        return sorted(place for _, place in self.heap)


class Draw:
    """A sample by the hash of ids, so that it depends on nothing else: first every class of every task and form in turn,
    then whatever is left of the form."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.classes: dict[tuple[str, str], dict[str, _Lowest]] = {}
        self.whole: dict[tuple[str, str], _Lowest] = {}

    def offer(self, place: Place, record: Record) -> None:
        group = record.task, record.provenance.form
        label = record.provenance.labels[0] if record.provenance.labels else ""
        self.classes.setdefault(group, {}).setdefault(label, _Lowest(min(PER_CLASS, self.size))).offer(place)
        self.whole.setdefault(group, _Lowest(self.size)).offer(place)

    def result(self) -> tuple[Place, ...]:
        queues = [iter(self._queue(group)) for group in sorted(self.whole)]
        drawn: list[Place] = []
        while queues and len(drawn) < self.size:
            alive = []
            for queue in queues:
                place = next(queue, None)
                if place is not None:
                    drawn.append(place)
                    alive.append(queue)
            queues = alive
        return tuple(drawn[: self.size])

    def _queue(self, group: tuple[str, str]) -> list[Place]:
        by_class = sorted(lowest.places() for lowest in self.classes[group].values())
        turns = [places[i] for i in range(PER_CLASS) for places in by_class if i < len(places)]
        return list(dict.fromkeys([*turns, *self.whole[group].places()]))
