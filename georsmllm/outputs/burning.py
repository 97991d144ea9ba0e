"""Findings as pixels, window by window: an index of where each lies, and the part of each inside a window alone.

Memory is that of a window and of the run lengths, whatever the size of the scene. Frame: scene pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from georsmllm.filling import fill
from georsmllm.found import Finding
from georsmllm.geometry import Rect, bounds, to_polygon
from georsmllm.types import Mask, PointSet, Ring, Window

Bools = NDArray[np.bool_]
Edges = NDArray[np.int64]


class Burnt(NamedTuple):
    """The pixels of a finding inside a window; `number` is its place in what was handed in."""

    number: int
    inside: Window
    pixels: Bools


class _Burnable(NamedTuple):
    number: int
    rect: Rect
    area: float
    edges: Edges | None
    rings: tuple[NDArray[np.float64], ...]
    holes: tuple[bool, ...]


class Index:
    """Of findings on a scene of that size; what covers more lies below what covers less."""

    def __init__(self, findings: Sequence[Finding], size_wh: tuple[int, int]) -> None:
        self.size_wh = size_wh
        made = [_burnable(number, finding, size_wh) for number, finding in enumerate(findings)]
        self._below_first = sorted(made, key=lambda one: (-one.area, one.number))
        self._rects = np.array([one.rect for one in self._below_first], dtype=np.float64).reshape(-1, 4)

    def within(self, window: Window) -> Iterator[Burnt]:
        """The findings that meet the window, the lowest first, each cut to it."""
        x1, y1, x2, y2 = self._rects.T
        meets = (x1 < window.x + window.width) & (x2 > window.x) & (y1 < window.y + window.height) & (y2 > window.y)
        for at in np.flatnonzero(meets):
            one = self._below_first[at]
            inside = _common(one.rect, window)
            if not (inside.width and inside.height):
                continue
            if one.edges is not None:
                columns = np.arange(inside.x, inside.x + inside.width, dtype=np.int64)
                rows = np.arange(inside.y, inside.y + inside.height, dtype=np.int64)
                pixels = _at(one.edges, self.size_wh[1], columns, rows)
            else:
                pixels = fill(one.rings, one.holes, (inside.x, inside.y, inside.width, inside.height))
            if pixels.any():
                yield Burnt(one.number, inside, pixels)


def _burnable(number: int, finding: Finding, size_wh: tuple[int, int]) -> _Burnable:
    mask = finding.mask_scene
    if mask is not None:
        edges = np.cumsum(np.array(mask.counts, dtype=np.int64))
        return _Burnable(number, mask_rect(mask), float(sum(mask.counts[1::2])), edges, (), ())
    shape = _surface(finding.shape_scene)
    rings = tuple(np.array(ring.points, dtype=np.float64) for ring in shape.rings)
    x1, y1, x2, y2 = bounds(shape)
    rect = (max(x1, 0), max(y1, 0), min(x2, size_wh[0]), min(y2, size_wh[1]))
    holes = tuple(ring.sign == "-" for ring in shape.rings)
    return _Burnable(number, rect, (rect[2] - rect[0]) * (rect[3] - rect[1]), None, rings, holes)


def _surface(shape: PointSet) -> PointSet:
    """A polygon; of a point the pixel that it lies in."""
    if shape.kind != "point":
        return to_polygon(shape)
    x, y = (np.floor(value) for value in shape.rings[0].points[0])
    return to_polygon(PointSet("box", (Ring(((x, y), (x + 1, y + 1))),)))


def sampled(mask: Mask, window: Window, size_wh: tuple[int, int]) -> Bools:
    """The mask at the middles of the pixels of a picture that shows the window at that size."""
    edges = np.cumsum(np.array(mask.counts, dtype=np.int64))
    columns = window.x + ((np.arange(size_wh[0]) + 0.5) * window.width / size_wh[0]).astype(np.int64)
    rows = window.y + ((np.arange(size_wh[1]) + 0.5) * window.height / size_wh[1]).astype(np.int64)
    return _at(edges, mask.height, columns, rows)


def mask_rect(mask: Mask) -> Rect:
    """The least window around a mask, by its runs alone; of nothing an empty one."""
    edges = np.cumsum(np.array(mask.counts, dtype=np.int64))
    starts, stops = edges[0 : len(edges) - 1 : 2], edges[1::2]
    held = stops > starts
    if not held.any():
        return 0.0, 0.0, 0.0, 0.0
    starts, lasts = starts[held], stops[held] - 1
    first, last = int(starts[0] // mask.height), int(lasts[-1] // mask.height)
    if (starts // mask.height != lasts // mask.height).any():  # a run over the foot of a column
        return float(first), 0.0, last + 1.0, float(mask.height)
    return float(first), float((starts % mask.height).min()), last + 1.0, float((lasts % mask.height).max()) + 1.0


def _common(rect: Rect, window: Window) -> Window:
    """Whole pixels of the window that the rectangle meets."""
    x1, y1 = max(window.x, int(np.floor(rect[0]))), max(window.y, int(np.floor(rect[1])))
    x2 = min(window.x + window.width, int(np.ceil(rect[2])))
    y2 = min(window.y + window.height, int(np.ceil(rect[3])))
    return Window(x1, y1, max(0, x2 - x1), max(0, y2 - y1))


def _at(edges: Edges, height: int, columns: Edges, rows: Edges) -> Bools:
    """Whether each pixel lies in an odd run: found in the sorted ends of the runs, so nothing else is decoded. Rows ascend."""
    tops = columns * height
    first, last = (np.searchsorted(edges, tops + row, side="right") for row in (rows[0], rows[-1]))
    pixels = np.repeat((first % 2 == 1)[:, None], len(rows), axis=1)
    mixed = np.flatnonzero(first != last)
    places = tops[mixed][:, None] + rows[None, :]
    pixels[mixed] = np.searchsorted(edges, places.ravel(), side="right").reshape(places.shape) % 2 == 1
    turned: Bools = pixels.T
    return turned
