"""Shapes as the geometries of RFC 7946: the order of rings, the cut at the antimeridian, the bounding box.

Source: https://datatracker.ietf.org/doc/html/rfc7946, sections 3.1.6 (right-hand rule), 3.1.9 (antimeridian), 5 (bbox).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from georsmllm.geometry import from_shapely, parts, shift, signed_area, to_polygon, to_valid
from georsmllm.types import Point, PointSet, Ring

FRAME = "scene pixels: x right, y down, (0, 0) the outer corner of the first pixel; not longitude and latitude"
"""What a file says whose coordinates are no place on Earth."""
PRECISION = 8
"""Decimals of a degree: a millimetre."""

_SLIVER = 1e-7  # degrees: what sticks out over the antimeridian by less does so by rounding alone


def geometry(shape: PointSet) -> dict[str, object]:
    """Point, Polygon, or MultiPolygon of more than one part: closed rings, outer ones counter-clockwise and holes clockwise
    where y points up, whatever order they came in."""
    if shape.kind == "point":
        return {"type": "Point", "coordinates": shape.rings[0].points[0]}
    found = [[_ring(ring) for ring in part] for part in parts(to_polygon(shape))]
    if len(found) == 1:
        return {"type": "Polygon", "coordinates": found[0]}
    return {"type": "MultiPolygon", "coordinates": found}


def _ring(ring: Ring) -> tuple[Point, ...]:
    is_left = signed_area(ring.points) > 0
    points = ring.points if is_left == (ring.sign == "+") else ring.points[::-1]
    return (*points, points[0])


def within_180(shape_lon_lat: PointSet) -> PointSet:
    """The same place with longitudes in -180..180: a shape over the antimeridian is cut there into parts, one that lies
    beyond it comes back round. Longitudes of the input run on without a leap, by up to a turn for each part."""
    if shape_lon_lat.kind == "point":
        ((x, y),) = shape_lon_lat.rings[0].points
        return PointSet("point", (Ring(((_back(x, x), y),)),))
    rings: list[Ring] = []
    for part in parts(to_polygon(shape_lon_lat)):
        rings.extend(_cut(part))
    return PointSet("polygon", tuple(rings))


def _cut(part: list[Ring]) -> Sequence[Ring]:
    """A part's rings where it does not cross, else the rings of its pieces."""
    import shapely

    lons = [x for x, _ in part[0].points]
    west = min(lons) + _SLIVER
    first, last = _turn(west), _turn(max(lons) - _SLIVER)
    if last <= first:
        return [Ring(tuple((_back(x, west), y) for x, y in ring.points), ring.sign) for ring in part]
    whole = to_valid(PointSet("polygon", tuple(part)))
    rings: list[Ring] = []
    for turn in range(first, last + 1):
        window = shapely.box(360 * turn - 180, -90, 360 * turn + 180, 90)
        piece = from_shapely(shapely.intersection(whole, window))
        if piece is not None:
            rings.extend(shift(piece, -360.0 * turn, 0).rings)
    return rings


def _turn(lon: float) -> int:
    return math.floor((lon + 180) / 360)


def _back(lon: float, where: float) -> float:
    """A longitude moved by the whole turns that bring `where` into -180..180."""
    moved = lon - 360 * _turn(where)
    return min(max(moved, -180.0), 180.0) if abs(abs(moved) - 180) < _SLIVER else moved


def bbox(shapes_lon_lat: Sequence[PointSet]) -> tuple[float, float, float, float] | None:
    """(west, south, east, north) of shapes within -180..180; west > east where the narrower box goes over the antimeridian.
    None of nothing."""
    points = [point for shape in shapes_lon_lat for ring in shape.rings for point in ring.points]
    if not points:
        return None
    south, north = min(y for _, y in points), max(y for _, y in points)
    spans = sorted(_spans(shapes_lon_lat))
    west, east = spans[0][0], max(end for _, end in spans)
    if east - west <= 180:
        return west, south, east, north
    gap, reach = west + 360 - east, spans[0][1]
    for start, end in spans[1:]:
        if start - reach > gap:
            gap, west, east = start - reach, start, reach
        reach = max(reach, end)
    return west, south, east, north


def _spans(shapes: Sequence[PointSet]) -> list[tuple[float, float]]:
    """The longitudes from west to east that each part of the shapes covers."""
    found = []
    for shape in shapes:
        for ring in shape.rings:
            if ring.sign == "+":
                lons = [x for x, _ in ring.points]
                found.append((min(lons), max(lons)))
    return found
