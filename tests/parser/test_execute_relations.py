"""Every relation as geometry decides it, by hand: one table a relation, over a bare image of 1000 x 1000 px (diagonal 1414)."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest
from scripted import BARE, MAP, Scripted, at, find, ids, relate, run, step, strip

from georsmllm.geometry import bounds
from georsmllm.types import ImageRef, PointSet, box

RIVER = strip((480, 0), (520, 0), (520, 1000), (480, 1000))  # from top to bottom
ROAD = strip((0, 480), (1000, 480), (1000, 520), (0, 520))  # from left to right
LOT = strip((100, 100), (500, 100), (500, 500), (100, 500))


def kept(relation: str, subjects: list[PointSet], anchors: dict[str, list[PointSet]], **filled: object) -> list[int]:
    """The ids (1, 2, ...) of the subjects that are kept. anchors: phrase -> shapes, one step each."""
    return ids(outcome(relation, subjects, anchors, **filled))


def outcome(relation: str, subjects: list[PointSet], anchors: dict[str, list[PointSet]], **filled: object):
    images = filled.pop("images", (BARE,))
    names = [f"s{n}" for n in range(2, 2 + len(anchors))]
    steps = [
        find("s1", "things"),
        *(find(name, phrase, role="anchor") for name, phrase in zip(names, anchors, strict=True)),
    ]
    text = f"From {{s1}}, keep those with {' and '.join(f'{{{name}}}' for name in names)}."
    steps.append(relate(f"s{len(names) + 2}", text, relation, anchors=" ".join(names), **filled))
    return run(steps, Scripted({"things": subjects} | anchors, images=images))


@pytest.mark.parametrize(
    ("relation", "subjects", "anchor", "expected"),
    [
        # a quarter of the mean extent: 0.25 * (20 + 400) / 2 = 52.5 px from the middle of the lot
        ("left_of", [at(200, 50), at(260, 50), at(400, 50)], LOT, [1]),
        ("right_of", [at(200, 50), at(340, 50), at(400, 50)], LOT, [3]),
        ("above", [at(300, 200), at(300, 260), at(300, 400)], LOT, [1]),
        ("below", [at(300, 200), at(300, 340), at(300, 400)], LOT, [3]),
        ("north_of", [at(300, 200), at(300, 400)], LOT, [1]),
        ("south_of", [at(300, 200), at(300, 400)], LOT, [2]),
        ("west_of", [at(200, 300), at(400, 300)], LOT, [1]),
        ("east_of", [at(200, 300), at(400, 300)], LOT, [2]),
        ("north_of", [at(50, 400), at(950, 492), at(50, 600)], ROAD, [1, 2]),  # 8 px of the 7.5 that are needed
        ("inside", [at(300, 300), at(496, 300), at(497, 300), at(600, 300)], LOT, [1]),  # 80 %: 14 and 13 of 20 px
        ("on", [at(300, 300), at(494, 300), at(600, 300)], LOT, [1, 2]),
        ("under", [at(300, 300), at(600, 300)], LOT, [1]),
        ("overlaps", [at(509, 300), at(511, 300), at(509.5, 300)], LOT, [1]),  # 5 % of 400 px² are 20
        ("touches", [at(511.5, 300), at(512, 300)], LOT, [1]),
        ("adjacent_to", [at(513, 300), at(514, 300), at(300, 300)], LOT, [1, 3]),  # 15 % of 20 px are 3 px
        ("near", [at(623, 300), at(624, 300)], LOT, [1]),  # 8 % of the diagonal are 113.1 px
        ("along", [box(540, 300, 550, 400), box(540, 300, 640, 310), at(560, 700), at(620, 700)], RIVER, [1, 3]),
        ("parallel_to", [box(800, 300, 810, 400), box(800, 300, 900, 310), at(800, 800)], RIVER, [1]),
        ("crosses", [box(400, 100, 600, 120), box(530, 100, 600, 120), box(400, 100, 500, 120)], RIVER, [1]),
        ("connected_to", [box(520, 300, 700, 310), box(560, 300, 700, 310)], RIVER, [1]),
        ("surrounded_by", [at(300, 300), at(500, 300), at(105, 300)], LOT, [1]),
        ("facing", [at(550, 300), at(580, 300), at(550, 700)], RIVER, [1, 3]),
    ],
)  # fmt: skip
def test_a_relation(relation: str, subjects: list[PointSet], anchor: PointSet, expected: list[int]) -> None:
    phrase = {id(RIVER): "the river", id(ROAD): "the road"}.get(id(anchor), "the farmland")
    assert kept(relation, subjects, {phrase: [anchor]}) == expected
    others = [n for n in range(1, len(subjects) + 1) if n not in expected]
    assert kept(relation, subjects, {phrase: [anchor]}, negated=True) == others


RELATED = ("left_of", "on_side_of", "inside", "contains", "near", "within_distance", "between", "along", "flanked_by")


@pytest.mark.parametrize("relation", RELATED)
def test_of_nothing_nothing_is_kept(relation: str) -> None:
    filled = {"value": 5, "unit": "px"} if relation == "within_distance" else {"side": "left"}
    assert kept(relation, [], {"the lot": [LOT]}, **filled) == []
    assert kept(relation, [at(1, 1)], {"the lot": []}, **filled) == []


@pytest.mark.parametrize(
    ("side", "expected"),
    [
        ("east", [1, 3]), ("west", [2]), ("right", [1, 3]), ("left", [2]), ("East", [1, 3]), ("eastern", [1, 3]),
        ("northeast", [1, 3]),  # 45 degrees across the river
        ("both", [1, 2]),  # on the banks, not in the river
        ("north", [1, 2]),  # no river that runs north has a north bank: what lies farther north
    ],
)  # fmt: skip
def test_sides_of_a_river(side: str, expected: list[int]) -> None:
    assert kept("on_side_of", [at(700, 100), at(300, 100), at(505, 900)], {"the river": [RIVER]}, side=side) == expected


def test_a_side_that_is_none_is_not_guessed() -> None:
    assert outcome("on_side_of", [at(1, 1)], {"the river": [RIVER]}, side="opposite").reason == "NOT_GEOMETRIC"


TURNED = replace(
    MAP, affine=(0.3, 0.4, 500000, 0.4, -0.3, 5500000)
)  # east is right and down, north right and up: by 53 degrees


def test_the_compass_of_a_turned_image() -> None:
    subjects = [at(500, 100), at(900, 500), at(500, 900), at(100, 500)]  # above, right, below, left of the middle
    anchor = {"the silo": [at(500, 500)]}
    expected = {"north_of": [1, 2], "east_of": [2, 3], "south_of": [3, 4], "west_of": [1, 4]}
    for relation, numbers in expected.items():
        assert kept(relation, subjects, anchor, images=(TURNED,)) == numbers
    assert kept("above", subjects, anchor, images=(TURNED,)) == [1]  # words of the image stay words of the image


def test_the_east_bank_in_an_image_that_is_turned_round() -> None:
    south_up = replace(MAP, affine=(-0.5, 0, 500000, 0, 0.5, 5500000))
    subjects = [at(700, 100), at(300, 100)]
    assert kept("on_side_of", subjects, {"the river": [RIVER]}, side="east", images=(south_up,)) == [2]
    assert kept("on_side_of", subjects, {"the river": [RIVER]}, side="right", images=(south_up,)) == [1]


def test_north_that_is_taken_for_granted_is_said() -> None:
    bare, mapped = (outcome("north_of", [at(300, 10)], {"the lot": [LOT]}, images=(one,)) for one in (BARE, MAP))
    assert ids(bare) == ids(mapped) == [1]
    assert "north taken as up" in bare.steps[-1].note
    assert "taken" not in mapped.steps[-1].note


def test_a_map_whose_up_is_not_north_has_no_compass() -> None:
    polar = replace(MAP, affine=(10.0, 0, 1_414_213, 0, -10.0, -1_414_213), crs="EPSG:3413")
    found = outcome("north_of", [at(300, 10)], {"the lot": [LOT]}, images=(polar,))
    assert (found.findings, found.reason) == ((), "NOT_GEOREFERENCED")


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (20, "px", [1]), (10, "m", [1]), (0.01, "km", [1]), (19.9, "px", []), (35, "ft", [1]), ("10 m", None, [1]),
        ("1,000", "m", [1, 2]), (1000, "cm", [1]), (20, None, [1]), (11, "yards", [1]), ("0.05 miles", None, [1, 2]),
    ],
)  # fmt: skip
def test_distances_in_all_units(value: object, unit: str | None, expected: list[int]) -> None:
    subjects = [at(530, 300), at(580, 300)]  # gaps of 20 and 70 px, 10 and 35 m
    found = kept("within_distance", subjects, {"the lot": [LOT]}, value=value, unit=unit, images=(MAP,))
    assert found == expected


DEGREES = replace(
    MAP, affine=(1e-5, 0, 10, 0, -1e-5, 60), crs="EPSG:4326"
)  # 0.558 m to the right, 1.114 m down a pixel
MERCATOR = replace(
    MAP, affine=(1, 0, 1e6, 0, -1, 8399737.9), crs="EPSG:3857"
)  # 0.50 m on the ground at 60 degrees north


@pytest.mark.parametrize(
    ("image", "metres", "expected"),
    [
        (DEGREES, 20, []), (DEGREES, 25, [1]), (DEGREES, 40, [1]), (DEGREES, 50, [1, 2]),
        (MERCATOR, 19, []), (MERCATOR, 21, [1, 2]),
        (replace(DEGREES, crs=None), 50, []),
    ],
)  # fmt: skip
def test_metres_where_pixels_are_not_square_on_the_ground(image: ImageRef, metres: float, expected: list[int]) -> None:
    subjects = [at(550, 300), at(300, 550)]  # 40 px to the right of the lot, and 40 px below it
    found = kept("within_distance", subjects, {"the lot": [LOT]}, value=metres, unit="m", images=(image,))
    assert found == expected


@pytest.mark.parametrize(("value", "unit"), [("far", "m"), (None, None), (5, "parsecs"), (5, "%")])
def test_a_distance_that_is_none_is_not_guessed(value: object, unit: str | None) -> None:
    found = outcome("within_distance", [at(530, 300)], {"the lot": [LOT]}, value=value, unit=unit)
    assert (found.findings, found.reason) == ((), "NOT_GEOMETRIC")


def test_a_distance_beside_another_relation_narrows_it() -> None:
    subjects = [at(50, 300), at(80, 300), at(700, 300)]  # 40 and 10 px to the left, 190 to the right
    assert kept("left_of", subjects, {"the lot": [LOT]}, value=20, unit="px") == [2]
    assert kept("near", subjects, {"the lot": [LOT]}, value=200, unit="px") == [1, 2, 3]


@pytest.mark.parametrize(
    ("relation", "least", "expected"),
    [
        ("contains", 1, [1, 2]), ("contains", 2, [1, 2]), ("contains", 3, [1]), ("contains", "3", [1]),
        ("contains", 4, []), ("near", 5, [1, 2]), ("near", 3, [1, 2, 3]), ("near", 6, []), ("overlaps", 3, []),
    ],
)  # fmt: skip
def test_at_least_so_many(relation: str, least: object, expected: list[int]) -> None:
    lots = [box(0, 0, 100, 100), box(100, 0, 200, 100), box(200, 0, 300, 100)]
    cars = [at(20, 20), at(50, 50), at(80, 80), at(120, 20), at(150, 50)]
    assert kept(relation, lots, {"cars": cars}, value=least, unit="count_min") == expected
    others = [n for n in (1, 2, 3) if n not in expected]
    assert kept(relation, lots, {"cars": cars}, value=least, unit="count_min", negated=True) == others


def test_a_roundabout_of_four_roads() -> None:
    roads = [strip((120, 95), (400, 95), (400, 105), (120, 105)), strip((-200, 95), (80, 95), (80, 105), (-200, 105))]
    roads += [strip((95, 120), (105, 120), (105, 400), (95, 400)), strip((95, -200), (105, -200), (105, 80), (95, 80))]
    assert kept("connected_to", [at(100, 100, 40), at(400, 400, 40)], {"roads": roads}, value=4, unit="count_min") == [
        1
    ]
    assert kept("connected_to", [at(100, 100, 40)], {"roads": roads[:3]}, value=4, unit="count_min") == []


def test_what_links_compact_things_is_to_be_seen() -> None:
    assert outcome("connected_to", [at(1, 1)], {"the station": [at(900, 900)]}).reason == "NOT_GEOMETRIC"
    assert outcome("behind", [at(1, 1)], {"the station": [at(900, 900)]}).reason == "NOT_GEOMETRIC"


def test_an_area_in_pieces_is_one_area() -> None:
    halves = [
        strip((100, 100), (300, 100), (300, 500), (100, 500)),
        strip((300, 100), (500, 100), (500, 500), (300, 500)),
    ]
    assert kept("inside", [at(300, 300)], {"the farmland": halves}) == [1]
    assert kept("surrounded_by", [at(300, 300)], {"the farmland": halves}) == [1]


def test_stands_on_both_long_sides() -> None:
    fields = [box(450, 480, 550, 520), box(450, 780, 550, 820)]
    stands = [box(460, 460, 540, 470), box(460, 530, 540, 540), box(460, 760, 540, 770), box(470, 745, 530, 755)]
    assert kept("flanked_by", fields, {"stands": stands}, value=2, unit="count_min") == [1]
    assert kept("flanked_by", fields, {"stands": stands}) == [1]


@pytest.mark.parametrize(
    ("anchors", "expected"),
    [
        (
            {"the dam": [at(100, 500)], "the bridge": [at(900, 500)]},
            [1, 2],
        ),  # at 0.1 to 0.9 of the way, 400 px off at most
        ({"the towers": [at(100, 500), at(900, 500)]}, [1, 2]),
        ({"the road": [strip((0, 60), (1000, 60), (1000, 80), (0, 80))], "the canal": [ROAD]}, [2]),
        ({"the dam": [at(100, 500)], "the bridge": []}, []),
    ],
)
def test_between(anchors: dict[str, list[PointSet]], expected: list[int]) -> None:
    assert kept("between", [at(500, 510), at(820, 200), at(850, 920), at(950, 500)], anchors) == expected


def test_between_needs_two() -> None:
    assert outcome("between", [at(1, 1)], {"the towers": [at(100, 500)]}).reason == "ANCHOR_NOT_FOUND"
    assert kept("between", [at(1, 1)], {"the towers": [at(100, 500)]}, negated=True) == [1]


def test_nothing_is_near_itself() -> None:
    steps = [find("s1", "ships"), relate("s2", "From {s1}, keep those near other ones of {s1}.", "near", anchors="s1")]
    steps[1] = msgspec.structs.replace(steps[1], inputs=("s1",))
    assert ids(run(steps, Scripted({"ships": [at(100, 100), at(150, 100), at(900, 900)]}))) == [1, 2]


def test_a_mask_counts_more_than_its_box() -> None:
    steps = [
        find("s1", "cars"),
        step("s2", "segment", "Segment the lot.", target="the lot", role="anchor"),
        relate("s3", "From {s1}, keep those inside {s2}.", "inside", anchors="s2"),
    ]
    bent = strip((100, 100), (200, 100), (200, 400), (500, 400), (500, 500), (100, 500))
    assert ids(run(steps, Scripted({"cars": [at(150, 150), at(400, 150)], "the lot": [bent]}))) == [1]


@pytest.mark.parametrize(
    ("side", "expected"),
    [
        (None, [1, 2, 3, 4, 5]),
        ("north", [1, 2]),
        ("bottom", [3, 4]),
        ("left half", [1, 3]),
        ("top-left", [1]),
        ("southeast", [4]),
        ("center", [5]),
    ],
)
def test_a_part_of_what_they_are_inside_of(side, expected):
    things = [at(150, 150), at(450, 150), at(150, 450), at(450, 450), at(300, 300), at(900, 150)]
    found = kept("inside", things, {"the lot": [LOT]}, side=side)
    assert [one for one in found if side in (None, "center") or one != 5] == expected


def test_a_part_that_outlines_do_not_tell_is_left_to_the_model():
    assert outcome("inside", [at(300, 300)], {"the lot": [LOT]}, side="shady").reason == "NOT_GEOMETRIC"


def test_the_northern_half_of_a_thing_is_cut_off():
    steps = [
        find("s1", "lakes"),
        find("s2", "the lake", role="anchor"),
        relate("s3", "From {s1}, keep the lakes in the north part of {s2}.", "inside", anchors="s2", side="north"),
    ]
    found = run(steps, Scripted({"lakes": [LOT], "the lake": [LOT]}))
    assert [bounds(one.shape_scene) for one in found.findings] == [(100, 100, 500, 300)]


@pytest.mark.parametrize(
    ("side", "harbors", "expected"),
    [
        ("same", [at(700, 900)], [3, 4]),
        ("opposite", [at(700, 900)], [1, 2]),
        ("same", [at(700, 900), at(100, 900)], [1, 2, 3, 4]),
        ("opposite", [at(700, 900), at(100, 900)], []),
    ],
)
def test_sides_that_another_thing_tells(side, harbors, expected):
    houses = [at(100, 100), at(470, 500), at(530, 500), at(900, 100)]
    assert kept("on_side_of", houses, {"the river": [RIVER], "harbors": harbors}, side=side) == expected


def test_a_side_that_a_missing_thing_would_tell_is_not_told():
    found = outcome("on_side_of", [at(100, 100)], {"the river": [RIVER], "harbors": []}, side="opposite")
    assert found.reason == "ANCHOR_NOT_FOUND"


def test_a_note_speaks_of_those_that_are_kept():
    far = outcome(
        "within_distance", [at(550, 300), at(700, 300)], {"the lot": [LOT]}, negated=True, value=50, unit="px"
    )
    assert (
        "the gap to the nearest anchor is 190 px, at most 50 px are asked for, which is not enough"
        in far.steps[-1].note
    )
    all_near = outcome("within_distance", [at(550, 300)], {"the lot": [LOT]}, negated=True, value=50, unit="px")
    assert all_near.steps[-1].note == (
        "kept 0 of 1: the gap to the nearest anchor is 40 px, at most 50 px are asked for"
    )
