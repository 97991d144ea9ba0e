"""Label map to exact pixel-edge polygons: the compiled kernels behind `masks` (the way back is `filling`).

A map is read once into horizontal runs; union-find over the runs gives the regions; a crack follower walks the edges
between pixels with the region on its right. Frame: pixel-edge, (0, 0) the outer corner of the first pixel, so every
corner is an integer. The polygons are those of GDAL's polygonize with connectivity 4.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, ParamSpec, TypeVar, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

P = ParamSpec("P")
R = TypeVar("R")
Ints = NDArray[np.int32]
Labels = NDArray[np.uint8] | NDArray[np.uint16] | NDArray[np.int32]


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile on first call, keep the machine code on disk, let other threads run meanwhile."""
    return cast("Callable[P, R]", njit(cache=True, nogil=True)(function))


class LabelPolygons(NamedTuple):
    """The 4-connected regions of a label map as ragged arrays, in raster order of their first pixel.

    coords (n, 2) float64: closed rings (first point repeated), all clockwise on screen, holes too, from the leftmost
    of the highest vertices on; a vertex only where the line turns; every ring simple. Ring i is
    coords[ring_offsets[i]:ring_offsets[i + 1]]; polygon j owns the rings polygon_offsets[j]:polygon_offsets[j + 1],
    its exterior first, then its holes. values, areas_px and windows (x1, y1, x2, y2) belong to the polygons; objects
    numbers the 8-connected object that a polygon is a part of, in raster order.
    `shapely.from_ragged_array(POLYGON, coords, (ring_offsets, polygon_offsets))` makes the geometries.
    """

    values: NDArray[np.int64]
    areas_px: NDArray[np.int64]
    windows: Ints
    objects: Ints
    coords: NDArray[np.float64]
    ring_offsets: NDArray[np.int64]
    polygon_offsets: NDArray[np.int64]


def label_polygons(label_map: Labels, *, ignore: tuple[int, ...] = ()) -> LabelPolygons:
    """The exact polygons of all 4-connected regions; those of the values in `ignore` are left out."""
    labels = cast("Labels", np.ascontiguousarray(label_map))
    if labels.ndim != 2 or labels.dtype.kind not in "ui":
        raise ValueError(f"expected a 2-D map of integers, got {labels.dtype} with {labels.ndim} dimensions")
    rows, starts, ends = _runs(labels, np.array(ignore, dtype=np.int64))
    regions, objects = _connect(labels, rows, starts, ends)
    num = int(regions.max()) + 1 if len(regions) else 0
    values, areas, windows, region_objects = _measure(labels, rows, starts, ends, regions, objects, num)
    points, ring_ends, ring_regions = _trace(labels, rows, starts, ends, regions)
    coords, ring_offsets, polygon_offsets = _gather(points, ring_ends, ring_regions, num)
    return LabelPolygons(values, areas, windows, region_objects, coords, ring_offsets, polygon_offsets)


@kernel
def _runs(labels: Labels, ignore: NDArray[np.int64]) -> tuple[NDArray[np.int64], Ints, Ints]:
    """Runs of one value in a row, [start, end) in columns; those of row r are rows[r]:rows[r + 1]."""
    height, width = labels.shape
    rows = np.zeros(height + 1, np.int64)
    starts = np.empty(1024, np.int32)
    ends = np.empty(1024, np.int32)
    num = 0
    for r in range(height):
        line = labels[r]
        if num + width > len(starts):
            starts = np.concatenate((starts, np.empty(len(starts) + width, np.int32)))
            ends = np.concatenate((ends, np.empty(len(ends) + width, np.int32)))
        c = 0
        while c < width:
            value = line[c]
            start = c
            while c < width and line[c] == value:
                c += 1
            wanted = True
            for skip in ignore:
                wanted &= value != skip
            if wanted:
                starts[num] = start
                ends[num] = c
                num += 1
        rows[r + 1] = num
    return rows, starts[:num].copy(), ends[:num].copy()


@kernel
def _root(parents: Ints, i: int) -> int:
    while parents[i] != i:
        parents[i] = parents[parents[i]]
        i = parents[i]
    return i


@kernel
def _unite(parents: Ints, i: int, j: int) -> None:
    i, j = _root(parents, i), _root(parents, j)
    if i < j:
        parents[j] = i
    else:
        parents[i] = j


@kernel
def _number(parents: Ints) -> None:
    """Replace each parent by the number of its set; sets are numbered by their first member."""
    num = 0
    for i in range(len(parents)):
        if parents[i] == i:
            parents[i] = num
            num += 1
        else:  # a parent comes before its child, and holds its number already
            parents[i] = parents[parents[i]]


@kernel
def _connect(labels: Labels, rows: NDArray[np.int64], starts: Ints, ends: Ints) -> tuple[Ints, Ints]:
    """The 4-connected region and the 8-connected object of every run."""
    regions = np.arange(len(starts)).astype(np.int32)
    objects = regions.copy()
    for r in range(1, len(rows) - 1):
        first = rows[r - 1]
        for j in range(rows[r], rows[r + 1]):
            while first < rows[r] and ends[first] < starts[j]:
                first += 1
            i = first
            while i < rows[r] and starts[i] <= ends[j]:
                if labels[r - 1, starts[i]] == labels[r, starts[j]]:
                    _unite(objects, i, j)
                    if starts[i] < ends[j] and starts[j] < ends[i]:
                        _unite(regions, i, j)
                i += 1
    for i in range(len(regions)):  # a parent is never after its child, so one pass flattens
        regions[i] = regions[regions[i]]
        objects[i] = objects[objects[i]]
    _number(regions)
    _number(objects)
    return regions, objects


@kernel
def _measure(
    labels: Labels, rows: NDArray[np.int64], starts: Ints, ends: Ints, regions: Ints, objects: Ints, num: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], Ints, Ints]:
    values = np.zeros(num, np.int64)
    areas = np.zeros(num, np.int64)
    windows = np.zeros((num, 4), np.int32)
    owners = np.zeros(num, np.int32)
    for r in range(len(rows) - 1):
        for i in range(rows[r], rows[r + 1]):
            k = regions[i]
            if areas[k] == 0:
                values[k] = labels[r, starts[i]]
                owners[k] = objects[i]
                windows[k, 0], windows[k, 1] = starts[i], r
            areas[k] += ends[i] - starts[i]
            windows[k, 0] = min(windows[k, 0], starts[i])
            windows[k, 2] = max(windows[k, 2], ends[i])
            windows[k, 3] = r + 1
    return values, areas, windows, owners


@kernel
def _region_at(rows: NDArray[np.int64], starts: Ints, regions: Ints, row: int, column: int) -> int:
    low, high = rows[row], rows[row + 1]
    while high - low > 1:
        middle = (low + high) // 2
        if starts[middle] <= column:
            low = middle
        else:
            high = middle
    return int(regions[low])


@kernel
def _trace(
    labels: Labels, rows: NDArray[np.int64], starts: Ints, ends: Ints, regions: Ints
) -> tuple[Ints, NDArray[np.int64], Ints]:
    """All rings, open, region on the right; the first ring of a region is its exterior.

    Every ring has an edge with its region just below, so the unseen ones among those start the rings. Where two pixels
    of one region touch by a corner only, the line goes on to the other pixel: the two remaining pixels lie in
    different rings then (a path of the region between its two pixels parts them), so no ring meets a corner twice.
    """
    height, width = labels.shape
    seen = np.zeros((height, width), np.bool_)  # by the pixel below the edge; untouched pages cost nothing
    points = np.empty((1024, 2), np.int32)
    ring_ends = np.empty(256, np.int64)
    ring_regions = np.empty(256, np.int32)
    num_points, num_rings = 0, 0
    for r in range(height):
        for i in range(rows[r], rows[r + 1]):
            value = labels[r, starts[i]]
            for c in range(starts[i], ends[i]):
                if seen[r, c] or (r > 0 and labels[r - 1, c] == value):
                    continue
                x, y, direction = c, r, 0  # right, down, left, up
                while True:
                    if num_points == len(points):
                        points = np.concatenate((points, np.empty_like(points)))
                    points[num_points, 0] = x
                    points[num_points, 1] = y
                    num_points += 1
                    x, y, direction = _walk(labels, rows, starts, regions, seen, x, y, direction, regions[i])
                    if x == c and y == r and direction == 0:
                        break
                if num_rings == len(ring_ends):
                    ring_ends = np.concatenate((ring_ends, np.empty_like(ring_ends)))
                    ring_regions = np.concatenate((ring_regions, np.empty_like(ring_regions)))
                ring_ends[num_rings] = num_points
                ring_regions[num_rings] = regions[i]
                num_rings += 1
    return points[:num_points], ring_ends[:num_rings], ring_regions[:num_rings]


@kernel
def _walk(
    labels: Labels,
    rows: NDArray[np.int64],
    starts: Ints,
    regions: Ints,
    seen: NDArray[np.bool_],
    x: int,
    y: int,
    direction: int,
    region: int,
) -> tuple[int, int, int]:
    """From a corner straight on to the next one; returns it with the direction after the turn."""
    height, width = labels.shape
    dx = (1, 0, -1, 0)[direction]
    dy = (0, 1, 0, -1)[direction]
    # the pixel right of the edge ahead, seen from the corner (x, y); the left one lies a step to the left of it
    rx = x + (0, -1, -1, 0)[direction]
    ry = y + (0, 0, -1, -1)[direction]
    value = labels[ry, rx]
    while True:
        if direction == 0:
            seen[ry, rx] = True
        x, y, rx, ry = x + dx, y + dy, rx + dx, ry + dy
        lx, ly = rx + dy, ry - dx
        right = 0 <= rx < width and 0 <= ry < height and labels[ry, rx] == value
        left = 0 <= lx < width and 0 <= ly < height and labels[ly, lx] == value
        if right and not left:
            continue
        if right or (left and _region_at(rows, starts, regions, ly, lx) == region):
            return x, y, (direction + 3) % 4
        return x, y, (direction + 1) % 4


@kernel
def _gather(
    points: Ints, ring_ends: NDArray[np.int64], ring_regions: Ints, num: int
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Group the rings by region, close them; turn the holes clockwise, from their upper left corner on."""
    num_rings = len(ring_ends)
    polygon_offsets = np.zeros(num + 1, np.int64)
    for k in ring_regions:
        polygon_offsets[k + 1] += 1
    polygon_offsets = np.cumsum(polygon_offsets)
    place = polygon_offsets.copy()
    order = np.empty(num_rings, np.int64)
    for i in range(num_rings):
        order[place[ring_regions[i]]] = i
        place[ring_regions[i]] += 1
    coords = np.empty((len(points) + num_rings, 2), np.float64)
    ring_offsets = np.zeros(num_rings + 1, np.int64)
    at = 0
    for k in range(num):
        for j in range(polygon_offsets[k], polygon_offsets[k + 1]):
            ring = order[j]
            start = ring_ends[ring - 1] if ring else 0
            length = ring_ends[ring] - start
            first, step = 0, 1
            if j > polygon_offsets[k]:
                step = -1
                for i in range(1, length):
                    x, y = points[start + i]
                    if y < points[start + first, 1] or (y == points[start + first, 1] and x < points[start + first, 0]):
                        first = i
            for i in range(length + 1):
                coords[at + i] = points[start + (first + step * i) % length]
            at += length + 1
            ring_offsets[j + 1] = at
    return coords, ring_offsets, polygon_offsets
