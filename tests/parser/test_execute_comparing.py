"""Superlatives, ranks, thresholds, totals and choices, by hand, over an image of 1000 x 1000 px."""

from __future__ import annotations

from dataclasses import replace

import pytest
from scripted import BARE, MAP, Scripted, at, combine, compare, count, describe, find, ids, plan, run, strip

from georsmllm.parser.execute import execute
from georsmllm.types import PointSet, box

# 10 to 40 px squares; the second and third are as large; raster order 4, 1, 3, 2
SHIPS = [at(100, 300, 10), at(200, 400, 20), at(300, 300, 20), at(400, 100, 40)]


def kept(criterion: str, mode: str, shapes: list[PointSet] = SHIPS, **filled: object) -> list[int]:
    return ids(outcome(criterion, mode, shapes, **filled))


def outcome(criterion: str, mode: str, shapes: list[PointSet] = SHIPS, **filled: object):
    """anchors: phrase -> shapes, one step each."""
    anchors = filled.pop("anchors", {})
    images, words = filled.pop("images", (BARE,)), filled.pop("words", "take those")
    answer, executor = filled.pop("answer", "boxes"), filled.pop("executor", "geometric")
    names = [f"s{n}" for n in range(2, 2 + len(anchors))]
    steps = [
        find("s1", "ships"),
        *(find(name, phrase, role="anchor") for name, phrase in zip(names, anchors, strict=True)),
    ]
    text = f"From {{s1}}, {words}" + "".join(f" and {{{name}}}" for name in names)
    steps.append(compare(f"s{len(names) + 2}", text, criterion, mode, anchors=" ".join(names), **filled))
    return run(steps, Scripted({"ships": shapes} | anchors, images=images), answer=answer, executor=executor)


@pytest.mark.parametrize(
    ("criterion", "mode", "k", "value", "expected"),
    [
        ("area", "max", None, None, [4]),
        ("area", "min", None, None, [1]),
        ("area", "top_k", 1, None, [4]),
        ("area", "top_k", 2, None, [3, 4]),  # of a tie the first in the order of the image
        ("area", "top_k", 3, None, [2, 3, 4]),
        ("area", "top_k", 9, None, [1, 2, 3, 4]),
        ("area", "min", 2, None, [1, 3]),
        ("area", "top_k", 2, "min", [1, 3]),
        ("area", "rank_k", 1, None, [4]),
        ("area", "rank_k", 2, None, [2, 3]),  # all of a tie
        ("area", "rank_k", 3, None, [2, 3]),
        ("area", "rank_k", 4, None, [1]),
        ("area", "rank_k", 5, None, []),
        ("area", "rank_k", 2, "min", [2, 3]),
        ("length", "max", None, None, [4]),
        ("width", "min", None, None, [1]),
        ("y", "min", None, None, [4]),
        ("y", "max", None, None, [2]),
        ("x", "min", None, None, [1]),
        ("x", "max", None, None, [4]),
        ("area", "greater_than", None, 400, [4]),
        ("area", "at_least", None, 400, [2, 3, 4]),
        ("area", "less_than", None, "400 px", [1]),
        ("area", "greater_than", None, "mean", [4]),  # of 625
        ("area", "less_than", None, "average", [1, 2, 3]),
        ("area", "less_than", None, "median", [1]),  # of 400
        ("length", "at_least", None, "20 px", [2, 3, 4]),
    ],
)
def test_comparisons_of_one_set(criterion, mode, k, value, expected) -> None:
    assert kept(criterion, mode, k=k, value=value) == expected


@pytest.mark.parametrize("mode", ["min", "max", "top_k", "rank_k", "greater_than", "at_least"])
def test_of_nothing_nothing_is_kept(mode: str) -> None:
    found = outcome("area", mode, [], k=2, value="mean" if "_than" in mode or mode == "at_least" else None)
    assert (found.findings, found.reason) == ((), "NOTHING_FOUND")


def test_all_that_tie_for_the_most_are_kept() -> None:
    assert kept("area", "max", [at(300, 300, 20), at(100, 100, 20), at(500, 100, 10)]) == [1, 2]
    assert kept("area", "max", [at(300, 300, 20), at(100, 100, 20), at(500, 100, 10)], k=1) == [1, 2]


@pytest.mark.parametrize(
    ("words", "expected"),
    [("keep the 2 northernmost ships", [1, 4]), ("keep the 2 southernmost ships", [2, 3]), ("keep 2", [2, 3])],
)
def test_the_words_tell_which_end_ranks_first(words: str, expected: list[int]) -> None:
    ships = [at(100, 300), at(200, 700), at(300, 600), at(400, 100)]
    assert kept("y", "top_k", ships, k=2, words=words) == expected


def test_metres_on_the_ground() -> None:
    assert kept("area", "greater_than", value="99 m2", images=(MAP,)) == [2, 3, 4]  # 400 px² of 0.25 m²
    assert kept("length", "at_least", value="20 m", images=(MAP,)) == [4]
    assert outcome("area", "greater_than", value="99 m2").reason == "NOT_GEOREFERENCED"


def test_square_metres_of_an_image_in_degrees() -> None:
    degrees = replace(MAP, affine=(1e-5, 0, 10, 0, -1e-5, 60), crs="EPSG:4326")  # 0.558 x 1.114 m: 0.622 m² a pixel
    assert kept("area", "greater_than", value="240 m2", images=(degrees,)) == [2, 3, 4]  # 400 px² are 248.7 m²
    assert kept("area", "greater_than", value="250 m2", images=(degrees,)) == [4]
    bars = [box(0, 0, 100, 10), box(0, 50, 10, 150)]  # 55.8 m wide, 111.4 m high
    assert kept("length", "greater_than", bars, value="100 m", images=(degrees,)) == [2]


def test_the_northernmost_by_the_compass_of_the_map() -> None:
    south_up = replace(MAP, affine=(-0.5, 0, 500000, 0, 0.5, 5500000))
    assert kept("y", "min", words="take the northernmost ship", images=(south_up,)) == [2]
    assert kept("y", "min", words="take the topmost ship", images=(south_up,)) == [4]
    assert kept("x", "max", words="take the easternmost ship", images=(south_up,)) == [1]
    assert "north taken as up" in outcome("y", "min", words="take the northernmost ship").steps[-1].note


@pytest.mark.parametrize(
    ("criterion", "mode", "value", "expected"),
    [
        ("area", "greater_than", None, [4]),  # than every one of them
        ("area", "greater_than", "any", [4]),
        ("area", "greater_than", "mean", [2, 3, 4]),  # 362.5
        ("area", "less_than", None, [1]),
        ("area", "at_least", None, [4]),
        ("width", "greater_than", None, [4]),
        ("distance_to", "min", None, [3]),
        ("distance_to", "max", None, [1]),
        ("distance_to", "rank_k", None, [3]),
        ("distance_to", "less_than", "100 px", [3, 4]),  # gaps of 212.7, 201.2, 80 and 92.2 px
        ("distance_to", "greater_than", "mean", [1, 2]),
    ],
)
def test_against_a_set_of_anchors(criterion, mode, value, expected) -> None:
    piers = [at(310, 200, 20)] if criterion == "distance_to" else [at(700, 700, 15), at(800, 700, 500**0.5)]
    assert kept(criterion, mode, value=value, anchors={"the piers": piers}) == expected


def test_without_anchors_there_is_nothing_to_compare_with() -> None:
    found = outcome("area", "greater_than", anchors={"the piers": []})
    assert (found.findings, found.reason) == ((), "ANCHOR_NOT_FOUND")


@pytest.mark.parametrize(("mode", "expected"), [("less_than", True), ("greater_than", False)])
def test_closer_to_one_than_to_another(mode: str, expected: bool) -> None:
    anchors = {"the river": [at(300, 500)], "the station": [at(900, 500)]}
    found = outcome("distance_to", mode, [at(500, 500)], anchors=anchors, answer="boolean")
    assert found.value is expected
    assert found.steps[-1].value is expected
    assert (
        outcome("distance_to", mode, [at(500, 500)], anchors=anchors | {"the station": []}, answer="boolean").value
        is False
    )


def test_a_shadow_longer_than_the_tank_is_wide() -> None:
    tanks = [at(100, 100, 40), at(300, 100, 40), at(500, 100, 40)]
    shadows = [box(120, 85, 175, 115), box(320, 85, 350, 115)]  # 55 and 30 px long; the third tank has none
    found = kept("shadow_length", "greater_than", tanks, value="own_diameter", anchors={"the shadows": shadows})
    assert found == [1]
    assert outcome("shadow_length", "greater_than", tanks, value="own_diameter").reason == "NOT_GEOMETRIC"
    assert kept("shadow_length", "max", tanks, anchors={"the shadows": shadows}) == [1]


def test_the_harbor_with_the_most_ships() -> None:
    harbors = [box(0, 0, 200, 500), box(200, 0, 450, 500), box(500, 0, 600, 500)]
    assert kept("count", "max", harbors, anchors={"boats": SHIPS}) == [2]
    assert kept("count", "min", harbors, anchors={"boats": SHIPS}) == [3]
    assert kept("count", "at_least", harbors, value=1, anchors={"boats": SHIPS}) == [1, 2]
    assert kept("count", "less_than", harbors, value=1, anchors={"boats": []}) == [1, 2, 3]
    assert kept("count", "max", harbors, anchors={"boats": []}) == []  # none has the most of nothing


def test_heights_are_to_be_seen() -> None:
    assert outcome("height", "max").reason == "NOT_GEOMETRIC"
    assert outcome("height", "max", executor="auto").steps[-1].how == "model"


def test_the_model_ranks_only_what_one_question_holds() -> None:
    many = [at(20 * i + 10, 50, 10 + i / 10) for i in range(25)]
    few, all_of_them = (outcome("area", "top_k", some, k=2, executor="neural") for some in (many[:20], many))
    assert few.steps[-1].how == "model"
    assert all_of_them.steps[-1].how == "geometry"
    assert ids(all_of_them) == [24, 25]
    assert "one question holds 20 candidates" in all_of_them.steps[-1].note


# --- totals ----------------------------------------------------------------------------------------------------------

TWO = (find("s1", "planes"), find("s2", "ships"), count("s3", "Count {s1}."), count("s4", "Count {s2}."))
WORLD = {"planes": SHIPS[:2], "ships": SHIPS}


@pytest.mark.parametrize(
    ("criterion", "mode", "value", "answer", "expected"),
    [
        ("value", "ratio", None, "number", 0.5),
        ("value", "greater_than", None, "boolean", False),
        ("value", "less_than", None, "boolean", True),
        ("value", "at_least", None, "boolean", False),
        ("value", "difference_greater_than", None, "boolean", False),
        ("value", "difference_greater_than", "-3", "boolean", False),
        ("value", "max", None, "number", 4),
        ("value", "min", None, "number", 2),
        ("value", "argmax_label", None, "choice", "ship"),
    ],
)
def test_two_numbers(criterion, mode, value, answer, expected) -> None:
    steps = (*TWO, compare("s5", "What of {s3} and {s4}?", criterion, mode, value=value))
    found = run(steps, Scripted(WORLD), answer=answer).value
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(("now", "expected"), [(0, False), (10, False), (11, True)])
def test_a_number_against_an_amount(now: int, expected: bool) -> None:
    steps = (find("s1", "ships"), compare("s2", "Are there more than 10 in {s1}?", "count", "greater_than", value=10))
    world = {"ships": [at(20 * i + 10, 50, 10) for i in range(now)]}
    assert run(steps, Scripted(world), answer="boolean").value is expected


@pytest.mark.parametrize(("value", "expected"), [(None, True), (4, True), (5, False)])
def test_existence(value: int | None, expected: bool) -> None:
    steps = (find("s1", "ships"), compare("s2", "Is {s1} non-empty?", "count", "exists", value=value))
    assert run(steps, Scripted(WORLD), answer="boolean").value is expected


def test_a_share_of_nothing_is_none() -> None:
    steps = (*TWO, compare("s5", "Divide {s3} by {s4}.", "value", "ratio"))
    found = run(steps, Scripted({"planes": SHIPS}), answer="number")
    assert (found.value, found.reason) == (None, "EMPTY_INPUT")


def test_the_share_of_an_anchor() -> None:
    steps = (*TWO[:2], compare("s3", "How many of {s1} for each of {s2}?", "count", "ratio", anchors="s2"))
    assert run(steps, Scripted(WORLD), answer="number").value == 0.5


def test_the_share_of_the_image() -> None:
    steps = (find("s1", "lakes"), compare("s2", "What share of the image is {s1}?", "area", "ratio"))
    lakes = [box(0, 0, 500, 100), box(400, 0, 600, 100)]  # they overlap
    assert run(steps, Scripted({"lakes": lakes}), answer="number").value == pytest.approx(0.06)


@pytest.mark.parametrize(
    ("criterion", "mode", "value", "world", "expected"),
    [
        ("count", "argmax_label", None, WORLD, "ship"),
        ("count", "argmax_label", None, {"planes": SHIPS}, "airplane"),
        ("count", "argmax_label", None, {"planes": SHIPS[:2], "ships": SHIPS[2:]}, "airplane and ship"),
        ("area", "argmax_label", None, {"planes": SHIPS[3:], "ships": SHIPS[:3]}, "airplane"),
        ("count", "argmax_label", "min", WORLD, "airplane"),
    ],
)
def test_which_class_has_the_most(criterion, mode, value, world, expected) -> None:
    steps = (*TWO[:2], compare("s3", "Which is more, {s1} or {s2}?", criterion, mode, value=value))
    assert run(steps, Scripted(world), answer="choice").value == expected


def test_which_of_two_is_nearer() -> None:
    steps = (
        find("s1", "the stadium"),
        find("s2", "the school"),
        find("s3", "the river", role="anchor"),
        compare("s4", "Which is nearer to {s3}, {s1} or {s2}?", "distance_to", "argmax_label", anchors="s3"),
    )
    world = {
        "the stadium": [at(100, 500)],
        "the school": [at(400, 500)],
        "the river": [strip((500, 0), (520, 0), (520, 999), (500, 999))],
    }
    outcome = run(steps, Scripted(world), answer="choice")
    assert (outcome.value, ids(outcome)) == ("school", [2])
    assert run(steps, Scripted(world | {"the school": []}), answer="choice").value == "stadium"


def test_the_class_of_the_largest_object() -> None:
    steps = (
        *TWO[:2],
        combine("s3", "Join {s1} and {s2}.", "union"),
        compare("s4", "What is the largest of {s3}?", "area", "argmax_label"),
    )
    world = {"planes": [at(100, 100, 30)], "ships": [at(300, 300, 20)]}
    assert run(steps, Scripted(world), answer="choice").value == "airplane"


def test_what_is_not_known_is_no_number() -> None:
    steps = (
        find("s1", "cars"),
        describe("s2", "From {s1}, keep the fast ones.", "speed", "fast"),
        count("s3", "Count {s2}."),
        count("s4", "Count {s1}."),
        compare("s5", "Divide {s3} by {s4}.", "value", "ratio"),
    )
    found = run(steps, Scripted({"cars": SHIPS}), answer="number")
    assert (found.value, found.reason) == (None, "UNOBSERVABLE")


def test_counts_and_algebra_never_ask_the_model() -> None:
    eyes = Scripted(WORLD)
    steps = (*TWO, combine("s5", "Report {s3} and {s4}.", "tuple"))
    assert execute(plan(*steps, answer="numbers"), eyes, executor="neural").value == (2, 4)
    assert eyes.asked == ["find planes", "find ships"]


@pytest.mark.parametrize(
    ("mode", "value", "expected"),
    [
        ("at_least", "1x", [2, 3, 4]),
        ("at_least", "2x", [4]),  # 1600 px² of at least 800
        ("greater_than", "4x", []),
        ("at_least", "4 times", [4]),
        ("less_than", "0.5x", [1]),
        ("greater_than", "1.5x mean", [4]),
        ("less_than", "2.5x mean", [1, 2, 3]),
    ],
)
def test_so_many_times_as_large(mode, value, expected):
    assert kept("area", mode, value=value, anchors={"a boat": [at(700, 700, 20)]}) == expected
