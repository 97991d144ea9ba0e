"""How far two sets of objects cover one another: IoU matrices and one-to-one matching."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from georsmllm.geometry import bounds, to_valid
from georsmllm.metrics.quads import areas, convex_quads, intersections
from georsmllm.types import PointSet

Matrix = NDArray[np.float64]


def iou_matrix(predicted: tuple[PointSet, ...], gold: tuple[PointSet, ...], cell_wh: tuple[float, float]) -> Matrix:
    """P x G intersection over union in the pixel-edge frame; an empty side gives a matrix without entries.

    cell_wh: one cell of the point text's grid in pixels. A shape without area is widened before it is measured: a zero
    side of a box, or a point, to one cell about its middle; a rotated box or ring flat on one line to a strip one cell
    wide about that line (methods, decision 2). A self-crossing ring covers what the even-odd rule gives it.
    """
    if all(shape.kind == "box" for shape in (*predicted, *gold)):
        return _box_ious(_boxes(predicted, cell_wh), _boxes(gold, cell_wh))
    inter, area_p, area_g = _intersections(predicted, gold, cell_wh)
    return _quotient(inter, area_p[:, None] + area_g[None, :] - inter)


def cover_matrix(covered: tuple[PointSet, ...], by: tuple[PointSet, ...], cell_wh: tuple[float, float]) -> Matrix:
    """The share of each shape of `covered` (rows) that each of `by` (columns) covers; widened as in `iou_matrix`."""
    inter, area, _ = _intersections(covered, by, cell_wh)
    return _quotient(inter, np.broadcast_to(area[:, None], inter.shape))


def assign(iou: Matrix) -> tuple[tuple[int, int], ...]:
    """One-to-one (predicted, gold) pairs by the Hungarian method on 1 - IoU, sorted by predicted index.

    Pairs that do not overlap at all are left out. Among assignments of equal total IoU, which are equally good, the one
    that scipy's deterministic solver returns is taken. No rows or no columns: no pairs.
    """
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(1.0 - iou)
    return tuple((int(p), int(g)) for p, g in zip(rows, columns, strict=True) if iou[p, g] > 0)


def _boxes(shapes: tuple[PointSet, ...], cell_wh: tuple[float, float]) -> Matrix:
    return np.array([_widened(bounds(shape), cell_wh) for shape in shapes], dtype=np.float64).reshape(-1, 4)


def _widened(box: tuple[float, float, float, float], cell_wh: tuple[float, float]) -> tuple[float, float, float, float]:
    x1, y1, x2, y2 = box
    dx = cell_wh[0] / 2 if x1 == x2 else 0.0
    dy = cell_wh[1] / 2 if y1 == y2 else 0.0
    return x1 - dx, y1 - dy, x2 + dx, y2 + dy


def _box_ious(p: Matrix, g: Matrix) -> Matrix:
    low = np.maximum(p[:, None, :2], g[None, :, :2])
    high = np.minimum(p[:, None, 2:], g[None, :, 2:])
    inter = np.clip(high - low, 0, None).prod(axis=2)
    area_p, area_g = (p[:, 2:] - p[:, :2]).prod(axis=1), (g[:, 2:] - g[:, :2]).prod(axis=1)
    return _quotient(inter, area_p[:, None] + area_g[None, :] - inter)


def _quotient(inter: Matrix, whole: Matrix) -> Matrix:
    return np.clip(np.divide(inter, whole, out=np.zeros(inter.shape), where=whole > 0), 0.0, 1.0)


def _intersections(
    a: tuple[PointSet, ...], b: tuple[PointSet, ...], cell_wh: tuple[float, float]
) -> tuple[Matrix, Matrix, Matrix]:
    """Intersection areas (A x B), areas of a, areas of b; only pairs whose bounding boxes meet are clipped. Rotated boxes by
    the compiled clipper, everything else by GEOS."""
    import shapely

    quads_a, quads_b = convex_quads(a), convex_quads(b)
    if quads_a is not None and quads_b is not None:
        return intersections(quads_a, quads_b), areas(quads_a), areas(quads_b)

    surface_a, surface_b = _surfaces(a, cell_wh), _surfaces(b, cell_wh)
    box_a, box_b = shapely.bounds(surface_a).reshape(-1, 4), shapely.bounds(surface_b).reshape(-1, 4)
    meet = (box_a[:, None, :2] < box_b[None, :, 2:]).all(axis=2) & (box_b[None, :, :2] < box_a[:, None, 2:]).all(axis=2)
    rows, columns = np.nonzero(meet)
    inter = np.zeros((len(a), len(b)))
    inter[rows, columns] = shapely.area(shapely.intersection(surface_a[rows], surface_b[columns]))
    return inter, shapely.area(surface_a), shapely.area(surface_b)


def _surfaces(shapes: tuple[PointSet, ...], cell_wh: tuple[float, float]) -> NDArray[np.object_]:
    surfaces = np.empty(len(shapes), dtype=object)
    surfaces[:] = [_surface(shape, cell_wh) for shape in shapes]
    return surfaces


def _surface(shape: PointSet, cell_wh: tuple[float, float]) -> object:
    """The shapely area of a shape, valid and never without area."""
    import shapely

    if shape.kind in ("point", "box"):
        return shapely.box(*_widened(bounds(shape), cell_wh))
    surface = to_valid(shape)
    if surface.area > 0:
        return surface
    line = shapely.MultiPoint([p for ring in shape.rings for p in ring.points]).convex_hull
    return line.buffer(sum(cell_wh) / 4, cap_style="flat" if line.length > 0 else "square")
