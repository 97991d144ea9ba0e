"""Referring: the datasets' expressions as they may be asked, proved ones, classes in a part of the view, and their judge."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from recording import recorded

from georsmllm.contracts import AskOptions, Built, Limits
from georsmllm.discover import converter
from georsmllm.geometry import bounds
from georsmllm.instruct_data.tasks._boxing import UPRIGHT
from georsmllm.instruct_data.tasks._phrases import phrased
from georsmllm.instruct_data.tasks.refer import MOST_WINDOWS, TASK
from georsmllm.tiling import cut
from georsmllm.types import (
    UNNAMED,
    ImageRef,
    Instruction,
    Mention,
    PointSet,
    Said,
    Sample,
    Target,
    Text,
    Window,
    box,
    point,
    rbox,
)

SIZE = 1000


def quad(x: float, y: float, w: float = 60, h: float = 20) -> PointSet:
    return rbox(((x, y), (x + w, y), (x + w, y + h), (x, y + h)))


def thing(x: float, y: float, label: str = UNNAMED, **more: object) -> Target:
    return Target(0, label, quad(x, y), **more)  # type: ignore[arg-type]


def expression(words: str, *targets: int) -> Text:
    return Text("expression", words, mentions=(Mention("answer", 0, targets),) if targets else ())


def view(*targets: Target, texts: tuple[Text, ...] = (), exhaustive: tuple[str, ...] = ()) -> Sample:
    return Sample(
        "d/v", "d", "train", "d/v", (ImageRef("a.png", SIZE, SIZE),), targets, texts, classes=exhaustive,
        exhaustive=exhaustive,
    )  # fmt: skip


def built(sample: Sample, seed: int = 0, options: AskOptions | None = None) -> Built:
    return TASK.build(sample, Random(seed), options or AskOptions())


def asked(sample: Sample, seed: int = 0) -> dict[str, Instruction]:
    return {one.id.partition("#refer-")[2]: one for one in built(sample, seed).instructions}


def words(one: Instruction) -> str:
    return "".join(part for part in one.prompt if isinstance(part, str))


def reasons(sample: Sample) -> set[str]:
    return {refusal.reason for refusal in built(sample).refusals}


def test_nothing_is_asked_of_nothing() -> None:
    assert built(view()) == Built()


# --- the datasets' own -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spelling", "expected"),
    [
        ("", ""),
        ("ship", "the ship"),
        ("A white ship.", "a white ship"),
        ("The ship on the left ", "the ship on the left"),
        ("find a tennis court in the middle part", "a tennis court in the middle part"),
        ("Give me the location of the white ship .", "the white ship"),
        ("Please segment all of the buildings in the given image.", "all of the buildings"),
        ("Where is the airport?", "the airport"),
        ("Can you show me the dam?", "the dam"),
        ("There is a small vehicle at the bottom", "a small vehicle at the bottom"),
        ("The large ship is docked near the pier.", "the large ship that is docked near the pier"),
        ("The ship that is near the pier is white", "the ship that is near the pier is white"),
        ("T-shaped pier", "the T-shaped pier"),
        ("two ships", "two ships"),
        ("Which structure would protect boats?", "Which structure would protect boats?"),
        ("what could ships be moored at", "What could ships be moored at?"),
        ("a car on the left side of the image", "a car on the left side"),
        ("1 gray ship", "the gray ship"),
        ("1  airplane  at the top of the image.", "the airplane at the top"),
        ("2 silver windmills , at the bottom right of the image.", "the two silver windmills, at the bottom right"),
        ("3 white medium storage tank at the top", "the three white medium storage tanks at the top"),
        ("12 ships", "the 12 ships"),
        (
            "1 purple large small-vehicle 1 teal small-vehicle  at the top",
            "the purple large small vehicle and the teal small vehicle at the top",
        ),
        ("1 ship near 2 piers", "the ship near 2 piers"),
        ("747 airplane", "the 747 airplane"),
        ("large swimming-pools", "the large swimming pools"),
        ("the right-most ship_yard", "the right-most ship yard"),
        (
            "find a pool on the right and it is located at the top of a lake",
            "a pool on the right that is located at the top of a lake",
        ),
        (
            "the first court of some courts that are on the right and it is near a lawn",
            "the first court of some courts that are on the right and that is near a lawn",
        ),
        (
            "The ship is located at the edge of the image and it extends into the water.",
            "the ship that is located at the edge of the image and that extends into the water",
        ),
        (
            "The bridge in the image spans the river and is visible as a line.",
            "the bridge in the image that spans the river and is visible as a line",
        ),
        (
            "The overpass situated to the right of the first one stretches to the bottom edge of the image.",
            "the overpass situated to the right of the first one that stretches to the bottom edge",
        ),
        ("The bridge with two spans over the river", "the bridge with two spans over the river"),
    ],
)
def test_an_expression_becomes_a_noun_phrase_or_stays_a_question(spelling: str, expected: str) -> None:
    assert phrased(spelling) == expected
    assert phrased(phrased(spelling)) == expected


def test_a_sentence_of_one_object_is_asked_with_its_box() -> None:
    one = asked(view(thing(100, 100), thing(500, 500), texts=(expression("Find the red ship.", 1),)))["given:given:0"]
    assert "the red ship" in words(one)
    assert (one.targets, one.labels, one.direction, one.negative) == ((1,), (UNNAMED,), "forward", False)
    assert recorded(one).gold_text == "[(500,500),(560,500),(560,520),(500,520)]"


def test_a_phrase_of_a_target_is_asked_too_and_once() -> None:
    sample = view(thing(100, 100, phrase="the red ship"), texts=(expression("the red ship", 0),))
    assert list(asked(sample)) == ["given:given:0"]
    assert list(asked(replace(sample, texts=()))) == ["given:given:0"]


def test_an_expression_of_several_is_asked_in_the_plural() -> None:
    sample = view(thing(100, 100, "ship"), thing(500, 500, "boat"), texts=(expression("the two vessels", 0, 1),))
    for seed in range(20):
        one = asked(sample, seed)["group:given:0"]
        assert one.labels == ("boat", "ship")
        assert " is the two" not in words(one)


def test_an_expression_of_nothing_is_answered_with_none() -> None:
    one = asked(view(texts=(expression("the red ship"),)))["none:given:0"]
    assert (one.negative, one.gold, recorded(one).gold_text) == (True, (), "none")


def test_a_question_stands_as_it_is() -> None:
    sample = view(thing(100, 100), texts=(expression("Which structure would protect boats?", 0),))
    assert words(asked(sample)["given:given:0"]).startswith("Which structure would protect boats? ")


def test_upright_boxes_are_asked_for_by_name() -> None:
    sample = view(Target(0, UNNAMED, box(100, 100, 200, 150), phrase="the red ship"))
    one = asked(sample)["given:given:0"]
    assert words(one).endswith(UPRIGHT)
    assert recorded(one).gold_text == "[(100,100),(200,150)]"


@pytest.mark.parametrize(
    ("sample", "reason"),
    [
        (view(thing(100, 100, phrase="the ship on the right")), "position_contradicts"),
        (view(thing(100, 100), texts=(expression("the ship in the lower left", 0),)), "position_contradicts"),
        (view(thing(100, 100, phrase="ship"), thing(500, 500, phrase="ship")), "short_expression"),
        (view(thing(100, 100, "ship", phrase="ship"), thing(500, 500, "ship")), "short_expression"),
        (view(thing(100, 100, phrase="a red ship"), thing(500, 500, phrase="a red ship")), "shared_expression"),
        (view(thing(100, 100, phrase="a red ship"), thing(101, 100, phrase="a red ship")), "duplicate_expression"),
        (view(thing(100, 100), texts=(expression("a ship", 0), expression("the ship", 0))), "duplicate_expression"),
        (view(Target(0, "ship", quad(100, 100, 7, 60), phrase="a red ship")), "too_small"),
        (view(thing(100, 100, phrase="a red ship", difficult=True)), "difficult"),
        (view(thing(100, 100, phrase="★")), "no_words"),
        (view(thing(100, 100, phrase="the ship at (12, 5)")), "coordinates_in_text"),
        (view(thing(100, 100, ignore="crowd"), texts=(expression("a red ship", 0),)), "mentions_ignored"),
        (view(Target(0, "ship", point(100, 100), phrase="a red ship")), "no_extent"),
    ],
)
def test_an_unfit_expression_is_refused_by_name(sample: Sample, reason: str) -> None:
    assert reason in reasons(sample)
    left = [one for one in built(sample).instructions if one.form != "none"]
    assert len(left) == (reason == "duplicate_expression")


def test_no_expression_of_a_whole_scene_is_asked_of_a_part() -> None:
    sample = view(thing(100, 100, phrase="a red ship"), texts=(expression("the largest ship"),))
    part = replace(sample, images=(ImageRef("a.png", SIZE, SIZE, Window(0, 0, SIZE, SIZE)),))
    assert built(part).instructions == ()
    assert reasons(part) == {"cut_view"}


# --- proved ones, and parts of the view ------------------------------------------------------------------------------


def fleet(*places: tuple[float, float], **more: object) -> Sample:
    return view(*(thing(x, y, "ship", **more) for x, y in places), exhaustive=("ship", "harbor"))


def test_a_proved_expression_is_asked_where_the_class_is_known_in_full() -> None:
    sample = fleet((100, 100), (700, 300))
    assert "generated:ship" in asked(sample)
    assert "generated:ship" not in asked(replace(sample, exhaustive=()))
    assert reasons(replace(sample, exhaustive=())) == {"not_exhaustive"}


def test_expressions_of_one_class_vary() -> None:
    sample = fleet((100, 100), (700, 300))
    said = {words(asked(sample, seed)["generated:ship"]) for seed in range(60)}
    assert any("leftmost" in one for one in said)
    assert any("quarter" in one or "half" in one for one in said)


def test_a_class_is_asked_in_a_part_where_nothing_straddles() -> None:
    sample = fleet((100, 100), (200, 300), (700, 700))
    for seed in range(30):
        (one,) = [one for name, one in asked(sample, seed).items() if name.startswith("region:")]
        where = one.id.rpartition(":")[2].replace("_", " ")
        assert where in words(one)
        inside = {
            i for i, (x, y) in enumerate([(130, 110), (230, 310), (730, 710)])
            if all({"left": x < 500, "right": x > 500, "top": y < 500, "bottom": y > 500}.get(w, True) for w in where.split())
        }  # fmt: skip
        assert set(one.targets) == inside


def test_an_ignored_object_outside_the_part_does_no_harm() -> None:
    sample = fleet((100, 100))
    sample = replace(sample, targets=(*sample.targets, thing(700, 700, "ship", ignore="difficult")))
    regions = [asked(sample, seed) for seed in range(20)]
    names = {name for one in regions for name in one if name.startswith("region:")}
    assert names <= {"region:ship:left_half", "region:ship:top_half", "region:ship:top_left_quarter"}
    assert names
    assert not any(name.startswith("generated") for one in regions for name in one)


def test_an_untouched_part_is_asked_once_a_view_and_answered_with_none() -> None:
    sample = fleet((100, 100), (200, 300))
    empty = {name: one for name, one in asked(sample).items() if one.form == "none"}
    assert [(one.negative, one.labels) for one in empty.values()] == [(True, ("ship",))] * 2
    assert sorted(name.rpartition(":")[2] == "window" for name in empty) == [False, True]


def test_a_dense_class_is_asked_where_few_of_it_lie() -> None:
    places = [(30.0 * i, 40.0 * j) for i in range(10) for j in range(5)]
    sample = fleet(*places, (700, 700), (800, 800))
    (one,) = [one for one in built(sample).instructions if one.form == "region"]
    assert one.targets == (50, 51)


def window(one: Instruction) -> tuple[float, ...]:
    (said,) = [part for part in one.prompt if isinstance(part, Said)]
    return bounds(said.shapes[0])


WHOLE_FLEET = [(30 + 90 * i, 40 + 90 * j) for i in range(10) for j in range(10)]


def test_a_crowd_is_asked_in_windows_that_cut_none_of_it() -> None:
    sample = fleet(*WHOLE_FLEET)
    for seed in range(20):
        parts = [one for one in built(sample, seed).instructions if one.form == "window"]
        assert 0 < len(parts) <= MOST_WINDOWS
        asked_for = [i for one in parts for i in one.targets]
        assert len(set(asked_for)) == len(asked_for)
        for one in parts:
            x1, y1, x2, y2 = window(one)
            assert all(line % (SIZE / 100) == 0 for line in (x1, y1, x2, y2))
            shares = {
                i: max(0, min(x + 60, x2) - max(x, x1)) * max(0, min(y + 20, y2) - max(y, y1)) / 1200
                for i, (x, y) in enumerate(WHOLE_FLEET)
            }
            assert not [i for i, share in shares.items() if 0.2 < share < 0.8]
            assert one.targets == tuple(i for i, share in shares.items() if share >= 0.8)
            assert 1 <= len(one.targets) <= 20
            assert "ships" in words(one)


def test_a_window_holds_some_of_a_class_and_not_all() -> None:
    assert not any(name.startswith("window") for name in asked(fleet((100, 100))))
    for seed in range(20):
        parts = [one for one in built(fleet((100, 100), (700, 700)), seed).instructions if one.form == "window"]
        assert [len(one.targets) for one in parts] == [1]


def test_nothing_ignored_touches_a_window() -> None:
    sample = fleet((100, 100), (700, 700))
    sample = replace(sample, targets=(*sample.targets, thing(105, 125, "ship", ignore="difficult")))
    for seed in range(20):
        parts = [one for one in built(sample, seed).instructions if one.form == "window"]
        assert [one.targets for one in parts if 0 in one.targets and window(one)[3] > 125] == []


def test_an_empty_window_is_answered_with_none_and_nothing_comes_near_it() -> None:
    for seed in range(20):
        (one,) = [one for name, one in asked(fleet((100, 100), (700, 700)), seed).items() if name.endswith(":window")]
        x1, y1, x2, y2 = window(one)
        assert all(x1 > x + 60 or x2 < x or y1 > y + 20 or y2 < y for x, y in [(100, 100), (700, 700)])
        assert recorded(one).gold_text == "none"


def test_a_dialect_without_upright_boxes_has_its_windows_turned() -> None:
    options = AskOptions(kinds=("rbox",))
    parts = [one for one in built(fleet((100, 100), (700, 700)), 0, options).instructions if one.form == "window"]
    assert [said.shapes[0].kind for one in parts for said in one.prompt if isinstance(said, Said)] == ["rbox"]


def test_a_name_that_means_another_class_too_is_not_asked_in_parts() -> None:
    sample = fleet((100, 100), (700, 700))
    rival = replace(sample, targets=(*sample.targets, thing(300, 700, "cargo ship")))
    assert {one.form for one in built(rival).instructions} == set()


def test_areas_of_a_class_map_are_not_asked_in_parts() -> None:
    assert built(replace(fleet((100, 100), (700, 700)), tags=("areas",))).instructions == ()


def test_every_view_of_a_real_marina_has_windows(real: Callable[[str], Path]) -> None:
    root = real("dota_v1")
    dota = converter("dota")
    (sample,) = [dota.read(root, ref) for ref in dota.find(root)]
    for part in cut(sample, size=1024, overlap=200, min_visible=0.7):
        parts = [one for one in built(part).instructions if one.form == "window" and one.labels == ("ship",)]
        assert parts, part.id
        for one in parts:
            assert recorded(one).gold_text.count(";") == len(one.targets) - 1


def test_a_pair_is_refused() -> None:
    sample = fleet((100, 100))
    assert built(replace(sample, images=sample.images * 2)).refusals[0].reason == "two_images"


# --- the judge -------------------------------------------------------------------------------------------------------

SHIP, OTHER = "[(500,500),(600,500),(600,600),(500,600)]", "[(100,100),(200,100),(200,200),(100,200)]"
HALF = "[(500,500),(600,500),(600,549),(500,549)]"
MOST = "[(500,500),(600,500),(600,568),(500,568)]"
FAIR = "[(500,500),(600,500),(600,575),(500,575)]"


def single() -> Instruction:
    return asked(view(Target(0, UNNAMED, quad(500, 500, 100, 100), phrase="the red ship")))["given:given:0"]


def several() -> Instruction:
    shapes = (quad(500, 500, 100, 100), quad(100, 100, 100, 100))
    sample = view(*(Target(0, UNNAMED, shape) for shape in shapes), texts=(expression("the two ships", 0, 1),))
    return asked(sample)["group:given:0"]


def nothing() -> Instruction:
    return asked(view(texts=(expression("the red ship"),)))["none:given:0"]


@pytest.mark.parametrize(
    ("one", "text", "verdict", "value", "parts"),
    [
        (single(), SHIP, "ok", 1.0, {"at_70": 1.0, "mean_iou": 1.0, "single_n": 1.0, "single_hit_n": 1.0}),
        (single(), MOST, "ok", 1.0, {"at_70": 0.0, "mean_iou": 0.68}),
        (single(), FAIR, "ok", 1.0, {"at_70": 1.0, "mean_iou": 0.75}),
        (single(), HALF, "ok", 0.0, {"at_70": 0.0, "mean_iou": 0.49, "single_n": 1.0, "single_hit_n": 0.0}),
        (single(), f"{SHIP};{OTHER}", "ok", 1.0, {"mean_iou": 1.0}),
        (single(), f"{OTHER};{SHIP}", "ok", 0.0, {"mean_iou": 0.0}),
        (single(), "none", "ok", 0.0, {"single_n": 1.0}),
        (single(), "the ship", "syntax", 0.0, {"single_n": 1.0, "single_hit_n": 0.0}),
        (single(), "[(500,500),(600,600)]", "wrong_form", 0.0, {}),
        (several(), f"{OTHER};{SHIP}", "ok", 1.0, {"at_70": 1.0, "several_n": 1.0, "several_true_positive_n": 2.0}),
        (several(), SHIP, "ok", 2 / 3, {"mean_iou": 0.5, "several_true_positive_n": 1.0, "several_gold_n": 2.0}),
        (several(), "none", "ok", 0.0, {"several_n": 1.0}),
        (several(), "", "syntax", 0.0, {"several_n": 1.0, "several_gold_n": 2.0}),
        (nothing(), "none", "ok", 1.0, {"at_70": 1.0, "nothing_n": 1.0, "nothing_said_n": 1.0}),
        (nothing(), SHIP, "ok", 0.0, {"mean_iou": 0.0, "nothing_n": 1.0, "nothing_said_n": 0.0}),
        (nothing(), "[(1,1),(5,5)]", "ok", 0.0, {}),
        (nothing(), "no", "syntax", 0.0, {"at_70": 0.0, "mean_iou": 0.0, "nothing_n": 1.0, "nothing_said_n": 0.0}),
    ],
)
def test_answers_are_judged(one: Instruction, text: str, verdict: str, value: float, parts: dict[str, float]) -> None:
    score = TASK.score(text, recorded(one))
    assert (score.verdict, score.value) == (verdict, pytest.approx(value))
    assert {name: score.parts[name] for name in parts} == pytest.approx(parts)


def test_what_does_not_fit_the_budget_is_refused() -> None:
    places = [(100.0 * i, 100.0) for i in range(5)]
    sample = replace(fleet(*places), texts=(expression("the five ships", 0, 1, 2, 3, 4),))
    refused = built(sample, options=AskOptions(Limits(max_objects=3))).refusals
    assert "over_budget" in {one.reason for one in refused}


def test_a_singular_that_denotes_several_is_asked_in_the_singular() -> None:
    sample = view(thing(100, 100), thing(500, 500), texts=(expression("the paved area", 0, 1),))
    assert not any(" are the paved area" in words(asked(sample, seed)["group:given:0"]) for seed in range(40))
