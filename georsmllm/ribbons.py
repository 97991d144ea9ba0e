"""How long and how wide shapes are, and the sides of long ones: the centre lines of rivers and roads, however they bend.

Frame: pixels of one view, x right, y down. The right of a line is the right hand of who walks along it on the screen.
"""

from __future__ import annotations

import math
from collections import defaultdict
from heapq import heappop, heappush
from typing import TYPE_CHECKING, NamedTuple

from georsmllm.geometry import to_rbox
from georsmllm.measures import Measured
from georsmllm.types import Point, PointSet

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from shapely import Geometry, LineString

    Bools = NDArray[np.bool_]
    Floats = NDArray[np.float64]

RIBBON, SIDED = 6.0, 3.0
"""Length over width from which on a shape is spoken of as a line, like a road or a river; and from which on it has at least two
sides that follow its bends. A building in the shape of an L is 5 or 6 times as long as wide, straightened."""
CROSSWISE = 0.5
"""Cosine: a line has an east side where the line between its ends runs by at least 30 degrees across the east."""
STAIRS_PX = 1.0
"""The edges of pixels are smoothed by so much before an outline is measured, as its steps are no length."""
MOST_EDGES = 400
CELLS = 2_000_000
"""Entries of a table that is computed at once."""


class Extent(NamedTuple):
    """Of each shape. lengths, widths: in px. are_ribbons: whether its length is that along its bends."""

    lengths: Floats
    widths: Floats
    are_ribbons: Bools


def extent(shapes: Measured) -> Extent:
    """The sides of the rotated boxes of least area; of ribbons the length along the bends, and the area over it.

    A strip of length L and width W has the area LW and an outline of 2(L + W), however it bends; both follow from these.
    """
    import numpy as np

    lengths, widths = np.zeros(len(shapes)), np.zeros(len(shapes))
    are_ribbons = np.zeros(len(shapes), dtype=bool)
    for i, shape in enumerate(shapes.shapes):
        lengths[i], widths[i] = _box_sides(shape)
        if shape.kind == "polygon":
            along, across = _strip_sides(shapes.surfaces[i])
            are_ribbons[i] = along >= RIBBON * across and along > 0
            if are_ribbons[i] and along > lengths[i]:
                lengths[i], widths[i] = along, across
        else:
            are_ribbons[i] = lengths[i] >= RIBBON * widths[i] and lengths[i] > 0
    return Extent(lengths, widths, are_ribbons)


def _box_sides(shape: PointSet) -> tuple[float, float]:
    if shape.kind == "point":
        return 0.0, 0.0
    a, b, c, d = to_rbox(shape).rings[0].points
    sides = (math.dist(a, b) + math.dist(c, d)) / 2, (math.dist(b, c) + math.dist(d, a)) / 2
    return max(sides), min(sides)


def _strip_sides(surface: Geometry) -> tuple[float, float]:
    """Of the parts' outer rings: their lengths together, and the width that their area leaves; as wide as long (so no ribbon)
    where the largest part is nothing like a strip."""
    import shapely

    parts = [p for p in shapely.get_parts(surface) if p.geom_type == "Polygon" and p.area > 0]
    if not parts:
        return surface.length, 0.0
    filled = [shapely.Polygon(part.exterior) for part in parts]
    sides = [_sides_of(one) for one in filled]
    largest = max(range(len(filled)), key=lambda i: filled[i].area)
    if sides[largest][0] < SIDED * sides[largest][1]:
        return sides[largest][0], sides[largest][0]
    length = sum(along for along, _ in sides)
    return length, sum(one.area for one in filled) / length


def _sides_of(part: Geometry) -> tuple[float, float]:
    smooth = part.simplify(STAIRS_PX)
    half, area = smooth.length / 2, smooth.area
    along = (half + math.sqrt(max(half * half - 4 * area, 0.0))) / 2
    return along, area / along if along else 0.0


# --- centre lines ----------------------------------------------------------------------------------------------------


def centre_line(surface: Geometry) -> tuple[Point, ...]:
    """The way through the middle of a ribbon's largest part, in its longer direction from end to end; () where there is none.

    The longest way along the edges of a Voronoi diagram of the outline; its last bit, which runs into a corner, is cut.
    """
    import shapely
    from shapely.ops import substring

    parts = [p for p in shapely.get_parts(surface) if p.geom_type == "Polygon" and p.area > 0]
    if not parts:
        return ()
    part = shapely.Polygon(max(parts, key=lambda p: p.area).exterior).simplify(STAIRS_PX)
    along, across = _sides_of(part)
    outline = shapely.segmentize(part.exterior, max(across / 2, along / MOST_EDGES))
    diagram = shapely.voronoi_polygons(shapely.MultiPoint(shapely.get_coordinates(outline)), only_edges=True)
    edges = shapely.get_parts(shapely.get_parts(diagram))
    shapely.prepare(part)
    inner = edges[shapely.contains_properly(part, edges)]
    way = _longest_way(inner)
    if way is None or way.length <= (SIDED - 0.5) * across:
        return ()
    middle = substring(way, across, way.length - across).simplify(across / 20)
    return tuple((float(x), float(y)) for x, y in middle.coords)


def _longest_way(edges: Floats) -> LineString | None:
    """The longest of the shortest ways between two nodes of a net that is (nearly) a tree."""
    import shapely

    net: defaultdict[Point, dict[Point, float]] = defaultdict(dict)
    for edge in edges:
        (x1, y1), (x2, y2) = edge.coords[0][:2], edge.coords[-1][:2]
        a, b = (round(x1, 6), round(y1, 6)), (round(x2, 6), round(y2, 6))
        if a != b:
            net[a][b] = net[b][a] = math.dist(a, b)
    best: list[Point] = []
    length = 0.0
    left = dict.fromkeys(net)
    while left:
        reached, _ = _ways(net, next(iter(left)))
        for node in reached:
            left.pop(node, None)
        start = max(reached, key=lambda node: reached[node])
        far, before = _ways(net, start)
        end = max(far, key=lambda node: far[node])
        if far[end] > length:
            length, best = far[end], [end]
            while best[-1] != start:
                best.append(before[best[-1]])
    return shapely.LineString(best) if best else None


def _ways(net: defaultdict[Point, dict[Point, float]], start: Point) -> tuple[dict[Point, float], dict[Point, Point]]:
    """Distances of all nodes that can be reached, and the node before each on the shortest way (Dijkstra)."""
    far, before = {start: 0.0}, {}
    done: set[Point] = set()
    queue = [(0.0, start)]
    while queue:
        distance, node = heappop(queue)
        if node in done:
            continue
        done.add(node)
        for other, step in net[node].items():
            if distance + step < far.get(other, math.inf):
                far[other] = distance + step
                before[other] = node
                heappush(queue, (distance + step, other))
    return far, before


# --- sides -----------------------------------------------------------------------------------------------------------


def side_line(shapes: Measured, index: int) -> tuple[Point, ...]:
    """The line whose sides are the sides of a shape: the centre line of what is like a strip, the long axis of what is longer
    than wide; () of what is neither."""
    if shapes.shapes[index].kind == "polygon":
        along, across = _strip_sides(shapes.surfaces[index])
        if along >= SIDED * across and (line := centre_line(shapes.surfaces[index])):
            return line
    start, end = shapes.axes[index]
    return (start, end) if start != end else ()


def towards_side(line: tuple[Point, ...], towards: Point) -> float:
    """1 where the right of a line is its side towards a direction, -1 where the left is; 0 where the line has no such side,
    because the way between its ends runs in that direction itself."""
    if len(line) < 2:
        return 0.0
    (x1, y1), (x2, y2) = line[0], line[-1]
    length = math.hypot(x2 - x1, y2 - y1)
    across = ((y1 - y2) * towards[0] + (x2 - x1) * towards[1]) / length if length else 0.0
    return math.copysign(1.0, across) if abs(across) >= CROSSWISE else 0.0


def offsets(points: Floats, line: tuple[Point, ...], beyond: float) -> Floats:
    """How far points, n x 2, lie to the right of a line (negative: to the left), both of whose ends go on straight by so much.

    At a bend the side is that of both pieces that meet there.
    """
    import numpy as np

    vertices = prolonged(line, beyond)
    starts, ways = vertices[:-1], np.diff(vertices, axis=0)
    lengths = np.hypot(ways[:, 0], ways[:, 1])
    starts, ways, lengths = starts[lengths > 0], ways[lengths > 0], lengths[lengths > 0]
    rights = np.stack([-ways[:, 1], ways[:, 0]], axis=1) / lengths[:, None]
    found = np.zeros(len(points))
    step = max(1, CELLS // len(starts))
    for at in range(0, len(points), step):
        found[at : at + step] = _signed(points[at : at + step], starts, ways, rights)
    return found


def _signed(points: Floats, starts: Floats, ways: Floats, rights: Floats) -> Floats:
    import numpy as np

    apart = points[:, None, :] - starts[None]
    along = np.clip((apart * ways).sum(axis=2) / (ways**2).sum(axis=1), 0, 1)
    gap = apart - along[:, :, None] * ways[None]
    far = np.hypot(gap[..., 0], gap[..., 1])
    nearest = far.min(axis=1)
    is_nearest = far <= nearest[:, None] * (1 + 1e-9) + 1e-9
    normals = is_nearest @ rights  # of both pieces at a bend
    at = np.arange(len(points)), is_nearest.argmax(axis=1)
    side = (gap[at] * normals).sum(axis=1)
    found: Floats = nearest * np.sign(side)
    return found


def prolonged(line: tuple[Point, ...], beyond: float) -> Floats:
    """The points of a line, both of whose ends go on straight by so much, n x 2."""
    import numpy as np

    def past(end: Point, before: Point) -> Point:
        length = math.dist(end, before)
        return end[0] + (end[0] - before[0]) / length * beyond, end[1] + (end[1] - before[1]) / length * beyond

    return np.array([past(line[0], line[1]), *line, past(line[-1], line[-2])])
