"""Decoded masks on disk: what a record's line holds, and what decided it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec

from georsmllm.journal import Journal
from georsmllm.jsonl import read_lines

MaskVerdict = Literal["ok", "no_points", "unreadable", "missing"]


class Segmentation(msgspec.Struct, frozen=True, kw_only=True):
    """COCO's compressed run lengths. size: height, width."""

    size: tuple[int, int]
    counts: str


class MaskEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One mask of the view. box: x, y, width, height of its pixels as COCO has them, all 0 of an empty mask. score: the
    decoder's own guess of its IoU."""

    label: str
    bbox: tuple[int, int, int, int]
    area: int
    score: float | None
    segmentation: Segmentation


class MaskLine(msgspec.Struct, frozen=True, kw_only=True):
    """image: of the view that the masks are of. size: height, width. verdict: "no_points" are words alone, not even "none";
    "unreadable" has the strict ear's reason; "missing" was not predicted. decoder: what made the masks."""

    id: str
    image: str
    size: tuple[int, int]
    verdict: MaskVerdict
    reason: str
    decoder: str
    masks: tuple[MaskEntry, ...]


class MaskSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that decides the masks. records, predictions: hashes. decoder: its title; weights: a hash, "" where it has none.
    chunk 0: measured, and then masks are the same but for pixels whose logits round to either side of 0."""

    records: str
    predictions: str
    split: str
    limit: int
    decoder: str
    weights: str
    multimask: str
    clip: bool
    chunk: int


def journal(out: Path, settings: MaskSettings) -> Journal[MaskLine]:
    """Where the masks of a run are kept."""
    return Journal(out, settings, MaskLine, command="georsmllm segment")


def read(path: Path) -> Iterator[MaskLine]:
    """The lines of a finished file; raises UsageError."""
    return read_lines(path, MaskLine)
