"""The shapes of one view, measured once for their relations: centres, extents, directions, gaps and common areas."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from georsmllm.geometry import to_rbox, to_valid
from georsmllm.types import Point, PointSet

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from shapely import Geometry, STRtree

    Bools = NDArray[np.bool_]
    Floats = NDArray[np.float64]
    Geometries = NDArray[np.object_]

ELONGATED = 1.5
"""Length over width from which on something has a direction; a plane or a storage tank has none."""
AXIS_SAMPLES = 21
LARGEST_VIEW = 4096
"""Side of the largest square that shares of the diagonal speak of: what is near in a scene of 20 000 px is near in a part
of it that a person takes in."""


class Measured:
    """Shapes of a view of that size, in its pixels, in the order in which they came. keys: who they are, so that one object is
    known again among others; none where nobody asks."""

    def __init__(self, shapes: Sequence[PointSet], size_wh: tuple[int, int], keys: Sequence[int] = ()) -> None:
        self.shapes = tuple(shapes)
        self.size_wh = size_wh
        self.keys = tuple(keys)
        self.diagonal = min(math.hypot(*size_wh), math.hypot(LARGEST_VIEW, LARGEST_VIEW))

    def __len__(self) -> int:
        return len(self.shapes)

    @cached_property
    def surfaces(self) -> Geometries:
        """Valid geometries, never empty: a shape without area is the line or the point that is left of it."""
        import numpy as np
        import shapely

        found = np.full(len(self), None, dtype=object)
        quads = [i for i, shape in enumerate(self.shapes) if shape.kind in ("box", "rbox")]
        if quads:  # all at once, as nearly all are sound
            found[quads] = shapely.polygons([_corners(self.shapes[i]) for i in quads])
            found[~(shapely.is_valid(found) & (shapely.area(found) > 0))] = None
        for i in np.flatnonzero(shapely.is_missing(found)):
            found[i] = _surface(self.shapes[i])
        return found

    def only(self, index: int) -> Measured:
        """One of the shapes by itself."""
        return self.part(index, index + 1)

    def part(self, start: int, stop: int) -> Measured:
        """The shapes from one index to another."""
        some = Measured(self.shapes[start:stop], self.size_wh, self.keys[start:stop])
        some.surfaces = self.surfaces[start:stop]
        return some

    def same(self, others: Measured) -> list[tuple[int, int]]:
        """(i, j): my shape i and another's shape j are the same object, by their keys."""
        where = {key: j for j, key in enumerate(others.keys)}
        return [(i, where[key]) for i, key in enumerate(self.keys) if key in where]

    @cached_property
    def tree(self) -> STRtree:
        import shapely

        return shapely.STRtree(self.surfaces)

    @cached_property
    def centres(self) -> Floats:
        """Centroids of the areas, n x 2."""
        import numpy as np
        import shapely

        middles = shapely.centroid(self.surfaces)
        return np.stack([shapely.get_x(middles), shapely.get_y(middles)], axis=1).reshape(-1, 2)

    @cached_property
    def areas(self) -> Floats:
        import shapely

        found: Floats = shapely.area(self.surfaces)
        return found

    @cached_property
    def directions(self) -> Floats:
        """Degrees of the long axes in 0..180, clockwise from the x axis; NaN where a shape is about as long as wide."""
        import numpy as np

        found = np.full(len(self), np.nan)
        for i, (start, end) in enumerate(self.axes):
            if start != end:
                found[i] = math.degrees(math.atan2(end[1] - start[1], end[0] - start[0])) % 180
        return found

    @cached_property
    def axes(self) -> list[tuple[Point, Point]]:
        """The ends of the long middle line of each; alike where a shape is about as long as wide."""
        return [_axis(shape) for shape in self.shapes]

    def extents(self, towards: Point) -> Floats:
        """How long each shape is in the direction of a unit vector."""
        return self.reaches(towards) + self.reaches((-towards[0], -towards[1]))

    def reaches(self, towards: Point) -> Floats:
        """How far each shape goes in the direction of a unit vector, from the origin."""
        import numpy as np
        import shapely

        if not len(self):
            return np.zeros(0)
        points, of = shapely.get_coordinates(self.surfaces, return_index=True)
        farthest: Floats = np.maximum.reduceat(points @ towards, np.searchsorted(of, np.arange(len(self))))
        return farthest

    def pairs_within(self, others: Measured, distance: float | Floats) -> Bools:
        """[i, j]: the gap between shape i and another's shape j is at most the distance (one, or one a shape of mine)."""
        import numpy as np

        found = np.zeros((len(self), len(others)), dtype=bool)
        if len(self) and len(others):
            found[tuple(others.tree.query(self.surfaces, predicate="dwithin", distance=distance))] = True
        return found

    def intersections(self, others: Measured) -> Floats:
        """[i, j]: common areas in px²; only pairs that meet are clipped."""
        import numpy as np
        import shapely

        found = np.zeros((len(self), len(others)))
        if len(self) and len(others):
            rows, columns = others.tree.query(self.surfaces, predicate="intersects")
            found[rows, columns] = shapely.area(shapely.intersection(self.surfaces[rows], others.surfaces[columns]))
        return found

    def shares_in(self, others: Measured) -> Floats:
        """[i, j]: the share of my shape i that lies in another's shape j; of one without area whether its middle does."""
        import numpy as np
        import shapely

        shares = np.divide(
            self.intersections(others), self.areas[:, None],
            out=np.zeros((len(self), len(others))), where=self.areas[:, None] > 0,
        )  # fmt: skip
        for i in np.flatnonzero(self.areas == 0):
            shares[i] = shapely.intersects_xy(others.surfaces, *self.centres[i])
        return shares

    def ring_shares_in(self, others: Measured, width: float) -> Floats:
        """[i, j]: as `shares_in`, of the ring of that width about my shape i, as far as it lies in the view."""
        import shapely

        around = shapely.intersection(shapely.buffer(self.surfaces, width), shapely.box(0, 0, *self.size_wh))
        rings = Measured(self.shapes, self.size_wh)
        rings.surfaces = shapely.difference(around, self.surfaces)
        return rings.shares_in(others)

    def box_around(self, index: int, margin: float) -> Geometry:
        import shapely

        x1, y1, x2, y2 = self.surfaces[index].bounds
        return shapely.box(x1 - margin, y1 - margin, x2 + margin, y2 + margin)

    def direction_near(self, index: int, window: Geometry) -> float:
        """Degrees in which the outline of a shape mostly runs inside a window; NaN where it has no main direction."""
        import shapely

        inside = shapely.intersection(shapely.boundary(self.surfaces[index]), window)
        return _main_direction(inside)

    def axis_share_near(self, index: int, others: Measured, other: int, distance: float) -> float:
        """The share of a shape's long axis, sampled, within that distance of another's outline or area."""
        import numpy as np
        import shapely

        (x1, y1), (x2, y2) = self.axes[index]
        at = np.linspace(0, 1, AXIS_SAMPLES)
        samples = shapely.points(x1 + at * (x2 - x1), y1 + at * (y2 - y1))
        return float((shapely.distance(samples, others.surfaces[other]) <= distance).mean())


def _points(shape: PointSet) -> list[Point]:
    return [p for ring in shape.rings for p in ring.points]


def _corners(shape: PointSet) -> tuple[Point, ...]:
    points = shape.rings[0].points
    if shape.kind == "rbox":
        return points
    (x1, y1), (x2, y2) = points
    return (x1, y1), (x2, y1), (x2, y2), (x1, y2)


def _surface(shape: PointSet) -> Geometry:
    import shapely

    surface = to_valid(shape)
    if shape.kind == "point" or surface.area > 0:
        return surface
    return shapely.MultiPoint(_points(shape)).convex_hull


def _axis(shape: PointSet) -> tuple[Point, Point]:
    """The long middle line of the rotated box; both ends alike where the shape is not elongated."""
    if shape.kind == "point":
        return shape.rings[0].points[0], shape.rings[0].points[0]
    a, b, c, d = to_rbox(shape).rings[0].points
    along, across = (math.dist(a, b) + math.dist(c, d)) / 2, (math.dist(b, c) + math.dist(d, a)) / 2
    if along < across:
        a, b, c, d = b, c, d, a
        along, across = across, along
    if along < ELONGATED * across or along == 0:
        return a, a
    return ((a[0] + d[0]) / 2, (a[1] + d[1]) / 2), ((b[0] + c[0]) / 2, (b[1] + c[1]) / 2)


def _main_direction(lines: Geometry) -> float:
    """The principal axis of a set of lines by their length, in degrees; NaN for none, or where no axis stands out."""
    import numpy as np
    import shapely

    pieces = [part for part in shapely.get_parts(lines) if part.geom_type in ("LineString", "LinearRing")]
    if not pieces:
        return math.nan
    ends = np.concatenate([np.stack([p[:-1], p[1:]], axis=1) for p in map(shapely.get_coordinates, pieces)])
    lengths = np.hypot(*(ends[:, 1] - ends[:, 0]).T)
    total = lengths.sum()
    if total == 0:
        return math.nan
    middle = (ends.mean(axis=1) * lengths[:, None]).sum(axis=0) / total
    a, b = ends[:, 0] - middle, ends[:, 1] - middle
    # the second moment of a segment from a to b, by Simpson's rule, which is exact for it
    half = (a + b) / 2
    moment = np.einsum("i,ij,ik->jk", lengths / 6, a, a) + np.einsum("i,ij,ik->jk", lengths / 6, b, b)
    moment += np.einsum("i,ij,ik->jk", lengths * 4 / 6, half, half)
    values, vectors = np.linalg.eigh(moment)
    if values[1] <= 0 or values[1] < ELONGATED**2 * values[0]:
        return math.nan
    return float(math.degrees(math.atan2(vectors[1, 1], vectors[0, 1])) % 180)
