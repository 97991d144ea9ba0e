"""Which of the things that several views said are one object: agreement about what both views could see.

Two views A and B share a zone Z. If their answers mean one object, they agree inside Z, however much of it either view
lacks: one seen whole in A is in B exactly what lies in Z; one cut in both is in both the same part of Z. So the IoU is taken
inside Z, of an object that the other view saw whole without that allowance. Two answers of one view are never one object.

Frame: scene pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from georsmllm.geometry import bounds, to_valid
from georsmllm.types import PointSet, Window

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]

CUT_PX = 5.0
"""An answer so near to a border inside the scene may be a piece: the grid of 1000 cells rounds by half a pixel, models err
by some more."""
AGREES = 0.2
"""IoU inside the shared zone. Low, because things of 16 x 6 px that each view says 1 px off often have less than 0.5 (13 % of
them then count twice, at 0.2 0.4 %), and safe, because two answers of one view are never one object; at 0.1 neighbours in
upright boxes begin to melt (0.3 % of slanted cars)."""
ENDS_AGREE = 0.5
"""The same of the stretches at which two things end at the border of views that share nothing else."""
CONTAINED = 0.5
"""Share of a cut piece inside what the other view saw whole. Low, because a sliver of 4 px that is 2 px wrong has 0.5, and
so has the rectangle around a triangle, the corner of a rotated box."""
BOXES_CROSS = 0.1
"""Of upright boxes that both end at each other's borders, the common part as a share of the smaller one inside the zone: the
upright boxes of the two halves of a slanted object share only a corner of it."""
POINTS_PX = 8.0
"""Points of two views that are so near are one object."""


class Pieces(NamedTuple):
    """Pieces of one label and kind as arrays. shapes in canonical order; views: an index each; windows: x1, y1, x2, y2."""

    shapes: Sequence[PointSet]
    views: Ints
    windows_xyxy: Floats
    bounds_xyxy: Floats
    geometries: NDArray[np.object_]
    areas: Floats
    are_cut: Bools


class Pairs(NamedTuple):
    """first < second: indices of pieces that are one object by their own two views, best agreement first."""

    first: Ints
    second: Ints


def pieces_of(shapes: Sequence[PointSet], windows: Sequence[Window], extent_xyxy: Floats) -> Pieces:
    """extent_xyxy: of all views together; its borders cut nothing, for there is nothing to see beyond."""
    import shapely

    numbers: dict[Window, int] = {}
    views = np.array([numbers.setdefault(window, len(numbers)) for window in windows], np.int64)
    corners = np.array([(w.x, w.y, w.x + w.width, w.y + w.height) for w in numbers], np.float64)[views]
    limits = np.array([bounds(shape) for shape in shapes], np.float64)
    geometries = _geometries(shapes, limits)
    at_border = np.abs(limits - corners) <= CUT_PX
    beyond = np.where([True, True, False, False], limits < corners, limits > corners)
    is_inner = corners != extent_xyxy
    cut = ((at_border | beyond) & is_inner).any(axis=1)
    return Pieces(shapes, views, corners, limits, geometries, shapely.area(geometries), cut)


def _geometries(shapes: Sequence[PointSet], limits: Floats) -> NDArray[np.object_]:
    import shapely

    kind = shapes[0].kind
    if kind == "point":
        return np.asarray(shapely.points(limits[:, :2]))
    if kind == "box":
        return np.asarray(shapely.box(*limits.T))
    if kind == "rbox":
        quads = np.asarray(shapely.polygons(np.array([shape.rings[0].points for shape in shapes], np.float64)))
        for i in np.flatnonzero(~shapely.is_valid(quads)).tolist():
            quads[i] = to_valid(shapes[i])
        return quads
    found = np.empty(len(shapes), object)
    found[:] = [to_valid(shape) for shape in shapes]
    return found


def touching(pieces: Pieces) -> Pairs:
    """Pairs of areas of different views that share area, or a stretch of border where views do not overlap."""
    import shapely

    i, j = _near(pieces)
    common = shapely.intersection(pieces.geometries[i], pieces.geometries[j])
    kept = (shapely.area(common) > 0) | (shapely.length(common) > 0)
    return Pairs(i[kept], j[kept])


def matching(pieces: Pieces) -> Pairs:
    """Pairs of different views that are one object."""
    i, j = _near(pieces)
    if pieces.shapes[0].kind == "point":
        far = np.linalg.norm(pieces.bounds_xyxy[i, :2] - pieces.bounds_xyxy[j, :2], axis=1)
        order = np.lexsort((j, i, far))
        return Pairs(i[order], j[order])
    zones = np.concatenate(
        [
            np.maximum(pieces.windows_xyxy[i, :2], pieces.windows_xyxy[j, :2]),
            np.minimum(pieces.windows_xyxy[i, 2:], pieces.windows_xyxy[j, 2:]),
        ],
        axis=1,
    )
    is_line = (zones[:, 2:] <= zones[:, :2]).any(axis=1)
    agree, accepted = _agreement(pieces, i, j, zones)
    for at in np.flatnonzero(is_line):
        agree[at] = _contact(pieces, int(i[at]), int(j[at]), zones[at])
        accepted[at] = agree[at] >= ENDS_AGREE
    i, j, agree = i[accepted], j[accepted], agree[accepted]
    # Equal agreement inside the zone: those that are more alike as wholes go first.
    sizes = np.minimum(pieces.areas[i], pieces.areas[j]) / np.maximum(
        np.maximum(pieces.areas[i], pieces.areas[j]), 1e-9
    )
    order = np.lexsort((j, i, -sizes, -np.round(agree, 6)))
    return Pairs(i[order], j[order])


def groups(pieces: Pieces, pairs: Pairs, *, one_a_view: bool) -> list[list[int]]:
    """Pieces by object, in canonical order. one_a_view: no object has two pieces of one view; the better pair goes first."""
    parents = list(range(len(pieces.shapes)))
    views: list[set[int]] = [{int(view)} for view in pieces.views]

    def root(i: int) -> int:
        while parents[i] != i:
            parents[i] = parents[parents[i]]
            i = parents[i]
        return i

    for i, j in zip(pairs.first.tolist(), pairs.second.tolist(), strict=True):
        a, b = root(i), root(j)
        if a == b or (one_a_view and not views[a].isdisjoint(views[b])):
            continue
        if len(views[a]) < len(views[b]):
            a, b = b, a
        parents[b] = a
        views[a] |= views[b]
    found: dict[int, list[int]] = {}
    for i in range(len(parents)):
        found.setdefault(root(i), []).append(i)
    return sorted(found.values())


def _near(pieces: Pieces) -> tuple[Ints, Ints]:
    import shapely

    tree = shapely.STRtree(pieces.geometries)
    if pieces.shapes[0].kind == "point":
        i, j = tree.query(pieces.geometries, predicate="dwithin", distance=POINTS_PX)
    else:
        i, j = tree.query(pieces.geometries, predicate="intersects")
    kept = (i < j) & (pieces.views[i] != pieces.views[j])
    return i[kept], j[kept]


def _agreement(pieces: Pieces, i: Ints, j: Ints, zones: Floats) -> tuple[Floats, Bools]:
    """The IoU as far as both views could see, and whether the two are one object."""
    is_box = pieces.shapes[0].kind == "box"
    common = _box_area(_overlap(pieces.bounds_xyxy[i], pieces.bounds_xyxy[j])) if is_box else _common(pieces, i, j)
    cut_i, cut_j = pieces.are_cut[i], pieces.are_cut[j]
    in_zone_i, in_zone_j = _inside(pieces, i, zones), _inside(pieces, j, zones)
    seen_i = np.where(cut_j, in_zone_i, pieces.areas[i])
    seen_j = np.where(cut_i, in_zone_j, pieces.areas[j])
    agree = _ratio(common, seen_i + seen_j - common)
    cut_area = np.where(cut_i, pieces.areas[i], pieces.areas[j])
    in_whole = (cut_i != cut_j) & (_ratio(common, cut_area) >= CONTAINED)
    accepted = (agree >= AGREES) | in_whole
    if is_box:
        of_smaller = _ratio(common, np.minimum(in_zone_i, in_zone_j))
        accepted |= cut_i & cut_j & (of_smaller >= BOXES_CROSS) & _span_zone(pieces, i, j, zones)
    return agree, accepted


def _span_zone(pieces: Pieces, i: Ints, j: Ints, zones: Floats) -> Bools:
    """Whether both reach from one side of the zone to the other along one axis: a thing longer than the overlap."""
    both = _overlap(pieces.bounds_xyxy[i], pieces.bounds_xyxy[j])
    spans: Bools = (both[:, :2] - zones[:, :2] <= CUT_PX) & (zones[:, 2:] - both[:, 2:] <= CUT_PX)
    longer = (np.minimum(pieces.windows_xyxy[i, 2:], pieces.windows_xyxy[j, 2:]) == zones[:, 2:]) & (
        pieces.windows_xyxy[i, :2] != pieces.windows_xyxy[j, :2]
    )
    return np.asarray((spans & longer).any(axis=1))


def _contact(pieces: Pieces, i: int, j: int, zone: Floats) -> float:
    """Of views that only touch: the IoU of the stretches of their common border at which the two shapes end."""
    import shapely

    axis = 0 if zone[2] <= zone[0] else 1  # the axis across the border
    strip = zone.copy()
    strip[[axis, axis + 2]] = zone[axis] - CUT_PX, zone[axis] + CUT_PX
    ends = [shapely.bounds(shapely.intersection(pieces.geometries[k], shapely.box(*strip))) for k in (i, j)]
    low, high = (np.array([end[k] for end in ends]) for k in (1 - axis, 3 - axis))
    common, all_of_it = float(high.min() - low.max()), float(high.max() - low.min())
    return max(0.0, common) / all_of_it if all_of_it > 0 else 0.0  # NaN bounds of nothing compare as False


def _common(pieces: Pieces, i: Ints, j: Ints) -> Floats:
    import shapely

    return np.asarray(shapely.area(shapely.intersection(pieces.geometries[i], pieces.geometries[j])))


def _inside(pieces: Pieces, i: Ints, zones: Floats) -> Floats:
    """The area of each piece inside its zone."""
    import shapely

    limits = pieces.bounds_xyxy[i]
    if pieces.shapes[0].kind == "box":
        return _box_area(_overlap(limits, zones))
    found = pieces.areas[i].copy()
    out = np.flatnonzero((limits[:, :2] < zones[:, :2]).any(axis=1) | (limits[:, 2:] > zones[:, 2:]).any(axis=1))
    clipped = shapely.intersection(pieces.geometries[i[out]], shapely.box(*zones[out].T))
    found[out] = shapely.area(clipped)
    return found


def _overlap(first: Floats, second: Floats) -> Floats:
    return np.concatenate([np.maximum(first[:, :2], second[:, :2]), np.minimum(first[:, 2:], second[:, 2:])], axis=1)


def _box_area(boxes: Floats) -> Floats:
    return np.asarray(np.prod(np.clip(boxes[:, 2:] - boxes[:, :2], 0.0, None), axis=1))


def _ratio(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
