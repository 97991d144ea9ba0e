"""COCO JSON of any size: positions of everything in one pass, then one image's annotations at a time, typed.

    {"images": [{"id", "file_name", "width", "height"}], "annotations": [{"image_id", "category_id", "bbox", ...}],
     "categories": [{"id", "name"}]}                                        keys in any order, others left alone

Only positions of annotations are kept (24 bytes each), never the annotations.
"""

from __future__ import annotations

import mmap
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, NoReturn, TypeVar

import msgspec

from georsmllm.errors import BadRecord, UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from georsmllm.json_spans import Bytes

T = TypeVar("T")
Id = int | str
Span = tuple[int, int]

LISTS = ("images", "annotations", "categories")
REASONS = {
    "bad_json": "an image or annotation entry is not JSON",
    "not_finite": "a number is NaN or Infinity",
    "bad_entry": "a field of an image or annotation entry is missing or of another type",
}
_ID_KEY = {"images": b"id", "annotations": b"image_id", "categories": b"id"}
_BATCH = 65_536
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


class ImageEntry(msgspec.Struct, frozen=True):
    """An image; the last two fields are those of LVIS: classes checked and absent, classes not annotated in full."""

    id: Id
    file_name: str
    width: int | None = None
    height: int | None = None
    neg_category_ids: list[Id] | None = None
    not_exhaustive_category_ids: list[Id] | None = None


class Category(msgspec.Struct, frozen=True):
    id: Id
    name: str


class Elements(NamedTuple):
    """spans: (N, 2) byte positions of a list's elements; ids: (N,) hash of each one's id token, 0 where it has none."""

    spans: NDArray[np.int64]
    ids: NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Index:
    """Where everything lies. categories: in the file's order."""

    path: Path
    images: Elements
    annotations: Elements
    categories: tuple[Category, ...]


class Group(NamedTuple):
    """One image: its entry, where that lies, and the byte runs of its annotations (neighbours share a run)."""

    entry: ImageEntry
    span: Span
    runs: tuple[Span, ...]


def index(path: Path) -> Index:
    """One pass over the file; raises UsageError with a byte position for a file that is cut short or broken."""
    found = _scan(path)
    missing = [name for name in LISTS if name not in found]
    if missing:
        raise UsageError(
            f"{path}: expected a COCO file with the lists images, annotations and categories, "
            f"but there is no {', '.join(missing)}"
        )
    categories = tuple(_entries(path, found["categories"], Category))
    ids = [category.id for category in categories]
    for category in categories:
        if ids.count(category.id) > 1:
            raise UsageError(f"{path}: two categories have the id {category.id!r}; give each its own")
    _refuse_twins(path, found["images"])
    return Index(path, found["images"], found["annotations"], categories)


def groups(index: Index) -> Iterator[Group]:
    """Every image with its annotations, in the file's order of images."""
    import numpy as np

    runs = _runs(index.annotations)
    first = np.searchsorted(runs.ids, index.images.ids, side="left")
    last = np.searchsorted(runs.ids, index.images.ids, side="right")
    for i, entry in enumerate(_entries(index.path, index.images, ImageEntry)):
        start, end = index.images.spans[i].tolist()
        yield Group(entry, (start, end), tuple((a, b) for a, b in runs.spans[first[i] : last[i]].tolist()))


def orphans(index: Index) -> tuple[Span, ...]:
    """The annotations whose image_id is missing or names no image, in the file's order."""
    import numpy as np

    lost = np.flatnonzero(~np.isin(index.annotations.ids, index.images.ids))
    return tuple((start, end) for start, end in index.annotations.spans[lost].tolist())


def read_image(path: Path, span: Span) -> ImageEntry:
    """One image entry by its position; raises BadRecord."""
    return _decode(_IMAGE_DECODER, path, span[0], _read_span(path, span))


def read_annotations(path: Path, runs: tuple[Span, ...]) -> tuple[Annotation, ...]:
    """The annotations of the runs, in order; raises BadRecord with file@byte of the bad one."""
    return tuple(annotation for run in runs for annotation in _read_run(path, run))


def place(path: Path, runs: tuple[Span, ...], number: int) -> Span:
    """Where annotation `number` of the runs lies in the file."""
    spans = [(run[0] + a, run[0] + b) for run in runs for a, b in _element_spans(_read_span(path, run))]
    return spans[number]


def segmentation(annotation: Annotation) -> tuple[Rle | tuple[float, ...], ...]:
    """Its parts: flat rings x1, y1, x2, y2 ..., or run lengths (alone, or in a list of one as RRSIS-D writes them).

    Raises msgspec.DecodeError for any other form.
    """
    parts = _SEGMENTATION_DECODER.decode(annotation.segmentation)
    return parts if isinstance(parts, tuple) else () if parts is None else (parts,)


def has_lists(path: Path) -> bool:
    """Whether the first bytes look like those of a COCO file: a top-level object whose first keys name its lists."""
    with path.open("rb") as file:
        opening = file.read(_OPENING_BYTES)
    return opening.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{") and any(
        re.search(rb'"%s"\s*:\s*\[' % name.encode(), opening) is not None for name in LISTS[:2]
    )


def _scan(path: Path) -> dict[str, Elements]:
    """The element positions of the wanted top-level lists."""
    import numpy as np

    from georsmllm.json_spans import OK, STATUS_TEXT, skip_space, skip_string, skip_value

    data, release = _mapped(path)
    at = skip_space(data, 3 if data[:3].tobytes() == b"\xef\xbb\xbf" else 0)
    if at >= data.size or data[at] != ord("{"):
        _broken(path, at, "expected a JSON object")
    found: dict[str, Elements] = {}
    at = skip_space(data, at + 1)
    while at < data.size and data[at] != ord("}"):
        key_end = skip_string(data, at)
        colon = skip_space(data, key_end)
        if data[at] != ord('"') or colon >= data.size or data[colon] != ord(":"):
            _broken(path, min(colon, data.size), "expected a key and a colon")
        key = data[at + 1 : key_end - 1].tobytes().decode(errors="replace")
        at = skip_space(data, colon + 1)
        if key in LISTS:
            if at >= data.size or data[at] != ord("["):
                _broken(path, at, f"{key!r} is no list (one JSON for each image, as in SODA-A, is another format)")
            if key in found:
                _broken(path, at, f"a second list {key!r}")
            found[key], at = _elements(path, data, at + 1, np.frombuffer(_ID_KEY[key], np.uint8), release)
        else:
            at, status, _ = skip_value(data, at, np.zeros(0, np.uint8))
            if status != OK:
                _broken(path, at, STATUS_TEXT[status])
        at = skip_space(data, at)
        if at < data.size and data[at] == ord(","):
            at = skip_space(data, at + 1)
    if at >= data.size:
        _broken(path, data.size, "the file ends before its last closing bracket")
    return found


def _elements(path: Path, data: Bytes, at: int, key: Bytes, release: Callable[[int], None]) -> tuple[Elements, int]:
    import numpy as np

    from georsmllm.json_spans import MORE, OK, STATUS_TEXT, elements

    spans = np.empty((_BATCH, 2), np.int64)
    ids = np.empty(_BATCH, np.uint64)
    batches: list[Elements] = []
    status = MORE
    while status == MORE:
        count, at, status = elements(data, at, key, spans, ids)
        batches.append(Elements(spans[:count].copy(), ids[:count].copy()))
        release(at)
    if status != OK:
        _broken(path, at, STATUS_TEXT[status])
    return Elements(np.concatenate([b.spans for b in batches]), np.concatenate([b.ids for b in batches])), at


def _mapped(path: Path) -> tuple[Bytes, Callable[[int], None]]:
    """The bytes of a file, and a function that gives the pages before a position back to the system."""
    import numpy as np

    try:
        with path.open("rb") as file:
            mapping = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (FileNotFoundError, IsADirectoryError):
        raise UsageError(f"no such file: {path}") from None
    except ValueError:
        _broken(path, 0, "the file is empty")

    def release(at: int) -> None:
        if sys.platform == "linux":  # elsewhere the system takes pages back when it needs them
            mapping.madvise(mmap.MADV_DONTNEED, 0, at)

    return np.frombuffer(mapping, np.uint8), release


def _broken(path: Path, at: int, trouble: str) -> NoReturn:
    raise UsageError(f"{path}@{at}: {trouble}; the file is not whole JSON: fetch or write it again")


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


def _refuse_twins(path: Path, images: Elements) -> None:
    import numpy as np

    order = np.argsort(images.ids, kind="stable")
    twins = np.flatnonzero(np.diff(images.ids[order].view(np.int64)) == 0)
    if twins.size:
        start = int(images.spans[order[twins[0] + 1], 0])
        entry = next(_entries(path, Elements(images.spans[order[twins[:1] + 1]], images.ids[:1]), ImageEntry))
        raise UsageError(f"{path}@{start}: a second image with the id {entry.id!r}; give every image its own")


def _read_span(path: Path, span: Span) -> bytes:
    with path.open("rb") as file:
        file.seek(span[0])
        return file.read(span[1] - span[0])


def _read_run(path: Path, run: Span) -> list[Annotation]:
    raw = _read_span(path, run)
    try:
        return _ANNOTATIONS_DECODER.decode(b"[" + raw + b"]")
    except (msgspec.DecodeError, RecursionError):
        # Which one it was is only looked for now: the plain case decodes the whole run at once.
        spans = _element_spans(raw)
        return [_decode(_ANNOTATION_DECODER, path, run[0] + start, raw[start:end]) for start, end in spans]


def _element_spans(raw: bytes) -> list[Span]:
    """Positions of the elements inside a run of a list."""
    import numpy as np

    from georsmllm.json_spans import elements

    data = np.frombuffer(raw + b"]", np.uint8)
    room = 1 + raw.count(b"{")
    spans = np.empty((room, 2), np.int64)
    count, _, _ = elements(data, 0, np.zeros(0, np.uint8), spans, np.empty(room, np.uint64))
    return [(start, end) for start, end in spans[:count].tolist()]


def _entries(path: Path, elements: Elements, type_: type[T]) -> Iterator[T]:
    """Decoded one by one; a broken one is a UsageError, because nothing could be grouped around it."""
    decoder = msgspec.json.Decoder(type_)
    with path.open("rb") as file:
        for start, end in elements.spans.tolist():
            file.seek(start)
            try:
                yield _decode(decoder, path, start, file.read(end - start))
            except BadRecord as error:
                raise UsageError(f"{error}; mend this entry in the file") from None


def _decode(decoder: msgspec.json.Decoder[T], path: Path, start: int, raw: bytes) -> T:
    where = f"{path.name}@{start}"
    text = raw.decode(errors="replace")
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError as error:
        raise BadRecord("bad_entry", str(error), where=where, raw=text) from None
    except msgspec.DecodeError as error:
        if _NOT_FINITE.search(raw):
            raise BadRecord("not_finite", "a number is NaN or Infinity", where=where, raw=text) from None
        raise BadRecord("bad_json", str(error), where=where, raw=text) from None


_IMAGE_DECODER = msgspec.json.Decoder(ImageEntry)
_ANNOTATION_DECODER = msgspec.json.Decoder(Annotation)
_ANNOTATIONS_DECODER = msgspec.json.Decoder(list[Annotation])
_SEGMENTATION_DECODER = msgspec.json.Decoder(Rle | tuple[Rle | tuple[float, ...], ...] | None)
