"""Scene pixels <-> map coordinates by the full affine, rotation included (north-up is only a special case)."""

from __future__ import annotations

import math
from collections.abc import Sequence

from georsmllm.errors import CannotSay, UsageError
from georsmllm.types import ImageRef, Point, PointSet, Ring

Affine = tuple[float, float, float, float, float, float]
"""(a, b, c, d, e, f): map x = a*x + b*y + c, map y = d*x + e*y + f, with (x, y) in scene pixels (pixel edges)."""


def to_map(shape_scene: PointSet, affine: Affine) -> PointSet:
    """A shape in scene pixels as the same shape in the units of the scene's CRS."""
    a, b, c, d, e, f = affine
    rings = tuple(
        Ring(tuple((a * x + b * y + c, d * x + e * y + f) for x, y in r.points), r.sign) for r in shape_scene.rings
    )
    return PointSet(
        shape_scene.kind, rings, tuple((a * x + b * y + c, d * x + e * y + f) for x, y in shape_scene.keypoints)
    )


def from_map(shape_map: PointSet, affine: Affine) -> PointSet:
    """A shape in map units as the same shape in scene pixels."""
    return to_map(shape_map, inverse(affine))


def inverse(affine: Affine) -> Affine:
    """The affine that leads back; raises UsageError for one that maps the plane onto a line."""
    a, b, c, d, e, f = affine
    determinant = a * e - b * d
    if determinant == 0:
        raise UsageError(f"the affine {affine} has no inverse: its pixel has no area")
    a, b, d, e = e / determinant, -b / determinant, -d / determinant, a / determinant
    return a, b, -(a * c + b * f), d, e, -(d * c + e * f)


def lon_lat(points: Sequence[Point], image: ImageRef) -> tuple[Point, ...]:
    """Points in pixels of a view as (longitude, latitude) in degrees on WGS 84, through window, affine and CRS.

    Raises CannotSay: no_affine, no_crs, unknown_crs, off_the_earth (a place that the CRS does not reach).
    """
    if image.affine is None:
        raise CannotSay("no_affine", f"{image.path} has no affine")
    if image.crs is None:
        raise CannotSay("no_crs", f"{image.path} has an affine and no CRS")
    a, b, c, d, e, f = image.affine
    dx, dy = (image.window.x, image.window.y) if image.window else (0, 0)
    scene = [(x + dx, y + dy) for x, y in points]
    return _on_wgs84([(a * x + b * y + c, d * x + e * y + f) for x, y in scene], image.crs)


def _on_wgs84(points_map: Sequence[Point], crs: str) -> tuple[Point, ...]:
    from rasterio._err import CPLE_BaseError  # GDAL's own errors have no public name
    from rasterio.crs import CRS
    from rasterio.errors import CRSError
    from rasterio.warp import transform

    try:
        source = CRS.from_user_input(crs)
        if not (source.is_projected or source.is_geographic):
            raise CannotSay("unknown_crs", f"{crs[:60]!r} is a grid of its own")
        # rasterio gives x before y whatever order the CRS itself declares, so degrees come as longitude, latitude
        lons, lats = transform(source, CRS.from_epsg(4326), *zip(*points_map, strict=True))
    except (CRSError, ValueError) as error:  # ValueError: rasterio's own, of EPSG:somewhere
        raise CannotSay("unknown_crs", f"{crs[:60]!r}: {error}") from None
    except CPLE_BaseError as error:
        raise CannotSay("off_the_earth", f"{crs[:60]!r}: {error}") from None
    for lon, lat in zip(lons, lats, strict=True):
        if not (math.isfinite(lon) and math.isfinite(lat) and -360 <= lon <= 360 and -90 <= lat <= 90):
            raise CannotSay("off_the_earth", f"{crs[:60]!r} does not lead to a longitude and a latitude")
    return tuple((_east(float(lon)), float(lat)) for lon, lat in zip(lons, lats, strict=True))


def _east(lon: float) -> float:
    """A longitude in -180..180; rasters of degrees go on beyond the antimeridian, and some count from 0 to 360."""
    return lon if -180 <= lon <= 180 else (lon + 180) % 360 - 180


def ground_axes(image: ImageRef) -> tuple[float, float, float, float] | None:
    """(a, b, d, e): a step of (x, y) pixels at the middle of an image leads a*x + b*y metres east and d*x + e*y metres south on
    WGS 84; None where the image does not say where it lies. Within 1 % for 100 km about the middle, poles apart."""
    x, y, step = image.width / 2, image.height / 2, max(image.width, image.height) / 4
    try:
        (lon1, lat1), (lon2, lat2), (lon3, lat3), (lon4, lat4) = lon_lat(
            ((x - step, y), (x + step, y), (x, y - step), (x, y + step)), image
        )
    except CannotSay:
        return None
    latitude = math.radians((lat1 + lat2 + lat3 + lat4) / 4)
    flatness = 1 - _ECCENTRICITY_2 * math.sin(latitude) ** 2
    east = math.radians(1) * _SEMI_MAJOR_M / math.sqrt(flatness) * math.cos(latitude) / (2 * step)
    south = -math.radians(1) * _SEMI_MAJOR_M * (1 - _ECCENTRICITY_2) / flatness**1.5 / (2 * step)
    return _east(lon2 - lon1) * east, _east(lon4 - lon3) * east, (lat2 - lat1) * south, (lat4 - lat3) * south


_SEMI_MAJOR_M, _ECCENTRICITY_2 = 6378137.0, 0.00669437999014
"""Of the ellipsoid of WGS 84."""
