"""Seams: what exact tiles say of a scene merges to the scene; the order of answers is nothing; views lead back to the scene."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import shapely
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from shape_strategies import shapes_in

from georsmllm.geometry import bounds, clip, from_shapely, order_corners, shift, to_box, to_polygon, to_valid
from georsmllm.pointtext import N, decode, encode
from georsmllm.seams import Piece, merge
from georsmllm.tiling import MIN_FIT
from georsmllm.types import Kind, Point, PointSet, Window, point, rbox
from georsmllm.viewports import Viewport, around, viewports, whole

SIDE, SIZE, OVERLAP = 700, 256, 80
TILES = viewports(Window(0, 0, SIDE, SIDE), size=SIZE, overlap=OVERLAP)[1:]
COUNTABLE: tuple[Kind, ...] = ("box", "rbox", "polygon")


def turned(x: float, y: float, length: float, width: float, angle: float) -> tuple[Point, ...]:
    c, s = math.cos(angle) / 2, math.sin(angle) / 2
    corners = ((-1, -1), (1, -1), (1, 1), (-1, 1))
    return tuple((x + u * length * c - v * width * s, y + u * length * s + v * width * c) for u, v in corners)


def of_kind(kind: Kind, corners: tuple[Point, ...]) -> PointSet:
    quad = rbox(order_corners(corners))
    return {"box": to_box, "rbox": lambda s: s, "polygon": to_polygon}[kind](quad)


@st.composite
def objects(draw: st.DrawFn, kind: Kind, lengths: tuple[int, int], most: int, least_width: int = 4) -> list[PointSet]:
    """Objects inside the scene that do not overlap; neighbours may be a pixel apart."""
    place = st.one_of(
        st.integers(0, SIDE).map(float), st.floats(0, SIDE), st.sampled_from([176.0, 256.0, 352.0, 444.0])
    )
    found: list[PointSet] = []
    for _ in range(draw(st.integers(0, most))):
        length = draw(st.integers(*lengths))
        width = draw(st.integers(least_width, max(least_width, length // 3)))
        angle = draw(st.sampled_from([0.0, math.pi / 2]) | st.floats(0, math.pi))
        shape = of_kind(kind, turned(draw(place), draw(place), length, width, angle))
        x1, y1, x2, y2 = bounds(shape)
        inside = x1 >= 0 and y1 >= 0 and x2 <= SIDE and y2 <= SIDE
        if inside and not any(to_valid(shape).intersects(to_valid(other)) for other in found):
            found.append(shape)
    return found


def said(shapes: Sequence[PointSet], tiles: Sequence[Viewport] = TILES, *, min_fit: float = 0.0) -> list[Piece]:
    """What a model without error says in each tile; min_fit: rotated boxes that a border spoils are not said."""
    pieces = []
    for view in tiles:
        w = view.window
        for shape in shapes:
            seen = clip(shape, (w.x, w.y, w.width, w.height))
            if seen.shape is not None and seen.fit >= min_fit:
                pieces.append(Piece(seen.shape, "ship", view))
    return pieces


def all_sit_well(shape: PointSet) -> bool:
    """Whether no tile's border cuts off a corner so that the tile's rotated box is much wider than what shows."""
    fits = [clip(shape, (v.window.x, v.window.y, v.window.width, v.window.height)).fit for v in TILES]
    return min(fits) >= 0.95


def iou(a: PointSet, b: PointSet) -> float:
    first, second = to_valid(a), to_valid(b)
    return float(first.intersection(second).area / first.union(second).area)


@settings(max_examples=150)
@given(st.sampled_from(COUNTABLE).flatmap(lambda kind: objects(kind, (4, 75), 12)))
def test_objects_shorter_than_the_overlap_come_back_as_they_were(shapes):
    # upright boxes of slanted objects are shorter than the overlap, too
    assume(all(max(bounds(s)[2] - bounds(s)[0], bounds(s)[3] - bounds(s)[1]) <= OVERLAP for s in shapes))
    assert Counter(merge(said(shapes, min_fit=MIN_FIT), overlap=OVERLAP)) == Counter(shapes)


@settings(max_examples=150)
@given(st.sampled_from(COUNTABLE).flatmap(lambda kind: objects(kind, (OVERLAP, SIDE), 3, 20)))
def test_a_long_object_is_one_object_and_nearly_as_it_was(shapes):
    pieces = said(shapes)
    merged = merge(pieces, overlap=OVERLAP)
    for shape in shapes:
        best = max((iou(shape, one) for one in merged), default=0.0)
        assert best >= (0.9 if all_sit_well(shape) else 0.75)
    assert len(merged) == len(shapes)


@given(
    st.sampled_from(COUNTABLE).flatmap(lambda kind: objects(kind, (4, 400), 6)),
    st.randoms(use_true_random=False),
    st.sampled_from(["ship", "water"]),
)
def test_the_order_of_the_answers_is_nothing(shapes, random, label):
    coarse = Viewport(Window(0, 0, SIDE, SIDE), (SIZE, SIZE))
    pieces = [replace(one, label=label) for one in said(shapes, (coarse, *TILES))]
    expected = merge(pieces, overlap=OVERLAP)
    random.shuffle(pieces)
    assert merge(pieces, overlap=OVERLAP) == expected


@given(st.lists(st.tuples(st.sampled_from(TILES), shapes_in((SIZE, SIZE))), max_size=25))
def test_whatever_is_said_merges_and_no_tile_loses_a_thing_to_itself(answers):
    pieces = [Piece(view.to_scene(shape), "car", view) for view, shape in answers]
    merged = merge(pieces, overlap=OVERLAP)
    most = Counter((piece.view, piece.shape_scene.kind) for piece in pieces)
    for (_, kind), number in most.items():
        assert sum(shape.kind == kind for shape in merged) >= number
    assert len(merged) <= len(pieces)


@st.composite
def pixel_areas(draw: st.DrawFn) -> np.ndarray:
    """Rectangles painted and cut out of a small raster: areas with arms, holes and corners that touch."""
    array = np.zeros((60, 60), np.bool_)
    for _ in range(draw(st.integers(0, 8))):
        x, y, w, h = (draw(st.integers(0, 59)) for _ in range(4))
        array[y : y + h + 1, x : x + w + 1] = draw(st.booleans())
    return array


@given(pixel_areas(), st.integers(0, 12))
def test_stitched_areas_are_the_areas_of_the_scene_to_the_pixel(array, overlap):
    pieces = []
    for view in viewports(Window(0, 0, 60, 60), size=25, overlap=overlap)[1:]:
        w = view.window
        seen = areas_of(array[w.y : w.y + w.height, w.x : w.x + w.width])
        pieces += [Piece(shift(part, w.x, w.y), "water", view) for part in seen]
    merged = merge(pieces, overlap=overlap)
    assert sorted(map(canonical, merged)) == sorted(map(canonical, areas_of(array)))


def areas_of(array: np.ndarray) -> list[PointSet]:
    """Areas whose pixels share an edge."""
    if not array.any():
        return []
    parts = shapely.get_parts(shapely.union_all([shapely.box(x, y, x + 1, y + 1) for y, x in np.argwhere(array)]))
    return [shape for part in parts if (shape := from_shapely(part)) is not None]


def canonical(shape: PointSet) -> str:
    return str(shapely.simplify(shapely.normalize(to_valid(shape)), 0.0).normalize().wkt)


@given(
    shapes_in((800, 600)), st.integers(0, 20_000), st.integers(0, 20_000), st.integers(1, 8000), st.integers(1, 8000)
)
def test_view_to_scene_and_back_is_the_identity_at_every_scale(shape, x, y, width, height):
    view = Viewport(Window(x, y, width, height), (800, 600))
    back = view.to_view(view.to_scene(shape))
    assert back.kind == shape.kind
    for (x1, y1), (x2, y2) in zip(all_points(back), all_points(shape), strict=True):
        assert math.dist((x1, y1), (x2, y2)) < 1e-6


@given(st.integers(1, 20_000), st.integers(1, 20_000), st.floats(0, 1), st.floats(0, 1))
def test_what_a_coarse_view_says_is_in_the_scene_within_half_a_cell(width, height, x_share, y_share):
    view = whole(Window(7, 9, width, height), 1024)
    spot = point(7 + x_share * width, 9 + y_share * height)
    (heard,) = decode(encode((view.to_view(spot),), view.size_wh), view.size_wh)
    (found,), (true,) = all_points(view.to_scene(heard)), all_points(spot)
    assert abs(found[0] - true[0]) <= width / N / 2 + 1e-6
    assert abs(found[1] - true[1]) <= height / N / 2 + 1e-6


@given(st.integers(1, 9000), st.integers(1, 9000), st.data())
def test_a_view_around_shapes_holds_them_and_stays_in_the_scene(width, height, data):
    shapes = data.draw(st.lists(shapes_in((width, height)), min_size=1, max_size=4))
    view = around(shapes, (width, height), size=1024)
    w = view.window
    assert 0 <= w.x < w.x + w.width <= width
    assert 0 <= w.y < w.y + w.height <= height
    assert max(view.size_wh) <= 1024
    for shape in shapes:
        x1, y1, x2, y2 = bounds(shape)
        assert w.x <= x1 <= x2 <= w.x + w.width
        assert w.y <= y1 <= y2 <= w.y + w.height


def all_points(shape: PointSet) -> list[Point]:
    return [p for ring in shape.rings for p in ring.points] + list(shape.keypoints)
