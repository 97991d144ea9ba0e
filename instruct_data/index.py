"""The index of all made records: an SQLite file, so that memory does not grow with their number."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from georsmllm.errors import UsageError
from georsmllm.rng import hash64

from .parts import Bar

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
CREATE TABLE image (view TEXT, scene TEXT, content TEXT, looks TEXT, path TEXT, UNIQUE (view, path));
"""


class _Views(msgspec.Struct):
    content: str
    looks: str


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


def fill(db: sqlite3.Connection, seed: int, part_paths: Sequence[Path], bar: Callable[[str, int], Bar]) -> None:
    decoder = msgspec.json.Decoder(_Row)
    db.executescript(_SCHEMA)
    watch = bar("indexing", len(part_paths))
    db.execute("BEGIN")
    n = 0
    for part, path in enumerate(part_paths):
        start = 0
        with path.open("rb") as lines:
            for line in lines:
                row = decoder.decode(line)
                origin = row.provenance
                rank = rank_of(seed, row.id)
                db.execute(
                    "INSERT INTO record (n, part, start, length, id, source, task, view, negative, direction, twin_of, scene,"
                    " source_split, rank, said) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
                    (n, part, start, len(line), row.id, origin.dataset, row.task, origin.sample, origin.negative,
                     origin.direction, origin.twin_of, origin.scene, origin.source_split, rank, n),
                )  # fmt: skip
                db.executemany("INSERT INTO label VALUES (?,?)", [(n, label) for label in origin.labels])
                db.executemany(
                    "INSERT OR IGNORE INTO image VALUES (?,?,?,?,?)",
                    [
                        (origin.sample, origin.scene, view.content, view.looks, image)
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
    """Raise UsageError when two records have one id, or views of two scenes one file: a reader gave one key to two records,
    or two scenes to one image. Two samples of one scene may show one file (expressions of two splits on one image)."""
    twins = {
        "records are called": "SELECT id FROM record GROUP BY id HAVING COUNT(*) > 1 ORDER BY 1 LIMIT 1",
        "views would be written to": "SELECT path FROM image GROUP BY path HAVING COUNT(DISTINCT scene) > 1 ORDER BY 1 LIMIT 1",
    }
    for what, query in twins.items():
        found = db.execute(query).fetchone()
        if found is not None:
            raise UsageError(
                f"two {what} {found[0]}; the reader of that source must give every record a key of its own"
            )
    db.execute("CREATE UNIQUE INDEX record_id ON record (id)")
    db.execute("CREATE INDEX image_path ON image (path)")


def rank_of(seed: int, record_id: str) -> int:
    """The place of a record in the order of the set: a hash, so the order is a fixed shuffle."""
    return hash64(seed, "order", record_id) >> 1
