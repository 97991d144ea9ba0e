"""The shards of a set: kept records in the order of their ranks, read from the parts; views that none of them shows go."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import msgspec

from georsmllm.jsonl import writing
from georsmllm.layout import Shard
from georsmllm.recipe import Recipe
from georsmllm.types import Record

from .parts import Bar
from .splits import SPLITS


def write_shards(
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


def remove_unused(db: sqlite3.Connection, out: Path) -> int:
    """Delete the views that no kept record shows; how many there were. What no record was ever made of goes uncounted: it
    is half-written by a killed build, or of a sample whose records were taken back."""
    unused = db.execute(
        "SELECT DISTINCT path FROM image WHERE NOT EXISTS (SELECT 1 FROM image AS other JOIN record ON record.view = other.view"
        " WHERE other.path = image.path AND dropped IS NULL) ORDER BY path"
    )
    removed = 0
    for (path,) in unused:
        (out / path).unlink(missing_ok=True)  # a killed run may have been here before
        removed += 1
    for folder, _, names in os.walk(out / "images", topdown=False):
        for name in names:
            path = Path(folder, name).relative_to(out).as_posix()
            if db.execute("SELECT 1 FROM image WHERE path = ?", (path,)).fetchone() is None:
                Path(folder, name).unlink()
        if not any(Path(folder).iterdir()):
            Path(folder).rmdir()
    return removed
