"""Where training reads its records from: a built set, or its export to Parquet or WebDataset, by number, pixels included.

    source = open_source(Path("sets/mine"), "train")
    source[7], source.conversation(7), source.images(7), source.place(7)

A folder says itself what it is, by its manifest or its export's receipt. Nothing is held but line ends, offsets and a few
row groups; a pickle holds no open file, so that every worker opens its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import msgspec

from georsmllm.dataset import Records
from georsmllm.errors import UsageError
from georsmllm.jsonl import read_json
from georsmllm.train.forms import Conversation, Receipt, Spoken, alike, open_below
from georsmllm.types import Record

if TYPE_CHECKING:
    from PIL.Image import Image


class Source(Protocol):
    """Records by number, from 0. fingerprint: of their bytes. Raises BadRecord, naming the place, for an image that is
    gone, unreadable, or of another size than its view."""

    folder: Path
    fingerprint: str

    def __len__(self) -> int: ...
    def __getitem__(self, number: int) -> Record: ...
    def conversation(self, number: int) -> Conversation: ...
    def conversations(self) -> Iterator[Conversation]:
        """All of them in their order, read at one go."""
        ...

    def images(self, number: int) -> tuple[Image, ...]:
        """RGB, every pixel decoded."""
        ...

    def place(self, number: int) -> str:
        """file:line, or what stands for it."""
        ...


class BuiltSet:
    """A folder that `georsmllm build` made: JSON lines, images beside them."""

    def __init__(self, folder: Path, split: str) -> None:
        self.records = Records(folder, split)
        self.folder = folder
        self.fingerprint = self.records.fingerprint

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, number: int) -> Record:
        return self.records[number]

    def conversation(self, number: int) -> Conversation:
        return self._spoken(number).conversation

    def conversations(self) -> Iterator[Conversation]:
        return map(self.conversation, range(len(self)))

    def images(self, number: int) -> tuple[Image, ...]:
        spoken, place = self._spoken(number), self.place(number)
        found = tuple(open_below(self.folder, path, place) for path in spoken.images)
        return alike(found, spoken.sizes_wh, place)

    def place(self, number: int) -> str:
        return self.records.place(number)

    def _spoken(self, number: int) -> Spoken:
        try:
            return msgspec.json.decode(self.records.line(number), type=Spoken)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise UsageError(f"{self.place(number)}: {error}; see all that is wrong: georsmllm validate") from None


def open_source(folder: Path, split: str) -> Source:
    """The records of a split; raises UsageError for a folder that is none of the three, or not whole."""
    if not folder.is_dir():
        raise UsageError(f"no such folder: {folder}; expected a set made by `georsmllm build`, or its export")
    if (folder / "manifest.json").is_file():
        return BuiltSet(folder, split)
    if not (folder / "export.json").is_file():
        raise UsageError(
            f"{folder} has neither a manifest.json (a finished set) nor an export.json (a finished export); "
            "expected a set made by `georsmllm build`, or its export to parquet or webdataset"
        )
    receipt = read_json(folder / "export.json", Receipt)
    if split not in receipt.claim.splits:
        raise UsageError(f"{folder} has no split {split!r}; there are: {', '.join(receipt.claim.splits) or 'none'}")
    if receipt.claim.to == "parquet":
        from georsmllm.train.parquet_source import ParquetExport

        return ParquetExport(folder, split, receipt)
    if receipt.claim.to == "webdataset":
        from georsmllm.train.tar_source import TarExport

        return TarExport(folder, split, receipt)
    raise UsageError(
        f"{folder} is an export to {receipt.claim.to}; training reads built sets, and exports to parquet or webdataset"
    )
