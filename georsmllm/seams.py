"""What several views of a scene say becomes objects of the scene: each once, cut ones joined, areas stitched.

Within the tiles: see `seam_matching` for which answers are one object. Of one object the view that saw it whole has the
word; where none did, boxes are joined to the box around the pieces, rotated ones to the rectangle of least area around them
if it sits well, outlines to their union. Areas of uncountable classes (water, forest) are whatever the views say together.
The coarse view of the whole scene has the word on objects longer than the tiles' overlap, which no tile need see whole.

The result does not depend on the order of the pieces. Frame: scene pixels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from georsmllm import seam_matching
from georsmllm.classes import is_countable
from georsmllm.geometry import area, bounds, from_shapely, min_area_rect, order_corners, to_rbox, to_valid
from georsmllm.seam_matching import Pieces
from georsmllm.types import Point, PointSet, Window, box, rbox
from georsmllm.viewports import Viewport

if TYPE_CHECKING:
    from shapely import Geometry

    from georsmllm.seam_matching import Floats

MOST_KEYPOINTS = 8
"""Of a joined box: more prompts than a mask decoder was trained with do not help."""
WHOLE_SHARE = 0.8
"""What a view saw whole has less area than this share of another view's piece: then it was not whole."""
SEEN_SHARE = 0.98
"""Views in which so much lies of what all views say of an object have the word on it."""
JOINS = 0.6
"""IoU of the pieces of a rotated box with their rectangle; less is a thing with a bend, whose pieces stay apart."""
INSIDE = 0.7
"""Share of a shape that lies in a larger one for it to be a piece of it."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One thing that one view said, in scene pixels. score: where there is one, the better word wins."""

    shape_scene: PointSet
    label: str
    view: Viewport
    score: float | None = None


class _Object(NamedTuple):
    """is_whole: a view saw all of it."""

    shape: PointSet
    is_whole: bool


def merge(pieces: Sequence[Piece], *, overlap: int) -> tuple[PointSet, ...]:
    """The objects that the pieces are of, by label, then from top to bottom; different labels and kinds never meet.

    overlap: px that neighbouring tiles share at least; what a coarse view says of shorter things is left to the tiles.
    """
    ordered = sorted(pieces, key=_key)
    if not ordered:
        return ()
    windows = [piece.view.window for piece in ordered]
    extent = np.array(
        [
            min(w.x for w in windows),
            min(w.y for w in windows),
            max(w.x + w.width for w in windows),
            max(w.y + w.height for w in windows),
        ],
        np.float64,
    )
    by_class: dict[tuple[str, str], list[Piece]] = {}
    for piece in ordered:
        by_class.setdefault((piece.label, piece.shape_scene.kind), []).append(piece)
    merged: list[PointSet] = []
    for (label, kind), some in by_class.items():
        is_stuff = kind == "polygon" and not is_countable(label)
        tiles = [piece for piece in some if not piece.view.is_coarse]
        far = [one.shape_scene for one in some if one.view.is_coarse and _length(one.shape_scene) >= overlap]
        near = _of_tiles(tiles, extent, is_stuff=is_stuff) if tiles else []
        merged += sorted(_with_coarse(near, far, is_stuff=is_stuff), key=_place)
    return tuple(merged)


def _key(piece: Piece) -> tuple[object, ...]:
    shape, view = piece.shape_scene, piece.view
    rings = tuple((ring.sign, ring.points) for ring in shape.rings)
    window = (view.window.x, view.window.y, view.window.width, view.window.height)
    return (
        piece.label,
        shape.kind,
        rings,
        shape.keypoints,
        window,
        view.size_wh,
        -1.0 if piece.score is None else piece.score,
    )


def _place(shape: PointSet) -> tuple[object, ...]:
    x1, y1, x2, y2 = bounds(shape)
    return y1, x1, y2, x2, tuple((ring.sign, ring.points) for ring in shape.rings), shape.keypoints


def _of_tiles(tiles: list[Piece], extent: Floats, *, is_stuff: bool) -> list[_Object]:
    pieces = seam_matching.pieces_of([one.shape_scene for one in tiles], [one.view.window for one in tiles], extent)
    if is_stuff:
        found = seam_matching.groups(pieces, seam_matching.touching(pieces), one_a_view=False)
        return [_Object(_stitched(pieces, group), is_whole=True) for group in found]
    found = seam_matching.groups(pieces, seam_matching.matching(pieces), one_a_view=True)
    scores = [one.score for one in tiles]
    return [one for group in found for one in _objects(pieces, group, scores)]


def _objects(pieces: Pieces, group: list[int], scores: list[float | None]) -> list[_Object]:
    """One object, or its pieces one by one where they make no shape of their kind."""
    whole = [i for i in group if not pieces.are_cut[i]]
    largest = max(float(pieces.areas[i]) for i in group)
    if whole:
        best = max(whole, key=lambda i: (scores[i] or 0.0, _depth(pieces, i), -i))
        if pieces.areas[best] >= WHOLE_SHARE * largest:
            return [_Object(pieces.shapes[best], is_whole=True)]
    if len(group) == 1:
        return [_Object(pieces.shapes[group[0]], is_whole=False)]
    needed = _needed(pieces, group)
    if len(needed) == 1:
        return [_Object(pieces.shapes[needed[0]], is_whole=False)]
    joined = _joined(pieces, needed)
    if joined is None:
        return [_Object(pieces.shapes[i], is_whole=False) for i in group]
    return [_Object(joined, is_whole=False)]


def _needed(pieces: Pieces, group: list[int]) -> list[int]:
    """The pieces of the views that see most of an object, as few as see nearly all that is said of it.

    A view that sees only a corner says a box around a triangle: it has no word on what another view saw in full.
    """
    import shapely

    unseen = shapely.union_all(pieces.geometries[group])
    enough = (1 - SEEN_SHARE) * unseen.area
    views = shapely.box(*pieces.windows_xyxy[group].T)
    needed: list[int] = []
    while len(needed) < len(group) and (not needed or unseen.area > enough):
        seen = shapely.area(shapely.intersection(unseen, views))
        left = [k for k in range(len(group)) if group[k] not in needed]
        best = max(left, key=lambda k: (round(float(seen[k]), 6), pieces.areas[group[k]], -k))
        needed.append(group[best])
        unseen = shapely.difference(unseen, views[best])
    return sorted(needed)


def _depth(pieces: Pieces, i: int) -> float:
    """How far a shape keeps from the borders of its view: in the middle a model sees what is around."""
    x1, y1, x2, y2 = pieces.bounds_xyxy[i] - pieces.windows_xyxy[i]
    return float(min(x1, y1, -x2, -y2))


def _joined(pieces: Pieces, group: list[int]) -> PointSet | None:
    """The pieces of a cut object as one; None for rotated boxes that no rectangle fits."""
    import shapely

    shapes = [pieces.shapes[i] for i in group]
    kind = shapes[0].kind
    if kind == "point":
        return shapes[0]
    if kind == "box":
        x1, y1 = pieces.bounds_xyxy[group, :2].min(axis=0)
        x2, y2 = pieces.bounds_xyxy[group, 2:].max(axis=0)
        return box(float(x1), float(y1), float(x2), float(y2), keypoints=_keypoints(shapes))
    if kind == "polygon":
        return _stitched(pieces, group)
    union = shapely.union_all(pieces.geometries[group])
    rectangle = _rectangle(union, [p for shape in shapes for p in shape.rings[0].points])
    common = shapely.area(shapely.intersection(union, to_valid(rectangle)))
    return rectangle if common >= JOINS * (union.area + area(rectangle) - common) else None


def _rectangle(union: Geometry, corners: Sequence[Point]) -> PointSet:
    """As long as the rectangle of least area around the pieces, and of their own area: the rectangle around pieces that miss
    each other by a pixel is wider than each of them, which of a thin thing is a lot."""
    a, b, c, _ = min_area_rect(corners)
    if math.dist(a, b) < math.dist(b, c):
        a, b, c = b, c, (b[0] + c[0] - a[0], b[1] + c[1] - a[1])
    length = math.dist(a, b)
    if length == 0:
        return rbox((a, b, b, a))
    ux, uy = (b[0] - a[0]) / length, (b[1] - a[1]) / length
    middle = union.centroid
    along, across = middle.x * ux + middle.y * uy, middle.y * ux - middle.x * uy
    start, half = a[0] * ux + a[1] * uy, union.area / length / 2
    assert start <= along <= start + length, (start, along, length)
    ends = (
        (start, across - half),
        (start + length, across - half),
        (start + length, across + half),
        (start, across + half),
    )
    return rbox(order_corners([(s * ux - t * uy, s * uy + t * ux) for s, t in ends]))


def _keypoints(shapes: Sequence[PointSet]) -> tuple[Point, ...]:
    """The safest of each, then the second of each, and so on."""
    longest = max(len(shape.keypoints) for shape in shapes)
    ranked = [shape.keypoints[rank] for rank in range(longest) for shape in shapes if rank < len(shape.keypoints)]
    return tuple(dict.fromkeys(ranked))[:MOST_KEYPOINTS]


def _stitched(pieces: Pieces, group: list[int]) -> PointSet:
    """The union of outlines, without the vertices that a seam leaves on a straight edge."""
    import shapely

    if len(group) == 1:
        return pieces.shapes[group[0]]
    # Normal rings start at their least vertex, which is a corner; simplification keeps the first one whatever it is.
    union = shapely.normalize(shapely.union_all(pieces.geometries[group]))
    return from_shapely(shapely.simplify(union, 0.0)) or pieces.shapes[group[0]]


def _length(shape: PointSet) -> float:
    """The longer side of the rotated box around the shape."""
    if shape.kind == "point":
        return 0.0
    a, b, c, _ = to_rbox(shape).rings[0].points
    return max(math.dist(a, b), math.dist(b, c))


def _with_coarse(near: list[_Object], far: list[PointSet], *, is_stuff: bool) -> list[PointSet]:
    """What the tiles say and what the coarse view says of long objects, each once."""
    if not far or not near or far[0].kind == "point":
        return [one.shape for one in near] + ([] if near and far[:1] and far[0].kind == "point" else far)
    import shapely

    everywhere = np.array([-np.inf, -np.inf, np.inf, np.inf])
    nowhere = Window(0, 0, 1, 1)
    tiles = seam_matching.pieces_of([one.shape for one in near], [nowhere] * len(near), everywhere)
    coarse = seam_matching.pieces_of(far, [nowhere] * len(far), everywhere)
    tree = shapely.STRtree(tiles.geometries)
    kept: list[PointSet] = []
    suppressed: set[int] = set()
    for number, shape in enumerate(far):
        meets = np.sort(tree.query(coarse.geometries[number], predicate="intersects"))
        common = shapely.area(shapely.intersection(tiles.geometries[meets], coarse.geometries[number]))
        inside = common >= INSIDE * tiles.areas[meets]
        whole = float(coarse.areas[number])
        if is_stuff:
            is_known = float(common.sum()) >= 0.5 * whole
        else:
            union = tiles.areas[meets] + whole - common
            is_same = (common >= 0.5 * union) & [_length(near[i].shape) >= WHOLE_SHARE * _length(shape) for i in meets]
            # Two things that tiles saw whole inside of it: the coarse view took a group for one object.
            is_known = bool(is_same.any()) or sum(near[i].is_whole for i in meets[inside]) >= 2
        if not is_known:
            kept.append(shape)
            suppressed.update(meets[inside].tolist())
    return [one.shape for i, one in enumerate(near) if i not in suppressed] + kept
