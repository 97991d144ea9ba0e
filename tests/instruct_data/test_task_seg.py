from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from georsmllm.contracts import AskOptions, Limits, Refusal
from georsmllm.instruct_data.tasks.seg import TASK
from georsmllm.types import (
    UNNAMED,
    ImageRef,
    Instruction,
    Mention,
    PointSet,
    Record,
    Ring,
    Sample,
    Target,
    Text,
    polygon,
    rbox,
)

Recorder = Callable[[Instruction], Record]
IMAGE = ImageRef("a.png", 500, 500)
WORDINGS = AskOptions(templates=("Segment all {plural}.", "The {n} largest {plural}?", "The largest {label}?"))


def square(x: float, y: float, side: float) -> PointSet:
    return polygon(Ring(((x, y), (x + side, y), (x + side, y + side), (x, y + side))))


def water(x: float, y: float, side: float, **more: object) -> Target:
    return replace(Target(0, "water", square(x, y, side)), **more)  # type: ignore[arg-type]


def view(*targets: Target, exhaustive: tuple[str, ...] = ()) -> Sample:
    known = tuple(sorted({*exhaustive, *(target.label for target in targets)}))
    return Sample("invented/a", "invented", "train", "invented/a", (IMAGE,), targets, exhaustive=known)


SPECK = water(400, 400, 4, ignore="under_size")
TWO = view(water(10, 20, 10), water(100, 20, 100))
THREE = view(water(10, 20, 10), water(100, 20, 100), water(300, 20, 50))


def ask(sample: Sample, options: AskOptions = WORDINGS, seed: int = 0) -> dict[str, Instruction]:
    return {i.id.partition("#")[2]: i for i in TASK.build(sample, Random(seed), options).instructions}


def test_an_empty_view_without_known_absence_asks_nothing() -> None:
    assert ask(view()) == {}


def test_all_areas_are_answered_by_boxes_with_keypoints(record_of: Recorder) -> None:
    asked = ask(TWO)
    assert list(asked) == ["seg-all:water"]
    record = record_of(asked["seg-all:water"])
    assert record.messages[0].content == "<image>\n[seg] Segment all water areas."
    first, second = record.gold_text.split(";")
    assert first.startswith("[(20,40),(40,60)]|[(")
    assert first.count("(") == 3
    assert second.startswith("[(200,40),(400,240)]|[(")
    assert second.count("(") == 6
    assert [gold.kind for gold in record.gold] == ["polygon", "polygon"]
    assert TASK.score(record.gold_text, record).value == 1


def test_a_keypoint_lies_in_the_ring_not_in_its_hole(record_of: Recorder) -> None:
    ring = polygon(*square(100, 100, 200).rings, Ring(square(120, 120, 160).rings[0].points, "-"))
    record = record_of(ask(view(Target(0, "water", ring)))["seg-all:water"])
    assert TASK.score(record.gold_text, record).parts["keypoints_inside"] == 1
    assert TASK.score("[(200,200),(600,600)]|[(400,400)]", record).parts["keypoints_inside"] == 0


def test_the_largest_are_asked_by_a_strict_rank(record_of: Recorder) -> None:
    found = {i.targets: i for seed in range(30) for i in ask(THREE, seed=seed).values() if i.form == "largest"}
    assert set(found) == {(1,), (1, 2)}
    assert record_of(found[(1,)]).messages[0].content == "<image>\n[seg] The largest water area?"
    assert record_of(found[(1, 2)]).messages[0].content == "<image>\n[seg] The two largest water areas?"
    assert all(TASK.score(record_of(i).gold_text, record_of(i)).value == 1 for i in found.values())


def test_equal_areas_at_the_cut_are_never_asked_apart() -> None:
    sample = view(water(10, 20, 10), water(100, 20, 50), water(300, 20, 50))
    found = {i.targets for seed in range(30) for i in ask(sample, seed=seed).values() if i.form == "largest"}
    assert found == {(1, 2)}


def test_equal_areas_throughout_are_refused_by_name() -> None:
    sample = view(*(water(100 * i, 20, 50) for i in range(3)))
    assert TASK.build(sample, Random(0), WORDINGS).refusals == (Refusal("water", "tied_rank", ()),)


def test_specks_forbid_all_but_not_the_largest() -> None:
    sample = view(water(10, 20, 10), SPECK, water(100, 20, 100))
    built = [TASK.build(sample, Random(seed), WORDINGS) for seed in range(30)]
    assert {i.form for one in built for i in one.instructions} == {"largest"}
    assert {i.targets for one in built for i in one.instructions} == {(2,), (0, 2)}
    assert {one.refusals for one in built} == {
        (Refusal("water", "class_has_ignored", (0,)),),
        (Refusal("water", "class_has_ignored", ()),),
    }


@pytest.mark.parametrize(
    ("ignored", "reason"),
    [
        (water(300, 300, 60, ignore="under_size"), "tied_rank"),  # "under size", yet larger than what may be asked
        (water(300, 300, 4, ignore="low_visibility"), ""),
    ],
)
def test_an_ignored_area_that_might_be_large_forbids_the_largest(ignored: Target, reason: str) -> None:
    built = TASK.build(view(water(10, 20, 10), ignored), Random(0), WORDINGS)
    assert built.instructions == ()
    assert built.refusals[0] == Refusal("water", "class_has_ignored", (0,))
    assert [refusal.reason for refusal in built.refusals[1:]] == ([reason] if reason else [])


def test_only_ranks_that_the_eye_can_tell_are_asked() -> None:
    near = view(water(10, 20, 100), water(200, 20, 98), water(400, 20, 96))
    far = view(water(10, 20, 100), water(200, 20, 90), water(400, 20, 80))
    for sample, asked in ((near, set()), (far, {1, 2})):
        found = [i for seed in range(20) for i in TASK.build(sample, Random(seed), WORDINGS).instructions]
        assert {len(i.targets) for i in found if i.form == "largest"} == asked


def test_no_more_than_five_are_ranked() -> None:
    sample = view(*(water(10 + 55 * i, 20 + 50 * i, 10 + 4 * i) for i in range(9)))
    found = [i for seed in range(60) for i in TASK.build(sample, Random(seed), WORDINGS).instructions]
    assert {len(i.targets) for i in found if i.form == "largest"} == {1, 2, 3, 4, 5}


def test_a_class_over_budget_is_asked_for_its_largest() -> None:
    options = AskOptions(Limits(max_objects=1))
    built = TASK.build(THREE, Random(0), options)
    assert [i.form for i in built.instructions] == ["largest"]
    assert built.refusals == (Refusal("water", "over_budget", (0, 2)),)


def test_an_area_below_the_grid_is_refused_with_its_class() -> None:
    sample = replace(view(water(10.2, 10.2, 0.9)), images=(ImageRef("a.png", 4000, 4000),))
    assert TASK.build(sample, Random(0), AskOptions()).refusals == (Refusal("water", "below_grid", (0,)),)


def test_shapes_that_are_no_areas_are_refused() -> None:
    sample = view(Target(0, "ship", rbox(square(0, 0, 9).rings[0].points)))
    assert TASK.build(sample, Random(0), AskOptions()).refusals == (Refusal("ship", "no_polygon", (0,)),)


def test_an_unlabelled_rest_and_a_pair_are_refused() -> None:
    built = TASK.build(replace(TWO, exhaustive=()), Random(0), AskOptions())
    assert built.refusals == (Refusal("water", "not_exhaustive", (0, 1)),)
    built = TASK.build(replace(TWO, images=(IMAGE, IMAGE)), Random(0), AskOptions())
    assert built.refusals == (Refusal("water", "two_images", (0, 1)),)


def test_an_absent_class_is_answered_none(record_of: Recorder) -> None:
    record = record_of(ask(view(water(10, 20, 10), exhaustive=("road",)))["seg-none:road"])
    assert (record.messages[0].content, record.gold_text) == ("<image>\n[seg] Segment all roads.", "none")
    assert TASK.score("none", record).value == 1
    assert TASK.score("[(1,1),(2,2)]|[(1,1)]", record).value == 0
    assert TASK.score("[(1,1),(2,2)", record).verdict == "syntax"


def test_absence_is_asked_only_where_the_view_has_areas() -> None:
    assert ask(view(exhaustive=("road",))) == {}
    ships = Target(0, "ship", rbox(square(0, 0, 9).rings[0].points))
    assert ask(view(ships, exhaustive=("road",))) == {}


@pytest.mark.parametrize(
    ("text", "verdict", "value", "inside"),
    [
        ("[(20,40),(40,60)]|[(30,50)];[(200,40),(400,240)]|[(300,140)]", "ok", 1.0, 1.0),
        ("[(20,40),(40,60)];[(200,40),(400,240)]", "ok", 0.5, 0.0),
        ("[(20,40),(40,60)]|[(30,50),(90,90)]", "ok", (2 / 3 + 1 / 2) / 2, 0.5),
        # one good box with its point, one invented box whose point lies in another gold: outside
        ("[(20,40),(40,60)]|[(30,50)];[(700,700),(800,800)]|[(300,140)]", "ok", 0.5, 0.5),
        ("none", "ok", 0.0, 0.0),
        ("[(20,40),(40,40),(40,60),(20,60)]", "wrong_form", 0.0, 0.0),
    ],
)
def test_scores(text: str, verdict: str, value: float, inside: float, record_of: Recorder) -> None:
    score = TASK.score(text, record_of(ask(TWO)["seg-all:water"]))
    assert (score.verdict, score.value) == (verdict, pytest.approx(value))
    assert score.parts["keypoints_inside"] == pytest.approx(inside)
    assert score.parts["gold_n"] == 2


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text() | st.text(alphabet="[](),;:|+-none0123456789", max_size=60))
def test_no_text_breaks_the_judge(record_of: Recorder, text: str) -> None:
    score = TASK.score(text, record_of(ask(TWO)["seg-all:water"]))
    assert 0 <= score.value <= 1
    assert score.verdict == "ok" or score.value == 0


# --- by expression ---------------------------------------------------------------------------------------------------

APART = polygon(square(10, 20, 40).rings[0], square(100, 20, 60).rings[0])


def said_of(*targets: Target, words: str = "the old lake") -> Sample:
    indices = tuple(range(len(targets)))
    text = Text("expression", words, mentions=(Mention("answer", 0, indices),) if targets else ())
    return replace(view(), targets=targets, texts=(text,))


def expressed(sample: Sample, seed: int = 0) -> dict[str, Instruction]:
    return {
        name: one for name, one in ask(sample, AskOptions(), seed).items() if "given" in name or "expression" in name
    }


def test_an_expression_is_answered_by_all_parts_of_what_it_denotes(record_of: Recorder) -> None:
    (one,) = expressed(said_of(replace(water(0, 0, 1), label=UNNAMED, shape=APART))).values()
    assert (one.form, one.labels, one.targets) == ("expression", (UNNAMED,), (0,))
    assert "the old lake" in str(one.prompt)
    record = record_of(one)
    assert [part.partition("|")[0] for part in record.gold_text.split(";")] == [
        "[(20,40),(100,120)]",
        "[(200,40),(320,160)]",
    ]
    assert len(record.gold) == 2
    assert TASK.score(record.gold_text, record).value == 1


def test_parts_too_small_to_be_said_leave_one_box_around_all(record_of: Recorder) -> None:
    speckled = polygon(square(10, 20, 40).rings[0], square(100.1, 20.1, 0.2).rings[0])
    (one,) = expressed(said_of(replace(water(0, 0, 1), shape=speckled))).values()
    assert record_of(one).gold_text.startswith("[(20,40),(201,120)]|[(")


def test_a_question_stands_as_it_is_and_asks_for_its_extent() -> None:
    (one,) = expressed(said_of(water(10, 20, 90), words="which area could hold back a flood?")).values()
    assert str(one.prompt[0]).startswith("Which area could hold back a flood? ")


def test_an_expression_of_nothing_is_segmented_by_none(record_of: Recorder) -> None:
    (one,) = expressed(said_of()).values()
    assert (one.form, one.negative, record_of(one).gold_text) == ("none", True, "none")


def test_boxes_are_not_segmented() -> None:
    upright = Target(0, "ship", rbox(((10, 10), (90, 10), (90, 40), (10, 40))))
    assert expressed(said_of(upright)) == {}
    both = TASK.build(said_of(upright, water(200, 200, 50)), Random(0), AskOptions())
    assert Refusal("ship, water", "no_polygon", (0, 1)) in both.refusals


def test_a_proved_expression_is_segmented() -> None:
    lakes = [replace(water(10, y, side), label="swimming pool") for y, side in ((10, 60), (200, 120))]
    said = {str(expressed(view(*lakes), seed)["seg-expression:swimming_pool"].prompt) for seed in range(40)}
    assert any("largest swimming pool" in words for words in said)
    assert any("topmost swimming pool" in words for words in said)


def test_as_many_keypoints_are_said_as_the_form_of_answer_wants(record_of: Recorder) -> None:
    one = ask(TWO, replace(WORDINGS, num_keypoints=2))["seg-all:water"]
    assert [text.partition("|")[2].count("(") for text in record_of(one).gold_text.split(";")] == [2, 2]
