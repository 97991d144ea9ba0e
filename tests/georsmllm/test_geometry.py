"""Geometry by tables: corners, areas, rectangles, clipping; then the laws that tie them."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from georsmllm.geometry import (
    area,
    bounds,
    clip,
    clip_ring,
    from_shapely,
    hull,
    is_simple_quad,
    min_area_rect,
    order_corners,
    shift,
    signed_area,
    to_box,
    to_polygon,
    to_rbox,
    to_shapely,
    to_valid,
)
from georsmllm.types import Ring, box, point, polygon, rbox

UNIT = ((0.0, 0.0), (10.0, 0.0), (10.0, 10.0), (0.0, 10.0))
DIAMOND = ((5.0, 0.0), (10.0, 5.0), (5.0, 10.0), (0.0, 5.0))
coordinate = st.floats(-1000, 1000, allow_nan=False)
points = st.tuples(coordinate, coordinate)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        (point(3, 4), 0.0),
        (box(1, 2, 1, 9), 0.0),
        (box(1, 2, 4, 6), 12.0),
        (rbox(DIAMOND), 50.0),
        (rbox(DIAMOND[::-1]), 50.0),
        (polygon(Ring(UNIT), Ring(((2, 2), (4, 2), (4, 4), (2, 4)), "-")), 96.0),
        (polygon(Ring(UNIT), Ring(tuple((x + 20, y) for x, y in UNIT), "+")), 200.0),
    ],
)
def test_area(shape, expected):
    assert area(shape) == expected


@pytest.mark.parametrize(
    ("corners", "expected"),
    [
        (UNIT, UNIT),
        (UNIT[::-1], UNIT),
        (UNIT[2:] + UNIT[:2], UNIT),
        (DIAMOND, ((5.0, 0.0), (10.0, 5.0), (5.0, 10.0), (0.0, 5.0))),
        (DIAMOND[3:] + DIAMOND[:3], ((5.0, 0.0), (10.0, 5.0), (5.0, 10.0), (0.0, 5.0))),
    ],
)
def test_corners_run_clockwise_from_the_least_sum_then_the_upper_one(corners, expected):
    assert order_corners(corners) == expected


@pytest.mark.parametrize(
    ("corners", "simple"),
    [
        (UNIT, True),
        (DIAMOND, True),
        (((0, 0), (10, 10), (10, 0), (0, 10)), False),
        (((0, 0), (10, 0), (0, 10), (10, 10)), False),
    ],
)
def test_crossing_quads_are_seen(corners, simple):
    assert is_simple_quad(corners) is simple


@pytest.mark.parametrize(
    ("ring", "expected"),
    [
        (((3.0, 3.0),), ((3.0, 3.0),) * 4),
        (((0.0, 0.0), (4.0, 3.0)), ((0.0, 0.0), (4.0, 3.0), (4.0, 3.0), (0.0, 0.0))),
        (UNIT, UNIT),
        (((0.0, 0.0), (10.0, 0.0), (10.0, 10.0), (0.0, 10.0), (5.0, 5.0)), UNIT),
    ],
)
def test_min_area_rect_of_simple_things(ring, expected):
    assert min_area_rect(ring) == expected


@given(st.floats(0, math.pi), st.floats(2, 200), st.floats(1, 100), st.integers(0, 3), st.booleans())
def test_min_area_rect_of_a_rectangle_is_that_rectangle_whatever_its_angle_and_order(angle, w, h, start, mirrored):
    ux, uy = math.cos(angle), math.sin(angle)
    corners = [
        (500 + a * w * ux - b * h * uy, 500 + a * w * uy + b * h * ux) for a, b in ((0, 0), (1, 0), (1, 1), (0, 1))
    ]
    shuffled = corners[start:] + corners[:start]
    found = min_area_rect(shuffled[::-1] if mirrored else shuffled)
    assert abs(signed_area(found)) == pytest.approx(w * h, rel=1e-6)
    for corner in corners:
        assert min(math.dist(corner, other) for other in found) < 1e-6 * (w + h)


@given(st.lists(points, min_size=3, max_size=30))
def test_min_area_rect_holds_all_points_and_is_no_larger_than_opencvs(cloud):
    import cv2
    import numpy as np

    assume(len(hull(cloud)) > 2 and abs(signed_area(hull(cloud))) > 1)
    found = min_area_rect(cloud)
    w, h = math.dist(found[0], found[1]), math.dist(found[1], found[2])
    _, (cv_w, cv_h), _ = cv2.minAreaRect(np.array(cloud, np.float32))
    assert w * h <= cv_w * cv_h * (1 + 1e-3) + 1e-2
    (x0, y0), (x1, y1), _, (x3, y3) = found
    for x, y in cloud:
        along = ((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / w
        across = ((x - x0) * (x3 - x0) + (y - y0) * (y3 - y0)) / h
        assert -1e-6 * (w + 1) <= along <= w * (1 + 1e-6) + 1e-6
        assert -1e-6 * (h + 1) <= across <= h * (1 + 1e-6) + 1e-6


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        (point(3, 4), box(3, 4, 3, 4)),
        (rbox(DIAMOND), box(0, 0, 10, 10)),
        (polygon(Ring(DIAMOND)), box(0, 0, 10, 10)),
        (box(1, 2, 3, 4, keypoints=((2, 3),)), box(1, 2, 3, 4, keypoints=((2, 3),))),
    ],
)
def test_to_box(shape, expected):
    assert to_box(shape) == expected


def test_to_polygon_keeps_the_outline():
    assert to_polygon(box(0, 0, 10, 10)) == polygon(Ring(UNIT))
    assert to_polygon(rbox(DIAMOND)) == polygon(Ring(DIAMOND))
    assert to_polygon(polygon(Ring(DIAMOND))) == polygon(Ring(DIAMOND))
    with pytest.raises(ValueError, match="no outline"):
        to_polygon(point(1, 1))


def test_to_rbox_turns_a_polygon_into_the_rectangle_around_its_parts():
    found = to_rbox(polygon(Ring(DIAMOND))).rings[0].points
    assert [round(c, 9) for p in found for c in p] == [c for p in DIAMOND for c in p]
    assert to_rbox(box(0, 0, 10, 10)) == rbox(UNIT)
    assert to_rbox(rbox(UNIT[::-1])) == rbox(UNIT)


@pytest.mark.parametrize(
    ("shape", "window", "expected", "visible", "fit"),
    [
        (point(5, 5), (0, 0, 10, 10), point(5, 5), 1.0, 1.0),
        (point(11, 5), (0, 0, 10, 10), None, 0.0, 1.0),
        (box(-5, 0, 5, 10), (0, 0, 10, 10), box(0, 0, 5, 10), 0.5, 1.0),
        (
            box(-5, -5, 5, 5, keypoints=((1, 1), (-1, 1))),
            (0, 0, 10, 10),
            box(0, 0, 5, 5, keypoints=((1, 1),)),
            0.25,
            1.0,
        ),
        (box(5, 5, 5, 15), (0, 0, 10, 10), box(5, 5, 5, 10), 0.5, 1.0),
        (box(20, 20, 30, 30), (0, 0, 10, 10), None, 0.0, 1.0),
        (box(10, 0, 20, 10), (0, 0, 10, 10), None, 0.0, 1.0),
        (rbox(tuple((x - 5, y) for x, y in UNIT)), (0, 0, 10, 10), rbox(((0, 0), (5, 0), (5, 10), (0, 10))), 0.5, 1.0),
        (
            polygon(Ring(tuple((x - 5, y) for x, y in UNIT))),
            (0, 0, 10, 10),
            polygon(Ring(((0, 0), (5, 0), (5, 10), (0, 10)))),
            0.5,
            1.0,
        ),
    ],
)
def test_clip(shape, window, expected, visible, fit):
    clipped = clip(shape, window)
    if expected is None:
        assert clipped.shape is None
    else:
        assert clipped.shape is not None
        assert area(clipped.shape) == area(expected)
        assert bounds(clipped.shape) == bounds(expected)
        assert clipped.shape.kind == expected.kind
        assert clipped.shape.keypoints == expected.keypoints
    assert (clipped.visible, clipped.fit) == (pytest.approx(visible), pytest.approx(fit))


def test_a_rotated_box_cut_by_a_corner_says_how_badly_its_quad_fits():
    clipped = clip(rbox(DIAMOND), (0, 0, 5, 5))
    assert clipped.visible == pytest.approx(0.25)
    assert clipped.shape is not None
    assert 0.4 < clipped.fit <= 1.0
    x1, y1, x2, y2 = bounds(clipped.shape)
    assert (x1, y1) >= (0, 0)
    assert (x2, y2) <= (5, 5)


@given(
    st.lists(points, min_size=4, max_size=4), st.tuples(coordinate, coordinate, st.floats(1, 500), st.floats(1, 500))
)
def test_what_is_clipped_stays_inside_the_window_and_is_as_large_as_geos_says(corners, window):
    import shapely

    ring = hull(corners)
    assume(len(ring) == 4 and abs(signed_area(ring)) > 1)
    x, y, w, h = window
    clipped = clip(rbox(ring), window)
    truth = shapely.Polygon(ring).intersection(shapely.box(x, y, x + w, y + h)).area
    assert clipped.visible == pytest.approx(truth / abs(signed_area(ring)), abs=1e-6)
    if clipped.shape is not None:
        x1, y1, x2, y2 = bounds(clipped.shape)
        assert x1 >= x and y1 >= y and x2 <= x + w and y2 <= y + h


def test_clip_ring_leaves_nothing_of_a_ring_outside():
    assert clip_ring(UNIT, (20, 20, 30, 30)) == ()


@given(st.lists(points, min_size=4, max_size=4), coordinate, coordinate)
def test_shift_there_and_back(corners, dx, dy):
    shape = rbox(tuple(corners))
    back = shift(shift(shape, dx, dy), -dx, -dy)
    for (x, y), (a, b) in zip(back.rings[0].points, corners, strict=True):
        assert (x, y) == (pytest.approx(a, abs=1e-9), pytest.approx(b, abs=1e-9))


def test_polygons_with_holes_and_parts_pass_through_shapely_unchanged():
    shape = polygon(
        Ring(UNIT),
        Ring(((2.0, 2.0), (4.0, 2.0), (4.0, 4.0), (2.0, 4.0)), "-"),
        Ring(tuple((x + 20, y) for x, y in UNIT)),
    )
    assert from_shapely(to_shapely(shape)) == shape


def test_a_part_that_collapsed_leaves_the_area_of_the_others() -> None:
    flat = Ring(((0.0, 0.0), (0.0, 0.0), (0.0, 0.0)))
    hole = Ring(((0.0, 1.0), (0.0, 300.0), (1.0, 0.0)), "-")
    square = Ring(((0.0, 0.0), (10.0, 0.0), (10.0, 10.0), (0.0, 10.0)))
    assert to_valid(polygon(flat, hole)).area == 0
    assert to_valid(polygon(square, flat, hole)).area == 100
