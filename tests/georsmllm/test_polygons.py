"""Simplification: IoU and area kept, budgets obeyed, everything left out is counted, refusals have names."""

from __future__ import annotations

import math

import numpy as np
import pytest
import shapely
from numpy.typing import NDArray

from georsmllm import collapse, masks
from georsmllm.contracts import Limits
from georsmllm.errors import CannotSay
from georsmllm.filling import fill
from georsmllm.polygons import Simplified, simplify
from georsmllm.types import PointSet, Ring, polygon

VIEW = (256, 256)


def square(x: float, y: float, side: float, sign: str = "+") -> Ring:
    return Ring(((x, y), (x + side, y), (x + side, y + side), (x, y + side)), "-" if sign == "-" else "+")


def rotated(width: float, height: float, angle_deg: float) -> PointSet:
    """The exact rings of a rotated rectangle drawn in pixels, in the middle of the view."""
    a = math.radians(angle_deg)
    corners = [(-width / 2, -height / 2), (width / 2, -height / 2), (width / 2, height / 2), (-width / 2, height / 2)]
    turned = [(128 + x * math.cos(a) - y * math.sin(a), 128 + x * math.sin(a) + y * math.cos(a)) for x, y in corners]
    return of_mask(fill((np.array(turned),), (False,), (0, 0, *VIEW)))


def of_mask(mask: NDArray[np.bool_]) -> PointSet:
    return polygon(*masks.to_rings(mask))


def disk(radius: float) -> NDArray[np.bool_]:
    y, x = np.indices(VIEW) + 0.5
    return np.hypot(x - 128, y - 128) < radius


def geometry(shape: PointSet) -> shapely.MultiPolygon:
    parts: list[tuple[tuple[tuple[float, float], ...], list[tuple[tuple[float, float], ...]]]] = []
    for ring in shape.rings:
        if ring.sign == "+":
            parts.append((ring.points, []))
        else:
            parts[-1][1].append(ring.points)
    return shapely.MultiPolygon(parts)


def test_a_square_of_pixels_stays_as_it_is():
    shape = polygon(square(3, 4, 10))
    assert simplify(shape, VIEW) == Simplified(shape, 1.0, 0.0, 0, 0)


@pytest.mark.parametrize("angle_deg", [10, 22, 30, 45, 61, 80])
def test_a_rotated_rectangle_gets_its_four_corners_back(angle_deg):
    found = simplify(rotated(50, 30, angle_deg), VIEW)
    assert len(found.shape.rings[0].points) == 4
    assert found.iou > 0.95
    assert abs(found.area_bias) < 1e-6


def test_a_disk_keeps_its_area_in_a_dozen_vertices():
    found = simplify(of_mask(disk(40)), VIEW)
    assert 6 <= len(found.shape.rings[0].points) <= 12
    assert found.iou >= 0.95
    assert abs(found.area_bias) < 1e-6


def test_the_reported_iou_and_bias_are_those_of_the_geometry():
    shape = of_mask(disk(60) & ~disk(30))
    found = simplify(shape, VIEW)
    exact, mine = geometry(shape), geometry(found.shape)
    assert mine.is_valid
    assert found.iou == pytest.approx(exact.intersection(mine).area / exact.union(mine).area)
    assert found.area_bias == pytest.approx(mine.area / exact.area - 1)


def test_a_slanted_strip_is_not_given_vertices_that_retell_its_stairs():
    found = simplify(rotated(150, 6, 27), VIEW)
    assert len(found.shape.rings[0].points) <= 6
    assert found.iou > 0.9


def test_a_higher_target_takes_more_vertices():
    shape = of_mask(disk(60))
    sizes = [len(simplify(shape, VIEW, target_iou=target).shape.rings[0].points) for target in (0.9, 0.95, 0.99)]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[2]


def test_a_piece_under_two_pixels_wide_stays_exact():
    line = np.zeros(VIEW, dtype=bool)
    line[np.arange(9) // 2 + 5, np.arange(9) + 5] = line[np.arange(9) // 2 + 5, np.arange(9) + 6] = True
    assert simplify(of_mask(line), VIEW).shape == of_mask(line)


def test_a_long_thin_staircase_is_refused_by_name():
    stairs = np.zeros(VIEW, dtype=bool)
    stairs[np.arange(80), np.arange(80)] = stairs[np.arange(80), np.arange(80) + 1] = True
    with pytest.raises(CannotSay) as refused:
        simplify(of_mask(stairs), VIEW)
    assert refused.value.reason == "ring_over_budget"


def test_a_ring_too_complex_for_its_budget_is_refused_by_name():
    comb = np.zeros(VIEW, dtype=bool)
    comb[:, 10:14] = True
    comb[::8, 10:240] = comb[1::8, 10:240] = True
    with pytest.raises(CannotSay) as refused:
        simplify(of_mask(comb), VIEW)
    assert refused.value.reason == "ring_over_budget"


def test_more_rings_than_the_budget_holds_are_refused_by_name():
    y, x = np.indices(VIEW)
    with pytest.raises(CannotSay) as refused:
        simplify(of_mask((x // 8 + y // 8) % 2 == 0), VIEW)
    assert refused.value.reason == "over_budget"


def test_a_shape_over_budget_is_coarsened_before_it_is_refused():
    shape = polygon(*(ring for x in (30, 90, 150, 210) for ring in of_mask(np.roll(disk(25), x - 128, axis=1)).rings))
    usual = simplify(shape, VIEW)
    tight = simplify(shape, VIEW, limits=Limits(max_points=30))
    assert sum(len(r.points) for r in tight.shape.rings) <= 30 < sum(len(r.points) for r in usual.shape.rings)
    assert 0.8 <= tight.iou < usual.iou
    with pytest.raises(CannotSay, match="over_budget"):
        simplify(shape, VIEW, limits=Limits(max_points=12))


def test_small_parts_and_holes_are_left_out_and_counted():
    shape = polygon(
        square(10, 10, 100),
        square(20, 20, 7, "-"),  # 49 px² < 64
        square(40, 40, 13, "-"),  # 169 px² < 2 % of 10,000
        square(60, 60, 15, "-"),  # 225 px²: kept
        square(200, 200, 3),  # 9 px² < 16
        square(220, 220, 4),  # 16 px²: kept
    )
    found = simplify(shape, VIEW)
    assert (found.dropped_holes, found.dropped_parts) == (2, 1)
    assert found.shape == polygon(square(10, 10, 100), square(60, 60, 15, "-"), square(220, 220, 4))
    exact = 10000 - 49 - 169 - 225 + 9 + 16
    assert found.area_bias == pytest.approx((49 + 169 - 9) / exact)


def test_the_only_part_is_kept_however_small():
    assert simplify(polygon(square(5, 5, 2)), VIEW).shape == polygon(square(5, 5, 2))


def test_the_hole_of_a_part_that_is_left_out_goes_with_it():
    shape = polygon(square(10, 10, 50), square(200, 200, 3), square(201, 201, 1, "-"))
    assert simplify(shape, VIEW)[3:] == (0, 1)


def test_no_vertex_leaves_the_view():
    y, x = np.indices(VIEW) + 0.5
    corner = simplify(of_mask(np.hypot(x, y) < 60), VIEW)
    points = [p for ring in corner.shape.rings for p in ring.points]
    assert min(min(p) for p in points) >= 0
    assert corner.iou >= 0.95


def test_objects_cut_by_the_border_keep_their_area_to_the_last_digit():
    y, x = np.indices(VIEW) + 0.5
    rng = np.random.default_rng(1)
    for cx, cy, radius in rng.uniform((0, 0, 8), (256, 256, 70), (40, 3)):
        wavy = radius * (1 + 0.3 * np.cos(3 * np.arctan2(y - cy, x - cx)))
        found = simplify(of_mask(np.hypot(x - cx, y - cy) < wavy), VIEW)
        assert found.area_bias == pytest.approx(0, abs=1e-9)
        assert found.iou > 0.93
        assert all(0 <= v <= 256 for ring in found.shape.rings for point in ring.points for v in point)


@pytest.mark.parametrize("rings", [(), (Ring(((1.0, 1.0), (2.0, 2.0), (3.0, 3.0))),)])
def test_a_shape_without_area_is_refused(rings):
    with pytest.raises(CannotSay, match="collapsed"):
        simplify(polygon(*rings), VIEW)


def test_a_ring_between_pixel_corners_is_simplified_as_well():
    angles = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    circle = Ring(tuple((128 + 50.3 * math.cos(a), 128 + 50.3 * math.sin(a)) for a in angles))
    found = simplify(polygon(circle), VIEW)
    assert len(found.shape.rings[0].points) <= 12
    assert found.iou >= 0.95


def test_the_common_area_of_rings_is_that_of_shapely():
    rng = np.random.default_rng(3)
    for _ in range(100):
        a, b = (
            shapely.get_coordinates(shapely.convex_hull(shapely.multipoints(rng.uniform(0, 50, (6, 2)))))[:-1]
            for _ in range(2)
        )
        expected = shapely.Polygon(a).intersection(shapely.Polygon(b)).area
        assert collapse.overlap_area(a, b) == pytest.approx(expected, abs=1e-9)
        assert collapse.overlap_area(a[::-1].copy(), b) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("points", "simple"),
    [
        ([(0, 0), (4, 0), (4, 4), (0, 4)], True),
        ([(0, 0), (4, 4), (4, 0), (0, 4)], False),  # bow-tie
        ([(0, 0), (4, 0), (4, 4), (2, 0), (0, 4)], False),  # a vertex on an edge
        ([(0, 0), (4, 0), (2, 0), (2, 4)], False),  # a spike
        ([(0, 0), (0, 0), (4, 0), (0, 4)], False),  # a repeated vertex
        ([(0, 0), (2, 2), (4, 0), (4, 4), (2, 2), (0, 4)], False),  # meets itself in a corner
        ([(0, 0), (2, 1), (4, 0), (2, 4)], True),
    ],
)
def test_simple_rings_are_told_from_others(points, simple):
    assert collapse.is_simple(np.array(points, dtype=np.float64)) is simple
