"""From the parts to the set: split by scene, choose directions, weigh, cap, shuffle, write; every record left out by name.

The index is an SQLite file, so memory does not grow with the number of records, and every choice is by a hash of
identity (`rank`), so it does not depend on the order in which parts were made.
"""

from __future__ import annotations

import hashlib
import math
import os
import re
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec

from georsmllm.errors import UsageError
from georsmllm.jsonl import PART, writing
from georsmllm.layout import Counts, Shard
from georsmllm.recipe import Mix, Recipe
from georsmllm.rng import hash64, unit
from georsmllm.types import Record

from .parts import Bar

SPLITS = ("train", "val", "test")
_SCHEMA = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA cache_size = -2048;
CREATE TABLE record (
    n INTEGER PRIMARY KEY, part INTEGER, start INTEGER, length INTEGER, id TEXT, source TEXT, task TEXT, view TEXT,
    negative INTEGER, direction TEXT, twin_of TEXT, scene TEXT, source_split TEXT, rank INTEGER,
    split TEXT, copy INTEGER DEFAULT 1, original INTEGER, said INTEGER, dropped TEXT
);
CREATE TABLE label (n INTEGER, label TEXT);
CREATE TABLE image (view TEXT, scene TEXT, content TEXT, path TEXT, UNIQUE (view, path));
"""


class Mixed(NamedTuple):
    """What the mixture wrote and left out; the tables are split -> name -> records."""

    shards: tuple[Shard, ...]
    made: int
    written: int
    repeated: int
    dropped: Counts
    by_task: dict[str, Counts]
    by_class: dict[str, Counts]
    negatives: dict[str, Counts]
    scenes: Counts
    unused_images: int


class _Views(msgspec.Struct):
    content: str


class _Origin(msgspec.Struct):
    source_split: str
    dataset: str
    scene: str
    sample: str
    labels: list[str]
    negative: bool
    direction: str
    twin_of: str
    views: list[_Views]


class _Row(msgspec.Struct):
    """What the mixture needs of a record's line."""

    id: str
    images: list[str]
    task: str
    provenance: _Origin


def mix(recipe: Recipe, part_paths: Sequence[Path], state: Path, out: Path, *, bar: Callable[[str, int], Bar]) -> Mixed:
    """Write the shards of a set below out/records from its parts."""
    index = state / "index.sqlite"
    index.unlink(missing_ok=True)
    with closing(sqlite3.connect(index, isolation_level=None)) as db:
        db.executescript(_SCHEMA)
        _fill(db, recipe.seed, part_paths, bar)
        _split(db, recipe)
        _choose_directions(db, recipe)
        _weigh(db, recipe)
        _cap(db, recipe.mix)
        _cap_negatives(db, recipe.mix.negatives)
        shards = _write(db, recipe, part_paths, out, bar)
        return _mixed(db, shards, _remove_unused(db, out))


def _fill(db: sqlite3.Connection, seed: int, part_paths: Sequence[Path], bar: Callable[[str, int], Bar]) -> None:
    decoder = msgspec.json.Decoder(_Row)
    watch = bar("indexing", len(part_paths))
    db.execute("BEGIN")
    n = 0
    for part, path in enumerate(part_paths):
        start = 0
        with path.open("rb") as lines:
            for line in lines:
                row = decoder.decode(line)
                origin = row.provenance
                rank = _rank(seed, row.id)
                db.execute(
                    "INSERT INTO record (n, part, start, length, id, source, task, view, negative, direction, twin_of, scene,"
                    " source_split, rank, said) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
                    (n, part, start, len(line), row.id, origin.dataset, row.task, origin.sample, origin.negative,
                     origin.direction, origin.twin_of, origin.scene, origin.source_split, rank, n),
                )  # fmt: skip
                db.executemany("INSERT INTO label VALUES (?,?)", [(n, label) for label in origin.labels])
                db.executemany(
                    "INSERT OR IGNORE INTO image VALUES (?,?,?,?)",
                    [
                        (origin.sample, origin.scene, view.content, image)
                        for view, image in zip(origin.views, row.images, strict=True)
                    ],
                )
                n += 1
                start += len(line)
        watch.update(1)
    _refuse_twins(db)
    db.execute("CREATE INDEX label_n ON label (n)")
    db.execute("CREATE INDEX record_view ON record (view)")
    db.execute("COMMIT")
    watch.close()


def _refuse_twins(db: sqlite3.Connection) -> None:
    """Raise UsageError when two records have one id, or two views one file: a reader gave one key to two records."""
    for column, what in (("id", "records are called"), ("path", "views would be written to")):
        table = "record" if column == "id" else "image"
        twin = db.execute(f"SELECT {column} FROM {table} GROUP BY {column} HAVING COUNT(*) > 1 ORDER BY 1 LIMIT 1")  # noqa: S608
        found = twin.fetchone()
        if found is not None:
            raise UsageError(
                f"two {what} {found[0]}; the reader of that source must give every record a key of its own"
            )
    db.execute("CREATE UNIQUE INDEX record_id ON record (id)")


def _rank(seed: int, record_id: str) -> int:
    """The place of a record in the order of the set: a hash, so the order is a fixed shuffle."""
    return hash64(seed, "order", record_id) >> 1


# --- law 7: no scene and no image content on two sides ---------------------------------------------------------------


def _split(db: sqlite3.Connection, recipe: Recipe) -> None:
    group_of = _scene_groups(db)
    ratios = list(recipe.split.ratios.items())
    db.create_function("scene_group", 1, lambda scene: group_of.get(scene, scene), deterministic=True)
    db.create_function(
        "by_ratio", 1, lambda group: _by_ratio(ratios, unit(recipe.seed, "split", group)), deterministic=True
    )
    if recipe.split.by != "official":
        db.execute("UPDATE record SET split = by_ratio(scene_group(scene))")
    if recipe.split.by != "scene":
        _take_official(db, is_all=recipe.split.by == "official")


def _take_official(db: sqlite3.Connection, *, is_all: bool) -> None:
    """The datasets' own splits, then every scene group on its strictest side: test before val before training."""
    for (name,) in db.execute("SELECT DISTINCT source_split FROM record ORDER BY 1").fetchall():
        if name or is_all:
            db.execute("UPDATE record SET split = ? WHERE source_split = ?", (_official(name), name))
    names = [*SPLITS, *sorted({split for (split,) in db.execute("SELECT DISTINCT split FROM record")} - set(SPLITS))]
    db.create_function("strictness", 1, names.index, deterministic=True)
    db.execute(
        "CREATE TEMP TABLE strictest AS SELECT scene_group(scene) AS grouped, MAX(strictness(split)) AS level FROM record"
        " GROUP BY 1 HAVING COUNT(DISTINCT split) > 1"
    )
    db.execute("CREATE UNIQUE INDEX temp.strictest_group ON strictest (grouped)")
    db.execute(
        "UPDATE record SET dropped = 'scene_in_evaluation_split' WHERE strictness(split) <"
        " (SELECT level FROM strictest WHERE grouped = scene_group(scene))"
    )


def _official(name: str) -> str:
    """train, val or test for a dataset's own name of a split (train2017, trainval, test-dev ...); "" is training data."""
    found = re.match(r"train|val|test", name.strip().lower() or "train")
    if found is None:
        raise UsageError(
            f"the split {name!r} is none of train, val and test; leave it out by `splits:`, or split by scene"
        )
    return found[0]


def _by_ratio(ratios: Sequence[tuple[str, float]], u: float) -> str:
    total = 0.0
    for name, share in ratios:
        total += share
        if u < total:
            return name
    return ratios[-1][0]


def _scene_groups(db: sqlite3.Connection) -> dict[str, str]:
    """Each scene that shares an image (by its pixels) with another -> the first scene of its group; blank images are no
    evidence."""
    shared = db.execute(
        "SELECT DISTINCT content, scene FROM image WHERE content IN (SELECT content FROM image WHERE content != ''"
        " GROUP BY content HAVING COUNT(DISTINCT scene) > 1) ORDER BY content, scene"
    )
    leader: dict[str, str] = {}

    def find(scene: str) -> str:
        while leader.setdefault(scene, scene) != scene:
            leader[scene] = leader[leader[scene]]
            scene = leader[scene]
        return scene

    for _, rows in groupby(shared, key=lambda row: row[0]):
        scenes = [scene for _, scene in rows]
        for other in scenes[1:]:
            a, b = sorted((find(scenes[0]), find(other)))
            leader[b] = a
    return {scene: find(scene) for scene in leader}


# --- what is kept ----------------------------------------------------------------------------------------------------


def _choose_directions(db: sqlite3.Connection, recipe: Recipe) -> None:
    """One direction for each (scene, class): asked forward, or in reverse, never both (methods section 5.2, rule 3).

    By scene, not by view: overlapping tiles show the same objects.
    """
    seed, share = recipe.seed, recipe.cyclic.share
    db.create_function(
        "reversed", 2, lambda scene, label: unit(seed, "direction", scene, label) < share, deterministic=True
    )
    db.execute(
        "CREATE TEMP TABLE both_ways AS SELECT scene, label, reversed(scene, label) AS back FROM label JOIN record USING (n)"
        " WHERE direction != '' AND dropped IS NULL GROUP BY scene, label HAVING COUNT(DISTINCT direction) > 1"
    )
    db.execute("CREATE UNIQUE INDEX temp.both_ways_key ON both_ways (scene, label)")
    for direction, wrong in (("forward", 1), ("reverse", 0)):
        db.execute(
            "UPDATE record SET dropped = 'other_direction' WHERE direction = ? AND dropped IS NULL AND EXISTS (SELECT 1"
            " FROM label JOIN both_ways USING (label)"
            " WHERE label.n = record.n AND both_ways.scene = record.scene AND back = ?)",
            (direction, wrong),
        )
    if recipe.cyclic.mode == "control":
        db.execute(
            "UPDATE record SET said = (SELECT n FROM record AS source WHERE source.id = record.twin_of) WHERE twin_of != ''"
        )


def _weigh(db: sqlite3.Connection, recipe: Recipe) -> None:
    weights = {source.records_name: source.weight for source in recipe.sources}
    tasks = recipe.mix.weights
    if all(weight == 1.0 for weight in (*weights.values(), *tasks.values())):
        return

    def copies(source: str, task: str, record_id: str) -> int:
        weight = weights[source] * tasks.get(task, 1.0)
        return math.floor(weight) + (unit(recipe.seed, "weight", record_id) < weight % 1)

    db.create_function("copies_of", 3, copies, deterministic=True)
    db.create_function("rank_of", 1, lambda record_id: _rank(recipe.seed, record_id), deterministic=True)
    db.execute(
        "CREATE TEMP TABLE wanted AS SELECT n, copies_of(source, task, id) AS times FROM record WHERE dropped IS NULL"
    )
    db.execute("CREATE UNIQUE INDEX temp.wanted_n ON wanted (n)")
    db.execute("UPDATE record SET dropped = 'weight' WHERE n IN (SELECT n FROM wanted WHERE times = 0)")
    (most,) = db.execute("SELECT COALESCE(MAX(times), 0) FROM wanted").fetchone()
    for copy in range(2, most + 1):
        db.execute(
            "INSERT INTO record (part, start, length, id, source, task, view, negative, direction, twin_of, scene,"
            " source_split, rank, split, copy, original, said) SELECT part, start, length, id || '~' || ?1, source, task, view,"
            " negative, direction, twin_of, scene, source_split, rank_of(id || '~' || ?1), split, ?1, n, said"
            " FROM record JOIN wanted USING (n) WHERE times >= ?1",
            (copy,),
        )
    db.execute(
        "INSERT INTO label SELECT again.n, label.label FROM record AS again"
        " JOIN label ON label.n = again.original WHERE again.copy > 1"
    )


def _cap(db: sqlite3.Connection, rules: Mix) -> None:
    for task, most in rules.max_per_image.items():
        _keep_first(db, "split, view, task", {"task": task}, most=most, name="max_per_image")
    if rules.max_per_class is not None:
        db.execute(
            "UPDATE record SET dropped = 'max_per_class' WHERE n IN (SELECT n FROM (SELECT n, ROW_NUMBER() OVER"
            " (PARTITION BY split, label ORDER BY rank) AS place FROM label JOIN record USING (n)"
            " WHERE dropped IS NULL) WHERE place > ?)",
            (rules.max_per_class,),
        )
    for task, most in rules.max_per_task.items():
        _keep_first(db, "split, task", {"task": task}, most=most, name="max_per_task")


def _keep_first(db: sqlite3.Connection, group: str, where: Mapping[str, str | int], *, most: int, name: str) -> None:
    """Drop all but the first `most` by rank of each group, among the records that fit `where`."""
    fits = " AND ".join(f"{column} = ?" for column in where)
    db.execute(
        f"UPDATE record SET dropped = ? WHERE n IN (SELECT n FROM (SELECT n, ROW_NUMBER() OVER"  # noqa: S608 - our own words
        f" (PARTITION BY {group} ORDER BY rank) AS place FROM record WHERE dropped IS NULL AND {fits}) WHERE place > ?)",
        (name, *where.values(), most),
    )


def _cap_negatives(db: sqlite3.Connection, share: float) -> None:
    """At most `share` of a task's records in a split say that nothing is there; a task that has no others keeps none."""
    counted = db.execute(
        "SELECT split, task, SUM(negative = 0), SUM(negative = 1) FROM record WHERE dropped IS NULL GROUP BY split, task"
    ).fetchall()
    for split, task, positives, negatives in counted:
        most = negatives if share == 1.0 else math.floor(positives * share / (1 - share) + 1e-9)
        if negatives > most:
            where = {"negative": 1, "split": split, "task": task}
            _keep_first(db, "split, task", where, most=most, name="negative_share")


# --- the shards ------------------------------------------------------------------------------------------------------


def _write(
    db: sqlite3.Connection, recipe: Recipe, part_paths: Sequence[Path], out: Path, bar: Callable[[str, int], Bar]
) -> tuple[Shard, ...]:
    folder = out / "records"
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    (total,) = db.execute("SELECT COUNT(*) FROM record WHERE dropped IS NULL").fetchone()
    watch = bar("writing", total)
    shards: list[Shard] = []
    with _Parts(part_paths) as lines:
        for split in _splits(db):
            rows = _lines(db, split, lines)
            number = 0
            while shard := _shard(rows, folder / f"{split}-{number:05d}.jsonl", split, recipe.shard_rows, watch):
                shards.append(shard)
                number += 1
    watch.close()
    return tuple(shards)


def _splits(db: sqlite3.Connection) -> list[str]:
    found = {split for (split,) in db.execute("SELECT DISTINCT split FROM record WHERE dropped IS NULL")}
    return sorted(found, key=lambda split: (SPLITS.index(split) if split in SPLITS else len(SPLITS), split))


def _shard(rows: Iterator[bytes], path: Path, split: str, most: int, watch: Bar) -> Shard | None:
    first = next(rows, None)
    if first is None:
        return None
    digest, size, count = hashlib.sha256(), 0, 0
    with writing(path) as file:
        line: bytes | None = first
        while line is not None:
            file.write(line)
            digest.update(line)
            size += len(line)
            count += 1
            watch.update(1)
            line = next(rows, None) if count < most else None
    return Shard(f"records/{path.name}", split, count, size, digest.hexdigest())


def _lines(db: sqlite3.Connection, split: str, lines: _Parts) -> Iterator[bytes]:
    """The lines of a split in the order of their ranks; copies and stand-ins get an id of their own."""
    chosen = db.execute(
        "SELECT chosen.id, source.id, chosen.copy, source.part, source.start, source.length FROM record AS chosen"
        " JOIN record AS source ON source.n = chosen.said"
        " WHERE chosen.dropped IS NULL AND chosen.split = ? ORDER BY chosen.rank, chosen.id",
        (split,),
    )
    for identity, source, copy, part, start, length in chosen:
        line = lines.read(part, start, length)
        if copy > 1:
            line = _with_id(line, identity)
        elif identity != source:
            line = _with_id(line, f"{identity}~control")
        yield line


def _with_id(line: bytes, identity: str) -> bytes:
    return msgspec.json.encode(replace(msgspec.json.decode(line, type=Record), id=identity)) + b"\n"


class _Parts:
    """Random access to the lines of part files, a few of them open at a time."""

    OPEN = 64

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = paths
        self.files: dict[int, BinaryIO] = {}

    def __enter__(self) -> _Parts:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self.files.values():
            file.close()

    def read(self, part: int, start: int, length: int) -> bytes:
        if part not in self.files:
            if len(self.files) == self.OPEN:
                self.files.pop(next(iter(self.files))).close()
            self.files[part] = self.paths[part].open("rb")
        file = self.files[part]
        file.seek(start)
        return file.read(length)


def _remove_unused(db: sqlite3.Connection, out: Path) -> int:
    """Delete the views that no kept record shows, and what a killed build left half-written; how many views there were."""
    unused = db.execute(
        "SELECT path FROM image WHERE NOT EXISTS (SELECT 1 FROM record WHERE record.view = image.view AND dropped IS NULL)"
        " ORDER BY path"
    )
    removed = 0
    for (path,) in unused:
        (out / path).unlink(missing_ok=True)  # a killed run may have been here before
        removed += 1
    for folder, _, names in os.walk(out / "images", topdown=False):
        for name in names:
            if name.startswith(".") and name.endswith(PART):
                Path(folder, name).unlink()
        if not any(Path(folder).iterdir()):
            Path(folder).rmdir()
    return removed


def _mixed(db: sqlite3.Connection, shards: tuple[Shard, ...], unused_images: int) -> Mixed:
    db.execute(
        "CREATE TEMP VIEW kept AS SELECT chosen.split, chosen.copy, chosen.scene, chosen.n, source.task, source.view,"
        " source.negative FROM record AS chosen JOIN record AS source ON source.n = chosen.said WHERE chosen.dropped IS NULL"
    )
    (made,) = db.execute("SELECT COUNT(*) FROM record WHERE copy = 1").fetchone()
    written, repeated = db.execute("SELECT COUNT(*), COALESCE(SUM(copy > 1), 0) FROM kept").fetchone()
    dropped = db.execute(
        "SELECT dropped, COUNT(*) FROM record WHERE dropped IS NOT NULL AND copy = 1 GROUP BY 1 ORDER BY 1"
    )
    return Mixed(
        shards=shards,
        made=made,
        written=written,
        repeated=repeated,
        dropped=dict(dropped.fetchall()),
        by_task=_table(db, "SELECT split, task, COUNT(*) FROM kept GROUP BY 1, 2 ORDER BY 1, 2"),
        by_class=_table(db, "SELECT split, label, COUNT(*) FROM label JOIN kept USING (n) GROUP BY 1, 2 ORDER BY 1, 2"),
        negatives=_table(db, "SELECT split, task, SUM(negative) FROM kept GROUP BY 1, 2 ORDER BY 1, 2"),
        scenes=dict(db.execute("SELECT split, COUNT(DISTINCT scene) FROM kept GROUP BY 1 ORDER BY 1").fetchall()),
        unused_images=unused_images,
    )


def _table(db: sqlite3.Connection, query: str) -> dict[str, Counts]:
    table: dict[str, Counts] = defaultdict(dict)
    for split, name, count in db.execute(query):
        table[split][name] = count
    return dict(table)
