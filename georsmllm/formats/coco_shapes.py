"""The shape of one COCO annotation in pixel-edge coordinates of its image, with every repair named.

What stands in the file, most exact first:

- `segmentation`: flat rings (parts of one object), or run lengths.
- `bbox` of 4 numbers: x, y, width, height, taken as pixel edges.
- `bbox` of 5 numbers: centre x, centre y, width, height, angle in degrees, counter-clockwise on the screen
  (`detectron2_corners`; detectron2's RotatedBoxes).
- `bbox` of 8 numbers: four corners x1, y1 ... x4, y4 in their order.

Rings of whole numbers whose bbox is one pixel wider than they are (width = max - min + 1: NWPU VHR-10, iSAID and every
other set made with OpenCV's contours) name pixels, not edges; `pixels_to_edges` gives each named pixel its full square.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from georsmllm import geometry
from georsmllm.errors import GeoRSMLLMError
from georsmllm.formats.coco import Annotation, Rle, segmentation
from georsmllm.tiling import MIN_FIT
from georsmllm.types import Point, PointSet, Ring, box, rbox

if TYPE_CHECKING:
    from shapely import Geometry

SizeWH = tuple[int, int]
Flat = tuple[float, ...]

REASONS = {
    "bad_bbox": "bbox has another length than 4, 5 or 8, or a negative side",
    "bad_segmentation": "segmentation is neither flat rings nor run lengths, or a ring has an odd count of numbers",
    "mask_size": "run lengths of another size than the image",
    "no_shape": "an annotation with neither segmentation nor bbox",
    "out_of_range": "a coordinate beyond anything that an image could have",
}
MENDS = {
    "clipped_to_image": "the part of a shape outside the image was cut off",
    "self_crossing_mended": "a ring that crosses itself became the areas that it surrounds",
    "degenerate_part_dropped": "a part of a segmentation without area was left out",
    "box_in_place_of_shape": "a segmentation without any area gave way to its bbox",
    "pixels_to_edges": "rings through pixel indices grew to the outer edges of those pixels",
    "reordered_corners": "a quad that crosses itself gets its corners in the order of their convex hull",
}


MAX_COORDINATE_PX = 10_000_000
MIN_VISIBLE = 0.7  # as for tiles: of less, what the object is cannot be seen


class BadShape(GeoRSMLLMError):
    """An annotation whose shape cannot be read; reason: a key of REASONS."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(f"{message} [{reason}]")
        self.reason = reason
        self.message = message


class Shaped(NamedTuple):
    """A shape inside its image. visible: share of the annotated area that lies in the image. mended: names of MENDS.

    ignore: "collapsed" (no area), "outside_image" (the shape is then left where the file has it), "low_visibility",
    "clipped_beyond_shape" (a rotated box whose visible part is no rotated box), or None.
    """

    shape: PointSet
    visible: float
    ignore: str | None
    mended: tuple[str, ...]


def shape_of(annotation: Annotation, size_wh: SizeWH) -> Shaped:
    """The shape of one annotation; raises BadShape."""
    try:
        parts = segmentation(annotation)
    except msgspec.DecodeError as error:
        raise BadShape("bad_segmentation", f"segmentation: {error}") from None
    bbox = annotation.bbox
    if bbox is not None:
        _check_bbox(bbox)
    mended: tuple[str, ...] = ()
    shape: PointSet | None = None
    if parts:
        shape, mended = _from_segmentation(parts, bbox, size_wh)
    if shape is None:
        if bbox is None:
            raise BadShape("no_shape", "expected a segmentation with an area or a bbox, got neither")
        shape, corner_mends = _from_bbox(bbox)
        mended += ("box_in_place_of_shape", *corner_mends) if parts else corner_mends
    return inside(shape, size_wh, mended)


def detectron2_corners(bbox: Flat) -> tuple[Point, Point, Point, Point]:
    """Corners of (cx, cy, w, h, angle): w runs along (cos, -sin) of the angle, because y points down and the angle turns
    counter-clockwise on the screen; clockwise from what is the top left corner at 0 degrees."""
    cx, cy, w, h, degrees = bbox
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    wx, wy, hx, hy = w / 2 * cos, -w / 2 * sin, h / 2 * sin, h / 2 * cos
    return (
        (cx - wx - hx, cy - wy - hy),
        (cx + wx - hx, cy + wy - hy),
        (cx + wx + hx, cy + wy + hy),
        (cx - wx + hx, cy - wy + hy),
    )


def pixels_to_edges(geometry_px: Geometry) -> Geometry:
    """Every pixel (i, j) of a region given by pixel indices as the square [i, i + 1] x [j, j + 1].

    This is the Minkowski sum with the unit square: the region, and each edge of it swept by the square.
    """
    import numpy as np
    import shapely

    square = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], dtype=float)
    # the region at all four corners, not only at one, so that rounding leaves no holes without width along its edges
    corners = [shapely.transform(geometry_px, lambda xy, corner=corner: xy + corner) for corner in square]
    if shapely.convex_hull(geometry_px).area <= geometry_px.area:
        return shapely.convex_hull(shapely.geometrycollections(corners))
    swept = []
    for part in shapely.get_parts(geometry_px):
        lines = shapely.get_parts(part.boundary) if part.geom_type == "Polygon" else [part]
        for line in lines:
            points = shapely.get_coordinates(line)
            ends = np.concatenate([points[:-1, None] + square, points[1:, None] + square], axis=1)
            swept.append(shapely.convex_hull(shapely.multipoints(ends)))
    return shapely.simplify(shapely.union_all(np.concatenate([corners, *swept])), 0)


def _check_bbox(bbox: Flat) -> None:
    if len(bbox) not in (4, 5, 8):
        raise BadShape("bad_bbox", f"expected a bbox of 4, 5 or 8 numbers, got {len(bbox)}")
    _check_range(bbox)
    if len(bbox) < 8 and min(bbox[2], bbox[3]) < 0:
        raise BadShape("bad_bbox", f"expected a width and a height of 0 or more, got {bbox[2]:g} x {bbox[3]:g}")


def _check_range(numbers: Flat) -> None:
    if (largest := max(map(abs, numbers))) > MAX_COORDINATE_PX:
        raise BadShape("out_of_range", f"expected coordinates up to {MAX_COORDINATE_PX:,} px, got {largest:g}")


def _from_bbox(bbox: Flat) -> tuple[PointSet, tuple[str, ...]]:
    if len(bbox) == 4:
        x, y, w, h = bbox
        return box(x, y, x + w, y + h), ()
    if len(bbox) == 5:
        return rbox(geometry.order_corners(detectron2_corners(bbox))), ()
    return quad(tuple(zip(bbox[::2], bbox[1::2], strict=True)))


def quad(corners: Sequence[Point]) -> tuple[PointSet, tuple[str, ...]]:
    """Four corners in any order as a rotated box, and the names of the mends that it needed."""
    if geometry.is_simple_quad(corners):
        return rbox(geometry.order_corners(corners)), ()
    # two sides can only cross when all four corners are on the hull
    return rbox(geometry.order_corners(geometry.hull(corners))), ("reordered_corners",)


def _from_segmentation(
    parts: tuple[Rle | Flat, ...], bbox: Flat | None, size_wh: SizeWH
) -> tuple[PointSet | None, tuple[str, ...]]:
    """The areas of a segmentation, None when it has none."""
    runs = [part for part in parts if isinstance(part, Rle)]
    rings = tuple(_points(part) for part in parts if not isinstance(part, Rle))
    if runs and len(parts) > 1:
        raise BadShape("bad_segmentation", f"expected one run-length mask, got {len(parts)} parts")
    return (_from_runs(runs[0], size_wh), ()) if runs else _from_rings(rings, bbox, size_wh)


def _from_runs(rle: Rle, size_wh: SizeWH) -> PointSet | None:
    from georsmllm import masks

    height, width = rle.size
    if (width, height) != size_wh:
        raise BadShape("mask_size", f"expected a mask of {size_wh[0]} x {size_wh[1]}, got {width} x {height}")
    try:
        if isinstance(rle.counts, str):
            mask = masks.from_counts_text(rle.counts, size_wh)
        else:
            mask = masks.from_counts(rle.counts, size_wh)
    except masks.BadMask as error:
        raise BadShape("bad_segmentation", str(error)) from None
    shape = masks.to_shape(mask)
    return shape if shape.rings else None


def _from_rings(
    rings: tuple[tuple[Point, ...], ...], bbox: Flat | None, size_wh: SizeWH
) -> tuple[PointSet | None, tuple[str, ...]]:
    import shapely

    names_pixels = bbox is not None and _names_pixels(rings, bbox, size_wh)
    mended: list[str] = ["pixels_to_edges"] if names_pixels else []
    areas: list[Geometry] = []
    for points in rings:
        part = shapely.Polygon(points) if len(points) > 2 else shapely.Polygon()
        if not part.is_valid:
            part = shapely.make_valid(part)
            mended += ["self_crossing_mended"] if part.area else []
        if not part.area and names_pixels:
            part = shapely.LineString(points if len(points) > 1 else points * 2)
        if part.area or names_pixels:
            areas.append(pixels_to_edges(part) if names_pixels else part)
        else:
            mended.append("degenerate_part_dropped")
    if not areas:
        return None, tuple(mended)
    return geometry.from_shapely(areas[0] if len(areas) == 1 else shapely.union_all(areas)), tuple(mended)


def _names_pixels(rings: tuple[tuple[Point, ...], ...], bbox: Flat, size_wh: SizeWH) -> bool:
    """Whether the rings are whole numbers and the bbox, cut to the image, reaches one pixel further than they do."""
    points = [p for ring in rings for p in ring]
    if len(bbox) != 4 or not all(x.is_integer() and y.is_integer() for x, y in points):
        return False
    x1, y1, x2, y2 = geometry.bounds(PointSet("polygon", tuple(Ring(ring) for ring in rings)))
    right, bottom = min(x2 + 1, size_wh[0]), min(y2 + 1, size_wh[1])
    grows = right > x2 or bottom > y2
    return grows and bbox == (x1, y1, right - x1, bottom - y1)


def _points(flat: Flat) -> tuple[Point, ...]:
    if len(flat) % 2 or not flat:
        raise BadShape("bad_segmentation", f"expected a ring of x, y pairs, got {len(flat)} numbers")
    _check_range(flat)
    points = tuple(zip(flat[::2], flat[1::2], strict=True))
    return points[:-1] if len(points) > 1 and points[0] == points[-1] else points


def inside(shape: PointSet, size_wh: SizeWH, mended: tuple[str, ...] = ()) -> Shaped:
    """What of a shape lies inside the image; `mended` names what was mended before."""
    cut, visible, fit = geometry.clip(shape, (0, 0, *size_wh))
    if cut is None:
        return Shaped(shape, 0.0, "outside_image", mended)
    if cut == shape:
        return Shaped(shape, 1.0, None if geometry.area(shape) >= geometry.NO_AREA_PX else "collapsed", mended)
    mended = (*mended, "clipped_to_image")
    if geometry.area(cut) < geometry.NO_AREA_PX:
        return Shaped(cut, visible, "collapsed", mended)
    ignore = "low_visibility" if visible < MIN_VISIBLE else "clipped_beyond_shape" if fit < MIN_FIT else None
    return Shaped(cut, visible, ignore, mended)
