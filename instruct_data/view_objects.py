"""The objects of a set view by view, each once: what the gold of all records of an image says of it, in pixels of the view.

A record holds what it asks and nothing else, and the records of a view lie all over the set. So they are gathered in a
database beside the export, which makes memory independent of the set. What a question proves of a class in a view is kept,
too: that all of it is asked, or that there is none.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import NamedTuple

import msgspec

from georsmllm.geometry import to_box, to_rbox
from georsmllm.rng import hash64
from georsmllm.types import ImageRef, Kind, Point, PointSet, Ring, Sign, ViewFacts, Window

from .export_job import Job

NO_OBJECTS = {"no_objects": "A record whose answer is words: the format holds objects and has no place for it."}

_SCHEMA = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA cache_size = -16384;
CREATE TABLE view (path TEXT PRIMARY KEY, split TEXT, stem TEXT, dataset TEXT, scene TEXT, facts BLOB) WITHOUT ROWID;
CREATE INDEX view_stem ON view (split, stem);
CREATE TABLE object (
    path TEXT, label TEXT, kind TEXT, shape BLOB, task TEXT, PRIMARY KEY (path, label, shape, task)
) WITHOUT ROWID;
CREATE TABLE known (path TEXT, label TEXT, absent INTEGER, PRIMARY KEY (path, label, absent)) WITHOUT ROWID;
CREATE TABLE number (number INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE seen (key INTEGER PRIMARY KEY);
"""


class Object(NamedTuple):
    """One object of a view. tasks: that ask for it. name: of its shape, as the records write it."""

    label: str
    shape: PointSet
    tasks: tuple[str, ...]
    name: str


class View(NamedTuple):
    """path: of its image in the set. complete: classes of which every object of the view is here; absent: classes of
    which there is none; of all others nothing is known but the objects that are here."""

    path: str
    dataset: str
    scene: str
    facts: ViewFacts
    objects: tuple[Object, ...]
    complete: tuple[str, ...]
    absent: tuple[str, ...]

    @property
    def size_wh(self) -> tuple[int, int]:
        return self.facts.width, self.facts.height

    @property
    def image(self) -> ImageRef:
        """The view as the place in its scene that it is."""
        facts = self.facts
        window = Window(*facts.window) if facts.window else None
        affine = facts.affine or None
        assert affine is None or len(affine) == 6
        return ImageRef(facts.source, facts.width, facts.height, window, affine, facts.crs or None)


class _Provenance(msgspec.Struct, frozen=True, gc=False):
    dataset: str
    scene: str
    form: str
    labels: tuple[str, ...]
    negative: bool
    views: tuple[msgspec.Raw, ...]


class _Gold(msgspec.Struct, frozen=True, gc=False):
    """Its points are read when its view is, and are compared as they are written."""

    label: str
    kind: Kind
    rings: msgspec.Raw
    keypoints: msgspec.Raw
    image: int


class _Record(msgspec.Struct, frozen=True, gc=False):
    images: tuple[str, ...]
    task: str
    gold: tuple[_Gold, ...]
    provenance: _Provenance


class _Ring(msgspec.Struct, frozen=True, gc=False):
    sign: Sign
    points: tuple[Point, ...]


class _Shape(msgspec.Struct, frozen=True, gc=False, array_like=True):
    kind: Kind
    rings: tuple[_Ring, ...]
    keypoints: tuple[Point, ...]


_SHAPES = msgspec.json.Decoder(_Shape)


class Views:
    """What was gathered."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self.db = db

    def labels(self, kinds: Sequence[Kind]) -> tuple[str, ...]:
        """Every class of an object of these kinds, sorted."""
        found = self.db.execute("SELECT DISTINCT label, kind FROM object")
        return tuple(sorted({label for label, kind in found if kind in kinds}))

    def absent_labels(self) -> tuple[str, ...]:
        """Every class that is proved absent somewhere, sorted."""
        found = self.db.execute("SELECT DISTINCT label FROM known WHERE absent ORDER BY label")
        return tuple(label for (label,) in found)

    def of(self, split: str) -> Iterator[View]:
        """The views of a split by their paths."""
        rows = self.db.execute("SELECT path, dataset, scene, facts FROM view WHERE split = ? ORDER BY path", (split,))
        for path, dataset, scene, facts in rows:
            known = self.db.execute("SELECT label, absent FROM known WHERE path = ? ORDER BY label", (path,)).fetchall()
            yield View(
                path,
                dataset,
                scene,
                msgspec.json.decode(facts, type=ViewFacts),
                self._objects(path),
                tuple(label for label, absent in known if not absent),
                tuple(label for label, absent in known if absent),
            )

    def is_only_stem(self, split: str, path: str) -> bool:
        """Whether no other view of the split differs from this one in its suffix alone."""
        rows = self.db.execute("SELECT COUNT(*) FROM view WHERE split = ? AND stem = ?", (split, _stem(path)))
        return bool(rows.fetchone()[0] == 1)

    def number(self, *names: str) -> int:
        """A number that depends on the names alone (52 bits, exact in every JSON reader), and is no other's."""
        name = "\x1f".join(names)
        number = hash64(*names) >> 12
        while True:
            if self.db.execute("INSERT OR IGNORE INTO number VALUES (?, ?)", (number, name)).rowcount == 1:
                return number
            if self.db.execute("SELECT name FROM number WHERE number = ?", (number,)).fetchone()[0] == name:
                return number
            number += 1

    def is_new(self, *names: str) -> bool:
        """Whether these names are asked for the first time."""
        key = hash64("seen", *names) >> 1
        return self.db.execute("INSERT OR IGNORE INTO seen VALUES (?)", (key,)).rowcount == 1

    def _objects(self, path: str) -> tuple[Object, ...]:
        tasks: dict[tuple[str, bytes], list[str]] = defaultdict(list)
        rows = self.db.execute(
            "SELECT label, shape, task FROM object WHERE path = ? ORDER BY label, shape, task", (path,)
        )
        for label, shape, task in rows:
            tasks[label, shape].append(task)
        return tuple(Object(label, _shape(shape), tuple(its), shape.decode()) for (label, shape), its in tasks.items())


@contextmanager
def gathered(job: Job) -> Iterator[Views]:
    """The views of all wanted records. Counts no_objects."""
    path = job.out / ".state" / "objects.sqlite"
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.executescript(_SCHEMA)
        for split in job.splits:
            for batch in job.batches(split, _Record):
                _gather(db, split, batch)
                job.cannot("no_objects", sum(not record.gold for record in batch))
        db.execute("BEGIN")  # numbers are given while views are read
        yield Views(db)


def _gather(db: sqlite3.Connection, split: str, batch: Sequence[_Record]) -> None:
    views, objects, known = [], [], []
    for record in batch:
        its = record.provenance
        for path, facts in zip(record.images, its.views, strict=False):
            views.append((path, split, _stem(path), its.dataset, its.scene, bytes(facts)))
        for gold in record.gold:
            if 0 <= gold.image < len(record.images):
                shape = b'["%s",%s,%s]' % (gold.kind.encode(), bytes(gold.rings), bytes(gold.keypoints))
                objects.append((record.images[gold.image], gold.label, gold.kind, shape, record.task))
        known += [(record.images[0], label, absent) for label, absent in _known(record)]
    db.execute("BEGIN")
    db.executemany("INSERT OR IGNORE INTO view VALUES (?, ?, ?, ?, ?, ?)", views)
    db.executemany("INSERT OR IGNORE INTO object VALUES (?, ?, ?, ?, ?)", objects)
    db.executemany("INSERT OR IGNORE INTO known VALUES (?, ?, ?)", known)
    db.execute("COMMIT")


_WHOLE = {("det", "all"), ("det", "several"), ("seg", "all")}
_NOTHING = {("det", "none"), ("seg", "none"), ("count", "none")}


def _known(record: _Record) -> Iterator[tuple[str, bool]]:
    """(class, whether it is absent) of every class of which the record tells all."""
    form = record.task, record.provenance.form
    if len(record.images) != 1 or form not in _WHOLE | _NOTHING:
        return
    present = {gold.label for gold in record.gold}
    for label in record.provenance.labels:
        if label in present and form in _WHOLE:
            yield label, False
        elif label not in present and (record.provenance.negative or form == ("det", "several")):
            yield label, True


def distinct(objects: Sequence[Object], kinds: Sequence[Kind]) -> tuple[list[Object], list[Object]]:
    """The objects that a format with these kinds says, the first kind before the others, and those that it cannot say.

    A box that is the box around a polygon, or around a rotated box, of its class is that object, asked in another form.
    """
    order = {kind: i for i, kind in enumerate(kinds)}
    said: list[Object] = []
    unsaid: list[Object] = []
    keys: set[tuple[str, object]] = set()
    forms: set[tuple[str, object]] = set()
    is_mixed = len({one.shape.kind for one in objects}) > 1
    for one in sorted(objects, key=lambda one: order.get(one.shape.kind, len(order))):
        if is_mixed:
            key = (one.label, _rounded(one.shape))
            others = {(one.label, form) for form in _other_forms(one.shape)}
            if key in forms or others & keys:
                continue
            keys.add(key)
            forms |= others
        (said if one.shape.kind in order else unsaid).append(one)
    return said, unsaid


def _other_forms(shape: PointSet) -> list[object]:
    """The boxes by which an object of this shape may have been asked, too."""
    found = []
    if shape.kind in ("polygon", "rbox"):
        found.append(_rounded(to_box(shape)))
    if shape.kind in ("polygon", "box"):
        found.append(_rounded(to_rbox(shape)))
    return found


def _rounded(shape: PointSet) -> object:
    return shape.kind, tuple(tuple((round(x, 3), round(y, 3)) for x, y in ring.points) for ring in shape.rings)


def _shape(data: bytes) -> PointSet:
    shape = _SHAPES.decode(data)
    return PointSet(shape.kind, tuple(Ring(ring.points, ring.sign) for ring in shape.rings), shape.keypoints)


def _stem(path: str) -> str:
    return path.rpartition(".")[0]
