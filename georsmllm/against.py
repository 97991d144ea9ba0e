"""Two built sets held against each other: what differs in their recipes, and which records only one has or says otherwise.

Records are matched by their ids in a temporary SQLite file, so that memory does not grow with the sets.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import msgspec

from georsmllm import layout
from georsmllm.errors import UsageError
from georsmllm.layout import Counts, Manifest
from georsmllm.overrides import Plain
from georsmllm.records import Place, walk
from georsmllm.report import Report, Wanted, collect
from georsmllm.tokencount import Splitter
from georsmllm.types import Record

_SCHEMA = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA cache_size = -16384;
CREATE TABLE record (
    side INTEGER, id TEXT, task TEXT, split TEXT, question BLOB, answer BLOB, views BLOB, rank INTEGER, path TEXT,
    start INTEGER, length INTEGER, PRIMARY KEY (side, id)
) WITHOUT ROWID;
CREATE TEMP VIEW pair AS SELECT a.id, a.task, a.rank, a.split AS split, b.split AS split_b, a.path AS path,
    a.start AS start, a.length AS length, b.path AS path_b, b.start AS start_b, b.length AS length_b,
    a.question != b.question AS question, a.answer != b.answer AS answer, a.views != b.views AS views,
    a.split != b.split AS moved FROM record AS a JOIN record AS b ON b.side = 1 AND b.id = a.id WHERE a.side = 0;
"""
_ANY = "question OR answer OR views OR moved"
ASPECTS = ("question", "answer", "views", "moved")
"""What can differ between two records of one id: their words, what they show, the split that they are in."""


class Difference(msgspec.Struct, frozen=True):
    """One key of the recipes, or one input; "" where a set has no such key."""

    key: str
    left: str
    right: str


class Twins(msgspec.Struct, frozen=True):
    """A record that both sets have and that differs, with its places in them, and in what."""

    left: Place
    right: Place
    differs: tuple[str, ...]


class Comparison(msgspec.Struct, frozen=True):
    """both: records whose id both sets have, same: those of them that are alike, differing: the rest by what differs (one
    record may count in several). only: records of one set alone, by_task: these by task. twins, singles: examples."""

    reports: tuple[Report, Report]
    recipe: tuple[Difference, ...]
    both: int
    same: int
    differing: Counts
    only: tuple[int, int]
    by_task: tuple[Counts, Counts]
    twins: tuple[Twins, ...]
    singles: tuple[tuple[Place, ...], tuple[Place, ...]]


def compare(
    folders: tuple[Path, Path],
    wanted: Wanted,
    *,
    splitter: Splitter | None = None,
    tick: Callable[[int], object] = lambda _: None,
) -> Comparison:
    """The same two sets give the same comparison. wanted: the examples, half of them of what both sets have; a task or a
    split need only be in one of the two. tick: called twice for each record of both. Raises UsageError."""
    manifests = [layout.manifest(folder) for folder in folders]
    left, right = (collect(folder, Wanted(0), splitter=splitter, tick=tick) for folder in folders)
    _check(wanted, (left, right))
    with closing(sqlite3.connect("", isolation_level=None)) as db:
        db.executescript(_SCHEMA)
        for side, (folder, manifest) in enumerate(zip(folders, manifests, strict=True)):
            _fill(db, side, walk(folder, manifest), folder, tick)
        both, same = db.execute(f"SELECT COUNT(*), COALESCE(SUM(NOT ({_ANY})), 0) FROM pair").fetchone()  # noqa: S608
        sums = ", ".join(f"COALESCE(SUM({name}), 0)" for name in ASPECTS)
        differing = db.execute(f"SELECT {sums} FROM pair").fetchone()  # noqa: S608 - our own words
        by_task = (_only(db, 0), _only(db, 1))
        return Comparison(
            reports=(left, right),
            recipe=differences(left.manifest, right.manifest),
            both=both,
            same=same,
            differing=dict(zip(ASPECTS, differing, strict=True)),
            only=(sum(by_task[0].values()), sum(by_task[1].values())),
            by_task=by_task,
            twins=_twins(db, wanted),
            singles=(_singles(db, 0, wanted), _singles(db, 1, wanted)),
        )


def differences(left: Manifest, right: Manifest) -> tuple[Difference, ...]:
    """The keys of two recipes that differ, sources by their names, then versions and inputs."""
    one, other = _keys(left), _keys(right)
    return tuple(
        Difference(key, one.get(key, ""), other.get(key, ""))
        for key in dict.fromkeys((*one, *other))
        if one.get(key) != other.get(key)
    )


def _keys(manifest: Manifest) -> dict[str, str]:
    recipe = msgspec.to_builtins(manifest.recipe)
    found: dict[str, str] = {}
    for source, plain in zip(manifest.recipe.sources, recipe.pop("sources"), strict=True):
        _flatten(f"sources.{source.records_name}", plain, found)
    _flatten("", recipe, found)
    found["georsmllm"] = manifest.georsmllm
    for facts in manifest.sources:
        found[f"what was read of {facts.name}"] = f"sha256 {facts.input_sha256[:12]}"
    return found


def _flatten(key: str, value: Plain, into: dict[str, str]) -> None:
    if isinstance(value, dict) and value:
        for name, below in value.items():
            _flatten(f"{key}.{name}" if key else name, below, into)
    else:
        into[key] = value if isinstance(value, str) and value else msgspec.json.encode(value).decode()


def _check(wanted: Wanted, reports: Sequence[Report]) -> None:
    """Every name is one of either set."""
    rows = [row for report in reports for row in report.numbers.rows]
    for what, names, there in (
        ("task", wanted.tasks, sorted({row.task for row in rows})),
        ("split", wanted.splits, sorted({row.split for row in rows})),
    ):
        for name in names:
            if name not in there:
                raise UsageError(f"neither set has a {what} {name!r}; they have: {', '.join(there)}")


# --- the index -------------------------------------------------------------------------------------------------------


def _fill(
    db: sqlite3.Connection,
    side: int,
    records: Iterator[tuple[Place, Record]],
    folder: Path,
    tick: Callable[[int], object],
) -> None:
    db.execute("BEGIN")
    for place, record in records:
        *before, last = record.messages
        views = [(v.source, v.window, v.width, v.height, v.content) for v in record.provenance.views]
        row = (
            side, record.id, record.task, place.split, _hash(before), _hash(last.content), _hash(views), place.rank >> 1,
            place.path, place.start, place.length,
        )  # fmt: skip
        try:
            db.execute("INSERT INTO record VALUES (?,?,?,?,?,?,?,?,?,?,?)", row)
        except sqlite3.IntegrityError:
            raise UsageError(
                f"{folder}: two records are called {record.id}; see all that is wrong: georsmllm validate {folder}"
            ) from None
        tick(1)
    db.execute("COMMIT")


def _hash(value: object) -> bytes:
    return hashlib.blake2b(msgspec.json.encode(value), digest_size=16).digest()


def _only(db: sqlite3.Connection, side: int) -> Counts:
    found = db.execute(
        "SELECT task, COUNT(*) FROM record AS a WHERE side = ?1 AND NOT EXISTS"
        " (SELECT 1 FROM record AS b WHERE b.side = 1 - ?1 AND b.id = a.id) GROUP BY 1 ORDER BY 1",
        (side,),
    )
    return dict(found.fetchall())


def _among(wanted: Wanted) -> tuple[str, tuple[str, ...]]:
    """A condition on task and split, and its values."""
    parts = [
        f"{column} IN ({', '.join('?' * len(names))})"
        for column, names in (("task", wanted.tasks), ("split", wanted.splits))
        if names
    ]
    return " AND ".join(parts) or "1", (*wanted.tasks, *wanted.splits)


def _twins(db: sqlite3.Connection, wanted: Wanted) -> tuple[Twins, ...]:
    """Every task in turn, each by the hash of the ids."""
    condition, values = _among(wanted)
    found = db.execute(
        f"SELECT * FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY task ORDER BY rank, id) AS turn FROM pair"  # noqa: S608
        f" WHERE ({_ANY}) AND {condition}) ORDER BY turn, task LIMIT ?",
        (*values, wanted.samples // 2),
    )
    names = [column[0] for column in found.description]
    rows = [dict(zip(names, row, strict=True)) for row in found]
    return tuple(
        Twins(
            Place(row["rank"], row["split"], row["path"], row["start"], row["length"]),
            Place(row["rank"], row["split_b"], row["path_b"], row["start_b"], row["length_b"]),
            tuple(name for name in ASPECTS if row[name]),
        )
        for row in rows
    )


def _singles(db: sqlite3.Connection, side: int, wanted: Wanted) -> tuple[Place, ...]:
    condition, values = _among(wanted)
    found = db.execute(
        "SELECT rank, split, path, start, length FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY task ORDER BY rank, id)"  # noqa: S608
        " AS turn FROM record AS a WHERE side = ? AND NOT EXISTS (SELECT 1 FROM record AS b WHERE b.side = 1 - a.side AND"
        f" b.id = a.id) AND {condition}) ORDER BY turn, task LIMIT ?",
        (side, *values, wanted.samples // 4),
    )
    return tuple(Place(*row) for row in found)
