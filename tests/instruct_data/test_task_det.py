from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from random import Random

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from georsmllm.contracts import AskOptions, Limits, Refusal
from georsmllm.errors import UsageError
from georsmllm.instruct_data.tasks._boxing import UPRIGHT
from georsmllm.instruct_data.tasks.det import TASK
from georsmllm.types import ImageRef, Instruction, PointSet, Record, Ring, Sample, Target, box, point, polygon, rbox

Recorder = Callable[[Instruction], Record]
IMAGE = ImageRef("a.png", 1000, 500)
ONE_WORDING = AskOptions(templates=("Find all {plural}.", "Find all {classes}, line by line."))


def quad(x: float, y: float, side: float = 20) -> PointSet:
    return rbox(((x, y), (x + side, y), (x + side, y + side), (x, y + side)))


def view(*targets: Target, exhaustive: tuple[str, ...] = ()) -> Sample:
    known = tuple(sorted({*exhaustive, *(target.label for target in targets)}))
    return Sample("invented/a", "invented", "train", "invented/a", (IMAGE,), targets, exhaustive=known)


def ship(x: float, y: float, **more: object) -> Target:
    return replace(Target(0, "ship", quad(x, y)), **more)  # type: ignore[arg-type]


HARBOR = Target(0, "harbor", polygon(Ring(((100, 100), (200, 100), (200, 200), (100, 200)))))


def ask(sample: Sample, options: AskOptions = ONE_WORDING, seed: int = 0) -> dict[str, Instruction]:
    return {i.id.partition("#")[2]: i for i in TASK.build(sample, Random(seed), options).instructions}


def test_an_empty_view_without_known_absence_asks_nothing() -> None:
    built = TASK.build(view(), Random(0), AskOptions())
    assert built.instructions == ()
    assert built.refusals == ()


def test_every_object_of_a_class_is_asked_with_its_corners(record_of: Recorder) -> None:
    asked = ask(view(ship(10, 20), ship(100, 20)))
    assert list(asked) == ["det-all:ship"]
    record = record_of(asked["det-all:ship"])
    assert record.messages[0].content == "<image>\n[det] Find all ships."
    assert record.gold_text == "[(10,40),(30,40),(30,80),(10,80)];[(100,40),(120,40),(120,80),(100,80)]"
    assert asked["det-all:ship"].targets == (0, 1)
    assert asked["det-all:ship"].direction == "forward"
    assert not asked["det-all:ship"].negative


def test_a_dataset_of_boxes_only_is_asked_for_upright_boxes(record_of: Recorder) -> None:
    record = record_of(ask(view(Target(0, "ship", box(10, 20, 30, 40))))["det-all:ship"])
    assert record.messages[0].content == "<image>\n[det] Find all ships." + UPRIGHT
    assert record.gold_text == "[(10,40),(30,80)]"
    assert TASK.score("[(10,40),(30,40),(30,80),(10,80)]", record).verdict == "wrong_form"


def test_areas_and_boxes_beside_rotated_boxes_become_rotated_boxes(record_of: Recorder) -> None:
    asked = ask(view(HARBOR, Target(0, "crane", box(10, 20, 30, 40))))
    assert record_of(asked["det-all:harbor"]).gold_text == "[(100,200),(200,200),(200,400),(100,400)]"
    assert record_of(asked["det-all:crane"]).gold_text == "[(10,40),(30,40),(30,80),(10,80)]"


def test_an_absent_class_is_asked_and_answered_none(record_of: Recorder) -> None:
    asked = ask(view(exhaustive=("plane",)))
    record = record_of(asked["det-none:plane"])
    assert asked["det-none:plane"].negative
    assert record.gold_text == "none"
    assert record.gold == ()
    assert TASK.score("none", record).value == 1
    assert TASK.score("[(1,1),(2,1),(2,2),(1,2)]", record).value == 0
    assert TASK.score("nothing", record).value == 0


def test_a_class_with_only_ignored_targets_is_not_absent() -> None:
    assert ask(view(ship(10, 20, ignore="difficult"), exhaustive=("ship",))) == {}


def test_a_class_with_an_ignored_target_is_refused_for_that_reason() -> None:
    sample = view(ship(10, 20), HARBOR, ship(100, 20, ignore="difficult"), ship(200, 20))
    built = TASK.build(sample, Random(0), AskOptions())
    assert built.refusals == (Refusal("ship", "class_has_ignored", (0, 3)),)
    assert {i.labels for i in built.instructions} == {("harbor",)}


@pytest.mark.parametrize(
    ("targets", "limits", "reason"),
    [
        (tuple(ship(30 * i, 20) for i in range(3)), Limits(max_objects=2), "over_budget"),
        (tuple(ship(30 * i, 20) for i in range(3)), Limits(max_points=11), "over_budget"),
        ((Target(0, "ship", quad(10.1, 10.1, 0.2)),), Limits(), "collapsed"),
        ((Target(0, "ship", quad(10.6, 10.2, 0.9)),), Limits(), "below_grid"),
        ((Target(0, "ship", point(10, 10)),), Limits(), "no_extent"),
        ((Target(0, "ship", quad(990, 10)),), Limits(), "outside_view"),
    ],
)
def test_a_class_that_cannot_be_said_whole_is_refused(targets: tuple[Target, ...], limits: Limits, reason: str) -> None:
    built = TASK.build(view(*targets), Random(0), AskOptions(limits))
    assert built.instructions == ()
    assert built.refusals == (Refusal("ship", reason, tuple(range(len(targets)))),)


def test_areas_are_no_objects_to_detect_and_no_negatives_either() -> None:
    forest = Target(0, "forest", HARBOR.shape)
    built = TASK.build(view(forest, exhaustive=("forest", "road")), Random(0), AskOptions())
    assert built.instructions == ()
    assert built.refusals == (Refusal("forest", "areas", (0,)),)


def test_the_rectangle_around_an_outline_is_brought_back_into_the_view(record_of: Recorder) -> None:
    at_border = Target(0, "harbor", polygon(Ring(((0, 0), (300, 0), (300, 20), (150, 60), (0, 60)))))
    asked = ask(view(at_border))["det-all:harbor"]
    corners = asked.gold[0].shapes[0].rings[0].points
    assert all(0 <= x <= 1000 and 0 <= y <= 500 for x, y in corners)
    assert TASK.score(record_of(asked).gold_text, record_of(asked)).value == 1.0


def test_a_sliver_at_the_border_whose_rectangle_does_not_fit_the_view_is_refused() -> None:
    triangle = Target(0, "harbor", polygon(Ring(((0, 111), (78, 0), (0, 112)))))
    built = TASK.build(view(triangle), Random(0), AskOptions())
    assert built.instructions == ()
    assert built.refusals == (Refusal("harbor", "clipped_beyond_shape", (0,)),)


def test_all_of_a_class_is_not_asked_where_some_may_be_unlabelled() -> None:
    built = TASK.build(replace(view(ship(10, 20)), exhaustive=()), Random(0), AskOptions())
    assert built.instructions == ()
    assert built.refusals == (Refusal("ship", "not_exhaustive", (0,)),)


def test_a_pair_of_images_is_refused() -> None:
    pair = replace(view(ship(10, 20), ship(100, 20, ignore="crowd")), images=(IMAGE, IMAGE))
    built = TASK.build(pair, Random(0), AskOptions())
    assert built.instructions == ()
    assert built.refusals == (Refusal("ship", "two_images", (0,)),)


FLAT_RHOMBUS = rbox(((253.1, 421.7), (280.1, 423.6), (307.0, 426.4), (280.1, 424.6)))


@st.composite
def thin_quads(draw: st.DrawFn) -> PointSet:
    """Rhombi and rectangles of any direction, 0.2 to 20 px thin and 10 to 200 px long, all in a view of 1000 px."""
    x, y = draw(st.floats(220, 780)), draw(st.floats(220, 780))
    angle = draw(st.floats(0, math.pi))
    long, thin = draw(st.floats(5, 100)), draw(st.floats(0.1, 10))
    ux, uy = math.cos(angle), math.sin(angle)
    ends = draw(st.sampled_from([((-1, 0), (0, 1), (1, 0), (0, -1)), ((-1, -1), (-1, 1), (1, 1), (1, -1))]))
    return rbox(tuple((x + a * long * ux - b * thin * uy, y + a * long * uy + b * thin * ux) for a, b in ends))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(thin_quads())
@example(FLAT_RHOMBUS)
def test_a_thin_object_is_asked_only_where_its_gold_scores_one(record_of: Recorder, shape: PointSet) -> None:
    sample = replace(view(Target(0, "ship", shape)), images=(ImageRef("a.png", 1000, 1000),))
    for instruction in TASK.build(sample, Random(0), AskOptions()).instructions:
        record = record_of(instruction)
        assert TASK.score(record.gold_text, record).value == 1


def test_a_flat_rhombus_with_long_sides_is_below_the_grid() -> None:
    sample = replace(view(Target(0, "ship", FLAT_RHOMBUS)), images=(ImageRef("a.png", 1000, 1000),))
    assert TASK.build(sample, Random(0), AskOptions()).refusals == (Refusal("ship", "below_grid", (0,)),)


def several(sample: Sample, seed: int) -> Instruction:
    return next(i for i in ask(sample, seed=seed).values() if i.form == "several")


def test_several_classes_are_answered_line_by_line_in_the_order_asked(record_of: Recorder) -> None:
    sample = view(ship(10, 20), HARBOR, exhaustive=("plane", "ship"))
    with_absent = [several(sample, seed) for seed in range(40)]
    found = {i.labels: record_of(i) for i in with_absent}
    assert all(set(labels) & {"ship", "harbor"} for labels in found)
    record = found[("ship", "plane")]
    assert record.messages[0].content == "<image>\n[det] Find all ships and planes, line by line."
    assert record.gold_text == "ship: [(10,40),(30,40),(30,80),(10,80)]\nplane: none"
    assert found[("harbor", "ship")].gold_text.splitlines()[0] == "harbor: [(100,200),(200,200),(200,400),(100,400)]"
    assert not any(i.negative for i in with_absent)


def test_several_classes_share_one_budget() -> None:
    sample = view(*(ship(30 * i, 20) for i in range(2)), HARBOR, Target(0, "crane", quad(500, 20)))
    limits = Limits(max_objects=2)
    asked = [ask(sample, AskOptions(limits), seed) for seed in range(30)]
    drawn = {i.labels for found in asked for i in found.values() if i.form == "several"}
    assert {frozenset(labels) for labels in drawn} == {frozenset({"harbor", "crane"})}


@pytest.mark.parametrize(
    ("text", "verdict", "value"),
    [
        ("ship: [(10,40),(30,40),(30,80),(10,80)]\nplane: none", "ok", 1.0),
        ("plane: none\nship: [(10,40),(30,40),(30,80),(10,80)]\n", "ok", 1.0),
        ("ship: none\nplane: none", "ok", 0.5),
        ("ship: [(10,40),(30,40),(30,80),(10,80)]", "missing_label", 0.0),
        ("ship: none\nship: none", "repeated_label", 0.0),
        ("ship: none\ntruck: none", "unknown_label", 0.0),
        ("[(10,40),(30,40),(30,80),(10,80)]", "no_label", 0.0),
        ("ship: [(10,40)\nplane: none", "syntax", 0.0),
        ("", "no_label", 0.0),
    ],
)
def test_scores_of_several_classes(text: str, verdict: str, value: float, record_of: Recorder) -> None:
    sample = view(ship(10, 20), HARBOR, exhaustive=("plane", "ship"))
    record = next(record_of(i) for seed in range(40) if (i := several(sample, seed)).labels == ("ship", "plane"))
    score = TASK.score(text, record)
    assert (score.verdict, score.value) == (verdict, pytest.approx(value))
    assert score.parts["gold_n"] == 1


def test_a_class_name_may_hold_a_colon(record_of: Recorder) -> None:
    car, truck = (Target(0, f"vehicle:{name}", quad(x, 20)) for name, x in (("car", 10), ("truck", 100)))
    record = record_of(several(view(car, truck), 0))
    assert record.gold_text.count("vehicle:") == 2
    assert TASK.score(record.gold_text, record).value == 1
    assert TASK.score(record.gold_text.replace("vehicle:", ""), record).verdict == "unknown_label"


@pytest.mark.parametrize(
    ("text", "verdict", "value", "parts"),
    [
        ("[(100,40),(120,40),(120,80),(100,80)];[(10,40),(30,40),(30,80),(10,80)]", "ok", 1.0, (1, 1, 1, 1, 2, 2)),
        ("[(10,40),(30,40),(30,80),(10,80)]", "ok", 2 / 3, (1, 0.5, 2 / 3, 0.5, 1, 1)),
        # half a side off: IoU 60 % at 5 of 20 px along x
        ("[(15,40),(35,40),(35,80),(15,80)]", "ok", 2 / 3, (1, 0.5, 0, 0.3, 1, 1)),
        ("none", "ok", 0.0, (0, 0, 0, 0, 0, 0)),
        ("[(10,40),(30,80)]", "wrong_form", 0.0, (0, 0, 0, 0, 0, 0)),
    ],
)
def test_scores_of_one_class(
    text: str, verdict: str, value: float, parts: tuple[float, ...], record_of: Recorder
) -> None:
    record = record_of(ask(view(ship(10, 20), ship(100, 20)))["det-all:ship"])
    score = TASK.score(text, record)
    names = ("precision", "recall", "f1_70", "mean_iou", "true_positive_n", "predicted_n")
    assert (score.verdict, score.value) == (verdict, pytest.approx(value))
    assert tuple(score.parts[name] for name in names) == pytest.approx(parts)
    assert score.parts["gold_n"] == 2


def test_a_wording_whose_slots_fit_no_form_is_an_error_of_the_person() -> None:
    with pytest.raises(UsageError, match=r"'Find \{plurals\}' fits no form .* \{classes\}; \{named\}; \{plural\}"):
        ask(view(ship(10, 20)), AskOptions(templates=("Find {plurals}",)))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text() | st.text(alphabet="[](),;:|+-none0123456789\nship ", max_size=60))
def test_no_text_breaks_the_judge(record_of: Recorder, text: str) -> None:
    asked = ask(view(ship(10, 20), HARBOR, exhaustive=("plane",)))
    for instruction in asked.values():
        score = TASK.score(text, record_of(instruction))
        assert 0 <= score.value <= 1
        assert score.verdict == "ok" or score.value == 0
