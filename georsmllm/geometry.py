"""Exact planar geometry of shapes in one pixel frame (x right, y down): measures, conversions, clipping, clean corners.

"Clockwise" is as seen on the screen; with y down that is a positive shoelace sum.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from georsmllm.types import Point, PointSet, Ring, box

if TYPE_CHECKING:
    from shapely import Geometry, Polygon

NO_AREA_PX = 1e-6
"""A shape with less is a line or a point, whatever its coordinates say in their last digits."""

Corners = tuple[Point, Point, Point, Point]
Rect = tuple[float, float, float, float]


class Clipped(NamedTuple):
    """What is left of a shape inside a window, in the frame it came in.

    visible: share of its area (of its length, for a shape without area) inside. fit: IoU of `shape` with the part that
    is truly visible: 1 for points, boxes and polygons; under 1 for a rotated box whose visible part is no rectangle.
    """

    shape: PointSet | None
    visible: float
    fit: float = 1.0


def bounds(shape: PointSet) -> Rect:
    """(x min, y min, x max, y max) of all rings."""
    points = shape.rings[0].points if len(shape.rings) == 1 else [p for ring in shape.rings for p in ring.points]
    xs, ys = zip(*points, strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def signed_area(points: Sequence[Point]) -> float:
    """Shoelace area in px², positive when the ring runs clockwise on the screen."""
    total = 0.0
    x0, y0 = points[-1]
    for x1, y1 in points:
        total += x0 * y1 - x1 * y0
        x0, y0 = x1, y1
    return total / 2


def area(shape: PointSet) -> float:
    """Area in px²: 0 for a point, parts minus holes for a polygon."""
    if shape.kind == "point":
        return 0.0
    if shape.kind == "box":
        (x1, y1), (x2, y2) = shape.rings[0].points
        return (x2 - x1) * (y2 - y1)
    return sum(abs(signed_area(r.points)) * (1 if r.sign == "+" else -1) for r in shape.rings)


def centre(shape: PointSet) -> Point:
    """The middle of the bounds."""
    x1, y1, x2, y2 = bounds(shape)
    return (x1 + x2) / 2, (y1 + y2) / 2


def shift(shape: PointSet, dx: float, dy: float) -> PointSet:
    """The shape moved by (dx, dy): view -> scene is shift by the window's corner, scene -> view by its negative."""
    rings = tuple(Ring(tuple((x + dx, y + dy) for x, y in ring.points), ring.sign) for ring in shape.rings)
    return PointSet(shape.kind, rings, tuple((x + dx, y + dy) for x, y in shape.keypoints))


def order_corners(corners: Sequence[Point]) -> Corners:
    """Four corners clockwise on the screen from the one with least x+y (ties: least y, then x)."""
    a, b, c, d = corners
    if (c[0] - a[0]) * (d[1] - b[1]) < (d[0] - b[0]) * (c[1] - a[1]):  # the diagonals' cross product, twice the area
        b, d = d, b
    keys = [(x + y, y, x) for x, y in (a, b, c, d)]
    start = keys.index(min(keys))
    if start == 0:
        return a, b, c, d
    return (b, c, d, a) if start == 1 else (c, d, a, b) if start == 2 else (d, a, b, c)


def is_simple_quad(corners: Sequence[Point]) -> bool:
    """Whether no two opposite sides of the quad cross."""
    a, b, c, d = corners
    return not (_cross(a, b, c, d) or _cross(b, c, d, a))


def hull(points: Sequence[Point]) -> tuple[Point, ...]:
    """The convex hull clockwise on the screen, without collinear points (Andrew's monotone chain)."""
    ordered = sorted(set(points))
    if len(ordered) < 3:
        return tuple(ordered)
    lower: list[Point] = []
    upper: list[Point] = []
    for chain, sequence in ((lower, ordered), (upper, ordered[::-1])):
        for p in sequence:
            while len(chain) > 1 and _turn(chain[-2], chain[-1], p) <= 0:
                chain.pop()
            chain.append(p)
    return tuple(lower[:-1] + upper[:-1])


def min_area_rect(points: Sequence[Point]) -> Corners:
    """The corners of the rectangle of least area around the points, in canonical order.

    Rotating calipers in double precision. OpenCV's `minAreaRect` changed its angle range at 4.5.1 and again at 4.14 and
    with it the corner order; ours depends on the points alone: of equal rectangles the one with the least corners wins.
    Fewer than three directions (a point, a line) give a rectangle with zero sides.
    """
    ring = hull(points)
    if len(ring) < 3:
        a, b = ring[0], ring[-1]
        return order_corners((a, b, b, a))
    best: tuple[float, Corners] | None = None
    for i, a in enumerate(ring):
        b = ring[(i + 1) % len(ring)]
        length = math.hypot(b[0] - a[0], b[1] - a[1])
        ux, uy = (b[0] - a[0]) / length, (b[1] - a[1]) / length
        along = [x * ux + y * uy for x, y in ring]
        across = [y * ux - x * uy for x, y in ring]
        s0, s1, t0, t1 = min(along), max(along), min(across), max(across)
        size = (s1 - s0) * (t1 - t0)
        if best is not None and size > best[0] * (1 + 1e-9):
            continue
        corners = order_corners(
            [(s * ux - t * uy, s * uy + t * ux) for s, t in ((s0, t0), (s1, t0), (s1, t1), (s0, t1))]
        )
        if best is None or size < best[0] * (1 - 1e-9) or corners < best[1]:
            best = (size, corners)
    assert best is not None
    return best[1]


def to_box(shape: PointSet) -> PointSet:
    """The axis-aligned box around the shape; keypoints are kept."""
    return box(*bounds(shape), keypoints=shape.keypoints)


def to_rbox(shape: PointSet) -> PointSet:
    """The rotated box of least area around the shape; a rotated box keeps its own corners, put in canonical order."""
    if shape.kind == "rbox":
        corners = order_corners(shape.rings[0].points)
        return shape if corners == shape.rings[0].points else PointSet("rbox", (Ring(corners),))
    if shape.kind == "box":
        x1, y1, x2, y2 = bounds(shape)
        return PointSet("rbox", (Ring(((x1, y1), (x2, y1), (x2, y2), (x1, y2))),))
    points = [p for ring in shape.rings if ring.sign == "+" for p in ring.points]
    return PointSet("rbox", (Ring(min_area_rect(points)),))


def to_polygon(shape: PointSet) -> PointSet:
    """The same outline as a polygon: of a box its four corners. A point has none (ValueError)."""
    if shape.kind == "point":
        raise ValueError("a point has no outline")
    return PointSet("polygon", to_rbox(shape).rings if shape.kind == "box" else shape.rings)


def parts(shape: PointSet) -> list[list[Ring]]:
    """The rings of a rotated box or polygon part by part: the outer ring, then its holes."""
    found: list[list[Ring]] = []
    for ring in shape.rings:
        if ring.sign == "+":
            found.append([ring])
        else:
            found[-1].append(ring)
    return found


def to_shapely(shape: PointSet) -> Geometry:
    """The shape as a shapely geometry (not repaired: an invalid ring stays invalid)."""
    import shapely

    if shape.kind == "point":
        return shapely.Point(shape.rings[0].points[0])
    if shape.kind == "box":
        return shapely.box(*bounds(shape))
    polygons = [shapely.Polygon(outer.points, [hole.points for hole in holes]) for outer, *holes in parts(shape)]
    return polygons[0] if len(polygons) == 1 else shapely.MultiPolygon(polygons)


def to_valid(shape: PointSet) -> Geometry:
    """The areas of a shape as a valid shapely geometry: each ring by the even-odd rule, holes taken from their part,
    overlapping parts united (as `masks` fills it)."""
    import shapely

    whole = to_shapely(shape)
    if whole.is_valid:
        return whole
    return shapely.union_all([_repaired(part) for part in shapely.get_parts(whole)])


def _repaired(part: Polygon) -> Geometry:
    """Ring by ring: GEOS refuses to repair a polygon one of whose rings has collapsed to a line."""
    import shapely

    rings = [shapely.make_valid(shapely.Polygon(ring)) for ring in (part.exterior, *part.interiors)]
    pieces = [
        shapely.get_parts(shapely.get_parts(ring)) for ring in rings
    ]  # areas may lie in a collection's collection
    outer, *holes = [shapely.union_all([p for p in found if p.geom_type == "Polygon"]) for found in pieces]
    return outer.difference(shapely.union_all(holes))


def from_shapely(geometry: Geometry) -> PointSet | None:
    """The areas of a geometry as a polygon, rings clockwise, each part followed by its holes; None without areas."""
    import shapely

    rings: list[Ring] = []
    for part in shapely.get_parts(shapely.get_parts(geometry)):
        if part.geom_type != "Polygon" or part.is_empty:
            continue
        rings.append(_ring(part.exterior.coords[:-1], "+"))
        rings.extend(_ring(hole.coords[:-1], "-") for hole in part.interiors)
    return PointSet("polygon", tuple(rings)) if rings else None


def clip(shape: PointSet, window: Rect) -> Clipped:
    """The part of a shape inside the window (x, y, width, height), in the frame it came in.

    Boxes shrink, polygons are intersected, keypoints outside are left out. A rotated box that sticks out is replaced
    by a quad inside the window: the visible part itself where it has four corners, else the rectangle of least area
    around the visible part with its corners brought back to the window; `fit` tells how well that sits.
    """
    x0, y0, x1, y1 = window[0], window[1], window[0] + window[2], window[1] + window[3]
    left, top, right, bottom = bounds(shape)
    if left >= x0 and top >= y0 and right <= x1 and bottom <= y1:
        return Clipped(shape, 1.0)
    if left > x1 or top > y1 or right < x0 or bottom < y0:
        return Clipped(None, 0.0)
    if shape.kind == "point":
        return Clipped(None, 0.0)
    if shape.kind == "box":
        cut = (max(left, x0), max(top, y0), min(right, x1), min(bottom, y1))
        visible = _share(cut[2] - cut[0], right - left) * _share(cut[3] - cut[1], bottom - top)
        inside = tuple((x, y) for x, y in shape.keypoints if x0 <= x <= x1 and y0 <= y <= y1)
        return Clipped(box(*cut, keypoints=inside), visible) if visible > 0 else Clipped(None, 0.0)
    if shape.kind == "rbox":
        return _clip_rbox(shape, (x0, y0, x1, y1))
    return _clip_polygon(shape, (x0, y0, x1, y1))


def clip_ring(points: Sequence[Point], corners: Rect) -> tuple[Point, ...]:
    """The ring cut to the rectangle (x min, y min, x max, y max); a concave ring may get edges along the border
    (Sutherland-Hodgman), its area is right all the same."""
    ring = list(points)
    for axis, limit, keep_above in (
        (0, corners[0], True),
        (0, corners[2], False),
        (1, corners[1], True),
        (1, corners[3], False),
    ):
        kept: list[Point] = []
        for i, p in enumerate(ring):
            q = ring[i - 1]
            p_in = p[axis] >= limit if keep_above else p[axis] <= limit
            q_in = q[axis] >= limit if keep_above else q[axis] <= limit
            if p_in != q_in:
                t = (limit - q[axis]) / (p[axis] - q[axis])
                other = q[1 - axis] + t * (p[1 - axis] - q[1 - axis])
                kept.append((limit, other) if axis == 0 else (other, limit))
            if p_in:
                kept.append(p)
        ring = kept
        if not ring:
            break
    return tuple(p for i, p in enumerate(ring) if p != ring[i - 1]) if len(ring) > 1 else tuple(ring)


def _clip_rbox(shape: PointSet, corners: Rect) -> Clipped:
    ring = shape.rings[0].points
    whole = abs(signed_area(ring))
    seen = clip_ring(ring, corners)
    if len(seen) < 3 or whole == 0:
        return Clipped(None, 0.0)
    left = abs(signed_area(seen))
    if left == 0:
        return Clipped(None, 0.0)
    x0, y0, x1, y1 = corners
    quad = seen if len(seen) == 4 else min_area_rect(seen)
    # Also a corner that was cut on the border may miss it by a last digit.
    fitted = [(min(max(x, x0), x1), min(max(y, y0), y1)) for x, y in quad]
    fit = 1.0 if len(seen) == 4 else _iou(fitted, seen)
    return Clipped(PointSet("rbox", (Ring(order_corners(fitted)),)), left / whole, fit)


def _clip_polygon(shape: PointSet, corners: Rect) -> Clipped:
    import shapely

    whole = to_valid(shape)
    inside = shapely.intersection(whole, shapely.box(*corners))
    kept = from_shapely(inside)
    if kept is None or whole.area < NO_AREA_PX:
        return Clipped(None, 0.0)
    return Clipped(kept, min(1.0, inside.area / whole.area))


def _iou(first: Sequence[Point], second: Sequence[Point]) -> float:
    import shapely

    a, b = (shapely.make_valid(shapely.Polygon(ring)) for ring in (first, second))
    union = a.union(b).area
    return float(a.intersection(b).area / union) if union else 0.0


def _ring(points: Sequence[tuple[float, ...]], sign: str) -> Ring:
    ring = tuple((x, y) for x, y, *_ in points)
    return Ring(ring if signed_area(ring) >= 0 else ring[::-1], "+" if sign == "+" else "-")


def _share(part: float, whole: float) -> float:
    return 1.0 if whole == 0 else part / whole


def _turn(a: Point, b: Point, c: Point) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _cross(a: Point, b: Point, c: Point, d: Point) -> bool:
    return _turn(a, b, c) * _turn(a, b, d) < 0 and _turn(c, d, a) * _turn(c, d, b) < 0
