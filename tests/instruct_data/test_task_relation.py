from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

import pytest

from georsmllm.contracts import AskOptions, Built, Limits, Refusal
from georsmllm.instruct_data.tasks._related import related
from georsmllm.instruct_data.tasks.relation import TASK
from georsmllm.types import (
    ImageRef,
    Instruction,
    Mention,
    PointSet,
    Record,
    Ring,
    Sample,
    Target,
    Text,
    Window,
    box,
    polygon,
    rbox,
)

Recorder = Callable[[Instruction], Record]
CLASSES = ("harbor", "ship", "storage tank", "water")


def at(x: float, y: float, w: float = 60, h: float = 20) -> PointSet:
    return rbox(((x, y), (x + w, y), (x + w, y + h), (x, y + h)))


def ship(x: float, y: float, **more: object) -> Target:
    return replace(Target(0, "ship", at(x, y)), **more)  # type: ignore[arg-type]


HARBOR = Target(0, "harbor", rbox(((500, 500), (600, 502), (599, 542), (499, 540))))
"""A little turned: where all shapes are upright, they prove no more than boxes do."""


def view(*targets: Target, texts: tuple[Text, ...] = (), **more: object) -> Sample:
    image = (ImageRef("a.png", 1000, 1000),)
    sample = Sample("d/a", "d", "train", "d/a", image, targets, texts, (), CLASSES, CLASSES)
    return replace(sample, **more)  # type: ignore[arg-type]


def built(sample: Sample, seed: int = 0) -> Built:
    return TASK.build(sample, Random(seed), AskOptions())


def found(sample: Sample, label: str = "ship") -> dict[str, tuple[int, ...]]:
    """Words of the relation -> targets, of the questions about a class whose only anchor is the harbor, target 0."""
    return {
        one.words: one.targets
        for one in related(sample, Random(0), max_objects=20)
        if one.label == label and one.anchors == (0,)
    }


def test_a_view_without_objects_is_not_asked() -> None:
    assert built(view()) == Built()


def test_sides_distances_and_forms_are_those_of_the_shapes() -> None:
    assert found(view(HARBOR, ship(100, 510), ship(820, 510))) == {
        "to the left of": (1,),
        "to the right of": (2,),
        "near": (),
        "parallel to": (1, 2),
    }


def test_what_is_near_a_tie_is_not_asked() -> None:
    # the second ship lies left and far above: left of the harbor by its middle, and nobody would say so
    names = found(view(HARBOR, ship(100, 510), ship(420, 100)))
    assert "to the left of" not in names
    assert names["to the right of"] == ()
    # a gap of a tenth of the diagonal is neither near nor far
    assert "near" not in found(view(HARBOR, ship(320, 510)))


def test_nothing_is_said_of_the_class_of_an_ignored_object_or_of_one_that_is_not_annotated_in_full() -> None:
    hidden = view(HARBOR, ship(100, 510), ship(820, 510, ignore="difficult"))
    assert found(hidden) == {}
    assert found(view(HARBOR, ship(100, 510), exhaustive=("harbor",))) == {}
    assert {(one.label, one.reason) for one in built(hidden).refusals} >= {("ship", "class_has_ignored")}


def test_a_class_whose_name_may_mean_another_is_not_asked() -> None:
    large = Target(0, "large ship", at(100, 510))
    both = (*CLASSES, "large ship")
    assert found(view(HARBOR, ship(820, 510), large, exhaustive=both)) == {}


def test_objects_of_the_anchors_own_class_are_the_others(record_of: Recorder) -> None:
    sample = view(ship(100, 500), ship(500, 500), ship(800, 500))
    asked = [one for seed in range(30) for one in built(sample, seed).instructions]
    left = next(one for one in asked if one.id.endswith("#relation-generated:ship:to_the_left_of:1"))
    assert left.targets == (0,)
    assert "other ships" in record_of(left).messages[0].content
    assert all("the other ships" in str(one.prompt) or "other ships" in str(one.prompt) for one in asked)


def test_directions_of_the_compass_need_a_map_and_turn_with_it() -> None:
    # x of the image runs south, y runs east
    turned = ImageRef("a.tif", 1000, 1000, None, (0, 1, 346000, -1, 0, 5648000), "EPSG:25832")
    sample = view(HARBOR, ship(100, 510), ship(820, 510))
    assert not any(words.startswith("north") for words in found(sample))
    mapped = found(replace(sample, images=(turned,)))
    assert (mapped["north of"], mapped["south of"]) == ((1,), (2,))
    assert mapped["to the left of"] == (1,)
    # gaps of 340 and 220 m
    assert mapped["within 100 m of"] == ()
    assert "within 200 m of" not in mapped
    assert "within 500 m of" in mapped


def test_upright_boxes_prove_no_contact() -> None:
    boxes = view(
        Target(0, "harbor", box(500, 500, 600, 540)), Target(0, "ship", box(601, 500, 660, 540)), exhaustive=CLASSES
    )
    assert "touching" not in found(boxes)
    assert found(boxes)["near"] == (1,)
    turned = view(HARBOR, ship(600.2, 510))
    assert found(turned)["touching"] == (1,)


def test_between_two_anchors() -> None:
    sample = view(HARBOR, Target(0, "storage tank", at(100, 500, 40, 40)), ship(300, 510), ship(300, 900))
    (one,) = [r for r in related(sample, Random(0), max_objects=20) if r.label == "ship" and r.anchors == (0, 1)]
    assert (one.words, one.targets) == ("between", (2,))


def test_nobody_asks_what_lies_between_neighbours() -> None:
    near = Target(0, "storage tank", at(430, 500, 40, 40))
    assert not [
        r for r in related(view(HARBOR, near, ship(300, 900)), Random(0), max_objects=20) if len(r.anchors) == 2
    ]
    far = Target(0, "storage tank", at(100, 500, 40, 40))
    pairs = [r for r in related(view(HARBOR, far, ship(300, 900)), Random(0), max_objects=20) if r.anchors == (0, 1)]
    assert [(r.label, r.targets) for r in pairs] == [("ship", ())]


def test_what_reaches_to_a_side_is_not_denied_there() -> None:
    quay = Target(0, "ship", at(380, 800, 400, 10))  # its middle lies right of the harbor's, its end left of it
    assert "to the left of" not in found(view(HARBOR, quay))
    assert found(view(HARBOR, ship(700, 800)))["to the left of"] == ()


def test_questions_of_some_come_before_questions_of_all() -> None:
    sample = view(HARBOR, ship(100, 510), ship(820, 510))
    for seed in range(20):
        ships = [one for one in built(sample, seed).instructions if one.labels == ("ship",) and one.targets]
        assert [len(one.targets) for one in ships] == [1]


def test_one_question_has_nothing_for_an_answer(record_of: Recorder) -> None:
    sample = view(HARBOR, ship(100, 510), ship(820, 510))
    nothing = [one for one in built(sample).instructions if one.negative]
    assert len(nothing) == 1
    record = record_of(nothing[0])
    assert record.gold_text == "none"
    assert TASK.score("none", record).value == 1
    assert TASK.score("[(1,2),(3,4)]", record).value == 0


def test_outlines_of_a_class_map_are_not_asked() -> None:
    area = polygon(Ring(((10, 10), (60, 10), (60, 60), (10, 60))))
    sample = view(Target(0, "building", area), HARBOR, exhaustive=("building", "harbor"), tags=("areas",))
    assert built(sample).instructions == ()
    assert {one.reason for one in built(sample).refusals} == {"areas"}


QUAY = Mention("text", 23, (0,))


@pytest.mark.parametrize(
    ("text", "form", "gold"),
    [
        (Text("relation", "What lies off this quay?", "", (QUAY, Mention("answer", 0, (1,)))), "given", "[(100"),
        (Text("relation", "What lies off this quay?", "", (QUAY,)), "none", "none"),
        (Text("relation", "How far off is the quay?", "it is near", (QUAY,)), "told", "It is near."),
        (
            Text("relation", "What lies off this quay?", "a ship and more", (QUAY, Mention("answer", 6, (1,)))),
            "told",
            "A ship [(100,510),(160,510),(160,530),(100,530)] and more.",
        ),
    ],
)
def test_a_datasets_own_question_is_asked_in_its_words(text: Text, form: str, gold: str, record_of: Recorder) -> None:
    sample = view(HARBOR, ship(100, 510), texts=(text,), exhaustive=())
    (one,) = built(sample).instructions
    record = record_of(one)
    assert one.form == form
    assert record.gold_text.startswith(gold)
    assert "[relation] " in record.messages[0].content
    assert "quay [(" in record.messages[0].content
    assert TASK.score(record.gold_text, record).value == 1


@pytest.mark.parametrize(
    ("text", "more", "reason"),
    [
        (Text("relation", "?", "", (QUAY,)), {}, "no_words"),
        (Text("relation", "What is at (3, 4)?", "", (QUAY,)), {}, "coordinates_in_text"),
        (Text("relation", "What is it?", "at [(3,4)]", (QUAY,)), {}, "coordinates_in_text"),
        (Text("relation", "What is it?", "", (Mention("text", 3, ()),)), {}, "mentions_nothing"),
        (Text("relation", "What is it?", "", (QUAY, Mention("answer", 0, (2,)))), {}, "mentions_ignored"),
        (Text("relation", "What?", "", (QUAY,)), {"images": (ImageRef("a.png", 1000, 1000, Window(0, 0, 1, 1)),)}, "cut_view"),
    ],
)  # fmt: skip
def test_a_question_that_cannot_be_asked_is_refused_by_name(text: Text, more: dict[str, object], reason: str) -> None:
    sample = view(HARBOR, ship(100, 510), ship(300, 300, ignore="difficult"), texts=(text,), exhaustive=(), **more)
    result = built(sample)
    assert result.instructions == ()
    assert Refusal("relation", reason, ()) in result.refusals


def test_too_many_for_one_answer_are_not_asked() -> None:
    sample = view(HARBOR, *(ship(100, 100 + 40 * i) for i in range(5)), ship(900, 500))
    limits = AskOptions(Limits(max_objects=3))
    assert all(
        len(one.targets) <= 3 for seed in range(9) for one in TASK.build(sample, Random(seed), limits).instructions
    )


def test_pairs_are_refused() -> None:
    pair = view(HARBOR, images=(ImageRef("a.png", 9, 9), ImageRef("b.png", 9, 9)))
    assert built(pair) == Built(refusals=(Refusal("harbor", "two_images", (0,)),))


@pytest.mark.parametrize(
    ("text", "verdict", "value"),
    [
        ("", "syntax", 0.0),
        ("none", "ok", 0.0),
        ("[(100,510),(160,510),(160,530),(100,530)]", "ok", 1.0),
        ("[(100,510),(160,530)]", "wrong_form", 0.0),
        ("[(100,510),(160,510),(160,530),(100,530)];[(0,0),(9,0),(9,9),(0,9)]", "ok", 2 / 3),
    ],
)
def test_boxes_are_judged_as_in_detection(text: str, verdict: str, value: float, record_of: Recorder) -> None:
    asked = Text("relation", "What lies off this quay?", "", (QUAY, Mention("answer", 0, (1,))))
    (one,) = built(view(HARBOR, ship(100, 510), texts=(asked,), exhaustive=())).instructions
    score = TASK.score(text, record_of(one))
    assert (score.verdict, score.value) == (verdict, pytest.approx(value))


@pytest.mark.parametrize(
    ("text", "verdict", "value"),
    [
        ("", "empty", 0.0),
        ("none", "empty", 0.0),
        ("It is near.", "ok", 1.0),
        ("it is far", "ok", 2 / 3),
        ("it is near [(1,2", "syntax", 0.0),
    ],
)
def test_words_are_judged_by_their_f1(text: str, verdict: str, value: float, record_of: Recorder) -> None:
    asked = Text("relation", "How far off is the quay?", "it is near", (QUAY,))
    (one,) = built(view(HARBOR, texts=(asked,), exhaustive=())).instructions
    score = TASK.score(text, record_of(one))
    assert (score.verdict, score.value) == (verdict, pytest.approx(value))
