"""The folder of a built set: what lies where, and the typed files that describe it.

DIR/README.md                 the dataset card with the schema that `datasets.load_dataset` reads
DIR/manifest.json             recipe, versions, hashes; written last: a set without it is unfinished
DIR/stats.json                what was found, kept, asked, ignored, dropped, written, each by name
DIR/records/train-00000.jsonl one record a line, in a fixed shuffled order
DIR/images/...                every view that a record shows
DIR/quarantine.jsonl          one line for every record of a dataset that could not be read
DIR/.state/                   what a killed build resumes from
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from georsmllm.errors import UsageError
from georsmllm.jsonl import read_json
from georsmllm.recipe import Recipe

FORMAT = 2
Counts = dict[str, int]


class Shard(msgspec.Struct, frozen=True):
    path: str
    split: str
    rows: int
    bytes: int
    sha256: str


class SourceFacts(msgspec.Struct, frozen=True):
    """input_sha256: over all samples that were read (targets, texts, pixel hashes) in the order of their keys; what it was
    asked and how does not touch it."""

    name: str
    dataset: str
    licence: str
    input_sha256: str


class Manifest(msgspec.Struct, frozen=True):
    """files: path -> sha256 of what lies beside the shards."""

    format: int
    georsmllm: str
    recipe: Recipe
    sources: tuple[SourceFacts, ...]
    shards: tuple[Shard, ...]
    files: dict[str, str]


class SourceStats(msgspec.Struct, frozen=True):
    """Law 6: found = kept + quarantined; targets read = asked + ignored. splits: found, by the dataset's own splits."""

    found: int
    kept: int
    views: int
    targets: int
    asked: int
    made: int
    quarantined: Counts
    mended: Counts
    ignored: Counts
    refused: Counts
    splits: Counts = {}


class Stats(msgspec.Struct, frozen=True):
    """Law 6: made = written - repeated + dropped. The tables are split -> task, split -> form, class and so on -> records.
    by_origin: source -> the dataset's own split -> split -> records.
    joined: scenes that share the pixels of another (same_pixels), groups of them that look like another (look_alikes)."""

    sources: dict[str, SourceStats]
    made: int
    written: int
    repeated: int
    dropped: Counts
    by_task: dict[str, Counts]
    by_class: dict[str, Counts]
    negatives: dict[str, Counts]
    scenes: Counts
    unused_images: int
    joined: Counts = {}
    by_origin: dict[str, dict[str, Counts]] = {}


class Quarantined(msgspec.Struct, frozen=True):
    source: str
    key: str
    where: str
    reason: str
    message: str
    raw: str


def manifest(folder: Path) -> Manifest:
    """The manifest of a finished set; raises UsageError for a folder that is none."""
    if not folder.is_dir():
        raise UsageError(f"no such folder: {folder}; expected a set made by `georsmllm build`")
    path = folder / "manifest.json"
    if not path.is_file():
        if (folder / ".state").is_dir():
            raise UsageError(f"{folder} holds an unfinished build; run the same `georsmllm build` again to finish it")
        raise UsageError(f"{folder} has no manifest.json; expected a set made by `georsmllm build`")
    form = read_json(path, _Format).format
    if form != FORMAT:
        raise UsageError(f"{folder} is a set of format {form}, this version reads format {FORMAT}; build it again")
    return read_json(path, Manifest)


class _Format(msgspec.Struct, frozen=True):
    format: int


def stats(folder: Path) -> Stats:
    return read_json(folder / "stats.json", Stats)
