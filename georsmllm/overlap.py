"""The images that two sets or datasets share: by the names of their scenes, by their pixels, by their looks."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import msgspec

from georsmllm import imagefile, images, layout
from georsmllm.contracts import Converter, Ref
from georsmllm.discover import converter
from georsmllm.errors import BadRecord, UsageError
from georsmllm.imagery import Imagery, imageries
from georsmllm.images import BadImage
from georsmllm.looks import Gallery, looks
from georsmllm.records import walk

_AT_ONCE = 256
_SCHEMA = """
PRAGMA journal_mode = OFF;
PRAGMA cache_size = -8192;
CREATE TABLE key (how TEXT, key TEXT, side INTEGER, split TEXT, name TEXT, PRIMARY KEY (how, key, side, split, name))
    WITHOUT ROWID;
CREATE TABLE looking (side INTEGER, looks TEXT, split TEXT, name TEXT, PRIMARY KEY (side, looks, split, name)) WITHOUT ROWID;
"""
_HOW = {"pixels": "the same pixels", "looks": "look alike", "scenes": "the same scene"}


class Meeting(msgspec.Struct, frozen=True):
    """What a split of A and a split of B share. scenes: scene names. pixels: image contents. looks: images of A, by their
    looks, that look like one of B. a_images, b_images: the images of each that meet one of the other in any of the three
    ways. leaks: one split is for evaluation and the other is not. examples: the first few pairs."""

    a_split: str
    b_split: str
    scenes: int
    pixels: int
    looks: int
    a_images: int
    b_images: int
    leaks: bool
    examples: tuple[str, ...]


class Side(msgspec.Struct, frozen=True):
    """images: distinct images by split. unread: records that cannot be read, by reason. datasets: the readers."""

    name: str
    datasets: tuple[str, ...]
    images: dict[str, int]
    unread: dict[str, int]


class Overlap(msgspec.Struct, frozen=True):
    """imagery: the groups of the table in which both sides have a dataset, and not the same one only."""

    a: Side
    b: Side
    meetings: tuple[Meeting, ...]
    imagery: tuple[Imagery, ...]

    @property
    def leaks(self) -> bool:
        return any(meeting.leaks for meeting in self.meetings)


class Seen(NamedTuple):
    """One image of one split; name: its dataset and its path there."""

    split: str
    scene: str
    content: str
    looks: str
    name: str


class Source(NamedTuple):
    """What is compared. records: how many will be read. read: the images of one record after the other; a reason where a
    record cannot be read."""

    name: str
    datasets: tuple[str, ...]
    records: int
    read: Callable[[], Iterator[tuple[Seen, ...] | str]]


def source(text: str, limit: int | None = None) -> Source:
    """A built set by its folder, or a dataset by READER=PATH or READER:NAME=PATH; limit: only the first records.

    Raises UsageError.
    """
    reader, equals, path = text.partition("=")
    if not equals:
        return _built(Path(text), limit)
    if not (reader and path):
        raise UsageError(f"expected the folder of a set, or READER=PATH like dota=/data/DOTA, got {text!r}")
    reader, _, name = reader.partition(":")
    return _dataset(reader, name, Path(path).expanduser(), limit)


def overlap(a: Source, b: Source, *, examples: int = 3, tick: Callable[[int], object] = lambda _: None) -> Overlap:
    """What A and B share; of a source with itself, what its own splits share. tick: called with 1 a record.

    Memory does not grow with the images: what must be remembered is in a temporary SQLite file.
    """
    is_one = a.name == b.name
    with closing(sqlite3.connect("", isolation_level=None)) as db:
        db.executescript(_SCHEMA)
        db.execute("BEGIN")
        of_a = _remember(db, 0, a, tick)
        if is_one:
            db.execute("INSERT INTO key SELECT how, key, 1, split, name FROM key")
            db.execute("INSERT INTO looking SELECT 1, looks, split, name FROM looking")
        of_b = of_a if is_one else _remember(db, 1, b, tick)
        _join_look_alikes(db)
        meetings = tuple(_meetings(db, examples, is_one=is_one))
    return Overlap(of_a, of_b, meetings, tuple(_imagery_of_both(a.datasets, b.datasets)))


def _imagery_of_both(a: tuple[str, ...], b: tuple[str, ...]) -> Iterator[Imagery]:
    for one in imageries():
        of_a, of_b = one.datasets.keys() & a, one.datasets.keys() & b
        if of_a and of_b and len(of_a | of_b) > 1:
            yield one


# --- what is read ----------------------------------------------------------------------------------------------------


def _built(folder: Path, limit: int | None) -> Source:
    manifest = layout.manifest(folder)

    def read() -> Iterator[tuple[Seen, ...]]:
        for place, record in islice(walk(folder, manifest), limit):
            origin = record.provenance
            yield tuple(
                Seen(place.split, origin.scene, view.content, view.looks, f"{origin.dataset}/{view.source}")
                for view in origin.views
            )

    rows = sum(shard.rows for shard in manifest.shards)
    readers = tuple(sorted({Path(one.dataset).stem for one in manifest.sources}))
    return Source(str(folder), readers, rows if limit is None else min(rows, limit), read)


def _dataset(reader_name: str, name: str, root: Path, limit: int | None) -> Source:
    reader = converter(reader_name)
    found = sum(1 for _ in islice(reader.find(root), limit))
    if found == 0:
        raise UsageError(f"found no record below {root}; see what is expected with: georsmllm datasets {reader_name}")

    def read() -> Iterator[tuple[Seen, ...] | str]:
        for ref in islice(reader.find(root), limit):
            try:
                yield _images(reader, ref, root, name or str(root))
            except (BadRecord, BadImage) as bad:
                yield bad.reason

    return Source(f"{reader_name}={root}", (Path(reader_name).stem,), found, read)


def _images(reader: Converter, ref: Ref, root: Path, name: str) -> tuple[Seen, ...]:
    """A generic reader's scenes bear the name of the source: they mean nothing beside it. Raises BadRecord, BadImage."""
    sample = reader.read(root, ref)
    scene = sample.scene
    if reader.generic and scene.startswith(f"{sample.dataset}/"):
        scene = f"{name}{scene.removeprefix(sample.dataset)}"
    base = root.parent if root.is_file() else root
    return tuple(
        Seen(sample.split, scene, *_hashes(base / image.path), f"{sample.dataset}/{image.path}")
        for image in sample.images
    )


@lru_cache(maxsize=4096)  # samples of one image follow one another
def _hashes(path: Path) -> tuple[str, str]:
    """Content and looks, as a build writes them into a view's facts."""
    width, height = images.size_wh(path)
    if width * height > imagefile.MAX_PIXELS_AT_ONCE:
        return images.file_hash(path), ""
    rgb = images.read_rgb(path)
    return images.content_hash(rgb), looks(rgb)


# --- what meets ------------------------------------------------------------------------------------------------------


def _remember(db: sqlite3.Connection, side: int, one: Source, tick: Callable[[int], object]) -> Side:
    unread: Counter[str] = Counter()
    for seen in one.read():
        tick(1)
        if isinstance(seen, str):
            unread[seen] += 1
            continue
        for image in seen:
            keys = [("scenes", image.scene), ("pixels", image.content)]
            rows = [(how, key, side, image.split, image.name) for how, key in keys if key]
            db.executemany("INSERT OR IGNORE INTO key VALUES (?,?,?,?,?)", rows)
            if image.looks:
                row = (side, image.looks, image.split, image.name)
                db.execute("INSERT OR IGNORE INTO looking VALUES (?,?,?,?)", row)
    counts = db.execute("SELECT split, COUNT(DISTINCT name) FROM key WHERE side = ? GROUP BY 1", (side,)).fetchall()
    counts.sort(key=lambda row: _order(row[0]))
    return Side(one.name, one.datasets, dict(counts), dict(sorted(unread.items())))


def _join_look_alikes(db: sqlite3.Connection) -> None:
    """The looks of A become keys, and every image of B gets those that it is like."""
    query = "SELECT DISTINCT looks FROM looking WHERE side = ? ORDER BY 1"
    hashes = [said for (said,) in db.execute(query, (1,))]
    gallery = Gallery(hashes)
    db.execute("INSERT INTO key SELECT 'looks', looks, 0, split, name FROM looking WHERE side = 0")
    asking = db.execute(query, (0,))
    while batch := [said for (said,) in islice(asking, _AT_ONCE)]:
        for said, near in zip(batch, gallery.near(batch), strict=True):
            db.executemany(
                "INSERT INTO key SELECT 'looks', ?, 1, split, name FROM looking WHERE side = 1 AND looks = ?",
                [(said, hashes[i]) for i in near],
            )


_SHARED = (
    "(SELECT DISTINCT how, key, split FROM key WHERE side = 0) AS a"
    " JOIN (SELECT DISTINCT how, key, split FROM key WHERE side = 1) AS b USING (how, key)"
)


def _meetings(db: sqlite3.Connection, examples: int, *, is_one: bool) -> Iterator[Meeting]:
    """Of every pair of splits that share something; of one source with itself each pair of two splits once."""
    found: dict[tuple[str, str], dict[str, int]] = {}
    counted = db.execute(f"SELECT a.split, b.split, how, COUNT(*) FROM {_SHARED} GROUP BY 1, 2, 3")  # noqa: S608
    for one, other, how, count in counted:
        found.setdefault((one, other), {})[how] = count
    for one, other in sorted(found, key=lambda pair: (_order(pair[0]), _order(pair[1]))):
        if is_one and _order(one) >= _order(other):
            continue
        counts = found[one, other]
        yield Meeting(
            a_split=one,
            b_split=other,
            scenes=counts.get("scenes", 0),
            pixels=counts.get("pixels", 0),
            looks=counts.get("looks", 0),
            a_images=_met(db, 0, one, other),
            b_images=_met(db, 1, other, one),
            leaks=(_order(one)[0] == 0) != (_order(other)[0] == 0),
            examples=tuple(_examples(db, one, other, examples)),
        )


def _met(db: sqlite3.Connection, side: int, split: str, other: str) -> int:
    """How many images of a split meet one of a split of the other side."""
    (count,) = db.execute(
        "SELECT COUNT(DISTINCT name) FROM key AS own WHERE side = ? AND split = ? AND EXISTS (SELECT 1 FROM key AS far"
        " WHERE far.how = own.how AND far.key = own.key AND far.side = ? AND far.split = ?)",
        (side, split, 1 - side, other),
    ).fetchone()
    return int(count)


def _examples(db: sqlite3.Connection, one: str, other: str, most: int) -> Iterator[str]:
    """The first pairs of images: by pixels where there are such, else by looks, else by scene."""
    keys = db.execute(
        f"SELECT how, key FROM {_SHARED} WHERE a.split = ? AND b.split = ?"  # noqa: S608 - our own words
        " ORDER BY how = 'scenes', how = 'looks', key LIMIT ?",
        (one, other, most * len(_HOW)),
    )
    first = "SELECT MIN(name) FROM key WHERE how = ? AND key = ? AND side = ? AND split = ?"
    shown: dict[tuple[str, str], str] = {}
    for how, key in keys.fetchall():
        (a,), (b,) = (db.execute(first, (how, key, *at)).fetchone() for at in ((0, one), (1, other)))
        shown.setdefault((a, b), _HOW[how] + (f", {key}" if how == "scenes" else ""))
    yield from (f"{a} and {b}: {how}" for (a, b), how in islice(shown.items(), most))


def _order(split: str) -> tuple[int, str]:
    """Training, validation, test, by the way a split's name begins; one of another name is training data."""
    name = split.strip().lower()
    return (1 if name.startswith("val") else 2 if name.startswith("test") else 0), split
