"""Law 4: a tile's pixels, the scene's pixels and the map are one place: there and back is the identity, within half a cell."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from shape_strategies import shapes_in

from georsmllm.geo import from_map, inverse, to_map
from georsmllm.geometry import area, bounds, clip, shift
from georsmllm.pointtext import N, decode, encode
from georsmllm.tiling import cut, to_scene, to_view, view, windows
from georsmllm.types import ImageRef, Point, PointSet, Sample, Target, Window, box, rbox

small = st.floats(-3, 3).filter(lambda v: abs(v) > 1e-3)


@st.composite
def affines(draw: st.DrawFn) -> tuple[float, float, float, float, float, float]:
    """North-up, rotated and sheared ones, with origins as large as UTM's."""
    a, b, d, e = (draw(small) for _ in range(4))
    assume(abs(a * e - b * d) > 1e-3)
    return a, b, draw(st.floats(-1e6, 1e6)), d, e, draw(st.floats(-1e7, 1e7))


def all_points(shape: PointSet) -> list[Point]:
    return [p for ring in shape.rings for p in ring.points] + list(shape.keypoints)


@given(shapes_in((1024, 1024)), st.integers(0, 5000), st.integers(0, 5000), affines())
def test_view_to_scene_to_map_and_back_is_the_identity(shape, x, y, affine):
    image = ImageRef("scene.tif", 1024, 1024, Window(x, y, 1024, 1024), affine, "EPSG:32633")
    on_map = to_map(to_scene(shape, image), affine)
    back = to_view(from_map(on_map, affine), image)
    for (x1, y1), (x2, y2) in zip(all_points(back), all_points(shape), strict=True):
        assert math.dist((x1, y1), (x2, y2)) < 1e-3


@given(shapes_in((700, 500)), st.integers(0, 5000), st.integers(0, 5000))
def test_what_is_said_in_a_tile_is_found_in_the_scene_within_half_a_cell(shape, x, y):
    image = ImageRef("scene.png", 700, 500, Window(x, y, 700, 500))
    assume(shape.kind in ("point", "box"))
    (heard,) = decode(encode((replace(shape, keypoints=()),), image.size_wh), image.size_wh)
    for (x1, y1), (x2, y2) in zip(all_points(to_scene(heard, image)), all_points(to_scene(shape, image)), strict=False):
        assert abs(x1 - x2) <= 700 / N / 2 + 1e-6
        assert abs(y1 - y2) <= 500 / N / 2 + 1e-6


@given(affines())
def test_the_inverse_of_the_inverse_is_the_affine(affine):
    assert inverse(inverse(affine)) == pytest.approx(affine, rel=1e-6, abs=1e-3)


@given(st.integers(1, 3000), st.integers(1, 3000), st.integers(2, 1200), st.data())
def test_windows_cover_the_scene_and_stay_inside_it(width, height, size, data):
    overlap = data.draw(st.integers(0, size - 1))
    assume((width / max(1, size - overlap)) * (height / max(1, size - overlap)) < 3000)
    tiles = windows(width, height, size=size, overlap=overlap)
    assert len(set(tiles)) == len(tiles)
    for axis, length in ((0, width), (1, height)):
        spans = sorted({((t.x, t.width) if axis == 0 else (t.y, t.height)) for t in tiles})
        assert spans[0][0] == 0
        assert spans[-1][0] + spans[-1][1] == length
        for (a, w), (b, _) in pairwise(spans):
            assert b <= a + w - min(overlap, w - 1) or b + spans[-1][1] == length
        assert all(a >= 0 and a + w <= length and w == min(size, length) for a, w in spans)


@given(
    st.lists(st.tuples(st.integers(0, 900), st.integers(0, 900), st.integers(1, 300), st.integers(1, 300)), max_size=8)
)
def test_tiles_of_boxes_hold_exactly_what_clipping_the_scene_says(boxes):
    targets = tuple(Target(0, "ship", box(x, y, min(1000, x + w), min(1000, y + h))) for x, y, w, h in boxes)
    scene = Sample("d/s", "d", "", "d/s", (ImageRef("s.png", 1000, 1000),), targets)
    for tile in cut(scene, size=400, overlap=100, min_visible=0.7):
        window = tile.images[0].window
        assert window is not None
        expected = []
        for target in targets:
            shape, visible, _ = clip(target.shape, (window.x, window.y, window.width, window.height))
            if shape is not None:
                expected.append((shift(shape, -window.x, -window.y), visible, visible < 0.7))
        found = [(t.shape, t.visible, t.ignore == "low_visibility") for t in tile.targets]
        assert found == expected
        assert all(0 <= c <= 400 for t in tile.targets for c in bounds(t.shape))


@given(st.lists(st.tuples(shapes_in((1000, 1000)), st.sampled_from(["ship", "forest"])), max_size=8))
def test_no_target_of_a_scene_is_lost_in_its_tiles(shapes):
    """Each is in some tile: asked, or ignored by name; those without area are never asked."""
    targets = tuple(Target(0, label, shape, attributes=(("n", str(i)),)) for i, (shape, label) in enumerate(shapes))
    scene = Sample("d/s", "d", "", "d/s", (ImageRef("s.png", 1000, 1000),), targets)
    found = {t.attributes for tile in cut(scene, size=400, overlap=100, min_visible=0.7) for t in tile.targets}
    assert found == {t.attributes for t in targets}


def scene_with(*targets: Target) -> Sample:
    return Sample("d/s", "d", "train", "d/s", (ImageRef("s.png", 1000, 600),), targets)


def test_a_scene_that_fits_the_view_is_left_alone():
    scene = scene_with(Target(0, "ship", box(0, 0, 5, 5)))
    assert list(cut(scene, size=1000, overlap=0, min_visible=0.7)) == [scene]


def test_a_tile_keeps_the_scene_and_names_its_window():
    tiles = list(cut(scene_with(), size=600, overlap=200, min_visible=0.7))
    assert [tile.id for tile in tiles] == ["d/s@0_0_600_600", "d/s@400_0_600_600"]
    assert {tile.scene for tile in tiles} == {"d/s"}
    assert tiles[1].images == (ImageRef("s.png", 600, 600, Window(400, 0, 600, 600)),)


def test_windows_of_windows_add_up():
    image = view(view(ImageRef("s.png", 100, 100), Window(10, 20, 50, 50)), Window(1, 2, 5, 5))
    assert image == ImageRef("s.png", 5, 5, Window(11, 22, 5, 5))


def test_a_cut_forest_counts_in_full_and_its_pieces_become_targets_of_their_own():
    from georsmllm.types import Ring, polygon

    u_shape = polygon(Ring(((550.0, 100.0), (750.0, 100.0), (750.0, 150.0), (650.0, 150.0), (650.0, 250.0),
                            (750.0, 250.0), (750.0, 300.0), (550.0, 300.0))))  # fmt: skip
    tiles = list(cut(scene_with(Target(0, "forest", u_shape)), size=600, overlap=200, min_visible=0.7))
    assert [t.ignore for t in tiles[0].targets] == [None]
    half = list(cut(scene_with(Target(0, "forest", shift(u_shape, 120, 0))), size=600, overlap=200, min_visible=0.7))
    assert half[0].targets == ()
    e_shape = shift(polygon(Ring(tuple((1300 - x, y) for x, y in u_shape.rings[0].points))), 0, 0)
    halves = next(cut(scene_with(Target(0, "building", e_shape)), size=600, overlap=200, min_visible=0.7)).targets
    assert [(p.visible, p.ignore) for p in halves] == [(pytest.approx(2500 / 30000), "low_visibility")] * 2
    pieces = next(cut(scene_with(Target(0, "forest", e_shape)), size=600, overlap=200, min_visible=0.7)).targets
    assert len(pieces) == 2
    assert [(p.visible, p.ignore) for p in pieces] == [(1.0, None)] * 2
    assert sum(area(p.shape) for p in pieces) == 50 * 50 * 2


def test_the_head_of_an_object_moves_with_its_tile():
    ship = Target(0, "ship", rbox(((450, 10), (470, 10), (470, 30), (450, 30))), attributes=(("head", "450,10"),))
    tiles = list(cut(scene_with(ship), size=600, overlap=200, min_visible=0.7))
    assert [t.targets[0].attributes for t in tiles] == [(("head", "450,10"),), (("head", "50,10"),)]
