"""COCO JSON of any size: positions of everything in one pass, then one image's annotations at a time, typed.

    {"images": [{"id", "file_name", "width", "height"}], "annotations": [{"image_id", "category_id", "bbox", ...}],
     "categories": [{"id", "name"}]}                                        keys in any order, others left alone

Only positions of annotations are kept (24 bytes each), never the annotations.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import msgspec

from georsmllm.errors import BadRecord, UsageError
from georsmllm.formats import json_record
from georsmllm.formats.json_record import read_span
from georsmllm.json_lists import Elements, Span, element_spans, scan

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

T = TypeVar("T")
Id = int | float | str

LISTS = ("images", "annotations", "categories")
REASONS = {
    "bad_json": "an image or annotation entry is not JSON",
    "not_finite": "a number is NaN or Infinity",
    "bad_entry": "a field of an image or annotation entry is missing or of another type",
}
_OPENING_BYTES = 65_536
_NOT_FINITE = re.compile(rb"[\s,:\[](-?(?:NaN|Infinity))")


class Rle(msgspec.Struct, frozen=True):
    """Run lengths, column-major, the first run counts zeros; a string is COCO's compressed form of them."""

    size: tuple[int, int]  # height, width
    counts: list[int] | str


class Annotation(msgspec.Struct, frozen=True, gc=False):
    """One object. segmentation: its JSON as it stands, because it is most of the file; `segmentation()` reads it."""

    image_id: Id
    category_id: Id
    bbox: tuple[float, ...] | None = None
    segmentation: msgspec.Raw = msgspec.Raw(b"null")
    iscrowd: int | bool = 0
    id: Id | None = None


class ImageEntry(msgspec.Struct, frozen=True):
    """An image; the last two fields are those of LVIS: classes checked and absent, classes not annotated in full."""

    id: Id
    file_name: str
    width: float | None = None
    height: float | None = None
    neg_category_ids: list[Id] | None = None
    not_exhaustive_category_ids: list[Id] | None = None


class Category(msgspec.Struct, frozen=True):
    id: Id
    name: str


@dataclass(frozen=True, slots=True)
class Index:
    """Where everything lies; categories: the whole list, brackets included."""

    path: Path
    images: Elements
    annotations: Elements
    categories: Span


class Runs(NamedTuple):
    """Byte runs of annotations by image: those of image i are spans[first[i] : last[i]]; neighbours share a run."""

    spans: NDArray[np.int64]
    first: NDArray[np.int64]
    last: NDArray[np.int64]

    def of(self, image: int) -> tuple[Span, ...]:
        return tuple((start, end) for start, end in self.spans[self.first[image] : self.last[image]].tolist())


def index(path: Path) -> Index:
    """One pass over the file; raises UsageError with a byte position for a file that is cut short or broken."""
    found = scan(path, {"images": "id", "annotations": "image_id", "categories": "id"})
    missing = [name for name in LISTS if name not in found]
    if missing:
        raise UsageError(
            f"{path}: expected a COCO file with the lists images, annotations and categories, "
            f"but there is no {', '.join(missing)}"
        )
    (images, _), (annotations, _), (_, categories) = (found[name] for name in LISTS)
    _refuse_twins(path, images)
    _refuse_strangers(path, images, annotations)
    read_categories(path, categories)
    return Index(path, images, annotations, categories)


def entries(index: Index) -> Iterator[ImageEntry]:
    """The images in the file's order; raises UsageError for a broken one, because nothing could be grouped around it."""
    with index.path.open("rb") as file:
        for start, end in index.images.spans.tolist():
            file.seek(start)
            try:
                yield _decode(_IMAGE_DECODER, index.path, start, file.read(end - start))
            except BadRecord as error:
                raise UsageError(f"{error}; mend this entry in the file") from None


def runs(index: Index) -> Runs:
    """The annotations of every image, images in the file's order."""
    import numpy as np

    found = _runs(index.annotations)
    first = np.searchsorted(found.ids, index.images.ids, side="left")
    last = np.searchsorted(found.ids, index.images.ids, side="right")
    return Runs(found.spans, first, last)


def orphans(index: Index) -> Iterator[tuple[Span, ...]]:
    """The runs of each image_id that names no image; annotations without an image_id are together."""
    import numpy as np

    found = _runs(index.annotations)
    lost = np.flatnonzero(~np.isin(found.ids, index.images.ids))
    for _, rows in groupby(lost.tolist(), key=lambda row: int(found.ids[row])):
        yield tuple((start, end) for start, end in found.spans[list(rows)].tolist())


def read_categories(path: Path, span: Span) -> tuple[Category, ...]:
    """The classes, in the file's order; raises UsageError."""
    try:
        categories = json_record.decode(_CATEGORIES_DECODER, read_span(path, span), f"{path}@{span[0]}")
    except BadRecord as bad:
        raise UsageError(f"{bad.where}: categories: {bad.message}") from None
    ids = [category.id for category in categories]
    if not ids or len(set(ids)) < len(ids):
        raise UsageError(f"{path}@{span[0]}: expected categories with an id of their own each, got ids {ids!r:.200}")
    return categories


def read_image(path: Path, span: Span) -> ImageEntry:
    """One image entry by its position; raises BadRecord."""
    return _decode(_IMAGE_DECODER, path, span[0], read_span(path, span))


def read_annotations(path: Path, runs: tuple[Span, ...]) -> tuple[Annotation, ...]:
    """The annotations of the runs, in order; raises BadRecord with file@byte of the bad one."""
    return tuple(annotation for run in runs for annotation in _read_run(path, run))


def place(path: Path, runs: tuple[Span, ...], number: int) -> Span:
    """Where annotation `number` of the runs lies in the file."""
    spans = [(run[0] + a, run[0] + b) for run in runs for a, b in element_spans(read_span(path, run))]
    return spans[number]


def count(path: Path, run: Span) -> int:
    """How many annotations a run holds."""
    return len(element_spans(read_span(path, run)))


def segmentation(annotation: Annotation) -> tuple[Rle | tuple[float, ...], ...]:
    """Its parts: flat rings x1, y1, x2, y2 ..., or run lengths (alone, or in a list of one as RRSIS-D writes them).

    Raises msgspec.DecodeError for any other form.
    """
    try:
        parts = _SEGMENTATION_DECODER.decode(annotation.segmentation)
    except (UnicodeDecodeError, RecursionError) as error:
        raise msgspec.DecodeError(str(error)) from None
    return parts if isinstance(parts, tuple) else () if parts is None else (parts,)


def has_lists(path: Path) -> bool:
    """Whether the first bytes look like those of a COCO file: a top-level object whose first keys name its lists."""
    with path.open("rb") as file:
        opening = file.read(_OPENING_BYTES)
    return opening.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{") and any(
        re.search(rb'"%s"\s*:\s*\[' % name.encode(), opening) is not None for name in LISTS[:2]
    )


def _runs(annotations: Elements) -> Elements:
    """Byte runs of one id each, sorted by id and then by place: neighbours in the file share a run."""
    import numpy as np

    if not annotations.ids.size:
        return annotations
    order = np.argsort(annotations.ids, kind="stable")
    ids = annotations.ids[order]
    last = np.append((np.diff(order) != 1) | (ids[1:] != ids[:-1]), True)
    first = np.append(True, last[:-1])
    spans = np.stack([annotations.spans[order[first], 0], annotations.spans[order[last], 1]], axis=1)
    return Elements(spans, ids[last])


def _refuse_strangers(path: Path, images: Elements, annotations: Elements) -> None:
    """Were every annotation an orphan, every image would pass for one without objects."""
    import numpy as np

    if annotations.ids.size and not np.isin(annotations.ids, images.ids).any():
        first = int(annotations.spans[0, 0])
        raise UsageError(
            f"{path}@{first}: no annotation at all has an image_id that is the id of an image; write both the same way "
            '(3, "3" and 3.0 are three ids)'
        )


def _refuse_twins(path: Path, images: Elements) -> None:
    import numpy as np

    order = np.argsort(images.ids, kind="stable")
    twins = np.flatnonzero(images.ids[order][1:] == images.ids[order][:-1])
    if twins.size:
        first, second = (int(images.spans[order[row], 0]) for row in (twins[0], twins[0] + 1))
        raise UsageError(f"{path}@{second}: an image with the id of the one at byte {first}; give every image its own")


def _read_run(path: Path, run: Span) -> list[Annotation]:
    raw = read_span(path, run)
    try:
        return _ANNOTATIONS_DECODER.decode(b"[" + raw + b"]")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # Which one it was is only looked for now: the plain case decodes the whole run at once.
        spans = element_spans(raw)
        return [_decode(_ANNOTATION_DECODER, path, run[0] + start, raw[start:end]) for start, end in spans]


def _decode(decoder: msgspec.json.Decoder[T], path: Path, start: int, raw: bytes) -> T:
    try:
        return json_record.decode(decoder, raw, f"{path.name}@{start}")
    except BadRecord as bad:
        if bad.reason == "bad_json" and _NOT_FINITE.search(raw):
            raise BadRecord("not_finite", "a number is NaN or Infinity", where=bad.where, raw=bad.raw) from None
        raise


_IMAGE_DECODER = msgspec.json.Decoder(ImageEntry)
_ANNOTATION_DECODER = msgspec.json.Decoder(Annotation)
_ANNOTATIONS_DECODER = msgspec.json.Decoder(list[Annotation])
_CATEGORIES_DECODER = msgspec.json.Decoder(tuple[Category, ...])
_SEGMENTATION_DECODER = msgspec.json.Decoder(Rle | tuple[Rle | tuple[float, ...], ...] | None)
