"""Keypoints: inside, safest first, spread over the object, and still inside after the grid."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from georsmllm import masks
from georsmllm.keypoints import default_count, keypoints, keypoints_of
from georsmllm.masks import Crop
from georsmllm.types import Point, polygon, rbox


def held(point: Point, inside: NDArray[np.bool_], size_wh: tuple[int, int], grid: int = 1000) -> bool:
    x, y = (np.floor(np.floor(v * grid / s + 0.5) * s / grid) for v, s in zip(point, size_wh, strict=True))
    return bool(inside[int(y), int(x)])


def test_an_object_without_pixels_has_no_keypoints():
    assert keypoints_of(Crop(np.zeros((0, 0), dtype=bool), 0, 0), (10, 10)) == ()
    assert keypoints_of(Crop(np.zeros((3, 3), dtype=bool), 0, 0), (10, 10)) == ()
    assert keypoints(rbox(((0.1, 0.1), (0.3, 0.1), (0.3, 0.3), (0.1, 0.3))), (10, 10)) == ()


def test_one_pixel_has_its_centre():
    assert keypoints(polygon(*masks.to_rings(np.eye(1, dtype=bool))), (10, 10)) == ((0.5, 0.5),)


def test_the_middle_of_an_odd_square_is_the_keypoint():
    assert keypoints_of(Crop(np.ones((11, 11), dtype=bool), 20, 30), (100, 100), count=1) == ((25.5, 35.5),)


def test_the_view_border_is_a_border_of_the_object():
    points = keypoints_of(Crop(np.ones((9, 9), dtype=bool), 0, 0), (9, 9), count=1)
    assert points == ((4.5, 4.5),)


@pytest.mark.parametrize(("area_px", "count"), [(1, 1), (256, 1), (257, 2), (4096, 2), (4097, 4)])
def test_the_count_goes_by_area(area_px, count):
    assert default_count(area_px) == count


def test_a_bar_gets_its_points_spread_along_it():
    xs = sorted(x for x, _ in keypoints_of(Crop(np.ones((20, 400), dtype=bool), 0, 0), (400, 400)))
    assert len(xs) == 4
    assert min(b - a for a, b in pairwise(xs)) > 50


def test_the_safest_point_comes_first():
    bell = np.zeros((60, 120), dtype=bool)
    bell[20:40] = True
    bell[:, 80:] = True
    points = keypoints_of(Crop(bell, 0, 0), (120, 120), count=3)
    assert points[0][0] > 80
    assert len(points) == 3


def test_every_keypoint_of_a_ring_is_on_the_ring():
    y, x = np.indices((80, 80)) - 39.5
    ring = (np.hypot(x, y) < 38) & (np.hypot(x, y) > 28)
    points = keypoints_of(Crop(ring, 0, 0), (80, 80))
    assert len(points) == 2
    assert all(ring[int(y), int(x)] for x, y in points)


@pytest.mark.parametrize("side", [256, 1000, 1024, 2000])
def test_keypoints_stay_inside_after_the_grid(side):
    rng = np.random.default_rng(side)
    for _ in range(20):
        at = rng.integers(0, side - 40, 2)
        inside = np.zeros((side, side), dtype=bool)
        inside[at[1] : at[1] + 30, at[0] : at[0] + 9] = True
        inside[at[1] : at[1] + 9, at[0] : at[0] + 35] = True
        points = keypoints(masks.to_shape(masks.encode(inside)), (side, side), count=4)
        assert len(points) >= 2
        assert all(held(p, inside, (side, side)) for p in points)


def test_a_point_that_the_grid_moves_out_goes_to_the_nearest_deeper_pixel_that_it_holds():
    inside = np.zeros((100, 100), dtype=bool)
    inside[12:33, 12:33] = True
    inside[13:18, 33:99] = True  # an arm between the lines y = 10 and y = 20 of a coarse grid
    fine, coarse = (keypoints_of(Crop(inside, 0, 0), (100, 100), count=2, grid=grid) for grid in (1000, 10))
    assert [x > 49 for x, _ in fine] == [False, True]
    assert [x > 49 for x, _ in coarse] == [False, False]
    assert all(held(p, inside, (100, 100), 10) for p in coarse)


def test_an_object_between_the_grid_lines_gets_its_deepest_pixel():
    inside = np.ones((3, 3), dtype=bool)
    assert keypoints_of(Crop(inside, 301, 301), (4000, 4000), count=4, grid=100) == ((302.5, 302.5),)


def test_an_object_under_two_cells_wide_gets_one_point():
    line = np.ones((2, 300), dtype=bool)
    assert len(keypoints_of(Crop(line, 10, 10), (4000, 4000), count=4)) == 1
    assert len(keypoints_of(Crop(line, 10, 10), (400, 400), count=4)) == 4


def test_no_two_keypoints_are_the_same_pixel():
    for pixels in range(1, 8):
        points = keypoints_of(Crop(np.ones((1, pixels), dtype=bool), 0, 0), (100, 100), count=4)
        assert len(set(points)) == len(points) == min(4, pixels)


def test_the_polygon_and_its_pixels_give_the_same_points():
    rng = np.random.default_rng(0)
    inside = rng.random((40, 40)) < 0.9
    shape = masks.to_shape(masks.encode(inside))
    assert keypoints(shape, (40, 40)) == keypoints_of(masks.decode_crop(masks.encode(inside)), (40, 40))
