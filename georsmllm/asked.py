"""Records that are to be answered or scored: of a built set, of its export, or of a JSONL of records with its images."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec

from georsmllm.errors import BadRecord, UsageError
from georsmllm.predictions import fingerprint_of
from georsmllm.train.forms import Conversation, Spoken, alike, open_below
from georsmllm.train.sources import BuiltSet, Source, open_source
from georsmllm.types import Record

if TYPE_CHECKING:
    from PIL.Image import Image

T = TypeVar("T")
SHARDS = "records"
"""The folder of a set's shards; a shard that is given by itself has its images where the set has them."""


class RecordFile:
    """A JSONL of records; a `Source`. folder: where the paths of its images start. Raises UsageError for a file that cannot
    be read or is empty."""

    def __init__(self, path: Path, folder: Path | None = None) -> None:
        try:
            self._lines = [line for line in path.read_bytes().splitlines() if line.strip()]
        except OSError as error:
            raise UsageError(
                f"cannot read {path}: {error.strerror}; expected a built set, or a JSONL of records"
            ) from None
        if not self._lines:
            raise UsageError(f"{path} is empty; expected a record a line")
        in_set = path.parent.name == SHARDS and (path.parent.parent / "manifest.json").exists()
        self.folder = folder or (path.parent.parent if in_set else path.parent)
        self.fingerprint = fingerprint_of(self._lines)
        self._path = path

    def __len__(self) -> int:
        return len(self._lines)

    def __getitem__(self, number: int) -> Record:
        return self._decoded(number, Record)

    def conversation(self, number: int) -> Conversation:
        return self._decoded(number, Spoken).conversation

    def conversations(self) -> Iterator[Conversation]:
        return map(self.conversation, range(len(self)))

    def images(self, number: int) -> tuple[Image, ...]:
        spoken, place = self._decoded(number, Spoken), self.place(number)
        return alike(tuple(open_below(self.folder, path, place) for path in spoken.images), spoken.sizes_wh, place)

    def place(self, number: int) -> str:
        return f"{self._path}:{number + 1}"

    def _decoded(self, number: int, type_: type[T]) -> T:
        try:
            return msgspec.json.decode(self._lines[number], type=type_)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise UsageError(f"{self.place(number)}: {error}; expected a record of a built set") from None


def open_asked(path: Path, split: str, *, image_root: Path | None = None) -> Source:
    """The records of a set's or an export's split, or of a JSONL file, which has none; raises UsageError. image_root: where
    the images of a JSONL file are; else in the folder of the set that it lies in, or beside it."""
    if not path.is_dir():
        return RecordFile(path, image_root)
    if image_root is not None:
        raise UsageError(f"{path} is a folder and holds its own images; --images is for a JSONL of records")
    return open_source(path, split)


def check_images(source: Source, number: int, record: Record) -> None:
    """Raises BadRecord where an image file of a record is gone; opens none, and looks into no archive."""
    if not isinstance(source, BuiltSet | RecordFile):
        return
    for path in record.images:
        if not (source.folder / path).is_file():
            raise BadRecord("image_missing", f"no such image file: {source.folder / path}", where=source.place(number))
