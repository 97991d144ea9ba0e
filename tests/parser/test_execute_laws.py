"""What holds of every world: filters keep a part, a relation and its denial share all, and moving the world changes nothing."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted import BARE, MAP, Scripted, compare, describe, find, ids, relate, run

from georsmllm.geometry import shift
from georsmllm.types import ImageRef, PointSet, Ring, box, rbox

SETTINGS = settings(max_examples=40)
RELATIONS = (
    "left_of", "right_of", "above", "below", "north_of", "east_of", "on_side_of", "inside", "contains", "overlaps",
    "touches", "adjacent_to", "near", "within_distance", "between", "along", "parallel_to", "crosses", "surrounded_by",
    "flanked_by", "on", "under", "facing",
)  # fmt: skip
FREE = (
    "near",
    "within_distance",
    "along",
    "surrounded_by",
    "facing",
    "flanked_by",
    "touches",
    "adjacent_to",
    "overlaps",
)
"""Relations with a length or an area in px, or a share of the image: scaling the world alone is no law of theirs."""
ATTRIBUTES = (
    ("image_region", "top-left"), ("image_region", "center"), ("orientation", "north-south"), ("size", "large"),
    ("shape", "elongated"), ("shape", "square"),
)  # fmt: skip

quads = st.builds(
    lambda x, y, w, h: box(x, y, x + w, y + h),
    st.integers(200, 500), st.integers(200, 500), st.integers(6, 200), st.integers(6, 60),
)  # fmt: skip
worlds = st.tuples(st.lists(quads, min_size=1, max_size=5), st.lists(quads, min_size=2, max_size=4))


def related(
    world: tuple[list[PointSet], list[PointSet]], relation: str, image: ImageRef = BARE, **filled: object
) -> list[int]:
    given_ = {"side": "left"} if relation == "on_side_of" else {}
    given_ |= {"value": 40, "unit": "px"} if relation == "within_distance" else {}
    steps = (
        find("s1", "things"),
        find("s2", "anchors", role="anchor"),
        relate("s3", "From {s1}, keep those at {s2}.", relation, anchors="s2", **(given_ | filled)),
    )
    return ids(run(steps, Scripted({"things": world[0], "anchors": world[1]}, images=(image,))))


def moved(world: tuple[list[PointSet], list[PointSet]], dx: float, dy: float) -> tuple[list[PointSet], list[PointSet]]:
    return [shift(one, dx, dy) for one in world[0]], [shift(one, dx, dy) for one in world[1]]


def scaled(world: tuple[list[PointSet], list[PointSet]], factor: float) -> tuple[list[PointSet], list[PointSet]]:
    def larger(one: PointSet) -> PointSet:
        return replace(
            one,
            rings=tuple(Ring(tuple((x * factor, y * factor) for x, y in ring.points), ring.sign) for ring in one.rings),
        )

    return [larger(one) for one in world[0]], [larger(one) for one in world[1]]


@SETTINGS
@given(worlds, st.sampled_from(RELATIONS))
def test_a_relation_keeps_a_part_and_its_denial_the_rest(world, relation: str) -> None:
    holds, denied = related(world, relation), related(world, relation, negated=True)
    assert sorted(holds + denied) == list(range(1, len(world[0]) + 1))
    assert holds == sorted(holds)


@SETTINGS
@given(worlds, st.sampled_from(RELATIONS), st.integers(-150, 250), st.integers(-150, 250))
def test_moving_the_world_changes_no_relation(world, relation: str, dx: int, dy: int) -> None:
    assert related(moved(world, dx, dy), relation) == related(world, relation)


@SETTINGS
@given(worlds, st.sampled_from([one for one in RELATIONS if one not in FREE]), st.sampled_from([0.5, 2.0, 4.0]))
def test_scaling_the_world_changes_no_relation_without_a_length(world, relation: str, factor: float) -> None:
    larger = replace(BARE, width=round(1000 * factor), height=round(1000 * factor))
    assert related(scaled(world, factor), relation, larger) == related(world, relation)


@SETTINGS
@given(worlds, st.sampled_from([one for one in RELATIONS if one != "between"]))
def test_more_anchors_keep_no_fewer(world, relation: str) -> None:
    if relation in ("on_side_of", "north_of", "facing", "left_of", "right_of", "above", "below", "east_of"):
        return  # the side of the nearest anchor, and what stands in between
    fewer, more = world[1][:1], world[1]
    assert set(related((world[0], fewer), relation)) <= set(related((world[0], more), relation))


def turned(image: ImageRef, degrees: float) -> ImageRef:
    """The map of an image whose content was turned about its middle, clockwise on the screen."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    assert image.affine is not None
    a, b, _, d, e, _ = image.affine
    return replace(image, affine=(a * c - b * s, a * s + b * c, 500000.0, d * c - e * s, d * s + e * c, 5500000.0))


def turn(shape: PointSet, degrees: float) -> PointSet:
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    x1, y1, x2, y2 = (*shape.rings[0].points[0], *shape.rings[0].points[1])
    corners = ((x1, y1), (x2, y1), (x2, y2), (x1, y2))
    return rbox(tuple((500 + c * (x - 500) - s * (y - 500), 500 + s * (x - 500) + c * (y - 500)) for x, y in corners))


@SETTINGS
@given(worlds, st.sampled_from(["north_of", "east_of", "south_of", "west_of"]), st.integers(0, 359))
def test_turning_the_image_with_its_map_changes_no_compass(world, relation: str, degrees: int) -> None:
    upright = [turn(one, 0) for one in world[0]], [turn(one, 0) for one in world[1]]
    askew = [turn(one, degrees) for one in world[0]], [turn(one, degrees) for one in world[1]]
    assert related(askew, relation, turned(MAP, degrees)) == related(upright, relation, MAP)


@SETTINGS
@given(st.lists(quads, min_size=1, max_size=6), st.sampled_from(ATTRIBUTES))
def test_an_attribute_keeps_a_part_and_its_denial_the_rest(shapes: list[PointSet], attribute: tuple[str, str]) -> None:
    parts = [
        ids(
            run(
                (find("s1", "things"), describe("s2", "From {s1}, keep those.", *attribute, negated=negated)),
                Scripted({"things": shapes}),
            )
        )
        for negated in (False, True)
    ]
    assert sorted(one for part in parts for one in part) == list(range(1, len(shapes) + 1))


def ranked(shapes: list[PointSet], criterion: str, mode: str, k: int | None = None) -> list[int]:
    return ids(
        run(
            (find("s1", "things"), compare("s2", "From {s1}, rank.", criterion, mode, k=k)),
            Scripted({"things": shapes}),
        )
    )


@SETTINGS
@given(st.lists(quads, min_size=1, max_size=8), st.sampled_from(["area", "length", "width", "x", "y"]))
def test_ranks_from_the_first_to_the_last_name_all(shapes: list[PointSet], criterion: str) -> None:
    ranks = [ranked(shapes, criterion, "rank_k", k) for k in range(1, len(shapes) + 1)]
    assert sorted({one for rank in ranks for one in rank}) == list(range(1, len(shapes) + 1))
    assert ranks[0] == ranked(shapes, criterion, "max")
    for k in range(1, len(shapes) + 1):
        assert len(ranked(shapes, criterion, "top_k", k)) == k


@SETTINGS
@given(st.lists(quads, min_size=1, max_size=8), st.randoms())
def test_the_order_in_which_things_are_found_changes_nothing(shapes: list[PointSet], random) -> None:
    shuffled = shapes[:]
    random.shuffle(shuffled)
    for mode, k in (("max", None), ("top_k", 2), ("rank_k", 2), ("min", 3)):
        one, other = (sorted(str(some[n - 1]) for n in ranked(some, "area", mode, k)) for some in (shapes, shuffled))
        assert one == other


def test_a_turned_map_keeps_its_scale() -> None:
    assert turned(MAP, 30).affine[0] == pytest.approx(0.5 * math.cos(math.radians(30)))
