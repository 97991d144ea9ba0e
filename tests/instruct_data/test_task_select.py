"""Choosing: what is asked is a fact of the listed shapes, by the relations' own definitions; the judge compares sets of ids."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from georsmllm import selecting
from georsmllm.constrain.form import of, of_words
from georsmllm.contracts import AskOptions, Built, Limits, Refusal
from georsmllm.instruct_data.tasks._choices import Anchors, choices
from georsmllm.instruct_data.tasks.select import TASK
from georsmllm.measures import Measured
from georsmllm.pointtext import decode
from georsmllm.relations import between, holds, region_shares
from georsmllm.types import (
    UNNAMED,
    ImageRef,
    Instruction,
    PointSet,
    Record,
    Ring,
    Said,
    Sample,
    Target,
    box,
    polygon,
    rbox,
)

Recorder = Callable[[Instruction], Record]
SEEDS = range(40)


def at(x: float, y: float, w: float = 60, h: float = 20) -> PointSet:
    return rbox(((x, y), (x + w, y), (x + w, y + h), (x, y + h)))


def ship(x: float, y: float, **more: object) -> Target:
    return replace(Target(0, "ship", at(x, y)), **more)  # type: ignore[arg-type]


HARBOR = Target(0, "harbor", rbox(((500, 500), (600, 502), (599, 542), (499, 540))))
"""A little turned: where all shapes are upright, they prove no more than boxes do."""


def view(*targets: Target, **more: object) -> Sample:
    sample = Sample("d/a", "d", "train", "d/a", (ImageRef("a.png", 1000, 1000),), targets)
    return replace(sample, **more)  # type: ignore[arg-type]


def built(sample: Sample, seed: int = 0, options: AskOptions | None = None) -> Built:
    return TASK.build(sample, Random(seed), options or AskOptions())


def asked(sample: Sample, form: str) -> list[Instruction]:
    return [one for seed in SEEDS for one in built(sample, seed).instructions if one.form == form]


def words(one: Instruction) -> str:
    assert isinstance(one.prompt[0], str)
    return one.prompt[0].split("\n")[0]


def kept(one: Instruction) -> tuple[int, ...]:
    """The targets that an instruction keeps."""
    (text,) = one.answer
    assert isinstance(text, str)
    return tuple(one.targets[n - 1] for n in selecting.read(text, len(one.targets)))


# --- what is true ----------------------------------------------------------------------------------------------------


def true(sample: Sample, candidates: tuple[int, ...], anchors: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    """Condition -> candidates that it holds of."""
    theirs = (Anchors(anchors, anchors),) if anchors else ()
    return {
        one.words: tuple(i for i, is_in in zip(candidates, one.kept, strict=True) if is_in)
        for one in choices(sample, candidates, theirs)
        if one.anchors in ((), anchors)
    }


def test_conditions_are_those_of_the_shapes() -> None:
    sample = view(HARBOR, ship(100, 100), ship(380, 750), replace(ship(0, 0), shape=at(800, 500, 90, 30)))
    found = true(sample, (1, 2, 3), ())
    assert found == {
        "leftmost {}": (1,),
        "rightmost {}": (3,),
        "topmost {}": (1,),
        "bottommost {}": (2,),
        "{} in the left half of the image": (1, 2),
        "{} in the right half of the image": (3,),
        "{} in the top half of the image": (1,),
        "{} in the bottom half of the image": (2, 3),
        "{} in the top left quarter of the image": (1,),
        "{} in the top right quarter of the image": (),
        "{} in the bottom left quarter of the image": (2,),
        "{} in the bottom right quarter of the image": (3,),
        "{} lying horizontally in the image": (1, 2, 3),
        "{} lying vertically in the image": (),
        "largest {}": (3,),
        "longest {}": (3,),
    }


def test_relations_to_one_anchor() -> None:
    found = true(view(HARBOR, ship(100, 510), ship(820, 510)), (1, 2), (0,))
    assert found["{} to the left of the anchors"] == (1,)
    assert found["{} to the right of the anchors"] == (2,)
    assert found["{} near the anchors"] == ()
    found = true(view(HARBOR, ship(100, 510), ship(820, 510), ship(520, 542)), (1, 2, 3), (0,))
    assert found["{} near the anchors"] == (3,)
    assert found["{} right next to the anchors"] == (3,)
    assert found["{} nearest to the anchors"] == (3,)
    assert "{} farthest from the anchors" not in found, "one is only a little farther off"


def test_several_anchors_are_fulfilled_by_one_of_them() -> None:
    sample = view(HARBOR, replace(HARBOR, shape=at(100, 100, 200, 50)), ship(120, 151), ship(520, 542), ship(900, 900))
    found = true(sample, (2, 3, 4), (0, 1))
    assert found["{} near the anchors"] == found["{} right next to the anchors"] == (2, 3)
    assert "{} to the left of the anchors" not in found, "of which of them?"
    assert "{} farthest from the anchors" not in found


def test_what_is_in_doubt_is_no_condition() -> None:
    assert "{} in the left half of the image" not in true(view(ship(470, 500)), (0,), ())
    assert "largest {}" not in true(view(ship(0, 0), ship(500, 0, shape=at(500, 0, 65, 20))), (0, 1), ())
    assert "longest {}" not in true(view(ship(0, 0), ship(500, 0, shape=at(500, 0, 65, 20))), (0, 1), ())


def test_the_few_largest_and_longest_stand_apart_from_the_rest() -> None:
    sizes = (100, 95, 50, 48)
    sample = view(*(ship(0, 0, shape=at(300, 200 * n, size, 20)) for n, size in enumerate(sizes)), HARBOR)
    found = true(sample, (0, 1, 2, 3), ())
    assert found["two largest {}"] == found["two longest {}"] == (0, 1)
    assert not {"largest {}", "three largest {}", "longest {}"} & set(found)


def test_a_ship_that_a_tile_cuts_may_be_longer_than_it_shows() -> None:
    sample = view(ship(0, 0, shape=at(0, 0, 100, 20)), ship(0, 500, visible=0.6), HARBOR)
    assert not {"largest {}", "longest {}"} & set(true(sample, (0, 1), ()))


def test_upright_boxes_prove_neither_length_nor_what_lies_inside() -> None:
    boxes = (Target(0, "ship", box(10, 10, 90, 20)), Target(0, "ship", box(10, 200, 30, 230)))
    found = true(view(*boxes, Target(0, "harbor", box(0, 0, 400, 400))), (0, 1), (2,))
    assert not any(word in one for one in found for word in ("longest", "inside", "lying", "touching"))


NAMED = {
    "to the left of": "left_of", "to the right of": "right_of", "above": "above", "below": "below", "near": "near",
    "right next to": "adjacent_to", "touching": "touches", "inside": "inside", "alongside": "along",
    "parallel to": "parallel_to", "surrounded by": "surrounded_by",
}  # fmt: skip


@st.composite
def scenes(draw: st.DrawFn) -> Sample:
    corner = st.integers(0, 850).map(float)
    side = st.sampled_from([20.0, 60.0, 140.0])
    shapes = draw(st.lists(st.builds(at, corner, corner, side, side), min_size=4, max_size=9))
    labels = ["harbor", "harbor", "ship", *draw(st.lists(st.sampled_from(["ship", "harbor"]), max_size=6))]
    targets = [Target(0, label, shape) for label, shape in zip(labels, shapes, strict=False)]
    return view(*targets, replace(HARBOR, label="crane"))


@settings(deadline=None, max_examples=60)
@given(scenes())
def test_every_condition_holds_by_definition_of_what_is_kept_and_of_nothing_else(sample: Sample) -> None:
    """The same definitions by which a plan is executed on shapes, without any slack."""
    ships, harbors = (tuple(i for i, t in enumerate(sample.targets) if t.label == n) for n in ("ship", "harbor"))
    own = Measured([sample.targets[i].shape for i in ships], (1000, 1000))
    for one in choices(sample, ships, (Anchors(harbors, harbors),)):
        theirs = Measured([sample.targets[i].shape for i in one.anchors], (1000, 1000))
        name = one.words.removeprefix("{} ").removesuffix(" the anchors")
        if one.rule == "relation" and name == "between":
            held = between(own, theirs.centres[0], theirs.centres[1])
        elif one.rule == "relation":
            held = holds(NAMED[name], own, theirs).any(axis=1)
        elif one.rule == "place":
            held = region_shares(own)[name.removeprefix("in the ").removesuffix(" of the image")] > 0.5
        elif one.words == "largest {}":
            held = own.areas == own.areas.max()
        else:
            continue
        assert tuple(np.asarray(held).tolist()) == one.kept, one


def test_what_runs_along_something_only_from_close_by_is_in_doubt() -> None:
    """Within 35 px only the harbor's end is seen, which runs as the ship does; within 70 px its long sides, too."""
    harbor, beside = Target(0, "harbor", at(0, 0, 140, 60)), ship(0, 0, shape=at(159, 0, 20, 60))
    assert "{} alongside the anchors" not in true(view(harbor, beside, HARBOR), (1,), (0,))


# --- what is asked ---------------------------------------------------------------------------------------------------


def test_a_view_without_objects_and_a_pair_are_not_asked() -> None:
    assert built(view()) == Built()
    pair = view(ship(1, 1), images=(ImageRef("a.png", 1000, 1000),) * 2)
    assert built(pair) == Built((), (Refusal("ship", "two_images", (0,)),))


ROW = view(HARBOR, ship(820, 800), ship(100, 510), ship(820, 510), ship(150, 100))


def test_candidates_are_numbered_from_the_top_and_listed_one_by_one(record_of: Recorder) -> None:
    for one in (one for seed in SEEDS for one in built(ROW, seed).instructions if one.labels == ("ship",)):
        assert one.targets == (4, 2, 3, 1)
        text = record_of(one).messages[0].content
        assert selecting.count_of(text) == 4
        lines = text.split("\nCandidates:\n")[1].split("\n")
        listed = [decode(line.split(" ", 1)[1], (1000, 1000)) for line in lines[:4]]
        assert listed == [(ROW.targets[i].shape,) for i in one.targets]
        assert ("\nAnchors:\n" in text) == ("the anchors" in words(one))


def test_dropping_keeps_the_rest() -> None:
    conditions = {
        "in the left half of the image": (4, 2), "in the right half of the image": (3, 1),
        "in the top half of the image": (4,), "in the bottom half of the image": (2, 3, 1),
    }  # fmt: skip
    for form, is_dropped in (("kept", False), ("dropped", True)):
        of_ships = [one for one in asked(ROW, form) if one.labels == ("ship",)]
        found = [(one, targets) for one in of_ships for words_, targets in conditions.items() if words_ in words(one)]
        assert len(found) > 1
        for one, targets in found:
            assert kept(one) == tuple(i for i in one.targets if (i in targets) != is_dropped)


def test_a_rank_names_so_many() -> None:
    found = {words(one).split("the candidates, ")[-1].split(" ", 1)[1]: kept(one) for one in asked(ROW, "best")}
    assert found["the leftmost ship."] == found["the leftmost one."] == (2,)
    assert found["the topmost one."] == (4,)


def test_what_no_candidate_fulfils_is_asked_once_a_view() -> None:
    for seed in SEEDS:
        none = [one for one in built(ROW, seed).instructions if one.form == "none"]
        assert len(none) == 1
        assert (none[0].answer, none[0].gold, none[0].negative) == (("keep: none",), (), True)
    assert not [one for form in ("kept", "dropped", "best") for one in asked(ROW, form) if one.negative]


def test_the_gold_holds_what_is_kept() -> None:
    for one in (one for seed in SEEDS for one in built(ROW, seed).instructions):
        shapes = tuple(ROW.targets[i].shape for i in kept(one))
        assert one.gold == ((Said(shapes, one.labels * len(shapes)),) if shapes else ())


def test_a_crowd_is_asked_about_in_part() -> None:
    crowd = view(*(ship(90 * (n % 10), 90 * (n // 10)) for n in range(60)))
    for most, options in ((20, AskOptions()), (5, AskOptions(Limits(max_objects=5)))):
        found = [one for seed in range(5) for one in built(crowd, seed, options).instructions]
        assert {len(one.targets) for one in found} == {most}
        assert len({one.targets for one in found}) > 1


def test_ignored_ones_are_no_candidates_and_no_anchors() -> None:
    sample = view(replace(HARBOR, ignore="difficult"), ship(820, 800), ship(100, 510, ignore="difficult"))
    for one in (one for seed in SEEDS for one in built(sample, seed).instructions):
        assert one.targets == (1,)
        assert "anchors" not in words(one)


def test_outlines_are_listed_as_upright_or_rotated_boxes() -> None:
    outline = polygon(Ring(((100, 100), (200, 120), (190, 160), (95, 140))))
    sample = view(Target(0, "ship", outline), Target(0, "ship", at(700, 700)), dataset="isaid")
    kinds = {part.shapes[0].kind for one in asked(sample, "kept") for part in one.prompt if isinstance(part, Said)}
    assert kinds == {"box", "rbox"}


def test_a_dataset_s_phrase_is_a_condition() -> None:
    sample = view(ship(100, 100, phrase="the white ship by the quay"), ship(600, 600), ship(800, 100))
    found = asked(sample, "given")
    assert len(found) == len(SEEDS)
    assert all("the white ship by the quay." in words(one) and kept(one) == (0,) for one in found)


def test_things_without_a_class_are_those() -> None:
    nameless = replace(ROW, targets=tuple(replace(one, label=UNNAMED) for one in ROW.targets))
    for one in (one for seed in SEEDS for one in built(nameless, seed).instructions):
        assert one.labels == ()
        assert UNNAMED not in words(one)


def test_a_class_without_a_clear_condition_is_refused() -> None:
    whole = view(Target(0, "ship", rbox(((0, 1), (999, 0), (1000, 999), (1, 1000)))))
    assert built(whole) == Built((), (Refusal("ship", "no_clear_condition", (0,)),))
    assert built(view(Target(0, "ship", at(1, 1, 0.2, 0.2)))).refusals[0].reason in ("collapsed", "below_grid")


# --- form and judge --------------------------------------------------------------------------------------------------


def test_the_words_tell_the_form() -> None:
    listed = selecting.written(selecting.question("From the candidates, keep these.", [at(1, 1)] * 3), (1000, 1000))
    assert of_words(TASK, listed) == of_words(TASK, f"<image>\n[select] {listed}") == selecting.form(3)
    assert of_words(TASK, "From the candidates, keep these.") is None


@pytest.mark.parametrize(
    ("text", "verdict", "value", "exact"),
    [
        ("", "no_keep", 0.0, 0.0),
        ("keep: none", "ok", 0.0, 0.0),
        ("keep: 1, 2", "ok", 1.0, 1.0),
        ("keep: 2, 1", "ok", 1.0, 1.0),
        ("keep: 1", "ok", 2 / 3, 0.0),
        ("keep: 1, 2, 3, 4", "ok", 2 / 3, 0.0),
        ("keep: 3, 4", "ok", 0.0, 0.0),
        ("keep: 5", "unknown_id", 0.0, 0.0),
        ("keep: 1, 1", "repeated_id", 0.0, 0.0),
        ("1, 2", "no_keep", 0.0, 0.0),
    ],
)
def test_an_answer_is_judged_as_a_set(record_of: Recorder, text: str, verdict: str, value: float, exact: float) -> None:
    record = next(record_of(one) for one in asked(ROW, "kept") if kept(one) == (4, 2))
    score = TASK.score(text, record)
    assert (score.verdict, score.value, score.parts["exact"]) == (verdict, value, exact)


def test_keeping_nothing_is_right_where_nothing_fits(record_of: Recorder) -> None:
    record = record_of(asked(ROW, "none")[0])
    assert TASK.score("keep: none", record).value == 1
    assert TASK.score("keep: 1", record).value == 0
    unreadable = TASK.score("none", record)
    assert (unreadable.value, unreadable.parts["precision"], unreadable.parts["exact"]) == (0, 0, 0)


def test_gold_is_in_the_form_that_its_question_asks(record_of: Recorder) -> None:
    for one in (one for seed in SEEDS for one in built(ROW, seed).instructions):
        assert of(TASK, record_of(one)) == selecting.form(len(one.targets))
