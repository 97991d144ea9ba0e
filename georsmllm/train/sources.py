"""Where training reads its records from: a built set, or its export to Parquet or WebDataset, by number, pixels included.

    source = open_source(Path("sets/mine"), "train")
    source[7], source.conversation(7), source.images(7), source.place(7)

A folder says itself what it is, by its manifest or its export's receipt. Nothing is held but line ends, offsets and a few
row groups; a pickle holds no open file, so that every worker opens its own.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple, Protocol

import msgspec

from georsmllm import images
from georsmllm.dataset import Records
from georsmllm.errors import BadRecord, UsageError
from georsmllm.images import BadImage
from georsmllm.jsonl import read_json
from georsmllm.types import Message, Record

if TYPE_CHECKING:
    from PIL.Image import Image

SizeWH = tuple[int, int]


class Conversation(NamedTuple):
    """What the model sees of a record: who says what, and the views by their sizes in pixels."""

    id: str
    messages: tuple[Message, ...]
    sizes_wh: tuple[SizeWH, ...]


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


class _View(msgspec.Struct, frozen=True, gc=False):
    width: int
    height: int


class _Views(msgspec.Struct, frozen=True, gc=False):
    views: tuple[_View, ...]


class Spoken(msgspec.Struct, frozen=True, gc=False):
    """The part of a record's JSON that training reads; a tenth of the time of the whole."""

    id: str
    images: tuple[str, ...]
    messages: tuple[Message, ...]
    provenance: _Views

    @property
    def conversation(self) -> Conversation:
        return Conversation(self.id, self.messages, self.sizes_wh)

    @property
    def sizes_wh(self) -> tuple[SizeWH, ...]:
        return tuple((view.width, view.height) for view in self.provenance.views)


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


class _Claim(msgspec.Struct, frozen=True):
    to: str
    splits: tuple[str, ...]


class _File(msgspec.Struct, frozen=True):
    path: str
    bytes: int
    sha256: str


class Receipt(msgspec.Struct, frozen=True):
    """What an export says of itself (`export.json`), as far as reading it goes."""

    claim: _Claim
    files: tuple[_File, ...]


def whole(folder: Path, file: _File) -> Path:
    """A file of an export, checked against the receipt's size; raises UsageError."""
    path = folder / file.path
    if not path.is_file():
        raise UsageError(f"{path} is missing; export.json names it: export the set once more")
    if (size := path.stat().st_size) != file.bytes:
        raise UsageError(f"{path} has {size} bytes, export.json says {file.bytes}; export the set once more")
    return path


def open_below(folder: Path, path: str, place: str) -> Image:
    """The image file of that path below a folder, nowhere else; raises BadRecord."""
    if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
        raise BadRecord("image_path", f"{path!r} leads out of {folder}; expected a path below it", where=place)
    return _opened(folder / path, f"{folder / path}", place)


def open_bytes(data: bytes, path: str, place: str) -> Image:
    """The image that these bytes are; raises BadRecord. path: its name, for a message."""
    with tempfile.NamedTemporaryFile(suffix=PurePosixPath(path).suffix[:8]) as file:  # GDAL and Pillow by one safe door
        file.write(data)
        file.flush()
        return _opened(Path(file.name), path, place)


def _opened(file: Path, name: str, place: str) -> Image:
    from PIL import Image

    try:
        return Image.fromarray(images.read_rgb(file))
    except BadImage as bad:
        way = "bring it back or build the set once more"
        raise BadRecord(bad.reason, f"{name}: {bad.message}; {way}", where=place) from None


def alike(found: tuple[Image, ...], sizes_wh: Sequence[SizeWH], place: str) -> tuple[Image, ...]:
    """The images, which are of the sizes that their views say: visual tokens were counted by these."""
    if len(found) != len(sizes_wh):
        raise BadRecord("image_size", f"{len(found)} images and {len(sizes_wh)} views", where=place)
    for number, (image, size_wh) in enumerate(zip(found, sizes_wh, strict=True)):
        if image.size != size_wh:
            raise BadRecord(
                "image_size",
                f"image {number} has {image.width}x{image.height} pixels, its view says {size_wh[0]}x{size_wh[1]}; "
                "build the set once more",
                where=place,
            )
    return found
