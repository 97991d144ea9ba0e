"""The crack follower against GDAL, and on drawn maps whose answer is plain to see."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import rasterio.features
import shapely
from numpy.typing import NDArray

from georsmllm.filling import fill
from georsmllm.tracing import LabelPolygons, label_polygons


def drawn(text: str) -> NDArray[np.uint8]:
    return np.array([[int(c) for c in line] for line in text.split()], dtype=np.uint8)


def rings(found: LabelPolygons) -> list[list[list[tuple[int, int]]]]:
    ends = found.ring_offsets
    every = [[(int(x), int(y)) for x, y in found.coords[a:b]] for a, b in pairwise(ends)]
    offsets = found.polygon_offsets
    return [every[a:b] for a, b in pairwise(offsets)]


def by_value(values: NDArray[np.int64], geometries: NDArray[np.object_]) -> list[tuple[int, bytes]]:
    return sorted(zip(values.tolist(), shapely.to_wkb(shapely.normalize(geometries)), strict=True))


def assert_like_gdal(label_map: NDArray[np.uint8]) -> None:
    found = label_polygons(label_map)
    ours = shapely.from_ragged_array(
        shapely.GeometryType.POLYGON, found.coords, (found.ring_offsets, found.polygon_offsets)
    )
    assert shapely.is_valid(ours).all()
    pairs = list(rasterio.features.shapes(label_map, connectivity=4))
    theirs = np.array([shapely.Polygon(s["coordinates"][0], s["coordinates"][1:]) for s, _ in pairs], dtype=object)
    assert by_value(found.values, ours) == by_value(np.array([v for _, v in pairs], dtype=np.int64), theirs)


@pytest.mark.parametrize("shape", [(0, 0), (0, 5), (3, 0), (3, 4)])
def test_a_map_without_wanted_pixels_has_no_polygons(shape):
    found = label_polygons(np.zeros(shape, dtype=np.uint8), ignore=(0,))
    assert len(found.values) == len(found.coords) == 0
    assert found.ring_offsets.tolist() == found.polygon_offsets.tolist() == [0]


def test_one_pixel_is_a_unit_square_clockwise_on_screen():
    found = label_polygons(drawn("000 010"), ignore=(0,))
    assert rings(found) == [[[(1, 1), (2, 1), (2, 2), (1, 2), (1, 1)]]]


def test_a_full_map_is_its_frame():
    assert rings(label_polygons(drawn("777 777"))) == [[[(0, 0), (3, 0), (3, 2), (0, 2), (0, 0)]]]


def test_a_hole_follows_its_exterior_and_is_clockwise_too():
    found = label_polygons(drawn("111 101 111"), ignore=(0,))
    assert rings(found) == [
        [[(0, 0), (3, 0), (3, 3), (0, 3), (0, 0)], [(1, 1), (2, 1), (2, 2), (1, 2), (1, 1)]],
    ]
    assert found.areas_px.tolist() == [8]


def test_a_ring_that_meets_itself_in_a_corner_is_an_exterior_and_a_hole():
    found = label_polygons(drawn("110 101 111"), ignore=(0,))
    assert rings(found) == [
        [
            [(0, 0), (2, 0), (2, 1), (3, 1), (3, 3), (0, 3), (0, 0)],
            [(1, 1), (2, 1), (2, 2), (1, 2), (1, 1)],
        ]
    ]


def test_pixels_that_touch_by_a_corner_are_two_polygons_of_one_object():
    found = label_polygons(drawn("10 01"), ignore=(0,))
    assert found.areas_px.tolist() == [1, 1]
    assert found.objects.tolist() == [0, 0]


@pytest.mark.parametrize("text", ["01 10", "0010 1100", "0110 1001", "0011 1100 0011"])
def test_corners_join_objects_from_either_side(text):
    assert set(label_polygons(drawn(text), ignore=(0,)).objects.tolist()) == {0}


def test_equal_values_apart_are_two_objects_in_raster_order():
    found = label_polygons(drawn("20011 20011"), ignore=(0,))
    assert found.values.tolist() == [2, 1]
    assert found.objects.tolist() == [0, 1]
    assert found.windows.tolist() == [[0, 0, 1, 2], [3, 0, 5, 2]]


def test_regions_that_join_below_are_one():
    found = label_polygons(drawn("10101 10101 11111"), ignore=(0,))
    assert found.areas_px.tolist() == [11]
    assert len(found.polygon_offsets) == 2


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.int64])
def test_every_integer_type_is_read(dtype):
    assert label_polygons(drawn("12 12").astype(dtype)).values.tolist() == [1, 2]


def test_a_transposed_view_is_read_as_it_looks():
    assert rings(label_polygons(drawn("10 10 10").T, ignore=(0,))) == [[[(0, 0), (3, 0), (3, 1), (0, 1), (0, 0)]]]


@pytest.mark.parametrize("bad", [np.zeros((2, 2)), np.zeros((2, 2, 3), np.uint8)])
def test_anything_but_a_flat_integer_map_is_refused(bad):
    with pytest.raises(ValueError, match="expected a 2-D map of integers"):
        label_polygons(bad)


@pytest.mark.parametrize("num_values", [2, 3, 5])
def test_random_maps_give_the_polygons_of_gdal(num_values):
    rng = np.random.default_rng(num_values)
    for _ in range(60):
        assert_like_gdal(rng.integers(0, num_values, rng.integers(1, 14, 2)).astype(np.uint8))


def test_a_large_checkerboard_and_nested_rings_are_like_gdal():
    y, x = np.indices((61, 61))
    assert_like_gdal(((x + y) % 2).astype(np.uint8))
    assert_like_gdal((np.maximum(abs(x - 30), abs(y - 30)) % 3 == 0).astype(np.uint8))
    assert_like_gdal((np.hypot(x - 30, y - 30) // 4 % 2).astype(np.uint8))


def test_real_land_cover_is_like_gdal(real):
    from PIL import Image

    for path in sorted(real("loveda").rglob("masks_png/*.png")):
        assert_like_gdal(np.array(Image.open(path)))


def square(x1: float, y1: float, x2: float, y2: float) -> NDArray[np.float64]:
    return np.array([(x1, y1), (x2, y1), (x2, y2), (x1, y2)], dtype=np.float64)


def test_no_rings_fill_nothing():
    assert fill((), (), (0, 0, 3, 2)).tolist() == [[False] * 3] * 2


def test_a_centre_on_the_left_or_upper_edge_is_inside_and_on_the_others_outside():
    assert np.argwhere(fill((square(0.5, 0.5, 2.5, 2.5),), (False,), (0, 0, 4, 4))).tolist() == [
        [0, 0],
        [0, 1],
        [1, 0],
        [1, 1],
    ]


def test_a_hole_belongs_to_the_part_before_it_only():
    both = (square(0, 0, 3, 3), square(1, 1, 2, 2), square(1, 1, 2, 2))
    assert fill(both, (False, True, False), (0, 0, 3, 3)).all()
    assert fill(both[:2], (False, True), (0, 0, 3, 3)).sum() == 8


def test_a_hole_larger_than_its_part_leaves_nothing():
    assert not fill((square(1, 1, 2, 2), square(0, 0, 9, 9)), (False, True), (0, 0, 3, 3)).any()


def test_overlapping_parts_are_united():
    assert fill((square(0, 0, 2, 1), square(1, 0, 3, 1)), (False, False), (0, 0, 3, 1)).all()


def test_rings_far_outside_the_window_are_cut_without_cost():
    assert fill((square(-1e12, -1e12, 1e12, 1e12),), (False,), (5, 5, 2, 2)).all()
    assert not fill((square(1e6, 1e6, 2e6, 2e6),), (False,), (0, 0, 2, 2)).any()


def test_slanted_rings_fill_the_centres_that_shapely_contains():
    rng = np.random.default_rng(5)
    centres = shapely.points(*(np.indices((20, 20))[::-1] + 0.5).reshape(2, -1))
    for _ in range(40):
        hull = shapely.convex_hull(shapely.multipoints(rng.uniform(-4, 24, (7, 2))))
        filled = fill((shapely.get_coordinates(hull)[:-1],), (False,), (0, 0, 20, 20))
        assert (filled.ravel() == shapely.contains(hull, centres)).all()
