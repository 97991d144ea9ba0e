"""Where the coordinates of a file live, and shapes of a scene brought there: by the affine, and by PROJ where the file's
coordinate system is not the image's.

A straight edge of pixels is a curve in another projection. It gets further vertices, by halves, until three places on each
straight piece (at a quarter, the middle, three quarters), taken back to the image, lie within `BEND_PX` of the edge. Where
only the affine is between pixels and file, straight stays straight and no vertex is added.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from georsmllm.errors import CannotSay, UsageError
from georsmllm.geo import inverse
from georsmllm.geometry import centre, from_shapely, to_polygon, to_valid
from georsmllm.rfc7946 import FRAME
from georsmllm.types import ImageRef, PointSet, Ring, point

if TYPE_CHECKING:
    from rasterio.crs import CRS

BEND_PX = 0.1
MAX_HALVINGS = 12
MAP_FRAME = "map coordinates of the image, in a coordinate system that it does not name"
WGS_84 = "EPSG:4326"

Floats = NDArray[np.float64]
To = Literal["earth", "map", "pixels"]


@dataclass(frozen=True, slots=True)
class Frame:
    """to: "earth" (crs is known), "map" (an affine and no CRS), "pixels". says: what coordinates mean that are no CRS's.
    why: for a person, why they have no place on Earth where that was asked."""

    to: To
    crs: CRS | None = None
    says: str = ""
    why: str = ""

    @property
    def is_lon_lat(self) -> bool:
        return self.crs is not None and self.crs == known_crs(WGS_84)


def known_crs(text: str) -> CRS:
    """The coordinate system that a text names; raises CannotSay(unknown_crs), also of an engineering grid."""
    from rasterio.crs import CRS
    from rasterio.errors import CRSError

    try:
        crs = CRS.from_user_input(text)
    except (CRSError, ValueError) as error:
        raise CannotSay("unknown_crs", f"{text[:60]!r}: {error}") from None
    if not (crs.is_projected or crs.is_geographic):
        raise CannotSay("unknown_crs", f"{text[:60]!r} is a grid of its own")
    return crs


def asked_crs(text: str) -> CRS:
    """The coordinate system that a person asks for; raises UsageError."""
    try:
        return known_crs(text)
    except CannotSay as reason:
        raise UsageError(f'expected a CRS such as EPSG:32633, or "source" for the image\'s own, got {reason}') from None


def on_earth(images: Sequence[ImageRef]) -> Frame:
    """WGS 84 where every image has a place on Earth, else pixels."""
    why = _no_place(images)
    return Frame("pixels", says=FRAME, why=why) if why else Frame("earth", known_crs(WGS_84))


def at_home(images: Sequence[ImageRef]) -> Frame:
    """The CRS of the first image where all have one; its map coordinates where it has an affine and no CRS; else pixels."""
    why = _no_place(images)
    if not why:
        return Frame("earth", known_crs(images[0].crs or ""))
    if all(image.affine is not None and image.crs is None for image in images):
        return Frame("map", says=MAP_FRAME, why=why)
    return Frame("pixels", says=FRAME, why=why)


def on_map(images: Sequence[ImageRef], crs: str) -> Frame:
    """A named CRS; raises UsageError for one that PROJ does not know and for an image without a place on Earth."""
    asked = asked_crs(crs)
    why = _no_place(images)
    if why:
        raise UsageError(f"coordinates in {crs} need an image with a place on Earth, but {why}; ask for no CRS")
    return Frame("earth", asked)


def _no_place(images: Sequence[ImageRef]) -> str:
    """Why an image has no place on Earth, "" where all have one."""
    for image in images:
        if image.affine is None:
            return f"{image.path} has no affine"
        if image.crs is None:
            return f"{image.path} has an affine and no CRS"
        try:
            known_crs(image.crs)
            inverse(image.affine)
        except (CannotSay, UsageError) as reason:
            return f"{image.path}: {reason}"
    return ""


def placed(shape: PointSet, image: ImageRef, frame: Frame) -> PointSet:
    """A shape in scene pixels with the coordinates of the frame: a point, or a polygon. Longitudes run on without a leap.
    Raises CannotSay(off_the_earth) for a place that the CRS does not reach."""
    whole = solid(shape)
    if frame.to == "pixels":
        return whole
    assert image.affine is not None
    rings = [np.array(ring.points, dtype=np.float64) for ring in whole.rings]
    if frame.crs is None or frame.crs == known_crs(image.crs or ""):
        found = [_by_affine(ring, image.affine) for ring in rings]
    else:
        road = _Road(image, frame.crs)
        found = [_bent(ring, road) if whole.kind == "polygon" else road.there(ring) for ring in rings]
        if frame.crs.is_geographic:
            found = _joined(whole, found)
    moved = zip(found, whole.rings, strict=True)
    return PointSet(whole.kind, tuple(Ring(tuple(map(tuple, at.tolist())), ring.sign) for at, ring in moved))


def solid(shape: PointSet) -> PointSet:
    """The shape as a valid polygon, or as a point: also what has no area keeps its place."""
    if shape.kind == "point":
        return PointSet("point", shape.rings)
    whole = to_polygon(shape)
    valid = to_valid(whole)
    if valid.area == 0:
        return point(*centre(shape))
    return whole if valid.geom_type == "Polygon" and len(whole.rings) == 1 else from_shapely(valid) or whole


def simplified(shape: PointSet, tolerance_px: float) -> PointSet:
    """A polygon with fewer vertices, none of its edges farther off than that; its parts and holes stay apart."""
    import shapely

    if tolerance_px <= 0 or shape.kind != "polygon":
        return shape
    return from_shapely(shapely.simplify(to_valid(shape), tolerance_px, preserve_topology=True)) or shape


def _by_affine(points: Floats, affine: tuple[float, float, float, float, float, float]) -> Floats:
    a, b, c, d, e, f = affine
    x, y = points[:, 0], points[:, 1]
    return np.column_stack((a * x + b * y + c, d * x + e * y + f))


class _Road:
    """From scene pixels to coordinates and back."""

    def __init__(self, image: ImageRef, crs: CRS) -> None:
        assert image.affine is not None
        self.affine, self.back_affine = image.affine, inverse(image.affine)
        self.source, self.crs = known_crs(image.crs or ""), crs
        self.path = image.path

    def there(self, points: Floats) -> Floats:
        """Longitudes next to those of the image, where it has degrees: a raster may go on beyond 180."""
        on_map = _by_affine(points, self.affine)
        out = self._warped(self.source, self.crs, on_map)
        if self.crs.is_geographic and self.source.is_geographic:
            out[:, 0] += 360 * np.round((on_map[:, 0] - out[:, 0]) / 360)
        return out

    def back(self, points: Floats, near: Floats) -> Floats:
        on_map = self._warped(self.crs, self.source, points)
        if self.source.is_geographic:
            on_map[:, 0] += 360 * np.round((_by_affine(near, self.affine)[:, 0] - on_map[:, 0]) / 360)
        return _by_affine(on_map, self.back_affine)

    def _warped(self, source: CRS, target: CRS, points: Floats) -> Floats:
        from rasterio._err import CPLE_BaseError  # GDAL's own errors have no public name
        from rasterio.warp import transform

        try:  # rasterio gives x before y whatever order a CRS declares
            xs, ys = transform(source, target, points[:, 0], points[:, 1])
        except CPLE_BaseError as error:
            raise CannotSay("off_the_earth", f"{self.path}: {error}") from None
        out = np.column_stack((xs, ys)).astype(np.float64)
        if not np.isfinite(out).all():
            raise CannotSay("off_the_earth", f"{self.path} has pixels that its CRS does not reach")
        return out


def _bent(ring: Floats, road: _Road) -> Floats:
    """The ring at its place, with vertices added where its edges bend."""
    for _ in range(MAX_HALVINGS):
        bent = _bends(ring, road.there(ring), road)
        if not bent.any():
            break
        after = np.roll(ring, -1, axis=0)
        ring = np.insert(ring, np.flatnonzero(bent) + 1, (ring[bent] + after[bent]) / 2, axis=0)
    return road.there(ring)


def _bends(ring: Floats, there: Floats, road: _Road) -> NDArray[np.bool_]:
    """Of each edge, whether the straight line between its ends at the place leaves it on the image."""
    edge = np.roll(ring, -1, axis=0) - ring
    length = np.hypot(edge[:, 0], edge[:, 1])
    length[length == 0] = 1.0
    step = np.roll(there, -1, axis=0) - there
    if road.crs.is_geographic:
        step[:, 0] = _short(step[:, 0])
    shares = np.array((0.25, 0.5, 0.75))[:, None, None]
    near = (ring + shares * edge).reshape(-1, 2)
    off = (road.back((there + shares * step).reshape(-1, 2), near) - near).reshape(3, -1, 2)
    across = np.abs(off[..., 0] * edge[:, 1] - off[..., 1] * edge[:, 0]) / length
    along = np.abs(off[..., 0] * edge[:, 0] + off[..., 1] * edge[:, 1]) / length
    # the second half: an edge about the globe whose ends are one place looks straight and is not where it should be
    bent: NDArray[np.bool_] = np.logical_or.reduce((across > BEND_PX) | (along > np.maximum(BEND_PX, 0.2 * length)))
    return bent


def _short(degrees: Floats) -> Floats:
    """The same turn the short way round."""
    turned: Floats = (degrees + 180) % 360 - 180
    return turned


def _joined(shape: PointSet, rings: Sequence[Floats]) -> list[Floats]:
    """Rings whose longitudes run on; one about a pole goes by way of it. Holes lie in the turn of their part."""
    found: list[Floats] = []
    outer = 0.0
    for ring, at in zip(shape.rings, rings, strict=True):
        steps = _short(np.diff(at[:, 0], append=at[0, 0]))
        lons = at[0, 0] + np.concatenate(([0.0], np.cumsum(steps)))
        if ring.sign == "-":
            lons += 360 * np.round((outer - lons.mean()) / 360)
        outer = float(lons.mean()) if ring.sign == "+" else outer
        turned = np.column_stack((lons[:-1], at[:, 1]))
        if abs(lons[-1] - lons[0]) > 180:
            pole = float(np.copysign(90.0, at[:, 1].mean()))
            turned = np.vstack((turned, [(lons[-1], at[0, 1]), (lons[-1], pole), (lons[0], pole)]))
        found.append(turned)
    return found
