"""A built set held against its schema and laws, in one pass, every problem by name and place."""

from __future__ import annotations

import hashlib
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import msgspec

from georsmllm import layout, sides
from georsmllm.contracts import Limits, Task
from georsmllm.errors import UsageError
from georsmllm.layout import Manifest, Shard, Stats
from georsmllm.record_laws import Found, budget, gold, messages, point_text, score, spoken, strict_type, words
from georsmllm.set_files import Pictured, by_header, by_pixels, described, unlike
from georsmllm.types import Record

PROBLEMS = {
    "shard_missing": "a shard of the manifest is not there",
    "shard_unlisted": "a file below records/ that the manifest does not name",
    "shard_hash": "a shard's bytes are not those of the manifest",
    "shard_rows": "a shard has another number of lines than the manifest says",
    "file_missing": "a file that the manifest names is not there",
    "file_changed": "a file is not the one that the manifest describes",
    "schema": "a line is no record: a key is missing, unknown, or of another type",
    "repeated_id": "two records have one id",
    "roles": "messages are not question and answer in turn (a system message may come first)",
    "image_tokens": "as many <image> as images, and as many views in the provenance: not so",
    "image_path": "an image path that leaves the folder of the set",
    "image_missing": "an image is not there",
    "image_unreadable": "an image cannot be read",
    "image_size": "an image is not of the size that its view says",
    "image_content": "a whole image has other pixels than the one that its record was made of",
    "looks_form": "the looks of a view are neither 32 hex digits nor nothing",
    "tag": "the question does not begin with the task's tag",
    "unknown_task": "no task of that name",
    "dialect": "a record is in a dialect that there is not, or in another than the recipe's",
    "gold_text": "gold_text is not the last answer",
    "other_class": "the words of a record are not about the class that its provenance names",
    "no_option": "the right scene class is not among the options that the question names",
    "gold_form": "a gold object with another number of points or rings than its kind has",
    "gold_image": "a gold object lies in an image that the record has not",
    "gold_outside": "a gold object has a point outside its view",
    "point_text": "point text that the strict ear refuses",
    "law_1": "point text that is not written the canonical way: encode(decode(text)) is another text",
    "over_budget": "an answer with more objects or points than the recipe allows",
    "law_3": "the task's own scorer gives the gold text less than the task's ceiling",
    "law_6": "the counts of stats.json do not add up, or are not those of the shards",
    "law_7_scene": "a scene is in two splits",
    "law_7_content": "an image is, by its pixels, in two splits",
    "law_7_looks": "images that look alike, however turned or scaled, are in two splits",
}
"""The closed set of problems, each with its one line."""

EXAMPLES = 3
_SCHEMA = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA cache_size = -8192;
CREATE TABLE record (id TEXT PRIMARY KEY, place TEXT) WITHOUT ROWID;
CREATE TABLE image (path TEXT PRIMARY KEY, width INTEGER, height INTEGER, content TEXT, problem TEXT, what TEXT) WITHOUT ROWID;
"""


class Problem(NamedTuple):
    """where: file:line, or a file."""

    name: str
    where: str
    id: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.id + ': ' if self.id else ''}{self.what}"


class Verdict(msgspec.Struct, frozen=True):
    """How many records were read, whether images were decoded, how often each problem was met (in the order of PROBLEMS),
    and the first few of each."""

    records: int
    pixels: bool
    problems: dict[str, int]
    examples: dict[str, tuple[str, ...]]


def validate(
    folder: Path,
    tasks: Mapping[str, Task],
    *,
    pixels: bool = True,
    examples: int = EXAMPLES,
    tick: Callable[[int], object] = lambda _: None,
) -> Verdict:
    """The verdict on a set. tasks: name -> the judge of its gold texts. pixels: decode every image once; else its header
    alone is read. tick: called with 1 a line.

    Raises UsageError for a folder that is no finished set. Memory does not grow with the records: what must be remembered
    of each is in a temporary SQLite file.
    """
    counts: Counter[str] = Counter()
    shown: dict[str, list[str]] = {}
    records = 0

    def count_record(_: int) -> None:
        nonlocal records
        records += 1
        tick(1)

    for problem in problems(folder, tasks, pixels=pixels, tick=count_record):
        counts[problem.name] += 1
        first = shown.setdefault(problem.name, [])
        if len(first) < examples:
            first.append(str(problem))
    names = [name for name in PROBLEMS if counts[name]]
    return Verdict(
        records, pixels, {name: counts[name] for name in names}, {name: tuple(shown[name]) for name in names}
    )


def problems(
    folder: Path, tasks: Mapping[str, Task], *, pixels: bool = True, tick: Callable[[int], object] = lambda _: None
) -> Iterator[Problem]:
    """Every problem as it is met; those of the whole set come last."""
    manifest = layout.manifest(folder)
    with (
        tempfile.TemporaryDirectory(prefix="georsmllm-validate-") as scratch,
        closing(sqlite3.connect(Path(scratch) / "seen.sqlite", isolation_level=None)) as db,
    ):
        db.executescript(_SCHEMA + sides.SCHEMA)
        db.execute("BEGIN")
        bench = _Bench(folder, manifest, tasks, db, by_pixels if pixels else by_header)
        yield from (Problem(name, path, "", what) for name, path, what in described(folder, manifest))
        yield from _unlisted(folder, manifest)
        for shard in manifest.shards:
            yield from _shard(bench, shard, tick)
        yield from _counts(folder, manifest, bench.by_task)
        torn = sides.torn(db, look_alikes=manifest.recipe.split.look_alikes)
        yield from (Problem(law, where, "", what) for law, where, what in torn)


class _Bench:
    """What the checks of a record need: the set, the judges, and what was seen so far."""

    def __init__(
        self,
        folder: Path,
        manifest: Manifest,
        tasks: Mapping[str, Task],
        db: sqlite3.Connection,
        look: Callable[[Path, str], Pictured],
    ) -> None:
        self.folder = folder
        self.limits: Limits = manifest.recipe.limits
        self.dialect = manifest.recipe.dialect
        self.tasks = tasks
        self.db = db
        self.look = look
        self.by_task: dict[str, Counter[str]] = {}
        self.strict = msgspec.json.Decoder(strict_type(Record))
        self.decoder = msgspec.json.Decoder(Record)


# --- shards ----------------------------------------------------------------------------------------------------------


def _unlisted(folder: Path, manifest: Manifest) -> Iterator[Problem]:
    listed = {shard.path for shard in manifest.shards}
    for path in sorted((folder / "records").glob("*")):
        name = path.relative_to(folder).as_posix()
        if name not in listed:
            yield Problem("shard_unlisted", name, "", "not in manifest.json")


def _shard(bench: _Bench, shard: Shard, tick: Callable[[int], object]) -> Iterator[Problem]:
    try:
        file = (bench.folder / shard.path).open("rb")
    except OSError as error:
        yield Problem("shard_missing", shard.path, "", f"manifest.json names it: {error.strerror}")
        return
    digest, rows = hashlib.sha256(), 0
    with file:
        for rows, line in enumerate(file, start=1):
            digest.update(line)
            yield from _line(bench, line, shard.split, f"{shard.path}:{rows}")
            tick(1)
    if rows != shard.rows:
        yield Problem("shard_rows", shard.path, "", f"{rows} lines, manifest.json says {shard.rows}")
    if digest.hexdigest() != shard.sha256:
        yield Problem("shard_hash", shard.path, "", "its SHA-256 is not that of manifest.json")


def _line(bench: _Bench, line: bytes, split: str, where: str) -> Iterator[Problem]:
    try:
        bench.strict.decode(line)
        record = bench.decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        yield Problem("schema", where, "", str(error))
        return
    bench.by_task.setdefault(split, Counter())[record.task] += 1
    for name, what in _record(bench, record, split, where):
        yield Problem(name, where, record.id, what)


# --- one record ------------------------------------------------------------------------------------------------------


def _record(bench: _Bench, record: Record, split: str, where: str) -> Found:
    seen = bench.db.execute("SELECT place FROM record WHERE id = ?", (record.id,)).fetchone()
    if seen is not None:
        yield "repeated_id", f"it is that of {seen[0]}, too"
    else:
        bench.db.execute("INSERT INTO record VALUES (?, ?)", (record.id, where))
    sides.remember(bench.db, record, split, where)
    for view in record.provenance.views:
        if view.looks and not sides.LOOKS.fullmatch(view.looks):
            yield "looks_form", f"{view.source}: {view.looks[:40]!r}"
    yield from messages(record)
    yield from _images(bench, record)
    yield from words(record)
    yield from spoken(record, bench.dialect)
    yield from point_text(record)
    yield from budget(record, bench.limits)
    flaws = tuple(gold(record))
    yield from flaws or score(record, bench.tasks)


def _images(bench: _Bench, record: Record) -> Found:
    """Each distinct image is looked at once."""
    for path, view in zip(record.images, record.provenance.views, strict=False):
        row = bench.db.execute(
            "SELECT width, height, content, problem, what FROM image WHERE path = ?", (path,)
        ).fetchone()
        picture = bench.look(bench.folder, path) if row is None else Pictured(*row)
        if row is None:
            bench.db.execute("INSERT INTO image VALUES (?, ?, ?, ?, ?, ?)", (path, *picture))
        problem, what = unlike(picture, view)
        if problem:
            yield problem, f"{path}: {what}"


# --- the whole set ---------------------------------------------------------------------------------------------------


def _counts(folder: Path, manifest: Manifest, by_task: Mapping[str, Counter[str]]) -> Iterator[Problem]:
    try:
        stats = layout.stats(folder)
    except UsageError as error:
        if "stats.json" not in manifest.files:  # else its absence or its change has been named
            yield Problem("file_missing", "stats.json", "", str(error))
        return
    yield from _law_6(stats, manifest, by_task)


def _law_6(stats: Stats, manifest: Manifest, by_task: Mapping[str, Counter[str]]) -> Iterator[Problem]:
    def unequal(what: str, left: int, right: int) -> Iterator[Problem]:
        if left != right:
            yield Problem("law_6", "stats.json", "", f"{what}: {left} is not {right}")

    for name, source in stats.sources.items():
        yield from unequal(
            f"{name}: found = kept + quarantined", source.found, source.kept + sum(source.quarantined.values())
        )
        yield from unequal(
            f"{name}: targets = asked + ignored", source.targets, source.asked + sum(source.ignored.values())
        )
    yield from unequal("made = sum over sources", stats.made, sum(source.made for source in stats.sources.values()))
    kept = stats.written - stats.repeated + sum(stats.dropped.values())
    yield from unequal("made = written - repeated + dropped", stats.made, kept)
    yield from unequal("written = rows of all shards", stats.written, sum(shard.rows for shard in manifest.shards))
    for split in sorted({*stats.by_task, *by_task}):
        counted, said = by_task.get(split, Counter()), stats.by_task.get(split, {})
        for task in sorted({*counted, *said}):
            yield from unequal(f"{split}: {task} records = lines", said.get(task, 0), counted[task])
