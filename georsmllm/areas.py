"""Areas on the ground: of shapes in scene pixels, in square metres, whatever the CRS counts in.

Every edge goes where its pixels go, into an equal-area projection on WGS 84 whose centre is the image's: neither the metres of
Web Mercator, which are none on the ground, nor degrees, feet or the scale of a UTM zone falsify it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from georsmllm.errors import CannotSay
from georsmllm.found import Finding, outline
from georsmllm.geo import lon_lat
from georsmllm.geometry import to_valid
from georsmllm.types import ImageRef, PointSet

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from rasterio.crs import CRS

RULE = "Lambert azimuthal equal-area projection on WGS 84, centred on the image"
"""How areas in m² are measured, for people and files."""
_SEGMENTS = 16  # of the longer side of a shape: straight pixel lines are curves in other projections


@dataclass(frozen=True, slots=True)
class AreaRow:
    """All findings of a label together; what several of them cover counts once. square_metres: None without a place on the
    Earth. share: of the image."""

    label: str
    count: int
    area_px: float
    square_metres: float | None
    share: float


def square_metres(shape_scene: PointSet, image: ImageRef) -> float | None:
    """The area of a shape on the ground, None where the image does not say where it lies. A point has 0."""
    return squares_metres([shape_scene], image)[0]


def squares_metres(shapes_scene: Sequence[PointSet], image: ImageRef) -> tuple[float | None, ...]:
    """The same of many shapes of one image at once, which is much faster."""
    return _on_ground([to_valid(shape) for shape in shapes_scene], image)


def areas(findings: Iterable[Finding], image: ImageRef) -> tuple[AreaRow, ...]:
    """One row a label, in alphabetical order."""
    import shapely

    by_label: dict[str, list[Finding]] = {}
    for one in findings:
        by_label.setdefault(one.label, []).append(one)
    labels = sorted(by_label)
    unions = [shapely.union_all([to_valid(outline(one)) for one in by_label[label]]) for label in labels]
    metres = _on_ground(unions, image)
    whole = image.width * image.height
    return tuple(
        AreaRow(label, len(by_label[label]), float(union.area), on_ground, float(union.area) / whole)
        for label, union, on_ground in zip(labels, unions, metres, strict=True)
    )


def _on_ground(geometries: Sequence[object], image: ImageRef) -> tuple[float | None, ...]:
    import numpy as np
    import shapely

    nothing = (None,) * len(geometries)
    if image.affine is None or image.crs is None or not geometries:
        return nothing
    pixels = np.array(geometries, object)
    limits = shapely.bounds(pixels)
    step = np.maximum((limits[:, 2:] - limits[:, :2]).max(axis=1) / _SEGMENTS, 1.0)
    fine = shapely.segmentize(pixels, np.where(np.isfinite(step), step, 1.0))
    places = _projected(shapely.get_coordinates(fine), image)
    if places is None:
        return nothing
    found = shapely.area(shapely.set_coordinates(fine, places))
    return tuple(float(value) if np.isfinite(value) else None for value in found)


def _projected(pixels: NDArray[np.float64], image: ImageRef) -> NDArray[np.float64] | None:
    import numpy as np
    from rasterio._err import CPLE_BaseError  # GDAL's own errors have no public name
    from rasterio.errors import CRSError
    from rasterio.warp import transform

    if image.affine is None or image.crs is None:
        return None
    projections = _projections(image.crs, image.affine, image.size_wh)
    if projections is None:
        return None
    a, b, c, d, e, f = image.affine
    x, y = pixels.T
    try:
        return np.array(transform(*projections, a * x + b * y + c, d * x + e * y + f)[:2], np.float64).T
    except (CPLE_BaseError, CRSError):
        return None


@lru_cache(maxsize=64)
def _projections(
    crs: str, affine: tuple[float, float, float, float, float, float], size_wh: tuple[int, int]
) -> tuple[CRS, CRS] | None:
    """The image's CRS and the equal-area one; None where the image's centre is nowhere on the Earth."""
    from rasterio.crs import CRS

    centre = ImageRef("", *size_wh, affine=affine, crs=crs)
    try:
        ((lon, lat),) = lon_lat([(size_wh[0] / 2, size_wh[1] / 2)], centre)
    except CannotSay:
        return None
    equal_area = f"+proj=laea +lat_0={lat:.6f} +lon_0={lon:.6f} +datum=WGS84 +units=m +no_defs"
    return CRS.from_user_input(crs), CRS.from_proj4(equal_area)
