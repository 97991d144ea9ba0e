"""Set algebra of objects and of pixels, and areas that are cut along the way between two anchors."""

from __future__ import annotations

from dataclasses import replace

import pytest
from scripted import BARE, MAP, Scripted, at, combine, count, find, ids, relate, run, step, strip

from georsmllm.found import outline
from georsmllm.geometry import area, bounds
from georsmllm.types import PointSet, box


def segment(name: str, target: str, **filled: object):
    return step(name, "segment", f"Segment {target}.", target=target, **filled)


ONE = [at(100, 100), at(200, 200)]
OTHER = [
    at(203, 200),
    at(300, 300),
    at(112, 100),
]  # the first shares 17 of 23 columns with ONE's second, the last 8 of 32


@pytest.mark.parametrize(
    ("op", "one", "other", "expected"),
    [
        ("union", [], [], []),
        ("union", ONE, [], [1, 2]),
        ("union", ONE, OTHER, [1, 2, 4, 5]),
        ("intersection", ONE, OTHER, [2]),
        ("intersection", ONE, [], []),
        ("difference", ONE, OTHER, [1]),
        ("difference", ONE, [], [1, 2]),
        ("difference", [], OTHER, []),
    ],
)
def test_objects_are_the_same_by_half_of_their_union(op, one, other, expected) -> None:
    steps = (find("s1", "ships"), find("s2", "boats"), combine("s3", "Join {s1} and {s2}.", op))
    assert ids(run(steps, Scripted({"ships": one, "boats": other}))) == expected


def test_an_object_is_itself_whatever_it_was_found_by() -> None:
    steps = (
        find("s1", "ships"),
        find("s2", "the pier", role="anchor"),
        relate("s3", "From {s1}, keep those near {s2}.", "near", anchors="s2"),
        combine("s4", "Take {s1} without {s3}.", "difference"),
    )
    assert ids(run(steps, Scripted({"ships": ONE, "the pier": [at(100, 130)]}))) == []
    assert ids(run(steps, Scripted({"ships": [*ONE, at(900, 900)], "the pier": [at(100, 130)]}))) == [3]


FIELD, WOOD = box(0, 0, 100, 100), box(50, 0, 200, 100)


@pytest.mark.parametrize(
    ("op", "expected"),
    [
        ("union", [(0, 0, 100, 100), (100, 0, 200, 100)]),
        ("intersection", [(50, 0, 100, 100)]),
        ("difference", [(0, 0, 50, 100)]),
    ],
)
def test_areas_are_combined_pixel_by_pixel(op, expected) -> None:
    steps = (segment("s1", "the vegetation"), segment("s2", "the woods"), combine("s3", "Take {s1} and {s2}.", op))
    found = run(steps, Scripted({"the vegetation": [FIELD], "the woods": [WOOD]}), answer="masks").findings
    assert [bounds(outline(one)) for one in found] == expected
    assert sum(area(outline(one)) for one in found) == {"union": 20000, "intersection": 5000, "difference": 5000}[op]
    assert [one.id for one in found] == {"union": [1, 3000002], "intersection": [3000001], "difference": [3000001]}[op]


def test_what_is_not_cut_stays_the_same_finding() -> None:
    steps = (
        segment("s1", "the vegetation"),
        segment("s2", "the woods"),
        combine("s3", "Take {s1} without {s2}.", "difference"),
    )
    world = {"the vegetation": [FIELD, box(500, 500, 600, 600), box(150, 10, 190, 90)], "the woods": [WOOD]}
    outcome = run(steps, Scripted(world), answer="masks")
    assert ids(outcome) == [3000001, 2]
    assert outcome.findings[1] == dict(outcome.layers)["s1"][1]
    assert outcome.steps[-1].note == "difference of 3 and 1, pixel by pixel: 2"


def test_a_cut_object_can_be_found_again() -> None:
    steps = (
        segment("s1", "the vegetation"),
        segment("s2", "the woods"),
        combine("s3", "Take {s1} without {s2}.", "difference"),
        combine("s4", "Take {s1} and {s3}.", "intersection"),
        count("s5", "Count {s4}."),
    )
    outcome = run(steps, Scripted({"the vegetation": [FIELD], "the woods": [WOOD]}), answer="number")
    assert outcome.value == 1
    assert area(outline(outcome.findings[0])) == 5000


RIVERBED = strip((0, 480), (1000, 480), (1000, 520), (0, 520))


@pytest.mark.parametrize(
    ("dam", "bridge", "expected"),
    [
        (at(200, 500), at(700, 500), [(200, 480, 700, 520)]),
        (at(200, 100), at(700, 100), []),  # 400 px off a way of 500 px
        (at(-50, 500), at(1050, 500), [(0, 480, 1000, 520)]),
        (
            strip((190, 0), (210, 0), (210, 1000), (190, 1000)),
            strip((690, 0), (710, 0), (710, 1000), (690, 1000)),
            [(210, 480, 690, 520)],
        ),
    ],
)
def test_the_part_between_the_dam_and_the_bridge(dam: PointSet, bridge: PointSet, expected) -> None:
    steps = (
        segment("s1", "the riverbed"),
        find("s2", "the dam", role="anchor"),
        find("s3", "the bridge", role="anchor"),
        relate("s4", "From {s1}, keep the part between {s2} and {s3}.", "between", anchors="s2 s3"),
        step("s5", "segment", "Segment {s4}."),
    )
    outcome = run(
        steps, Scripted({"the riverbed": [RIVERBED], "the dam": [dam], "the bridge": [bridge]}), answer="masks"
    )
    assert [bounds(outline(one)) for one in outcome.findings] == expected


WOODS = box(300, 200, 800, 700)  # 250 000 px²
RIVER = strip((490, 0), (510, 0), (510, 1000), (490, 1000))


def part(relation: str, anchor: PointSet, *, phrase: str = "the forest", text: str = "", **filled: object):
    """The findings that are left of the woods. images: of the eyes."""
    image = filled.pop("image", BARE)
    steps = (
        segment("s1", phrase),
        find("s2", "the mark", role="anchor"),
        relate("s3", f"From {{s1}}, keep {text or 'that'} with {{s2}}.", relation, anchors="s2", **filled),
    )
    return run(steps, Scripted({phrase: [WOODS], "the mark": [anchor]}, images=(image,)), answer="masks").findings


@pytest.mark.parametrize(
    ("relation", "anchor", "filled", "expected"),
    [
        ("on_side_of", RIVER, {"side": "east"}, 150_000),
        ("on_side_of", RIVER, {"side": "left"}, 100_000),
        ("on_side_of", RIVER, {"side": "both"}, 240_000),
        ("east_of", RIVER, {}, 150_000),
        ("north_of", at(500, 300), {}, 50_000),
        ("above", at(500, 300), {}, 50_000),
        ("inside", box(0, 0, 400, 1000), {}, 50_000),
        ("within_distance", box(0, 0, 290, 1000), {"value": 20, "unit": "px"}, 5_000),
        ("within_distance", box(0, 0, 290, 1000), {"value": 10, "unit": "m", "image": MAP}, 5_000),
        ("near", box(0, 0, 290, 1000), {"value": 60, "unit": "px"}, 25_000),
        ("between", strip((0, 0), (1000, 0), (1000, 20), (0, 20)), {}, 0),
    ],
)  # fmt: skip
def test_an_area_is_cut_along_a_relation(relation, anchor, filled, expected) -> None:
    if relation == "between":
        assert part(relation, anchor) == ()
        return
    found, rest = part(relation, anchor, **filled), part(relation, anchor, negated=True, **filled)
    assert sum(area(outline(one)) for one in found) == pytest.approx(expected, abs=1)
    assert sum(area(outline(one)) for one in rest) == pytest.approx(250_000 - expected, abs=1)


def test_metres_of_a_cut_in_degrees() -> None:
    degrees = replace(MAP, affine=(1e-5, 0, 10, 0, -1e-5, 60), crs="EPSG:4326")  # 0.558 x 1.114 m a pixel
    beside = part("within_distance", box(0, 0, 290, 1000), value=10, unit="m", image=degrees)
    above = part("within_distance", box(0, 0, 1000, 190), value=10, unit="m", image=degrees)
    assert bounds(outline(beside[0])) == (300, 200, 308, 700)  # 17.9 px less the 10 in between
    assert above == ()  # 9 px
    assert bounds(outline(part("within_distance", box(0, 0, 1000, 190), value=20, unit="m", image=degrees)[0])) == (
        300, 200, 800, 208,
    )  # fmt: skip


def test_things_are_kept_whole_unless_the_text_says_part() -> None:
    assert part("on_side_of", RIVER, phrase="the lakes", side="east")[0].id == 1
    assert part("on_side_of", RIVER, phrase="the lakes", side="west") == ()
    found = part("on_side_of", RIVER, phrase="the lakes", text="the part", side="east")
    assert [(one.id, bounds(outline(one))) for one in found] == [(3000001, (500, 200, 800, 700))]


def test_a_road_is_one_thing() -> None:
    steps = (
        segment("s1", "all roads"),
        find("s2", "the house", role="anchor"),
        relate(
            "s3",
            "From {s1}, keep the roads within 50 px of {s2}.",
            "within_distance",
            anchors="s2",
            value=50,
            unit="px",
        ),
    )
    assert ids(run(steps, Scripted({"roads": [RIVERBED], "the house": [at(500, 450)]}), answer="masks")) == [1]


def test_what_lies_between_is_cut_only_where_it_is_an_area() -> None:
    steps = (
        find("s1", "ships"),
        find("s2", "the piers", role="anchor"),
        relate("s3", "From {s1}, keep those between {s2}.", "between", anchors="s2"),
    )
    world = {"ships": [box(400, 490, 800, 510)], "the piers": [at(300, 500), at(900, 500)]}
    assert ids(run(steps, Scripted(world))) == [1]
