"""Decoded masks on disk: a line for each record, a journal that survives a kill, the settings beside.

OUT/masks.jsonl            one line for each record, in their order
OUT/masks.settings.json    what decided the masks
OUT/.masks.jsonl.state/    while it is unfinished: the settings and the lines so far, appended and synced
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import msgspec

from georsmllm.errors import UsageError
from georsmllm.jsonl import alone, read_json, read_lines, write_json, writing

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


class _Entry(msgspec.Struct, frozen=True):
    number: int
    line: MaskLine


def settings_path(out: Path) -> Path:
    return out.with_suffix(".settings.json")


class MaskJournal:
    """The lines of one run so far, by the numbers of their records; `add` is on the disk when it returns."""

    def __init__(self, out: Path, settings: MaskSettings) -> None:
        self.out = out
        self.settings = settings
        self.state = out.with_name(f".{out.name}.state")
        self.part = self.state / "part.jsonl"
        self.is_finished = out.exists()
        """The file is there, and made with these settings."""
        if self.is_finished:
            if not settings_path(out).exists():
                raise UsageError(f"{out} is there and was not made by `georsmllm segment`; choose another -o")
            _refuse_others(settings_path(out), settings, out)
            shutil.rmtree(self.state, ignore_errors=True)  # of a process that was killed right before
        elif self.done():
            _refuse_others(self.state / "settings.json", settings, out)
        else:
            write_json(self.state / "settings.json", settings)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the part alone, its half-written last line taken away."""
        with alone(self.state / "lock", "georsmllm segment"):
            whole = self.part.read_bytes().rfind(b"\n") + 1 if self.part.exists() else 0
            with self.part.open("ab") as file:
                file.truncate(whole)
            yield

    def done(self) -> frozenset[int]:
        return frozenset(entry.number for entry in self._entries())

    def add(self, lines: Mapping[int, MaskLine]) -> None:
        """Lines by the numbers of their records: written at once, then synced."""
        data = b"".join(msgspec.json.encode(_Entry(number, line)) + b"\n" for number, line in lines.items())
        with self.part.open("ab") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())

    def finish(self, num_records: int) -> None:
        """Put the lines into the order of their records, and the settings beside."""
        lines = {entry.number: entry.line for entry in self._entries()}
        write_json(settings_path(self.out), self.settings)
        with writing(self.out) as file:
            for number in range(num_records):
                file.write(msgspec.json.encode(lines[number]) + b"\n")
        shutil.rmtree(self.state)

    def _entries(self) -> Iterator[_Entry]:
        """The whole lines of the part; a killed process may leave half a line at its end."""
        if not self.part.exists():
            return
        decoder = msgspec.json.Decoder(_Entry)
        with self.part.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                if not line.endswith(b"\n"):
                    return
                try:
                    yield decoder.decode(line)
                except (msgspec.DecodeError, UnicodeDecodeError) as error:
                    raise UsageError(f"{self.part}:{number}: {error}; delete {self.state} to begin anew") from None


def read(path: Path) -> Iterator[MaskLine]:
    """The lines of a finished file; raises UsageError."""
    return read_lines(path, MaskLine)


def _refuse_others(path: Path, settings: MaskSettings, out: Path) -> None:
    """Raises UsageError with what differs."""
    old = read_json(path, MaskSettings)
    if old == settings:
        return
    before, now = msgspec.to_builtins(old), msgspec.to_builtins(settings)
    differing = ", ".join(f"{name} was {before[name]!r}, is {now[name]!r}" for name in now if now[name] != before[name])
    raise UsageError(f"{out} was begun with other settings: {differing}; choose another -o, or delete it and {path}")
