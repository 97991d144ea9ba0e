from __future__ import annotations

import math
import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from georsmllm.errors import UsageError
from georsmllm.measures import Measured
from georsmllm.relations import (
    COMPASS,
    IMAGE_REGIONS,
    RELATIONS,
    bearing,
    between,
    compass,
    ground_sample,
    holds,
    region_shares,
    within_distance,
)
from georsmllm.types import ImageRef, PointSet, Ring, box, point, polygon, rbox

SIZE = (100, 50)


@pytest.mark.parametrize(
    ("shape", "region", "expected"),
    [
        (box(0, 0, 50, 50), "left half", 1.0),
        (box(0, 0, 50, 50), "right half", 0.0),
        (box(40, 0, 60, 10), "right half", 0.5),
        (box(40, 20, 60, 30), "top left quarter", 0.25),
        (rbox(((45, 10), (50, 5), (55, 10), (50, 15))), "left half", 0.5),
        (polygon(Ring(((0, 20), (10, 20), (10, 40), (0, 40)))), "bottom half", 0.75),
        (point(50, 10), "left half", 1.0),
        (point(50, 10), "right half", 1.0),
        (point(51, 10), "left half", 0.0),
        (box(10, 30, 10, 40), "bottom left quarter", 1.0),
    ],
)
def test_share_of_a_shape_in_a_region(shape: PointSet, region: str, expected: float) -> None:
    assert region_shares(Measured([shape], SIZE))[region][0] == pytest.approx(expected)


@given(st.tuples(*[st.integers(0, 49)] * 2), st.tuples(*[st.integers(1, 50)] * 2))
def test_opposite_halves_and_the_quarters_share_everything(corner: tuple[int, int], sides: tuple[int, int]) -> None:
    shape = box(corner[0], corner[1], min(100, corner[0] + sides[0]), min(50, corner[1] + sides[1]))
    for regions in (
        ("left half", "right half"),
        ("top half", "bottom half"),
        [r for r in IMAGE_REGIONS if "quarter" in r],
    ):
        assert sum(region_shares(Measured([shape], SIZE))[region][0] for region in regions) == pytest.approx(1)


def measured(*shapes: PointSet, size: tuple[int, int] = (1000, 1000)) -> Measured:
    return Measured(shapes, size)


def bar(x: float, y: float, degrees: float, length: float = 100, width: float = 10) -> PointSet:
    """A slim rectangle about (x, y)."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    ends = ((-1, -1), (1, -1), (1, 1), (-1, 1))
    return rbox(
        tuple((x + c * a * length / 2 - s * b * width / 2, y + s * a * length / 2 + c * b * width / 2) for a, b in ends)
    )


A = box(400, 400, 500, 500)
RIVER = polygon(Ring(((0, 500), (1000, 500), (1000, 540), (0, 540))))
BEND = polygon(Ring(((0, 500), (500, 500), (500, 0), (540, 0), (540, 540), (0, 540))))
LAKE = polygon(
    Ring(((100, 100), (600, 100), (600, 600), (100, 600))), Ring(((300, 300), (400, 300), (400, 400), (300, 400)), "-")
)


@pytest.mark.parametrize(
    ("relation", "subject", "anchor", "expected"),
    [
        ("left_of", box(300, 400, 350, 500), A, True),
        ("left_of", box(382, 400, 482, 500), A, False),  # 18 px of the 25 that 100 px wide objects need
        ("left_of", box(375, 400, 475, 500), A, True),
        ("right_of", box(300, 400, 350, 500), A, False),
        ("right_of", box(600, 0, 700, 100), A, True),
        ("above", box(400, 200, 500, 300), A, True),
        ("above", box(600, 400, 700, 500), A, False),
        ("below", box(400, 600, 500, 700), A, True),
        ("left_of", point(399, 400), point(400, 400), True),
        ("left_of", point(400, 300), point(400, 400), False),
        ("near", box(500, 613, 600, 713), A, True),  # 113 of the 113.1 px that 8 % of the diagonal are
        ("near", box(500, 614, 600, 714), A, False),
        ("adjacent_to", box(515, 400, 615, 500), A, True),  # 15 % of a side of 100 px
        ("adjacent_to", box(516, 400, 616, 500), A, False),
        ("adjacent_to", box(503, 400, 504, 401), A, True),  # 3 px at least
        ("touches", box(501.5, 400, 600, 500), A, True),
        ("touches", box(502, 400, 600, 500), A, False),
        ("inside", box(380, 420, 480, 480), A, True),
        ("inside", box(379, 420, 479, 480), A, False),
        ("inside", point(450, 450), A, True),
        ("inside", box(310, 310, 390, 390), LAKE, False),  # an island
        ("contains", A, box(450, 450, 460, 460), True),
        ("contains", box(450, 450, 460, 460), A, False),
        ("overlaps", box(495, 400, 595, 500), A, True),
        ("overlaps", box(496, 400, 596, 500), A, False),
        ("overlaps", box(497, 497, 510, 510), A, False),  # 9 px² are under the 16 that count
        ("surrounded_by", box(310, 310, 390, 390), LAKE, False),
        ("surrounded_by", box(298, 298, 402, 402), LAKE, True),
        ("surrounded_by", box(0, 0, 50, 50), polygon(Ring(((0, 0), (200, 0), (200, 200), (0, 200)))), True),
        ("parallel_to", bar(100, 100, 14), bar(800, 800, 0), True),
        ("parallel_to", bar(100, 100, 171), bar(800, 800, 5), True),
        ("parallel_to", bar(100, 100, 16), bar(800, 800, 0), False),
        ("parallel_to", box(0, 0, 100, 90), bar(800, 800, 0), False),  # nearly a square: no direction
        ("along", bar(500, 480, 0), RIVER, True),
        ("along", bar(500, 480, 19), RIVER, True),
        ("along", bar(500, 480, 30), RIVER, False),
        ("along", bar(500, 300, 0), RIVER, False),
        ("along", bar(200, 480, 0), BEND, True),
        ("along", bar(560, 200, 90), BEND, True),
        ("along", bar(560, 200, 0), BEND, False),
    ],
)
def test_a_relation_is_its_definition(relation: str, subject: PointSet, anchor: PointSet, expected: bool) -> None:
    assert holds(relation, measured(subject), measured(anchor)).tolist() == [[expected]]


def test_of_nothing_nothing_holds() -> None:
    for relation in RELATIONS:
        assert holds(relation, measured(), measured(A)).shape == (0, 1)
        assert holds(relation, measured(A), measured()).shape == (1, 0)
    assert between(measured(), (0, 0), (9, 9)).shape == (0,)


def test_a_relation_of_another_name_is_refused_with_the_names_that_are_known() -> None:
    with pytest.raises(UsageError, match="left_of, right_of"):
        holds("beside", measured(A), measured(A))


@pytest.mark.parametrize("relation", RELATIONS)
def test_nothing_stands_in_a_relation_to_itself(relation: str) -> None:
    same = measured(A, A, RIVER, bar(300, 300, 20))
    assert not holds(relation, same, same).diagonal().any()


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        (box(240, 90, 260, 110), True),
        (box(240, 240, 260, 260), True),
        (box(240, 300, 260, 320), False),
        (box(110, 90, 130, 110), False),
        (box(600, 90, 620, 110), False),
    ],
)
def test_between_is_on_the_way_and_not_far_off_it(subject: PointSet, expected: bool) -> None:
    assert between(measured(subject), (100, 100), (400, 100)).tolist() == [expected]


def test_between_anchors_at_one_place_is_nothing() -> None:
    assert not between(measured(A), (450, 450), (450, 450)).any()


MAP = replace(ImageRef("a.tif", 1000, 1000), affine=(0.5, 0, 500000, 0, -0.5, 5500000), crs="EPSG:25832")


@pytest.mark.parametrize(
    ("affine", "north_of_a"),
    [
        ((0.5, 0, 0, 0, -0.5, 0), box(400, 200, 500, 300)),  # north up
        ((0, 0.5, 0, 0.5, 0, 0), box(600, 400, 700, 500)),  # north to the right
        ((0.5, 0, 0, 0, 0.5, 0), box(400, 600, 500, 700)),  # rows run north
    ],
)
def test_the_compass_goes_by_the_affine(affine: tuple[float, ...], north_of_a: PointSet) -> None:
    image = replace(MAP, affine=affine)
    found = {name: compass(name, measured(north_of_a), measured(A), image) for name in COMPASS}
    assert {name for name, holds in found.items() if holds is not None and holds.all()} == {"north_of"}


def test_east_is_where_the_map_grows() -> None:
    for affine in ((0.5, 0, 0, 0, -0.5, 0), (0.5, 0, 0, 0, 0.5, 0)):
        east = compass("east_of", measured(box(600, 400, 700, 500)), measured(A), replace(MAP, affine=affine))
        assert east is not None
        assert east.all()


@pytest.mark.parametrize(
    ("affine", "crs", "expected"),
    [
        (None, None, None),
        (MAP.affine, None, None),
        (MAP.affine, "EPSG:25832", 0.5),
        ((3.0, 4.0, 0, 4.0, -3.0, 0), "EPSG:32632", 5.0),
        (MAP.affine, "EPSG:4326", None),
        (MAP.affine, "EPSG:3857", None),
        (MAP.affine, "EPSG:2263", pytest.approx(0.1524, abs=1e-4)),  # US survey feet
        (MAP.affine, "no such thing", None),
        ((0.0, 0.5, 0, 0, 0.5, 0), "EPSG:25832", None),  # a pixel without area
    ],
)
def test_a_metre_is_one_only_where_the_crs_says_so(affine, crs, expected) -> None:
    assert ground_sample(replace(MAP, affine=affine, crs=crs)) == expected


@pytest.mark.parametrize(
    ("affine", "crs", "expected"),
    [
        ((10.0, 0, 0, 0, -10.0, -2_000_000), "EPSG:3413", (0, -1)),  # on the meridian of the grid
        ((10.0, 0, 1_414_213, 0, -10.0, -1_414_213), "EPSG:3413", None),  # up is north-west
        ((10.0, 0, 0, 0, -10.0, 2_000_000), "EPSG:3413", None),  # up is south
        ((1e-5, 0, 179.9999, 0, -1e-5, 60), "EPSG:4326", (0, -1)),  # across the antimeridian
        ((0.5, 0, 500000, 0, -0.5, 5500000), "EPSG:25832", (0, -1)),
        ((0.5, 0, 500000, 0, -0.5, 5500000), None, (0, -1)),
        ((0.5, 0, 500000, 0, -0.5, 5500000), "junk", None),
        ((0.0, 0, 0, 0, 0, 0), "EPSG:25832", None),
    ],
)
def test_north_is_that_of_the_earth(affine, crs, expected) -> None:
    found = bearing("north_of", replace(MAP, affine=affine, crs=crs))
    assert found == (expected if expected is None else pytest.approx(expected))


def test_what_cannot_be_known_is_none() -> None:
    bare = ImageRef("a.png", 1000, 1000)
    assert compass("north_of", measured(A), measured(RIVER), bare) is None
    assert within_distance(measured(A), measured(RIVER), 10, bare) is None


def test_distance_is_the_gap_in_metres() -> None:
    other = measured(box(540, 400, 600, 500))  # 40 px are 20 m
    assert [bool(within_distance(measured(A), other, metres, MAP)) for metres in (19.9, 20)] == [False, True]


quads = st.builds(
    lambda x, y, w, h, degrees: bar(x, y, degrees, w, h),
    st.integers(50, 250), st.integers(50, 250), st.integers(4, 60), st.integers(4, 60), st.integers(0, 179),
)  # fmt: skip


@given(st.lists(quads, min_size=1, max_size=5), st.lists(quads, min_size=1, max_size=5))
def test_a_matrix_says_of_each_pair_what_the_pair_alone_says(these: list[PointSet], those: list[PointSet]) -> None:
    size = (300, 300)
    for relation in RELATIONS:
        matrix = holds(relation, Measured(these, size), Measured(those, size))
        pairs = [[bool(holds(relation, Measured([a], size), Measured([b], size))[0, 0]) for b in those] for a in these]
        assert matrix.tolist() == pairs


@given(quads, quads)
def test_opposite_relations_are_each_other_turned(a: PointSet, b: PointSet) -> None:
    one, other = Measured([a], (300, 300)), Measured([b], (300, 300))
    for relation, back in (("left_of", "right_of"), ("above", "below"), ("inside", "contains")):
        assert holds(relation, one, other)[0, 0] == holds(back, other, one)[0, 0]


@given(quads, quads, st.sampled_from(RELATIONS))
def test_slack_only_widens(a: PointSet, b: PointSet, relation: str) -> None:
    one, other = Measured([a], (300, 300)), Measured([b], (300, 300))
    strict, plain, loose = (holds(relation, one, other, slack=slack)[0, 0] for slack in (0.5, 1.0, 1.5))
    assert strict <= plain <= loose


def test_hundreds_of_objects_take_no_seconds() -> None:
    many = measured(*(bar(20 * (i % 25) + 10, 20 * (i // 25) + 10, 7 * i, 16, 8) for i in range(600)))
    started = time.process_time()
    for relation in RELATIONS:
        holds(relation, many, many)
    assert time.process_time() - started < 20
