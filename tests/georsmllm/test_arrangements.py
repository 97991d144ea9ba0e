from __future__ import annotations

import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from georsmllm import arrangements, covering
from georsmllm.geometry import shift
from georsmllm.measures import Measured
from georsmllm.relations import RELATIONS, holds
from georsmllm.types import PointSet, Ring, box, point, polygon

SIZE = (1000, 1000)
EAST, NORTH = (1.0, 0.0), (0.0, -1.0)
RIVER = polygon(Ring(((480, 0), (520, 0), (520, 1000), (480, 1000))))
ROAD = polygon(Ring(((0, 480), (1000, 480), (1000, 520), (0, 520))))
LAKE = polygon(
    Ring(((100, 100), (600, 100), (600, 600), (100, 600))), Ring(((300, 300), (400, 300), (400, 400), (300, 400)), "-")
)


def measured(*shapes: PointSet, keys: tuple[int, ...] = ()) -> Measured:
    return Measured(shapes, SIZE, keys)


def at(x: float, y: float, size: float = 20) -> PointSet:
    return box(x - size / 2, y - size / 2, x + size / 2, y + size / 2)


def test_of_nothing_there_is_nothing() -> None:
    none, some = measured(), measured(at(5, 5))
    for test in (
        covering.inside, covering.overlaps, covering.surrounded_by_areas, arrangements.surrounded_by_things,
        arrangements.flanked, arrangements.facing, arrangements.along, arrangements.crossings,
    ):  # fmt: skip
        assert test(none, some).shape == (0,)
        assert test(some, none).tolist() == [0]
    assert arrangements.gaps(some, none).tolist() == [np.inf]
    assert np.isnan(arrangements.on_side(some, none, EAST)).all()
    assert arrangements.farther(some, none, EAST).tolist() == [False]
    assert arrangements.amid(some, none, some).tolist() == [False]


def test_two_anchors_cover_together_what_neither_covers_alone() -> None:
    subject = measured(box(0, 0, 100, 100))
    halves = measured(box(0, 0, 50, 100), box(40, 0, 100, 100))
    assert not holds("inside", subject, halves).any()
    assert covering.inside(subject, halves).tolist() == [True]
    assert covering.covered(subject, halves).tolist() == [10000]


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        (box(310, 310, 390, 390), False),  # an island is not inside the lake
        (box(298, 298, 402, 402), True),
        (box(0, 0, 50, 50), False),
    ],
)
def test_surrounded_is_three_quarters_of_a_ring(subject: PointSet, expected: bool) -> None:
    assert covering.surrounded_by_areas(measured(subject), measured(LAKE)).tolist() == [expected]


def test_a_point_is_inside_where_it_lies() -> None:
    assert covering.shares(measured(point(200, 200), point(350, 350)), measured(LAKE)).tolist() == [1, 0]


def test_nothing_covers_or_is_near_itself() -> None:
    same = measured(at(100, 100), at(300, 100), keys=(7, 8))
    other = measured(at(300, 100), at(100, 100), keys=(8, 7))
    assert not covering.inside(same, other).any()
    assert arrangements.number_that("near", same, other).tolist() == [0, 0]
    assert arrangements.gaps(same, other).tolist() == [180, 180]


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        ([(450, 500), (550, 500)], False),
        ([(450, 530), (550, 530), (500, 440)], True),
        ([(450, 500), (550, 500), (500, 450)], False),  # open by 180 degrees
        ([(450, 500), (550, 500), (500, 450), (500, 550)], True),
        ([(100, 500), (900, 500), (500, 100), (500, 900)], False),  # too far off
    ],
)
def test_surrounded_by_things(places: list[tuple[float, float]], expected: bool) -> None:
    subject, anchors = measured(at(500, 500)), measured(*(at(*place) for place in places))
    assert arrangements.surrounded_by_things(subject, anchors).tolist() == [expected]


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        ([(500, 450)], False),
        ([(500, 450), (480, 455)], False),
        ([(500, 450), (500, 550)], True),
        ([(430, 500), (570, 500)], False),  # at its ends
    ],
)
def test_flanked_is_on_both_long_sides(places: list[tuple[float, float]], expected: bool) -> None:
    subject, anchors = measured(box(450, 480, 550, 520)), measured(*(at(*place) for place in places))
    assert arrangements.flanked(subject, anchors).tolist() == [expected]


def test_a_compact_thing_is_flanked_from_opposite_sides() -> None:
    anchors = measured(at(450, 500), at(550, 500))
    assert arrangements.flanked(measured(at(500, 500)), anchors).tolist() == [True]
    assert arrangements.flanked(measured(at(500, 500)), anchors.part(0, 1)).tolist() == [False]


def test_facing_is_the_first_row() -> None:
    houses = measured(at(550, 300), at(580, 300), at(550, 600), at(900, 300))
    assert arrangements.facing(houses, measured(RIVER)).tolist() == [True, False, True, False]


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        (box(400, 100, 600, 120), 1),  # a bridge cuts the river in two
        (box(400, 100, 500, 120), 0),  # a pier does not
        (box(600, 100, 700, 120), 0),
        (polygon(Ring(((0, 90), (900, 90), (900, 110), (0, 110)))), 1),
    ],
)
def test_crossing_cuts_in_two(subject: PointSet, expected: int) -> None:
    assert arrangements.crossings(measured(subject), measured(RIVER, at(900, 900))).tolist() == [expected]


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        (at(560, 300), 1),  # a house has no direction
        (at(600, 300), 0),  # 80 px off, 70.7 are along
        (box(540, 300, 550, 400), 1),
        (box(540, 300, 640, 310), 0),  # a ship across the bank
    ],
)
def test_along_a_river(subject: PointSet, expected: int) -> None:
    assert arrangements.along(measured(subject), measured(RIVER)).tolist() == [expected]


def test_a_side_is_that_of_the_line() -> None:
    subjects = measured(at(600, 100), at(400, 900), at(510, 500), at(500, 500))
    assert arrangements.on_side(subjects, measured(RIVER), EAST) == pytest.approx([100, -100, 10, 0])
    assert arrangements.on_side(subjects, measured(ROAD), NORTH) == pytest.approx([400, -400, 0, 0])


def test_a_bent_river_has_the_same_bank_all_along() -> None:
    bend = polygon(Ring(((0, 500), (500, 500), (500, 0), (540, 0), (540, 540), (0, 540))))
    subjects = measured(at(300, 300), at(100, 480), at(700, 100), at(200, 900), at(700, 700))
    found = arrangements.on_side(subjects, measured(bend), EAST)
    assert (found > 0).tolist() == [False, False, True, True, True]


def test_where_a_line_runs_in_the_direction_the_middle_decides() -> None:
    assert arrangements.on_side(measured(at(700, 100)), measured(RIVER), NORTH) == pytest.approx([400])


def test_north_of_a_diagonal_road_is_its_north_side() -> None:
    diagonal = polygon(Ring(((0, 0), (20, 0), (1000, 980), (1000, 1000), (980, 1000), (0, 20))))
    above, below = at(900, 700), at(100, 300)  # by the middles alone the other way round
    assert arrangements.farther(measured(above, below), measured(diagonal), NORTH).tolist() == [True, False]


def test_farther_needs_a_quarter_of_the_extent() -> None:
    anchor = measured(box(400, 400, 500, 500))
    assert arrangements.farther(measured(box(418, 300, 518, 400), box(430, 300, 530, 400)), anchor, EAST).tolist() == [
        False, True,
    ]  # fmt: skip


def test_between_roads_is_between_them_all_along() -> None:
    north, south = (polygon(Ring(((0, y), (1000, y), (1000, y + 20), (0, y + 20)))) for y in (100, 400))
    subjects = measured(at(950, 260), at(950, 500), at(500, 105))
    assert arrangements.amid(subjects, measured(north), measured(south)).tolist() == [True, False, False]


def test_between_two_of_one_set_but_not_oneself() -> None:
    three = measured(at(100, 100), at(300, 100), at(500, 100), keys=(1, 2, 3))
    assert arrangements.amid(three, three, three).tolist() == [False, True, False]


shapes = st.lists(
    st.builds(
        lambda x, y, w, h: box(x, y, x + w, y + h),
        st.integers(0, 250), st.integers(0, 250), st.integers(4, 60), st.integers(4, 60),
    ),
    min_size=1, max_size=6,
)  # fmt: skip


@given(shapes, shapes)
def test_a_number_is_the_row_of_the_table(these: list[PointSet], those: list[PointSet]) -> None:
    subjects, anchors = Measured(these, (300, 300)), Measured(those, (300, 300))
    for relation in RELATIONS:
        expected = holds(relation, subjects, anchors).sum(axis=1)
        assert arrangements.number_that(relation, subjects, anchors).tolist() == expected.tolist()


@given(shapes, shapes)
def test_a_side_and_its_opposite_share_everything(these: list[PointSet], those: list[PointSet]) -> None:
    subjects, anchors = Measured(these, (300, 300)), Measured(those, (300, 300))
    for x, y in (EAST, NORTH):
        assert arrangements.on_side(subjects, anchors, (x, y)) == pytest.approx(
            -arrangements.on_side(subjects, anchors, (-x, -y))
        )


@given(shapes, shapes, st.integers(-50, 50), st.integers(-50, 50))
def test_a_moved_world_is_the_same(these: list[PointSet], those: list[PointSet], dx: int, dy: int) -> None:
    here = [Measured(group, SIZE) for group in (these, those)]
    there = [Measured([shift(one, dx + 200, dy + 200) for one in group], SIZE) for group in (these, those)]
    for test in (covering.inside, covering.overlaps, arrangements.flanked, arrangements.facing, arrangements.crossings):
        assert test(*here).tolist() == test(*there).tolist()
    near, far = (arrangements.farther(one, other, EAST).tolist() for one, other in (here, there))
    assert near == far


def test_ten_thousand_by_ten_thousand_stay_small() -> None:
    many = measured(*(at(10 * (i % 100) + 5, 10 * (i // 100) + 5, 4) for i in range(10_000)))
    assert len(many.surfaces) == 10_000
    tracemalloc.start()
    started = time.process_time()
    assert arrangements.number_that("left_of", many, many).sum() == 100 * 99 * 100 * 100 // 2
    assert arrangements.gaps(many, measured(RIVER)).min() == 0
    assert covering.inside(many, many).all()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 400e6  # a table of doubles would be 800 MB
    assert time.process_time() - started < 60
