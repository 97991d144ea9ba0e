"""Views of a scene: which window the model sees and at which size; view pixels <-> scene pixels, scale included.

Frame: names that end in `_scene` are pixels of the scene; all others are pixels of the view.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from georsmllm import tiling
from georsmllm.geometry import bounds
from georsmllm.types import Point, PointSet, Ring, Window

MARGIN_SHARE = 0.1
"""Of the shapes' extent, on each side of a view around them: an object at the very border of a view looks cut."""


@dataclass(frozen=True, slots=True)
class Viewport:
    """window: of the scene, in scene pixels. size_wh: of the image that is made of it."""

    window: Window
    size_wh: tuple[int, int]

    @property
    def is_coarse(self) -> bool:
        """Whether the view has fewer pixels than its window."""
        return self.size_wh[0] < self.window.width or self.size_wh[1] < self.window.height

    def to_scene(self, shape: PointSet) -> PointSet:
        """View pixels -> scene pixels."""
        x_scale, y_scale = self.window.width / self.size_wh[0], self.window.height / self.size_wh[1]

        def moved(points: tuple[Point, ...]) -> tuple[Point, ...]:
            return tuple((x * x_scale + self.window.x, y * y_scale + self.window.y) for x, y in points)

        rings = tuple(Ring(moved(ring.points), ring.sign) for ring in shape.rings)
        return PointSet(shape.kind, rings, moved(shape.keypoints))

    def to_view(self, shape_scene: PointSet) -> PointSet:
        """Scene pixels -> view pixels; what lies outside of the window stays outside of the view."""
        x_scale, y_scale = self.size_wh[0] / self.window.width, self.size_wh[1] / self.window.height

        def moved(points: tuple[Point, ...]) -> tuple[Point, ...]:
            return tuple(((x - self.window.x) * x_scale, (y - self.window.y) * y_scale) for x, y in points)

        rings = tuple(Ring(moved(ring.points), ring.sign) for ring in shape_scene.rings)
        return PointSet(shape_scene.kind, rings, moved(shape_scene.keypoints))


def viewports(area: Window, *, size: int, overlap: int) -> tuple[Viewport, ...]:
    """The views that show an area of a scene: itself where it fits `size`; else the whole of it coarsely, then its tiles at
    full size in raster order, neighbours sharing `overlap` px at least."""
    if max(area.width, area.height) <= size:
        return (whole(area, size),)
    tiles = tiling.windows(area.width, area.height, size=size, overlap=overlap)
    moved = [Window(tile.x + area.x, tile.y + area.y, tile.width, tile.height) for tile in tiles]
    return (whole(area, size), *(Viewport(tile, (tile.width, tile.height)) for tile in moved))


def whole(area: Window, size: int) -> Viewport:
    """One view of an area, its longer side brought down to `size` where it is longer; never enlarged."""
    scale = min(1.0, size / max(area.width, area.height))
    return Viewport(area, (max(1, round(area.width * scale)), max(1, round(area.height * scale))))


def around(shapes_scene: Sequence[PointSet], scene_wh: tuple[int, int], *, size: int) -> Viewport:
    """A view that holds all the shapes as far as they lie in the scene: `size` px of the scene around their middle, or as
    much as they need with a margin, brought down to `size`."""
    if max(scene_wh) <= size:
        return whole(Window(0, 0, *scene_wh), size)
    corners = [bounds(shape) for shape in shapes_scene]
    x, width = _span(min(c[0] for c in corners), max(c[2] for c in corners), scene_wh[0], size)
    y, height = _span(min(c[1] for c in corners), max(c[3] for c in corners), scene_wh[1], size)
    return whole(Window(x, y, width, height), size)


def _span(low: float, high: float, limit: int, size: int) -> tuple[int, int]:
    """Start and length, inside 0..limit, of at least `size` px (or all there is) around low..high and its margin."""
    low, high = max(0.0, min(low, limit)), min(float(limit), max(high, 0.0))
    margin = (high - low) * MARGIN_SHARE
    short = max(0.0, size - (high - low) - 2 * margin) / 2
    start, end = math.floor(low - margin - short), math.ceil(high + margin + short)
    length = min(limit, end - start) if end - start > size + 1 else min(limit, size)
    return max(0, min(start, limit - length)), length
