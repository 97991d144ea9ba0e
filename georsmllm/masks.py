"""Masks as run lengths, as arrays and as exact pixel-edge rings, with the identity between all three.

Frame: pixel-edge; the W x H mask spans [0, W] x [0, H], its rings are integers. Rings to pixels goes by the
pixel-centre rule (`filling.fill` states the ties), so array -> rings -> array is the identity, and so is array -> runs
-> array. Nothing here touches a pixel outside an object's own window, apart from the one pass over a whole map.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from georsmllm.errors import GeoRSMLLMError
from georsmllm.types import Mask, PointSet, Ring, Window, polygon

if TYPE_CHECKING:
    from georsmllm.tracing import LabelPolygons, Labels

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
_STRIP_PX = 1 << 22
"""Pixels that are filled at once."""
MAX_PIXELS = 1 << 30  # an RLE of a few bytes may claim any size; the largest scene of DOTA has 0.8 Gpx


class BadMask(GeoRSMLLMError):
    """Run lengths that are no mask. reason: bad_size, bad_count, wrong_total, bad_text."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(f"{message} [{reason}]")
        self.reason = reason


class Crop(NamedTuple):
    """The pixels of one object inside its window; (x, y) is the window's corner in the view."""

    array: Bools
    x: int
    y: int


class Component(NamedTuple):
    """One 8-connected object of a label map: parts that touch by a corner only are "+" rings of one shape."""

    value: int
    shape: PointSet
    area_px: int
    window: Window


# arrays and rings


def to_rings(array: Bools) -> tuple[Ring, ...]:
    """The exact rings of all True pixels, clockwise on screen, each "+" ring followed by its holes."""
    from georsmllm.tracing import label_polygons

    found = label_polygons(np.asarray(array, dtype=np.bool_).view(np.uint8), ignore=(0,))
    return tuple(ring for rings in _polygon_rings(found) for ring in rings)


def from_rings(rings: tuple[Ring, ...], size_wh: tuple[int, int]) -> Bools:
    """The (H, W) pixels whose centre lies in a part and not in a hole of that part; rings may leave the view."""
    return _fill(rings, Window(0, 0, *size_wh))


def crop(shape: PointSet, size_wh: tuple[int, int]) -> Crop:
    """The pixels of a polygon or rbox inside its own bounds, cut to the view."""
    window = _window(shape, size_wh)
    return Crop(_fill(shape.rings, window), window.x, window.y)


def _window(shape: PointSet, size_wh: tuple[int, int]) -> Window:
    xs = [x for ring in shape.rings for x, _ in ring.points]
    ys = [y for ring in shape.rings for _, y in ring.points]
    x1, x2 = (round(min(max(x, 0), size_wh[0])) for x in (np.floor(min(xs)), np.ceil(max(xs))))
    y1, y2 = (round(min(max(y, 0), size_wh[1])) for y in (np.floor(min(ys)), np.ceil(max(ys))))
    return Window(x1, y1, x2 - x1, y2 - y1)


def components(label_map: Labels, *, ignore: tuple[int, ...] = ()) -> tuple[Component, ...]:
    """The 8-connected objects of every value outside `ignore`, in raster order of their first pixel."""
    from georsmllm.tracing import label_polygons

    found = label_polygons(label_map, ignore=ignore)
    order = np.argsort(found.objects, kind="stable")
    first = np.flatnonzero(np.diff(found.objects[order], prepend=-1))
    if not len(first):
        return ()
    areas = np.add.reduceat(found.areas_px[order], first).tolist()
    lows = np.minimum.reduceat(found.windows[order, :2], first).tolist()
    highs = np.maximum.reduceat(found.windows[order, 2:], first).tolist()
    values = found.values[order[first]].tolist()
    rings = list(_polygon_rings(found))
    members = np.split(order, first[1:])
    return tuple(
        Component(value, polygon(*(ring for j in parts for ring in rings[j])), area, Window(x1, y1, x2 - x1, y2 - y1))
        for value, parts, area, (x1, y1), (x2, y2) in zip(values, members, areas, lows, highs, strict=True)
    )


def _polygon_rings(found: LabelPolygons) -> Iterator[tuple[Ring, ...]]:
    points = list(zip(found.coords[:, 0].tolist(), found.coords[:, 1].tolist(), strict=True))
    ends = found.ring_offsets.tolist()
    offsets = found.polygon_offsets.tolist()
    for start, stop in pairwise(offsets):
        yield tuple(
            Ring(tuple(points[ends[i] : ends[i + 1] - 1]), "+" if i == start else "-") for i in range(start, stop)
        )


def _fill(rings: tuple[Ring, ...], window: Window) -> Bools:
    from georsmllm.filling import fill

    arrays = tuple(np.array(ring.points, dtype=np.float64).reshape(-1, 2) for ring in rings if len(ring.points) > 2)
    holes = tuple(ring.sign == "-" for ring in rings if len(ring.points) > 2)
    return fill(arrays, holes, (window.x, window.y, window.width, window.height))


# arrays and runs


def encode(array: Bools) -> Mask:
    """The run lengths of an (H, W) array."""
    height, width = array.shape
    return encode_crop(Crop(np.asarray(array, dtype=np.bool_), 0, 0), (width, height))


def encode_crop(part: Crop, size_wh: tuple[int, int]) -> Mask:
    """The run lengths of a whole view in which only the crop's True pixels are set."""
    return of_edges(_edges(part, size_wh[1]), size_wh)


def _edges(part: Crop, height: int) -> Ints:
    """Where a run of a crop's column starts and where it ends, in turns, as pixels of a view of this height, column-major."""
    columns = np.zeros((part.array.shape[1], part.array.shape[0] + 2), dtype=np.int8)
    columns[:, 1:-1] = part.array.T
    column, row = np.nonzero(np.diff(columns, axis=1))
    return (column + part.x).astype(np.int64) * height + row + part.y


def of_edges(at: Ints, size_wh: tuple[int, int]) -> Mask:
    """The mask of runs by where they start and end, in turns and rising, column-major in the view."""
    width, height = size_wh
    touching = np.flatnonzero(at[1:-1:2] == at[2::2]) * 2 + 1  # a run to the foot of a column goes on at the next head
    at = np.delete(at, np.concatenate((touching, touching + 1)))
    counts = np.diff(at, prepend=0, append=width * height)
    kept = counts[: len(counts) - (len(counts) > 1 and counts[-1] == 0)]
    return Mask(width, height, tuple(kept.tolist()))


def decode(mask: Mask) -> Bools:
    """The (H, W) pixels."""
    bits = np.arange(len(mask.counts)) % 2 == 1
    return np.repeat(bits, mask.counts).reshape(mask.width, mask.height).T


def decode_crop(mask: Mask) -> Crop:
    """The pixels inside the mask's own window; an empty mask gives an empty crop."""
    edges = np.cumsum(mask.counts)
    if len(edges) < 2:
        return Crop(np.zeros((0, 0), dtype=np.bool_), 0, 0)
    last = len(edges) - 1 if len(edges) % 2 == 0 else len(edges) - 2
    x1, x2 = int(edges[0]) // mask.height, (int(edges[last]) - 1) // mask.height + 1
    counts = np.array(mask.counts[: last + 1], dtype=np.int64)
    counts[0] -= x1 * mask.height
    flat = np.repeat(np.arange(len(counts)) % 2 == 1, counts)
    strip = np.zeros((x2 - x1) * mask.height, dtype=np.bool_)
    strip[: len(flat)] = flat
    array = strip.reshape(x2 - x1, mask.height).T
    rows = np.flatnonzero(array.any(axis=1))
    return Crop(np.ascontiguousarray(array[rows[0] : rows[-1] + 1]), x1, int(rows[0]))


def to_shape(mask: Mask) -> PointSet:
    """The exact polygon of a mask, all its parts in one shape, in the frame of the mask's view."""
    part = decode_crop(mask)
    rings = to_rings(part.array) if part.array.size else ()
    moved = (Ring(tuple((x + part.x, y + part.y) for x, y in ring.points), ring.sign) for ring in rings)
    return polygon(*moved)


def from_shape(shape: PointSet, size_wh: tuple[int, int]) -> Mask:
    """The mask of a polygon or rbox by the pixel-centre rule, cut to the view; filled in strips, so that the shape may be as
    large as a scene."""
    window = _window(shape, size_wh)
    step = max(1, _STRIP_PX // max(1, window.height))
    edges = [np.zeros(0, dtype=np.int64)]
    for x in range(window.x, window.x + window.width, step):
        strip = Window(x, window.y, min(step, window.x + window.width - x), window.height)
        edges.append(_edges(Crop(_fill(shape.rings, strip), strip.x, strip.y), size_wh[1]))
    return of_edges(np.concatenate(edges), size_wh)


# COCO's forms


def from_counts(counts: Sequence[int], size_wh: tuple[int, int]) -> Mask:
    """A mask from COCO's uncompressed list. Runs of zero length inside the list are merged away."""
    width, height = size_wh
    if width < 1 or height < 1 or width * height > MAX_PIXELS:
        raise BadMask("bad_size", f"expected a mask of 1 to {MAX_PIXELS} pixels, got {width} x {height}")
    for i, count in enumerate(counts):
        if type(count) is not int or not 0 <= count <= width * height:
            raise BadMask("bad_count", f"expected runs of 0 to {width * height} pixels, got {count!r} as run {i}")
    if sum(counts) != width * height:
        raise BadMask(
            "wrong_total", f"expected runs of {width} x {height} = {width * height} pixels, got {sum(counts)}"
        )
    merged: list[int] = [0]
    for i, count in enumerate(counts):
        if i % 2 != (len(merged) - 1) % 2 and count:
            merged.append(count)
        elif i % 2 == (len(merged) - 1) % 2:
            merged[-1] += count
    return Mask(width, height, tuple(merged))


def from_counts_text(text: str | bytes, size_wh: tuple[int, int]) -> Mask:
    """A mask from COCO's compressed string: 5 bits a character; from the fourth run on, less the last run but one.

    Source: cocoapi, common/maskApi.c, rleFrString.
    """
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    counts: list[int] = []
    value = shift = 0
    for i, byte in enumerate(data):
        bits = byte - 48
        if not 0 <= bits < 64 or shift > 60:
            raise BadMask("bad_text", f"expected COCO run-length text, got {data[i : i + 10]!r} at character {i}")
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:
            value -= 1 << shift
        counts.append(value + (counts[-2] if len(counts) > 2 else 0))
        value = shift = 0
    if shift:
        raise BadMask("bad_text", "expected COCO run-length text, got an end inside a number")
    return from_counts(counts, size_wh)


def to_counts_text(mask: Mask) -> str:
    """COCO's compressed string."""
    out: list[str] = []
    for i, count in enumerate(mask.counts):
        value = count - mask.counts[i - 2] if i > 2 else count
        while True:
            bits = value & 31
            value >>= 5
            more = value != (-1 if bits & 16 else 0)
            out.append(chr(bits + 48 + 32 * more))
            if not more:
                break
    return "".join(out)


def from_coco(segmentation: Mapping[str, object]) -> Mask:
    """A mask from COCO's {"size": [height, width], "counts": list, string or bytes}."""
    size, counts = segmentation.get("size"), segmentation.get("counts")
    if not isinstance(size, list | tuple) or len(size) != 2 or not all(type(side) is int for side in size):
        raise BadMask("bad_size", f"expected size [height, width], got {size!r:.60}")
    if isinstance(counts, str | bytes):
        return from_counts_text(counts, (size[1], size[0]))
    if not isinstance(counts, list | tuple):
        raise BadMask("bad_count", f"expected counts as a list or a string, got {counts!r:.60}")
    return from_counts(counts, (size[1], size[0]))


def to_coco(mask: Mask) -> dict[str, list[int] | str]:
    """COCO's dictionary with the compressed string."""
    return {"size": [mask.height, mask.width], "counts": to_counts_text(mask)}
