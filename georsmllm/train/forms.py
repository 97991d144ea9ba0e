"""What every form of a set has to a source: a record's conversation, an export's receipt, images opened safely."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Annotated, NamedTuple

import msgspec

from georsmllm import images
from georsmllm.errors import BadRecord, UsageError
from georsmllm.images import BadImage
from georsmllm.types import Message

if TYPE_CHECKING:
    from PIL.Image import Image

SizeWH = tuple[int, int]


class Conversation(NamedTuple):
    """What the model sees of a record: who says what, and the views by their sizes in pixels."""

    id: str
    messages: tuple[Message, ...]
    sizes_wh: tuple[SizeWH, ...]


class _View(msgspec.Struct, frozen=True, gc=False):
    width: Annotated[int, msgspec.Meta(ge=1)]
    height: Annotated[int, msgspec.Meta(ge=1)]


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
