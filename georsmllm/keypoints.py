"""Points safely inside an object, safest first: the prompts of SAM 2.

"Cluster + EDT" of methods.md 1.4: k-means over the object's pixels, seeded with the pixel farthest from the border and
then farthest-point sampling; in every cluster, among the pixels within 90 % of its greatest distance to the border, the
one nearest the cluster's centre; ordered by decreasing distance. Keypoints are pixel centres (column + .5, row + .5) of
the view, chosen so that they are still inside after rounding to the point text's grid. No randomness.
"""

from __future__ import annotations

from math import floor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from georsmllm.masks import Crop, crop
from georsmllm.types import Point, PointSet

GRID = 1000
SAFE_SHARE = 0.9
MAX_SEEDS_PX = 256  # pixels that take part in the k-means; the choice of the keypoint sees all of them
MAX_ROUNDS = 10


def keypoints(
    shape: PointSet, size_wh: tuple[int, int], *, count: int | None = None, grid: int = GRID
) -> tuple[Point, ...]:
    """Keypoints of a polygon or rbox in pixels of the view; see `keypoints_of`. Empty when it covers no pixel centre."""
    return keypoints_of(crop(shape, size_wh), size_wh, count=count, grid=grid)


def keypoints_of(
    part: Crop, size_wh: tuple[int, int], *, count: int | None = None, grid: int = GRID
) -> tuple[Point, ...]:
    """At most `count` keypoints of the crop's True pixels; by default 4, 2 or 1, by the area (`default_count`).

    The view's border counts as the object's border. A keypoint that leaves the object when rounded to the grid moves to
    the nearest pixel farther from the border that does not, or is left out. An object under two grid cells wide gets
    one keypoint, the best there is even if the grid is too coarse for it.
    """
    from georsmllm.clusters import safest_pixels

    if not part.array.any():
        return ()
    inside = np.ascontiguousarray(part.array)
    depths = _border_distance(inside)
    count = count or default_count(int(np.count_nonzero(inside)))
    if (
        2 * float(depths.max()) - 1 < 2 * max(size_wh) / grid
    ):  # the centre of a piece w pixels wide has depth (w + 1) / 2
        count = 1
    held = _Grid(part, size_wh, grid)
    chosen = safest_pixels(inside, depths, count, MAX_SEEDS_PX, SAFE_SHARE, MAX_ROUNDS)
    found = dict.fromkeys(pixel for row, column in chosen.tolist() for pixel in _held(row, column, depths, held))
    if not found:  # every choice sat on a ridge that the grid misses
        found = {_deepest(depths, held): None}
    ordered = sorted(found, key=lambda pixel: -depths[pixel])
    return tuple((column + part.x + 0.5, row + part.y + 0.5) for row, column in ordered)


def default_count(area_px: int) -> int:
    """4 above 64² pixels, 2 above 16², else 1."""
    return 4 if area_px > 64**2 else 2 if area_px > 16**2 else 1


def _border_distance(array: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The distance of every pixel centre to the nearest centre outside; the crop's frame counts as outside."""
    import cv2

    framed = np.pad(array.view(np.uint8), 1)
    distance: NDArray[np.float32] = np.asarray(cv2.distanceTransform(framed, cv2.DIST_L2, cv2.DIST_MASK_PRECISE))
    return distance[1:-1, 1:-1]


class _Grid(NamedTuple):
    """The point text's grid over the view that the crop is a part of."""

    part: Crop
    size_wh: tuple[int, int]
    steps: int

    def hits(self, row: int, column: int) -> bool:
        """Whether the pixel's centre, written on the grid and read back, is still inside the object."""
        height, width = self.part.array.shape
        x = self._back(column + self.part.x, self.size_wh[0]) - self.part.x
        y = self._back(row + self.part.y, self.size_wh[1]) - self.part.y
        return 0 <= x < width and 0 <= y < height and bool(self.part.array[y, x])

    def _back(self, pixel: int, side: int) -> int:
        """The pixel in which a pixel's centre lands after rounding to the grid."""
        line = floor((pixel + 0.5) * self.steps / side + 0.5)
        return floor(line * side / self.steps)


def _held(row: int, column: int, depths: NDArray[np.float32], grid: _Grid) -> tuple[tuple[int, int], ...]:
    """The pixel itself if the grid holds it, or the nearest deeper one that it holds, or none."""
    if grid.hits(row, column):
        return ((row, column),)
    rows, columns = np.nonzero(depths > depths[row, column])
    nearest = np.argsort((rows - row) ** 2 + (columns - column) ** 2, kind="stable")
    deeper = zip(rows[nearest].tolist(), columns[nearest].tolist(), strict=True)
    return next(((pixel,) for pixel in deeper if grid.hits(*pixel)), ())


def _deepest(depths: NDArray[np.float32], grid: _Grid) -> tuple[int, int]:
    """The deepest pixel that the grid holds; the deepest of all if it holds none."""
    rows, columns = np.nonzero(depths)
    order = np.argsort(-depths[rows, columns], kind="stable")
    pixels = list(zip(rows[order].tolist(), columns[order].tolist(), strict=True))
    return next((pixel for pixel in pixels if grid.hits(*pixel)), pixels[0])
