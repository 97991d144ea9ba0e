"""Two images of one place: whether they lie on one grid, and the second one brought onto the grid of the first.

Frame: pixels of A and of B; A is the grid that answers are in.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from georsmllm import imagefile, rasters
from georsmllm.errors import UsageError
from georsmllm.geo import from_map, to_map
from georsmllm.scene import Opened, Scene, usable
from georsmllm.scene_sources import RasterPixels, resized_from
from georsmllm.types import ImageRef, PointSet, Ring, Window

if TYPE_CHECKING:
    from rasterio.crs import CRS
    from rasterio.io import DatasetReader
    from rasterio.vrt import WarpedVRT
    from shapely import Geometry

    from georsmllm.scene_sources import Rgb

NEAR_PX = 0.25
"""Corners of two grids that are so near to each other, in pixels, are one: change is drawn in whole pixels."""
_ON_THE_OUTLINE = 21  # points on each side of an image: a straight side is a curve on another map
_WHOLE = 0.995


def check(a: Scene, b: Scene) -> None:
    """Raises UsageError naming what differs: size, CRS, or the place of a corner by more than a quarter of a pixel.

    Where one of them has no place on the Earth, an equal size is all that there is to check.
    """
    if why := difference(a.image, b.image):
        raise UsageError(f"{a.image.path} and {b.image.path} are not on one grid: {why}; --resample brings B onto A")


def difference(a: ImageRef, b: ImageRef) -> str:
    """What tells the grids of two images apart, "" where they are one."""
    if a.size_wh != b.size_wh:
        return f"{a.width} x {a.height} px and {b.width} x {b.height} px"
    if a.affine is None or a.crs is None or b.affine is None or b.crs is None:
        return ""
    if a.crs != b.crs and _crs(a) != _crs(b):
        return f"{_short(a.crs)} and {_short(b.crs)}"
    corners = _outline(a, on_each_side=1)
    there = from_map(to_map(corners, b.affine), a.affine)
    points = zip(corners.rings[0].points, there.rings[0].points, strict=True)
    off = max(max(abs(x1 - x2), abs(y1 - y2)) for (x1, y1), (x2, y2) in points)
    return f"their corners are {off:.2f} px apart, above {NEAR_PX} px" if off > NEAR_PX else ""


def resampled(b: Scene, *, like: Scene) -> Scene:
    """B on the grid of `like`: itself where it lies there; warped while it is read where both have a place on the Earth
    (linearly, palettes to the nearest); else scaled to the same size, and its notices say so.

    Raises UsageError where the two have no ground in common.
    """
    if not difference(like.image, b.image):
        return b
    if like.has_place and b.has_place and b.path is not None:
        with usable():
            return _warped(b, b.path, like.image)
    image = replace(
        b.image, width=like.image.width, height=like.image.height, affine=like.image.affine, crs=like.image.crs
    )
    notice = (
        f"{b.image.path} was scaled from {b.image.width} x {b.image.height} to {image.width} x {image.height} px, as if "
        f"both images showed the very same ground: not both say where they lie"
    )
    return Scene.of(Opened(_Scaled(b, image.size_wh), image, b.path, (*b.notices, notice)), stretch=b.stretch)


class _Scaled:
    """The pixels of a scene as if it had another size."""

    def __init__(self, scene: Scene, size_wh: tuple[int, int]) -> None:
        self._scene, self._size_wh = scene, size_wh

    def rgb(self, view: Window, size_wh: tuple[int, int]) -> Rgb:
        (width, height), (own_width, own_height) = self._size_wh, self._scene.size_wh
        x_scale, y_scale = own_width / width, own_height / height
        edges = view.x * x_scale, view.y * y_scale, (view.x + view.width) * x_scale, (view.y + view.height) * y_scale
        left, top = int(edges[0]), int(edges[1])
        right, bottom = min(own_width, -int(-edges[2] // 1)), min(own_height, -int(-edges[3] // 1))
        window = Window(left, top, max(1, right - left), max(1, bottom - top))
        # what is much larger than asked is read smaller already, so that memory is bounded by what comes out
        step = max(1, min(window.width // size_wh[0], window.height // size_wh[1]) // 4)
        read_wh = max(1, window.width // step), max(1, window.height // step)
        pixels = self._scene.read(window, read_wh)
        x_step, y_step = read_wh[0] / window.width, read_wh[1] / window.height
        part = (
            (edges[0] - left) * x_step,
            (edges[1] - top) * y_step,
            min(float(read_wh[0]), (edges[2] - left) * x_step),
            min(float(read_wh[1]), (edges[3] - top) * y_step),
        )
        return resized_from(pixels, part, size_wh)

    def content(self) -> str:
        width, height = self._size_wh
        return hashlib.sha256(f"{self._scene.content} scaled to {width} x {height}".encode()).hexdigest()

    def close(self) -> None:
        self._scene.close()


def _warped(b: Scene, path: Path, grid: ImageRef) -> Scene:
    assert grid.affine is not None
    covered = _covered_share(b.image, grid)
    if covered == 0:
        raise UsageError(f"{b.image.path} shows none of the ground of {grid.path}: nothing can be compared")
    notices = [f"{b.image.path} was resampled onto the grid of {grid.path}"]
    if covered < _WHOLE:
        notices.append(f"{b.image.path} covers {covered:.0%} of {grid.path}; the rest of it is black")
    with imagefile.decoding(path), imagefile.opened(path) as data:
        limits = rasters.dataset_limits(data, b.stretch) if rasters.is_stretched(data, b.stretch) else ()
    grid_name = f"{grid.size_wh} {grid.affine} {grid.crs}"

    def content() -> str:
        return hashlib.sha256(f"{b.content} on {grid_name}".encode()).hexdigest()

    source = RasterPixels(path, b.stretch, reopen=lambda: _vrt(path, grid), content=content, limits=limits)
    image = replace(b.image, width=grid.width, height=grid.height, affine=grid.affine, crs=grid.crs)
    return Scene.of(Opened(source, image, path, (*b.notices, *notices)), stretch=b.stretch)


def _vrt(path: Path, grid: ImageRef) -> WarpedVRT:
    from rasterio import Affine as Transform
    from rasterio.enums import Resampling
    from rasterio.vrt import WarpedVRT

    assert grid.affine is not None
    data = imagefile.opened(path)
    how = Resampling.nearest if rasters.has_palette(data) else Resampling.bilinear
    return WarpedVRT(
        data,
        crs=_crs(grid),
        transform=Transform(*grid.affine),
        width=grid.width,
        height=grid.height,
        resampling=how,
        **_beyond(data),
    )


def _beyond(data: DatasetReader) -> dict[str, float]:
    """What stands where a raster shows nothing: its own value for that, else the least of its type, which is black."""
    import numpy as np

    if data.nodata is not None or data.dtypes[0] == "uint8":
        return {}
    kind = np.dtype(data.dtypes[0])
    return {"nodata": float("nan") if kind.kind == "f" else float(np.iinfo(kind).min)}


def _covered_share(b: ImageRef, grid: ImageRef) -> float:
    """The share of a grid's area on which another image has pixels."""
    import shapely

    shown = _on_grid(b, grid)
    whole = shapely.box(0, 0, grid.width, grid.height)
    return float(shapely.intersection(shown, whole).area / whole.area)


def _on_grid(b: ImageRef, grid: ImageRef) -> Geometry:
    """The outline of an image in the pixels of another one."""
    import shapely
    from rasterio._err import CPLE_BaseError  # GDAL's own errors have no public name
    from rasterio.warp import transform

    assert b.affine is not None
    assert grid.affine is not None
    points = to_map(_outline(b, on_each_side=_ON_THE_OUTLINE), b.affine).rings[0].points
    try:
        xs, ys = transform(_crs(b), _crs(grid), *zip(*points, strict=True))[:2]
    except CPLE_BaseError as error:
        raise UsageError(f"{b.path} has no place on the map of {grid.path}: {error}") from None
    ring = Ring(tuple((float(x), float(y)) for x, y in zip(xs, ys, strict=True)))
    on_grid = from_map(PointSet("polygon", (ring,)), grid.affine).rings[0].points
    finite = [(x, y) for x, y in on_grid if abs(x) < float("inf") and abs(y) < float("inf")]
    return shapely.make_valid(shapely.Polygon(finite)) if len(finite) > 3 else shapely.Polygon()


def _outline(image: ImageRef, *, on_each_side: int) -> PointSet:
    width, height = image.size_wh
    corners = [(0.0, 0.0), (float(width), 0.0), (float(width), float(height)), (0.0, float(height))]
    points = [
        (x1 + (x2 - x1) * i / on_each_side, y1 + (y2 - y1) * i / on_each_side)
        for (x1, y1), (x2, y2) in zip(corners, corners[1:] + corners[:1], strict=True)
        for i in range(on_each_side)
    ]
    return PointSet("polygon", (Ring(tuple(points)),))


def _crs(image: ImageRef) -> CRS:
    from rasterio.crs import CRS
    from rasterio.errors import CRSError

    try:
        return CRS.from_user_input(image.crs)
    except CRSError as error:
        raise UsageError(f"{image.path}: {_short(image.crs)} is no CRS that PROJ knows: {error}") from None


def _short(crs: str | None) -> str:
    text = str(crs)
    return text if len(text) <= 60 else f"{text[:57]}..."
