"""Attributes as outlines decide them, by hand, over an image of 1000 x 1000 px."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from scripted import BARE, MAP, Scripted, at, describe, find, ids, run, strip

from georsmllm.types import PointSet, box, rbox


def kept(name: str, value: str, shapes: list[PointSet], **filled: object) -> list[int]:
    return ids(outcome(name, value, shapes, **filled))


def outcome(name: str, value: str, shapes: list[PointSet], **filled: object):
    images = filled.pop("images", (BARE,))
    executor = filled.pop("executor", "geometric")
    fillers = filled.pop("fillers", None)
    steps = [find("s1", "things")]
    if fillers is not None:
        steps.append(find("s2", "fillers", role="anchor"))
    text = "From {s1}, keep those" + (" filled with {s2}." if fillers is not None else ".")
    steps.append(
        describe(f"s{len(steps) + 1}", text, name, value, anchors="s2" if fillers is not None else "", **filled)
    )
    return run(steps, Scripted({"things": shapes, "fillers": fillers or []}, images=images), executor=executor)


# nine places, row by row: 1 2 3 / 4 5 6 / 7 8 9
NINE = [at(x, y) for y in (100, 500, 900) for x in (100, 500, 900)]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("top-left", [1, 2, 4, 5]), ("top left corner", [1, 2, 4, 5]), ("upper left", [1, 2, 4, 5]),
        ("bottom-right", [5, 6, 8, 9]), ("left", [1, 2, 4, 5, 7, 8]), ("right half", [2, 3, 5, 6, 8, 9]),
        ("top half", [1, 2, 3, 4, 5, 6]), ("lower", [4, 5, 6, 7, 8, 9]), ("top third", [1, 2, 3]),
        ("center", [5]), ("centre", [5]), ("middle", [5]), ("corner", [1, 3, 7, 9]), ("edge", [1, 2, 3, 4, 6, 7, 8, 9]),
        ("left edge", [1, 4, 7]), ("center-left", [4, 5]), ("north", [1, 2, 3, 4, 5, 6]), ("southeast", [5, 6, 8, 9]),
        ("north-west", [1, 2, 4, 5]),
    ],
)  # fmt: skip
def test_parts_of_the_image(value: str, expected: list[int]) -> None:
    assert kept("image_region", value, NINE) == expected
    assert kept("image_region", value, NINE, negated=True) == [n for n in range(1, 10) if n not in expected]


def test_of_nothing_nothing_is_kept() -> None:
    for name, value in (
        ("image_region", "left"),
        ("size", "large"),
        ("shape", "circular"),
        ("orientation", "horizontal"),
    ):
        assert kept(name, value, []) == []


def test_the_north_of_an_image_that_is_turned() -> None:
    north_is_right = replace(MAP, affine=(0, 0.5, 500000, 0.5, 0, 5500000))
    assert kept("image_region", "north", NINE, images=(north_is_right,)) == [2, 3, 5, 6, 8, 9]
    assert kept("image_region", "top", NINE, images=(north_is_right,)) == [1, 2, 3, 4, 5, 6]
    assert kept("image_region", "northern third", NINE, images=(north_is_right,)) == [3, 6, 9]


def test_a_part_that_is_none_is_not_guessed() -> None:
    assert outcome("image_region", "foreground", NINE).reason == "NOT_GEOMETRIC"


def bar(degrees: float, length: float = 100, width: float = 10) -> PointSet:
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    ends = ((-1, -1), (1, -1), (1, 1), (-1, 1))
    return rbox(
        tuple(
            (500 + c * a * length / 2 - s * b * width / 2, 500 + s * a * length / 2 + c * b * width / 2)
            for a, b in ends
        )
    )


# clockwise from the x axis: along the rows, by 20, north-west to south-east, along the columns, north-east to south-west, none
BARS = [bar(0), bar(20), bar(45), bar(90), bar(130), at(500, 500)]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("north-south", [4]), ("east-west", [1, 2]), ("horizontal", [1, 2]), ("vertical", [4]), ("diagonal", [3, 5]),
        ("northeast-southwest", [5]), ("northwest-southeast", [3]), ("NE-SW", [5]), ("north to south", [4]),
        ("east west", [1, 2]),
    ],
)  # fmt: skip
def test_orientation(value: str, expected: list[int]) -> None:
    assert kept("orientation", value, BARS) == expected
    assert kept("orientation", value, BARS, negated=True) == [n for n in range(1, 7) if n not in expected]


def test_orientation_goes_by_the_compass_of_the_map() -> None:
    north_is_right = replace(MAP, affine=(0, 0.5, 500000, 0.5, 0, 5500000))
    assert kept("orientation", "north-south", BARS, images=(north_is_right,)) == [1, 2]
    assert kept("orientation", "vertical", BARS, images=(north_is_right,)) == [4]


@pytest.mark.parametrize(
    ("fillers", "expected"),
    [
        ([strip((480, 0), (520, 0), (520, 1000), (480, 1000))], [1]),  # a river from top to bottom
        ([strip((0, 480), (1000, 480), (1000, 520), (0, 520))], [4]),
        ([strip((0, 480), (1000, 480), (1000, 520), (0, 520)), box(900, 0, 910, 90)], [4]),  # the nearest counts
        ([at(900, 100)], []),  # what has no direction has no right angle
    ],
)
def test_at_right_angles_to_the_nearest_anchor(fillers, expected) -> None:
    assert kept("orientation", "perpendicular", BARS, fillers=fillers) == expected


def test_a_right_angle_needs_something_to_stand_to() -> None:
    assert outcome("orientation", "perpendicular", BARS, fillers=[]).reason == "ANCHOR_NOT_FOUND"
    assert outcome("orientation", "perpendicular", BARS).reason == "NOT_GEOMETRIC"


@pytest.mark.parametrize("value", ["north", "left", "facing south"])
def test_which_end_is_the_front_is_to_be_seen(value: str) -> None:
    assert outcome("orientation", value, BARS).reason == "NOT_GEOMETRIC"


DISC = strip(*((500 + 50 * math.cos(t / 20 * math.pi), 500 + 50 * math.sin(t / 20 * math.pi)) for t in range(40)))
SQUARE = strip((0, 0), (100, 0), (100, 100), (0, 100))
OBLONG = strip((0, 0), (300, 0), (300, 100), (0, 100))
ELL = strip((0, 0), (100, 0), (100, 30), (30, 30), (30, 100), (0, 100))
TEE = strip((0, 0), (100, 0), (100, 30), (65, 30), (65, 100), (35, 100), (35, 30), (0, 30))
BEND = strip((0, 0), (500, 0), (500, 400), (480, 400), (480, 20), (0, 20))
WAY = strip((0, 0), (500, 0), (500, 20), (0, 20))
FORMS = [DISC, SQUARE, OBLONG, ELL, TEE, BEND, WAY]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("circular", [1]), ("round", [1]), ("square", [2]), ("rectangular", [2, 3, 7]), ("elongated", [3, 6, 7]),
        ("L-shaped", [4, 6]), ("straight", [7]), ("curved", [6]), ("winding", [6]),
    ],
)  # fmt: skip
def test_shape(value: str, expected: list[int]) -> None:
    assert kept("shape", value, FORMS) == expected


def test_shapes_that_nobody_measures_are_not_guessed() -> None:
    assert outcome("shape", "kidney-shaped", FORMS).reason == "NOT_GEOMETRIC"
    assert outcome("shape", "straight", [DISC]).reason == "NOT_GEOMETRIC"


def test_boxes_do_not_tell_a_circle_so_the_model_is_asked() -> None:
    boxes = [at(100, 100), box(200, 200, 300, 220)]
    assert kept("shape", "circular", boxes) == [1]  # as far as boxes tell
    assert outcome("shape", "circular", boxes, executor="auto").steps[-1].how == "model"
    assert outcome("shape", "elongated", boxes, executor="auto").steps[-1].how == "geometry"
    assert outcome("shape", "circular", FORMS, executor="auto").steps[-1].how == "geometry"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("large", [4]), ("small", [1]), ("medium", [2, 3]), ("tiny", [1]), ("> 400 px", [3, 4]), ("long", [4]),
        ("at least 100 m2", [2, 3, 4]), ("< 0.01 ha", [1]),
    ],
)  # fmt: skip
def test_size_is_beside_the_others(value: str, expected: list[int]) -> None:
    squares = [at(100, 100, 10), at(200, 200, 20), at(300, 300, 22), at(400, 400, 40)]  # 100, 400, 484, 1600 px²
    assert kept("size", value, squares, images=(MAP,)) == expected


def test_one_alone_is_what_it_is_called() -> None:
    assert kept("size", "large", [at(100, 100, 10)]) == kept("size", "small", [at(100, 100, 10)]) == [1]


@pytest.mark.parametrize("value", ["tall", "low", "pretty"])
def test_sizes_that_are_none_of_an_outline(value: str) -> None:
    assert outcome("size", value, [at(100, 100, 10)]).reason == "NOT_GEOMETRIC"


LOTS = [box(0, 0, 100, 100), box(200, 0, 300, 100), box(400, 0, 500, 100)]
CARS = [box(0, 0, 100, 30), box(0, 20, 100, 45), box(200, 0, 300, 90)]  # 45 %, 90 %, 0 %


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("<0.5", [1, 3]), (">= 45 %", [1, 2]), ("full", [2]), ("empty", [3]), ("half full", [1]), ("mostly empty", [3]),
        ("mostly full", [2]), ("occupied", [1, 2]), ("more than half", [2]), ("<50%", [1, 3]),
    ],
)  # fmt: skip
def test_occupancy_is_the_share_that_is_covered(value: str, expected: list[int]) -> None:
    assert kept("occupancy", value, LOTS, fillers=CARS) == expected


def test_lots_without_any_cars_are_empty() -> None:
    assert kept("occupancy", "<0.5", LOTS, fillers=[]) == [1, 2, 3]
    assert outcome("occupancy", "empty", LOTS).reason == "NOT_GEOMETRIC"  # nobody said of what


@pytest.mark.parametrize(
    ("name", "value"), [("color", "red"), ("state", "damaged"), ("roof_color", "blue"), ("terrain", "flat")]
)
def test_what_is_seen_is_no_geometry(name: str, value: str) -> None:
    assert outcome(name, value, NINE).reason == "NOT_GEOMETRIC"
    assert outcome(name, value, NINE, executor="auto").steps[-1].how == "model"
    assert outcome(name, value, NINE, executor="neural").steps[-1].how == "model"
