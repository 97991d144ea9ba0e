from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from georsmllm.contracts import AskOptions, Limits, Refusal
from georsmllm.instruct_data.tasks.change import CEILING, TASK
from georsmllm.types import ImageRef, Instruction, PointSet, Record, Ring, Sample, Target, Text, Window, box, polygon

Recorder = Callable[[Instruction], Record]
IMAGES = (ImageRef("A/a.png", 200, 200), ImageRef("B/a.png", 200, 200))
WORDINGS = AskOptions(
    templates=(
        "Which {plural} changed?",
        "Which {plural} changed in the {where}?",
        "Which {classes} changed?",
        'Outline "{caption}".',
    )
)


def square(x: float, y: float, side: float = 20) -> PointSet:
    return polygon(Ring(((x, y), (x + side, y), (x + side, y + side), (x, y + side))))


def building(x: float, y: float, side: float = 20, **more: object) -> Target:
    return replace(Target(1, "building", square(x, y, side)), **more)  # type: ignore[arg-type]


def pair(*targets: Target) -> Sample:
    return Sample("p/a", "p", "train", "p/a", IMAGES, targets, classes=("building",), exhaustive=("building",))


UPPER_LEFT = pair(building(10, 10), building(50, 10))
STRADDLER = building(90, 90)


def ask(sample: Sample, options: AskOptions = WORDINGS, seed: int = 0) -> dict[str, Instruction]:
    return {i.id.partition("#")[2]: i for i in TASK.build(sample, Random(seed), options).instructions}


def test_a_pair_without_change_is_answered_none(record_of: Recorder) -> None:
    asked = ask(pair())
    assert list(asked) == ["change-none:building"]
    record = record_of(asked["change-none:building"])
    assert record.messages[0].content == "<image>\n<image>\n[change] Which buildings changed?"
    assert record.gold_text == "none"
    score = TASK.score("none", record)
    assert (score.value, score.parts["no_change_n"], score.parts["no_change_correct_n"]) == (1, 1, 1)
    score = TASK.score("[(0,0),(10,0),(10,10),(0,0)]", record)
    assert (score.value, score.parts["no_change_correct_n"], score.parts["intersection_px"]) == (0, 0, 0)
    assert score.parts["union_px"] > 0
    assert TASK.score("no", record).parts["no_change_correct_n"] == 0


def test_all_changes_are_answered_as_closed_polygons_on_the_second_image(record_of: Recorder) -> None:
    instruction = ask(UPPER_LEFT)["change-all:building"]
    record = record_of(instruction)
    assert (
        record.gold_text
        == "[(50,50),(150,50),(150,150),(50,150),(50,50)];[(250,50),(350,50),(350,150),(250,150),(250,50)]"
    )
    assert {gold.image for gold in record.gold} == {1}
    assert instruction.targets == (0, 1)
    assert TASK.score(record.gold_text, record).value == 1


def test_a_region_is_asked_with_and_without_changes(record_of: Recorder) -> None:
    found = {key: i for seed in range(60) for key, i in ask(UPPER_LEFT, seed=seed).items()}
    assert set(found) == {
        "change-all:building",
        "change-region:building:left_half",
        "change-region:building:top_half",
        "change-region:building:top_left_quarter",
        "change-none:building:right_half",
        "change-none:building:bottom_half",
        "change-none:building:top_right_quarter",
        "change-none:building:bottom_left_quarter",
        "change-none:building:bottom_right_quarter",
    }
    record = record_of(found["change-region:building:top_half"])
    assert record.messages[0].content == "<image>\n<image>\n[change] Which buildings changed in the top half?"
    negative = found["change-none:building:right_half"]
    assert negative.negative
    assert negative.form == "none"
    assert record_of(negative).gold_text == "none"


def test_a_region_holds_whole_objects_and_leaves_the_others_out() -> None:
    # 16 of 20 px lie left of the middle: 80 %
    sample = pair(building(84, 10), building(150, 10))
    found = {key: i.targets for seed in range(60) for key, i in ask(sample, seed=seed).items()}
    assert found["change-region:building:left_half"] == (0,)
    assert found["change-region:building:right_half"] == (1,)


def test_a_region_that_an_object_straddles_is_not_asked() -> None:
    built = TASK.build(pair(STRADDLER), Random(0), WORDINGS)
    assert [i.form for i in built.instructions] == ["all"]
    assert built.refusals == (Refusal("building", "straddles_region", ()),)


def test_nothing_is_said_of_a_region_only_where_no_change_touches_it() -> None:
    # 3 of 20 px lie right of the middle, 15 %: too little to be asked there, too much for "none" where nothing else is
    sample = pair(building(83, 10))
    found = {key: i for seed in range(60) for key, i in ask(sample, seed=seed).items()}
    assert set(found) == {
        "change-all:building",
        "change-region:building:left_half",
        "change-region:building:top_half",
        "change-region:building:top_left_quarter",
        "change-none:building:bottom_half",
        "change-none:building:bottom_left_quarter",
        "change-none:building:bottom_right_quarter",
    }
    beside_another = pair(building(83, 10), building(150, 10))
    found = {key: i for seed in range(60) for key, i in ask(beside_another, seed=seed).items()}
    assert found["change-region:building:right_half"].targets == (1,)


def test_an_ignored_change_forbids_all_and_the_regions_it_touches() -> None:
    sample = pair(building(10, 10), building(150, 150, 3, ignore="under_size"))
    found = {key: i for seed in range(60) for key, i in ask(sample, seed=seed).items()}
    assert set(found) == {
        "change-region:building:left_half",
        "change-region:building:top_half",
        "change-region:building:top_left_quarter",
        "change-none:building:top_right_quarter",
        "change-none:building:bottom_left_quarter",
    }
    assert TASK.build(sample, Random(0), WORDINGS).refusals == (Refusal("building", "class_has_ignored", ()),)


def test_too_many_changes_for_one_answer_are_asked_by_region() -> None:
    sample = pair(building(10, 10), building(150, 10))
    built = TASK.build(sample, Random(0), AskOptions(Limits(max_objects=1)))
    assert "all" not in {i.form for i in built.instructions}
    assert built.refusals[0].reason == "over_budget"


@pytest.mark.parametrize(
    ("sample", "refusals"),
    [
        (replace(UPPER_LEFT, images=IMAGES[:1]), (Refusal("building", "one_image", (0, 1)),)),
        (replace(UPPER_LEFT, exhaustive=()), (Refusal("building", "not_exhaustive", (0, 1)),)),
        (pair(Target(1, "building", box(0, 0, 9, 9))), (Refusal("building", "no_polygon", (0,)),)),
        (
            pair(building(10, 10), building(50, 10, image=0)),
            (Refusal("building", "on_first_image", (1,)), Refusal("building", "on_first_image", (0,))),
        ),
    ],
)
def test_what_cannot_be_asked_is_refused_by_name(sample: Sample, refusals: tuple[Refusal, ...]) -> None:
    built = TASK.build(sample, Random(0), AskOptions())
    assert built.instructions == ()
    assert built.refusals == refusals


@pytest.mark.parametrize(
    ("text", "verdict", "value", "inter", "union"),
    [
        ("[(50,50),(150,50),(150,150),(50,150),(50,50)]", "ok", 0.5, 400, 800),
        ("none", "ok", 0.0, 0, 800),
        ("[(50,50),(150,50),(150,150),(50,150)]", "wrong_form", 0.0, 0, 800),
        ("", "syntax", 0.0, 0, 800),
    ],
)
def test_scores(text: str, verdict: str, value: float, inter: int, union: int, record_of: Recorder) -> None:
    score = TASK.score(text, record_of(ask(UPPER_LEFT)["change-all:building"]))
    assert (score.verdict, score.value) == (verdict, value)
    assert (score.parts["intersection_px"], score.parts["union_px"]) == (inter, union)
    assert (score.parts["change_n"], score.parts["change_answered_n"]) == (1, float(inter > 0))
    assert score.parts["object_f1"] == pytest.approx(2 / 3 if inter else 0)


BOTH = ("building", "road")


def town(*targets: Target, captions: tuple[str, ...] = (), **more: object) -> Sample:
    texts = tuple(Text("caption", caption) for caption in captions)
    sample = replace(pair(*targets), texts=texts, classes=BOTH, exhaustive=BOTH)
    return replace(sample, **more)  # type: ignore[arg-type]


ROAD = Target(1, "road", square(100, 100, 40))


def test_all_classes_are_asked_together_by_their_names(record_of: Recorder) -> None:
    instruction = ask(town(building(10, 10), ROAD))["change-any:building:road"]
    assert instruction.labels == BOTH
    record = record_of(instruction)
    assert record.messages[0].content.endswith("[change] Which buildings and roads changed?")
    assert sorted(gold.label for gold in record.gold) == ["building", "road"]
    assert TASK.score(record.gold_text, record).value == 1


def test_a_town_without_change_is_answered_none_for_all_classes(record_of: Recorder) -> None:
    instruction = ask(town())["change-any:building:road"]
    assert instruction.negative
    assert record_of(instruction).gold_text == "none"


def test_a_caption_asks_for_all_changes_where_it_is_about_just_those(record_of: Recorder) -> None:
    captions = ("some houses appear beside the road .", " two houses appear .", "there is no change in the road .")
    asked = ask(town(building(10, 10), building(60, 10), captions=captions))
    instruction = asked["change-caption:building"]
    assert instruction.targets == (0, 1)
    assert record_of(instruction).messages[0].content.endswith('[change] Outline "Two houses appear".')


CUT = tuple(replace(image, window=Window(0, 0, 200, 200)) for image in IMAGES)


@pytest.mark.parametrize(
    ("sample", "label", "reason"),
    [
        (town(building(10, 10), captions=("a road appears",)), "caption", "caption_other_classes"),
        (town(building(10, 10), captions=("two houses appear",)), "caption", "caption_other_classes"),
        (town(building(10, 10), captions=("a house appears",), images=CUT), "caption", "cut_view"),
        (town(building(10, 10), exhaustive=("building",)), "all classes", "not_exhaustive"),
        (town(building(10, 10), building(90, 90, ignore="under_size")), "all classes", "class_has_ignored"),
        (town(building(10, 10), replace(ROAD, image=0)), "all classes", "on_first_image"),
        (town(building(10, 10), replace(ROAD, shape=box(1, 1, 9, 9))), "all classes", "no_polygon"),
        (town(building(10, 10), replace(ROAD, label="pool")), "all classes", "not_exhaustive"),
        (town(building(10, 10), classes=("building", "?"), exhaustive=("building", "?")), "all classes", "unspeakable_label"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_of_all_together_is_refused_by_name(sample: Sample, label: str, reason: str) -> None:
    built = TASK.build(sample, Random(0), WORDINGS)
    assert Refusal(label, reason, ()) in built.refusals
    assert not {"caption"} & {one.form for one in built.instructions}


@given(st.lists(st.tuples(st.integers(0, 170), st.integers(0, 170), st.integers(3, 29)), min_size=1, max_size=6))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30)
def test_the_gold_text_reaches_the_ceiling(record_of: Recorder, squares: list[tuple[int, int, int]]) -> None:
    for instruction in ask(pair(*(building(*s) for s in squares))).values():
        record = record_of(instruction)
        assert TASK.score(record.gold_text, record).value >= CEILING


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text() | st.text(alphabet="[](),;:|+-none0123456789", max_size=60))
def test_no_text_breaks_the_judge(record_of: Recorder, text: str) -> None:
    score = TASK.score(text, record_of(ask(UPPER_LEFT)["change-all:building"]))
    assert 0 <= score.value <= 1
    assert score.verdict == "ok" or score.value == 0
