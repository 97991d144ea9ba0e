from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from georsmllm.masks import from_shape, to_shape
from georsmllm.measures import Measured
from georsmllm.ribbons import centre_line, extent, offsets, side_line, towards_side
from georsmllm.types import PointSet, Ring, box, point, polygon, rbox

SIZE = (1000, 1000)


def ribbon(points: list[tuple[float, float]], width: float) -> PointSet:
    """A polygon of that width about a line."""
    outline = shapely.LineString(points).buffer(width / 2, cap_style="flat", join_style="mitre")
    return polygon(Ring(tuple(outline.exterior.coords[:-1])))


MEANDER = ribbon([(500 + 120 * math.sin(y / 150), y) for y in range(0, 1001, 10)], 40)
ELBOW = ribbon([(0, 500), (500, 500), (500, 0)], 40)
L_HOUSE = polygon(Ring(((0, 0), (100, 0), (100, 30), (30, 30), (30, 100), (0, 100))))
DISC = polygon(
    Ring(tuple((500 + 50 * math.cos(t), 500 + 50 * math.sin(t)) for t in np.linspace(0, 2 * math.pi, 40)[:-1]))
)


@pytest.mark.parametrize(
    ("shape", "length", "width", "is_ribbon"),
    [
        (point(3, 4), 0, 0, False),
        (box(0, 0, 30, 10), 30, 10, False),
        (box(0, 0, 10, 59), 59, 10, False),
        (rbox(((0, 0), (36, 48), (28, 54), (-8, 6))), 60, 10, True),
        (ELBOW, 1000, 40, True),  # 520 + 480 px along its middle
        (MEANDER, 1151.7, 40, True),
        (DISC, 100, 100, False),
        (L_HOUSE, 100, 100, False),
        (polygon(Ring(((0, 0), (30, 0), (30, 10), (0, 10)))), 30, 10, False),
    ],
)
def test_length_and_width(shape: PointSet, length: float, width: float, is_ribbon: bool) -> None:
    found = extent(Measured([shape], SIZE))
    assert found.lengths[0] == pytest.approx(length, rel=0.02)
    assert found.widths[0] == pytest.approx(width, rel=0.02)
    assert found.are_ribbons[0] == is_ribbon


def test_of_no_shapes_there_are_no_sides() -> None:
    assert all(len(values) == 0 for values in extent(Measured([], SIZE)))


def test_the_steps_of_pixels_are_no_length() -> None:
    found = extent(Measured([to_shape(from_shape(MEANDER, SIZE))], SIZE))
    assert found.lengths[0] == pytest.approx(1151.7, rel=0.04)
    assert found.widths[0] == pytest.approx(40, rel=0.04)


def test_blots_are_no_ribbon_however_many() -> None:
    blots = polygon(*(Ring(((x, 0), (x + 10, 0), (x + 10, 10), (x, 10))) for x in range(0, 400, 40)))
    assert not extent(Measured([blots], SIZE)).are_ribbons[0]


@pytest.mark.parametrize("shape", [MEANDER, to_shape(from_shape(MEANDER, SIZE))])
def test_the_centre_line_of_a_meander_is_in_its_middle(shape: PointSet) -> None:
    line = centre_line(Measured([shape], SIZE).surfaces[0])
    assert len(line) > 10
    assert max(abs(x - (500 + 120 * math.sin(y / 150))) for x, y in line) < 8
    assert sorted((line[0][1], line[-1][1])) == pytest.approx([30, 970], abs=20)


def test_what_is_compact_has_no_centre_line() -> None:
    assert centre_line(Measured([DISC], SIZE).surfaces[0]) == ()
    assert side_line(Measured([box(0, 0, 10, 10)], SIZE), 0) == ()
    assert side_line(Measured([box(0, 0, 20, 10)], SIZE), 0) in (((0, 5), (20, 5)), ((20, 5), (0, 5)))


@pytest.mark.parametrize(
    ("line", "towards", "expected"),
    [
        ((), (1, 0), 0),
        (((0, 0), (100, 0)), (0, 1), 1),  # walking right, the bottom is to the right
        (((100, 0), (0, 0)), (0, 1), -1),
        (((0, 0), (100, 0)), (1, 0), 0),  # it runs that way itself
        (((0, 0), (100, 60)), (1, 0), -1),
        (((0, 0), (100, 50)), (1, 0), 0),  # 26.6 degrees across
    ],
)
def test_a_line_has_a_side_where_it_runs_across(line, towards, expected) -> None:
    assert towards_side(line, towards) == expected


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ((50, 7), 7),
        ((50, -7), -7),
        ((-60, 3), 3),  # beyond its end the line goes on
        ((107, -20), 7),  # beside the second leg, which leads up
        ((93, -20), -7),
        ((110, 10), math.hypot(10, 10)),  # outside the bend
        ((93, -7), -7),
    ],
)
def test_offsets_are_to_the_right_of_the_way(at, expected) -> None:
    line = ((0.0, 0.0), (100.0, 0.0), (100.0, -100.0))
    assert offsets(np.array([at]), line, 1000)[0] == pytest.approx(expected)


def test_on_the_line_there_is_no_side() -> None:
    assert offsets(np.array([(50.0, 0.0)]), ((0, 0), (100, 0)), 1000)[0] == 0


@given(st.floats(-400, 1400), st.floats(0, 1000), st.booleans())
def test_turning_a_line_round_turns_its_sides(x: float, y: float, is_elbow: bool) -> None:
    line = centre_line(Measured([ELBOW if is_elbow else MEANDER], SIZE).surfaces[0])
    at = np.array([(x, y)])
    assert offsets(at, line, 2000)[0] == pytest.approx(-offsets(at, line[::-1], 2000)[0])


def test_a_hole_does_not_make_a_pond_a_river() -> None:
    ring = replace(
        DISC, rings=(*DISC.rings, Ring(tuple((p[0] * 0.9 + 50, p[1] * 0.9 + 50) for p in DISC.rings[0].points), "-"))
    )
    assert not extent(Measured([ring], SIZE)).are_ribbons[0]
