"""The doctor meets answers as people have them: mostly wrong, few, mixed, crowded, of one size, without gold."""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random

import pytest
from patients import DIALECTS, SIZES, answers, shape

from georsmllm.contracts import SizeWH, Spoken
from georsmllm.doctor.answers import MAX_OBJECTS, common, hear
from georsmllm.doctor.ears import Case
from georsmllm.doctor.examination import examine
from georsmllm.doctor.wording import lines
from georsmllm.types import PointSet, box


def boxes(
    size: SizeWH | None = None, *, dialect: str = "qwen3_vl", wrong: float = 0.0, num: int = 60, seed: int = 3
) -> list[Case]:
    """One or two boxes an answer, each a little off its gold, and a share of answers that have nothing to do with it."""
    rng = Random(seed)
    cases = []
    for i in range(num):
        view = size or rng.choice(SIZES)
        gold = [shape(rng, "box", view) for _ in range(rng.randint(1, 2))]
        said = [shape(rng, "box", view) for _ in gold] if rng.random() < wrong else [jittered(rng, one) for one in gold]
        text = DIALECTS[dialect].encode([Spoken(one, "ship") for one in said], view, None)
        cases.append(Case(f"{dialect}{i}", text, view, tuple(gold)))
    return cases


def jittered(rng: Random, one: PointSet) -> PointSet:
    (x1, y1), (x2, y2) = one.rings[0].points
    dx, dy = rng.gauss(0, 0.08) * (x2 - x1), rng.gauss(0, 0.08) * (y2 - y1)
    return (
        box(max(x1 + dx, 0), max(y1 + dy, 0), max(x2 + dx, 1), max(y2 + dy, 1)) if x1 + dx > 0 and y1 + dy > 0 else one
    )


def told(cases: list[Case], *, with_gold: bool = True) -> dict[str, str]:
    """The last of the lines of each heading."""
    return dict(lines(examine(cases if with_gold else [case._replace(gold=None) for case in cases], DIALECTS)))


@pytest.mark.parametrize("wrong", [0.3, 0.5, 0.8])
def test_a_model_that_is_mostly_wrong_still_has_a_frame(wrong: float) -> None:
    best = examine(boxes(wrong=wrong, num=100), DIALECTS).options[0]
    assert best.dialects == ("qwen3_vl",)
    assert best.sure > 0.75


def test_answers_that_have_nothing_to_do_with_their_gold_leave_it_unsure() -> None:
    found = examine(boxes(wrong=1.0), DIALECTS)
    assert found.options[0].sure < 0.5
    assert "no reading puts these answers on their gold" in told(boxes(wrong=1.0))["doubt"]


def test_two_forms_in_one_file_are_told_with_their_shares() -> None:
    found = examine(boxes(dialect="qwen2_5_vl", num=45) + boxes(num=30), DIALECTS)
    assert "qwen2_5_vl" in found.options[0].dialects
    assert [part.dialects for part in found.parts] == [("qwen3_vl",)]
    assert found.parts[0].share == pytest.approx(0.4, abs=0.15)
    assert found.options[0].sure < 0.8
    assert "are rather two corners; 0 to 1000 of the view's width and height (qwen3_vl)" in "".join(
        told(boxes(dialect="qwen2_5_vl", num=45) + boxes(num=30)).values()
    )


@pytest.mark.parametrize("with_gold", [False, True])
def test_views_of_one_size_cannot_tell_pixels_from_thousandths(with_gold: bool) -> None:
    cases = boxes((1000, 1000), dialect="georsmllm")
    best = examine(cases if with_gold else [case._replace(gold=None) for case in cases], DIALECTS).options[0]
    assert best.dialects == ("georsmllm",)
    assert best.reading.frame == "relative"
    assert "pixels" in {reading.frame for reading in best.same}
    assert "pixels of the view" in told(cases, with_gold=with_gold)["same here"]


def test_offsets_of_tiles_that_were_not_added_back_are_guessed_at() -> None:
    rng = Random(0)
    cases = []
    for case in boxes((500, 500), dialect="qwen2_5_vl"):
        x, y = rng.choice((0, 500, 1000, 1500)), rng.choice((0, 500, 1000, 1500))
        gold = [one.rings[0].points for one in case.gold or ()]
        moved = tuple(box(a + x, b + y, c + x, d + y) for (a, b), (c, d) in gold)
        cases.append(case._replace(size_wh=(2000, 2000), gold=moved))
    assert "were the offsets of tiles not added back?" in told(cases)["doubt"]
    assert "doubt" not in told(boxes((500, 500), dialect="qwen2_5_vl", wrong=0.5))


@pytest.mark.parametrize("is_gold_point", [False, True])
def test_points_are_judged_by_their_distance_or_by_the_box_around(is_gold_point: bool) -> None:
    cases = answers("qwen3_vl", "point", with_gold=True)
    if not is_gold_point:
        cases = [case._replace(gold=tuple(_around(one) for one in case.gold or ())) for case in cases]
    found = examine(cases, DIALECTS)
    assert found.options[0].dialects == ("qwen3_vl",)
    assert found.options[0].iou == pytest.approx(found.heard[0].iou)
    assert (found.options[0].iou or 0) > 0.95
    assert "mean hit" in told(cases)["gold"]


def _around(one: PointSet) -> PointSet:
    ((x, y),) = one.rings[0].points
    return box(x - 9, y - 9, x + 9, y + 9)


def test_counts_that_never_fit_hide_nothing() -> None:
    cases = [case._replace(text=case.text + case.text) for case in answers("falcon", "box", with_gold=True)]
    assert examine(cases, DIALECTS).options[0].dialects == ("falcon",)


def test_gold_of_no_use_is_told() -> None:
    cases = [case._replace(gold=()) for case in boxes()]
    found = examine(cases, DIALECTS)
    assert not found.by_gold
    assert found.options[0].iou is None
    assert "the gold is of no use" in "".join(text for heading, text in lines(found) if heading == "doubt")


def test_a_few_answers_do_not_make_sure() -> None:
    for num in (2, 3, 5):
        best = examine(boxes(num=num), DIALECTS).options[0]
        assert best.dialects == ("qwen3_vl",)
        assert best.sure <= (num + 1) / (num + 2)


# --- without gold ------------------------------------------------------------------------------------------------------


def redone(cases: list[Case], redo: Callable[[float, int, SizeWH], float]) -> list[Case]:
    """Every coordinate of JSON boxes changed by (number, axis, size)."""

    def changed(case: Case) -> Case:
        assert case.size_wh is not None
        size, at = case.size_wh, iter(range(10**6))
        text = re.sub(r"(?<=[\[ ])\d+(?=[,\]])", lambda m: f"{redo(float(m[0]), next(at) % 2, size):g}", case.text)
        return case._replace(text=text, gold=None)

    return [changed(case) for case in cases]


def test_numbers_that_fill_half_of_their_frame_are_doubted() -> None:
    found = examine(redone(boxes(dialect="teochat"), lambda n, *_: n // 2), DIALECTS)
    assert found.options[0].sure < 0.5
    assert "on x the objects reach only from" in "".join(text for heading, text in lines(found) if heading == "doubt")
    assert examine(redone(boxes(dialect="teochat"), lambda n, *_: n), DIALECTS).options[0].sure > 0.9


def test_boxes_upside_down_show_by_their_corners() -> None:
    best = examine(redone(boxes(), lambda n, axis, _: 1000 - n if axis else n), DIALECTS).options[0]
    assert best.reading.mirrored == (False, True)
    assert best.dialects == ()


def test_numbers_beyond_the_frame_are_no_reason_for_a_smaller_one() -> None:
    cases = [case._replace(gold=None) for case in answers("georsmllm", "rbox", with_gold=True)]
    halves = [case._replace(text=re.sub(r"\d+", lambda m: f"{m[0]}.5", case.text)) for case in cases]
    assert examine(halves, DIALECTS).options[0].reading.scale == (0.001, 0.001)


def test_what_only_gold_can_tell_is_said_to_be_unseen() -> None:
    assert "swapped and mirrored axes" in told(boxes(), with_gold=False)["unseen"]
    assert "unseen" not in told(boxes())


def test_answers_in_several_forms_are_judged_by_the_commonest_and_the_rest_is_told() -> None:
    cases = boxes(dialect="vrsbench") + answers("earthdial", "rbox", with_gold=True, num=20)
    assert "objects were not looked at" in told(cases)["doubt"]


def test_answers_of_one_dialect_with_several_kinds_of_objects_are_all_of_it() -> None:
    cases = [case for kind in ("box", "rbox") for case in answers("georsmllm", kind, with_gold=True)]
    both = [
        case._replace(text=f"{case.text};{cases[-1 - i].text}", gold=(*(case.gold or ()), *(cases[-1 - i].gold or ())))
        for i, case in enumerate(cases[:10])
    ]
    found = examine(cases + both, DIALECTS)
    assert found.left_read
    assert found.options[0].iou == pytest.approx(found.heard[0].iou)
    assert "doubt" not in told(cases + both)
    assert "georsmllm reads as well" in told(cases + both)["answers"]


def test_crowded_answers_take_no_longer_for_it() -> None:
    rng = Random(0)
    crowd = [Spoken(shape(rng, "box", (800, 800)), "ship") for _ in range(400)]
    text, gold = DIALECTS["georsmllm"].encode(crowd, (800, 800), None), tuple(one.shape for one in crowd)
    found = examine([*boxes(dialect="georsmllm"), *[Case("crowd", text, (800, 800), gold)] * 20], DIALECTS)
    assert found.options[0].dialects == ("georsmllm",)
    assert found.objects < 400
    assert len(hear("<loc_1>" * 10_000).objects) == 1
    assert len(common(["<loc_1>" * 10_000]).said[0]) == MAX_OBJECTS
