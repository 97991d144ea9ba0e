"""Samples larger than the model's view become tiles: overlap, visible share, scene kept; view <-> scene is a shift."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace

from georsmllm.classes import is_countable
from georsmllm.geometry import NO_AREA_PX, area, bounds, clip, parts, shift, to_box, to_shapely
from georsmllm.types import ImageRef, PointSet, Ring, Sample, Target, Window

MIN_PIECE_PX = 64
"""Pieces of an area smaller than this are under_size (methods section 3.3: components of at least 64 px²)."""
MIN_FIT = 0.8
"""A rotated box cut by the border whose best quad overlaps the visible part by less is clipped_beyond_shape."""


def windows(width: int, height: int, *, size: int, overlap: int) -> tuple[Window, ...]:
    """Square windows of `size` that cover a scene, `overlap` px shared by neighbours, the last ones flush with the edge;
    one smaller window on an axis that is shorter than `size`."""
    assert 0 <= overlap < size, (size, overlap)
    return tuple(
        Window(x, y, min(size, width), min(size, height))
        for y in _starts(height, size, overlap)
        for x in _starts(width, size, overlap)
    )


def cut(sample: Sample, *, size: int, overlap: int, min_visible: float) -> Iterator[Sample]:
    """The sample itself when it fits the view, else its tiles in raster order, every target in the pixels of its tile.

    A target that shows less than `min_visible` of its area stays in the tile with ignore="low_visibility"; areas of
    uncountable classes (forest, water) have no whole, so what shows of them counts in full. What falls into pieces that
    do not touch becomes one target a piece.
    """
    width, height = sample.images[0].size_wh
    if max(width, height) <= size:
        yield sample
        return
    xs, ys = _starts(width, size, overlap), _starts(height, size, overlap)
    inside: dict[tuple[int, int], list[Target]] = defaultdict(list)
    for target in sample.targets:
        x1, y1, x2, y2 = bounds(target.shape)
        for y in ys[bisect_left(ys, y1 - size) : bisect_right(ys, y2)]:
            for x in xs[bisect_left(xs, x1 - size) : bisect_right(xs, x2)]:
                inside[x, y].append(target)
    for window in windows(width, height, size=size, overlap=overlap):
        here = inside[window.x, window.y]
        pieces = tuple(piece for target in here for piece in _pieces(target, window, min_visible))
        yield replace(
            sample,
            id=f"{sample.id}@{window.x}_{window.y}_{window.width}_{window.height}",
            images=tuple(view(image, window) for image in sample.images),
            targets=pieces,
            texts=tuple(replace(text, mentions=()) for text in sample.texts),
        )


def view(image: ImageRef, window: Window) -> ImageRef:
    """A window of an image (in pixels of that image) as an image of its own; windows of windows add up."""
    x, y = (image.window.x, image.window.y) if image.window else (0, 0)
    scene_window = Window(window.x + x, window.y + y, window.width, window.height)
    return replace(image, width=window.width, height=window.height, window=scene_window)


def to_scene(shape: PointSet, image: ImageRef) -> PointSet:
    """View pixels -> scene pixels."""
    return shift(shape, image.window.x, image.window.y) if image.window else shape


def to_view(shape_scene: PointSet, image: ImageRef) -> PointSet:
    """Scene pixels -> view pixels."""
    return shift(shape_scene, -image.window.x, -image.window.y) if image.window else shape_scene


def _starts(length: int, size: int, overlap: int) -> tuple[int, ...]:
    if length <= size:
        return (0,)
    return (*range(0, length - size, size - overlap), length - size)


def _pieces(target: Target, window: Window, min_visible: float) -> Iterator[Target]:
    place = (window.x, window.y, window.width, window.height)
    cut_shape, visible, fit = clip(target.shape, place)
    ignore = target.ignore
    if cut_shape is None and area(target.shape) < NO_AREA_PX:
        # a rotated box or polygon without area is nowhere by its area; it stays where it lies, and is not asked
        cut_shape, ignore = clip(to_box(target.shape), place).shape, ignore or "collapsed"
    if cut_shape is None:
        return
    attributes = tuple((n, _shifted(v, window) if n == "head" else v) for n, v in target.attributes)
    moved = replace(target, attributes=attributes, mask=None, ignore=ignore)
    if visible == 1.0:
        yield replace(moved, shape=shift(cut_shape, -window.x, -window.y))
        return
    stuff = not is_countable(target.label)
    pieces = _apart(cut_shape, target.shape)
    for piece in pieces:
        own = visible if len(pieces) == 1 else visible * area(piece) / area(cut_shape)
        share = 1.0 if stuff else own * target.visible
        reason = ignore
        if ignore is None and share < min_visible:
            reason = "low_visibility"
        elif ignore is None and fit < MIN_FIT:
            reason = "clipped_beyond_shape"
        elif ignore is None and piece.kind == "polygon" and area(piece) < MIN_PIECE_PX:
            reason = "under_size"
        yield replace(moved, shape=shift(piece, -window.x, -window.y), visible=share, ignore=reason)


def _apart(piece: PointSet, whole: PointSet) -> list[PointSet]:
    """The parts of a cut polygon that no longer touch each other, as shapes of their own; a shape whose parts lay apart
    before it was cut is one object all the same."""
    left = parts(piece)
    if len(left) < 2 or len(_touching(parts(whole))) > 1:
        return [piece]
    return separate(piece)


def separate(shape: PointSet) -> list[PointSet]:
    """The parts of a polygon that do not touch each other, as shapes of their own; parts that touch stay together."""
    pieces = parts(shape)
    return [PointSet("polygon", tuple(r for i in group for r in pieces[i])) for group in _touching(pieces)]


def _touching(pieces: list[list[Ring]]) -> list[list[int]]:
    if len(pieces) == 1:
        return [[0]]
    areas = [to_shapely(PointSet("polygon", tuple(part))) for part in pieces]
    groups: list[list[int]] = []
    for i, geometry in enumerate(areas):
        joined = [group for group in groups if any(geometry.intersects(areas[j]) for j in group)]
        groups = [group for group in groups if group not in joined]
        groups.append(sorted([i, *(j for group in joined for j in group)]))
    return sorted(groups)


def _shifted(head: str, window: Window) -> str:
    x, y = head.split(",")
    return f"{float(x) - window.x:.10g},{float(y) - window.y:.10g}"
