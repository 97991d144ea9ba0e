from __future__ import annotations

import math

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from georsmllm.metrics import quads
from georsmllm.metrics.quads import areas, convex_quads, intersections
from georsmllm.types import PointSet, box, rbox

SQUARE = ((0.0, 0.0), (10.0, 0.0), (10.0, 10.0), (0.0, 10.0))


@st.composite
def rotated(draw: st.DrawFn) -> PointSet:
    """A rectangle in any direction, its corners either way round, on a coarse lattice so that borders do meet."""
    w, h = draw(st.integers(1, 80)), draw(st.integers(1, 80))
    x, y = draw(st.integers(0, 120)), draw(st.integers(0, 120))
    angle = draw(st.sampled_from((0.0, math.pi / 2, math.pi / 4, math.pi))) if draw(st.booleans()) else draw(
        st.floats(0, 3)
    )  # fmt: skip
    c, s = math.cos(angle), math.sin(angle)
    corners = tuple((x + i * c - j * s, y + i * s + j * c) for i, j in ((0, 0), (w, 0), (w, h), (0, h)))
    return rbox(corners if draw(st.booleans()) else corners[::-1])


def test_no_quads_share_nothing() -> None:
    none, one = convex_quads(()), convex_quads((rbox(SQUARE),))
    assert none is not None
    assert one is not None
    assert intersections(none, one).shape == (0, 1)
    assert areas(none).tolist() == []


@pytest.mark.parametrize(
    "shape",
    [
        box(0, 0, 10, 10),
        rbox(((0, 0), (10, 10), (10, 0), (0, 10))),  # crosses itself
        rbox(((0, 0), (10, 0), (2, 2), (0, 10))),  # a dent
        rbox(((0, 0), (5, 0), (10, 0), (0, 10))),  # a straight angle
        rbox(((0, 0), (0, 0), (10, 0), (0, 10))),  # a corner twice
    ],
)
def test_what_is_no_convex_quad_is_left_to_others(shape: PointSet) -> None:
    assert convex_quads((rbox(SQUARE), shape)) is None


@given(a=st.lists(rotated(), min_size=1, max_size=5), b=st.lists(rotated(), min_size=1, max_size=5))
def test_shared_areas_are_those_of_geos(a: list[PointSet], b: list[PointSet]) -> None:
    quads_a, quads_b = convex_quads(a), convex_quads(b)
    assert quads_a is not None
    assert quads_b is not None
    ours = intersections(quads_a, quads_b)
    geos_a = [shapely.Polygon(shape.rings[0].points) for shape in a]
    geos_b = [shapely.Polygon(shape.rings[0].points) for shape in b]
    theirs = np.array([[p.intersection(q).area for q in geos_b] for p in geos_a])
    assert ours == pytest.approx(theirs, abs=1e-6)
    assert areas(quads_a) == pytest.approx([p.area for p in geos_a], abs=1e-6)


def test_a_quad_that_crosses_itself_stays_within_its_memory() -> None:
    """The plain Python of the kernel checks its indices; compiled, it would write beyond them."""
    room = np.empty((quads._ROOM, 2)), np.empty((quads._ROOM, 2))
    rng = np.random.default_rng(0)
    for _ in range(300):
        crossed = rng.integers(0, 100, (4, 2)).astype(np.float64)
        angle, (w, h), (x, y) = rng.uniform(0, 6), rng.uniform(5, 50, 2), rng.uniform(20, 80, 2)
        c, s = math.cos(angle), math.sin(angle)
        knife = np.array(
            [(x + i * w * c - j * h * s, y + i * w * s + j * h * c) for i, j in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
        )
        assert quads._shared.py_func(crossed, knife, *room) >= 0  # type: ignore[attr-defined]
