"""Cyclic referring: twins of both directions, all region forms, noise dropped by name, inputs jittered and targets not."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from random import Random

import pytest

from georsmllm.contracts import AskOptions, Built
from georsmllm.discover import task
from georsmllm.geometry import to_shapely
from georsmllm.instruct_data.cyclic import AGAIN, turn
from georsmllm.instruct_data.tasks._boxing import UPRIGHT
from georsmllm.pointtext import N, canonical
from georsmllm.types import (
    UNNAMED,
    ImageRef,
    Instruction,
    Mention,
    PointSet,
    Ring,
    Said,
    Sample,
    Target,
    Text,
    Window,
    box,
    polygon,
    rbox,
)

SIZE = (1000, 1000)


def square(x: float, y: float, side: float) -> tuple[tuple[float, float], ...]:
    return ((x, y), (x + side, y), (x + side, y + side), (x, y + side))


def ship(x: float, y: float, side: float = 60, **more: object) -> Target:
    return Target(0, "ship", rbox(square(x, y, side)), **more)  # type: ignore[arg-type]


def lake(x: float, y: float, side: float) -> Target:
    return Target(0, "lake", polygon(Ring(square(x, y, side))))


def view(*targets: Target, images: int = 1) -> Sample:
    refs = tuple(ImageRef(f"{name}.png", *SIZE) for name in "AB"[:images])
    labels = tuple(sorted({t.label for t in targets} | {"airplane"}))
    return Sample("d/v", "d", "train", "d/v", refs, targets, classes=labels, exhaustive=labels)


def forward(sample: Sample, name: str = "det", seed: int = 0) -> list[Instruction]:
    return list(task(name).build(sample, Random(seed), AskOptions()).instructions)


def turned(sample: Sample, name: str = "det", seed: int = 0) -> tuple[list[Instruction], Built]:
    sources = forward(sample, name, seed)
    return sources, turn(sources, sample, Random(seed), AskOptions())


def test_nothing_turns_into_nothing():
    assert turn([], view(), Random(0), AskOptions()) == Built()


def test_a_class_is_described_as_a_whole_and_one_of_it_alone_and_asked_again():
    sources, built = turned(view(ship(100, 100), ship(500, 500)))
    twins = [one for one in built.instructions if one.twin_of]
    (source,) = [one for one in sources if one.form == "all"]
    assert {one.twin_of for one in twins} == {source.id}
    assert sorted((one.task, one.form, one.direction, one.answer) for one in twins if one.task == "region") == [
        ("region", "group", "reverse", ("Two ships.",)),
        ("region", "one", "reverse", ("A ship.",)),
    ]
    (again,) = [one for one in twins if one.task == "det"]
    assert (again.direction, again.answer, again.gold) == ("forward", source.answer, source.gold)
    assert any(again.prompt == (wording.replace("{expression}", "the two ships"),) for wording in AGAIN)


def test_the_same_question_in_other_words_still_asks_for_upright_boxes():
    _, built = turned(view(Target(0, "ship", box(100, 100, 160, 160))))
    asked = ["".join(map(str, one.prompt)) for one in built.instructions if one.form == "all"]
    assert len(asked) == 2
    assert all(prompt.endswith(UPRIGHT) for prompt in asked)


def test_areas_of_a_class_map_are_not_counted_as_things():
    for label, expression in (("building", "the buildings"), ("water", "the two water areas")):
        targets = [Target(0, label, polygon(Ring(square(x, 100, 60)))) for x in (100, 500)]
        _, built = turned(replace(view(*targets), tags=("areas",)), "seg")
        (again,) = [one for one in built.instructions if one.id.endswith("~again")]
        assert any(again.prompt == (wording.replace("{expression}", expression),) for wording in AGAIN)


def test_negatives_have_no_twin():
    sources, built = turned(view())
    assert [one.form for one in sources] == ["none"]
    assert built.instructions == tuple(sources)


def test_segments_are_described_in_every_region_form():
    forms = Counter()
    for seed in range(60):
        _, built = turned(view(lake(100, 100, 300)), "seg", seed)
        for one in built.instructions:
            for part in one.prompt:
                if isinstance(part, Said):
                    shape = part.shapes[0]
                    forms[shape.kind + ("|" if shape.keypoints else "")] += 1
    assert set(forms) == {"point", "box", "box|", "rbox", "polygon"}


def test_a_bare_box_points_only_at_what_fills_half_of_it():
    ell = polygon(Ring(((100, 100), (500, 100), (500, 120), (120, 120), (120, 500), (100, 500))))
    forms = Counter()
    for seed in range(60):
        _, built = turned(view(Target(0, "lake", ell)), "seg", seed)
        for one in built.instructions:
            for part in one.prompt:
                if isinstance(part, Said):
                    forms[part.shapes[0].kind + ("|" if part.shapes[0].keypoints else "")] += 1
    assert set(forms) == {"point", "box|", "polygon"}


def test_changes_are_described_between_two_images_and_asked_again():
    shape = polygon(Ring(square(200, 200, 200)))
    _, built = turned(view(Target(1, "building", shape), images=2), "change")
    reverse = [one for one in built.instructions if one.direction == "reverse"]
    assert [one.answer for one in reverse] == [("A new or altered building.",)]
    assert all(said.image == 1 for one in reverse for said in one.prompt if isinstance(said, Said))
    again = [one for one in built.instructions if one.id.endswith("~again")]
    assert any("the new or altered buildings" in str(one.prompt) for one in again)


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        (ship(100, 100, side=7), "too_small"),
        (ship(100, 100, visible=0.5), "low_visibility"),
        (ship(100, 100, difficult=True), "difficult"),
    ],
)
def test_noise_is_dropped_by_name_and_the_forward_question_stays(target, reason):
    sources, built = turned(view(target))
    assert reason in {refusal.reason for refusal in built.refusals}
    assert not [one for one in built.instructions if one.direction == "reverse"]
    assert all(source in built.instructions for source in sources)


@pytest.mark.parametrize(
    ("phrases", "reason"),
    [
        (("ship", "ship"), "short_expression"),
        (("the ship on the right",), "position_contradicts"),
        (("a ship in the lower left",), "position_contradicts"),
        (("a ship in the upper left", "a ship on the right side"), ""),
        (("the ship to the right of the quay",), ""),
        (("a ship at the lower right of a quay",), ""),
        (("a ship on the right side of the quay",), ""),
        (("a ship on the right and the bottom of a quay",), ""),
        (("a ship on the right side of the image",), "position_contradicts"),
        (("a ship at the bottom right of this aerial image",), "position_contradicts"),
        (("ship",), ""),
    ],
)
def test_expressions_of_a_dataset_are_held_against_the_geometry(phrases, reason):
    targets = [ship(100, 100, phrase=phrases[0]), *(ship(700, 700, phrase=phrase) for phrase in phrases[1:])]
    _, built = turned(view(*targets))
    assert {refusal.reason for refusal in built.refusals} == ({reason} if reason else set())


def test_the_same_object_under_the_same_phrase_is_described_once():
    twice = (ship(100, 100, phrase="the red ship"), ship(101, 100, phrase="the red ship"))
    _, built = turned(view(*twice))
    assert {refusal.reason for refusal in built.refusals} == {"duplicate_expression"}


def test_an_object_under_another_of_its_class_is_ambiguous():
    _, built = turned(view(ship(100, 100, 60), ship(105, 105, 60)))
    assert {refusal.reason for refusal in built.refusals} == {"ambiguous"}


def test_what_the_region_task_described_already_is_not_described_twice():
    sample = view(ship(100, 100))
    both = [*forward(sample), *forward(sample, "region")]
    built = turn(both, sample, Random(0), AskOptions())
    assert Counter(one.task for one in built.instructions)["region"] == 1


def test_twins_keep_the_scene_and_have_ids_of_their_own():
    _, built = turned(view(ship(100, 100), ship(500, 500), lake(700, 100, 200)))
    ids = [one.id for one in built.instructions]
    assert len(set(ids)) == len(ids)
    assert all(one.id.startswith("d/v#") for one in built.instructions)


def moved(before: PointSet, after: PointSet) -> list[int]:
    a, b = canonical(before, SIZE), canonical(after, SIZE)
    return [
        max(abs(int(x) - int(u)), abs(int(y) - int(v)))
        for one, two in zip(a.rings, b.rings, strict=True)
        for (x, y), (u, v) in zip(one.points, two.points, strict=True)
    ]


def test_region_inputs_move_by_a_few_lines_and_answers_and_gold_never():
    sample = view(ship(100, 100, 300))
    distances = Counter()
    for seed in range(300):
        regions = forward(sample, "region", seed)
        built = turn(regions, sample, Random(seed), AskOptions())
        for before, after in zip(regions, built.instructions, strict=True):
            assert (after.answer, after.gold) == (before.answer, before.gold)
            for old, new in zip(before.prompt, after.prompt, strict=True):
                if isinstance(old, Said) and isinstance(new, Said):
                    distances[max(moved(old.shapes[0], new.shapes[0]))] += 1
    assert max(distances) <= 5
    far = sum(count for distance, count in distances.items() if distance > 2)
    assert 0.02 < far / sum(distances.values()) < 0.2
    assert distances[1] + distances[2] > distances[0]


def test_a_small_region_moves_by_no_more_than_a_tenth_of_its_side():
    sample = view(ship(100, 100, 12))
    for seed in range(60):
        regions = forward(sample, "region", seed)
        for before, after in zip(regions, turn(regions, sample, Random(seed), AskOptions()).instructions, strict=True):
            for old, new in zip(before.prompt, after.prompt, strict=True):
                if isinstance(old, Said) and isinstance(new, Said) and old.shapes[0].kind != "point":
                    assert max(moved(old.shapes[0], new.shapes[0])) <= 1


def comb(teeth: int) -> tuple[tuple[float, float], ...]:
    """An outline with teeth 4 px wide and 3 px apart: neighbouring edges that jitter may make cross."""
    ring = [(100.0, 100.0)]
    for i in range(teeth):
        ring += [(100 + 7 * i, 300), (104 + 7 * i, 300), (104 + 7 * i, 110), (107 + 7 * i, 110)]
    return (*ring, (107 + 7 * teeth, 110), (107 + 7 * teeth, 100))


@pytest.mark.parametrize(
    "shape",
    [
        polygon(Ring(comb(8))),
        polygon(Ring(square(100, 100, 60)), Ring(square(161, 100, 60))),
        polygon(Ring(square(100, 100, 60)), Ring(square(101, 101, 58), "-")),
        rbox(((100, 100), (400, 400), (397, 403), (97, 103))),
        rbox(((100, 100), (101, 101), (400, 130), (399, 129))),
    ],
)
def test_a_region_that_jitter_would_make_cross_itself_stays_as_it_was(shape):
    sample = view(Target(0, "ship", shape))
    region = Said((shape,), ("ship",))
    one = Instruction("d/v#region-one", "region", "one", sample.images, (region,), ("A ship.",), direction="reverse")
    stayed = 0
    for seed in range(200):
        ((said,),) = (after.prompt for after in turn([one], sample, Random(seed), AskOptions()).instructions)
        assert isinstance(said, Said)
        assert to_shapely(canonical(said.shapes[0], SIZE)).is_valid
        stayed += said == region
    assert 5 < stayed < 200


def test_jitter_stays_on_the_grid():
    corner = Target(0, "ship", rbox(square(0, 0, 400)))
    for seed in range(60):
        sample = view(corner)
        for one in turn(forward(sample, "region", seed), sample, Random(seed), AskOptions()).instructions:
            for part in one.prompt:
                if isinstance(part, Said):
                    assert all(
                        0 <= c <= N for ring in canonical(part.shapes[0], SIZE).rings for p in ring.points for c in p
                    )


# --- by expression ---------------------------------------------------------------------------------------------------


def told(words: str, *indices: int) -> Text:
    return Text("expression", words, mentions=(Mention("answer", 0, indices),))


def nameless(*targets: Target, texts: tuple[Text, ...] = ()) -> Sample:
    unnamed = tuple(replace(target, label=UNNAMED) for target in targets)
    return replace(view(*unnamed), texts=texts, classes=(), exhaustive=())


def twins(sample: Sample, name: str = "refer", seed: int = 0) -> list[Instruction]:
    return [one for one in turned(sample, name, seed)[1].instructions if one.twin_of]


def test_what_was_found_by_an_expression_is_described_by_it_and_asked_again_in_other_words():
    sample = nameless(ship(100, 100), ship(500, 500), texts=(told("Find the red ship.", 0),))
    back, again = sorted(twins(sample), key=lambda one: one.direction, reverse=True)
    assert (back.task, back.answer, back.targets, back.labels) == ("region", ("The red ship.",), (0,), (UNNAMED,))
    assert (again.task, again.form, again.labels) == ("refer", "given", (UNNAMED,))
    assert any(again.prompt == (wording.replace("{expression}", "the red ship"),) for wording in AGAIN)


def test_a_group_is_described_by_its_expression_and_one_of_it_alone_only_by_a_name():
    named = replace(view(ship(100, 100), ship(500, 500)), texts=(told("the two grey ships", 0, 1),), exhaustive=())
    answers = {one.answer for one in twins(named) if one.direction == "reverse"}
    assert answers == {("The two grey ships.",), ("A ship.",)}
    _, built = turned(nameless(ship(100, 100), ship(500, 500), texts=named.texts), "refer")
    assert [one.answer for one in built.instructions if one.direction == "reverse"] == [("The two grey ships.",)]
    assert "unnamed" in {one.reason for one in built.refusals}


def test_an_expression_of_several_classes_bears_them_all():
    both = told("what floats and what does not", 0, 1)
    sample = replace(view(ship(100, 100), lake(500, 500, 90)), texts=(both,), exhaustive=())
    labels = {one.labels for one in twins(sample) if len(one.targets) == 2}
    assert labels == {("lake", "ship")}


def test_a_question_is_no_description_and_is_asked_again_with_another_end():
    sample = nameless(ship(100, 100), texts=(told("What carries cargo?", 0),))
    for seed in range(20):
        sources, built = turned(sample, "refer", seed)
        (source,) = sources
        (again,) = [one for one in built.instructions if one.twin_of]
        assert again.prompt != source.prompt
        assert str(again.prompt[0]).startswith("What carries cargo? ")


def test_a_proved_expression_turns_too():
    sample = view(ship(100, 100), ship(700, 300))
    back = [one for one in twins(sample) if one.direction == "reverse" and "generated" in one.twin_of]
    assert back
    assert all(one.answer[0] != "A ship." and str(one.answer[0]).startswith("The ") for one in back)


def test_segments_of_an_expression_are_described_by_it():
    sample = replace(view(lake(100, 100, 300)), texts=(told("the old lake", 0),), exhaustive=())
    (back,) = [one for one in twins(sample, "seg") if one.direction == "reverse"]
    assert back.answer == ("The old lake.",)


def test_a_part_of_a_scene_is_not_described_by_the_words_of_the_whole():
    sample = nameless(ship(100, 100, phrase="the largest ship"))
    whole = [one.answer for one in forward(sample, "region")]
    part = replace(sample, images=(replace(sample.images[0], window=Window(0, 0, *SIZE)),))
    assert (whole, forward(part, "region")) == ([("The largest ship.",)], [])


def test_what_the_dataset_asks_in_two_ways_is_not_asked_in_a_third():
    texts = (told("the red ship", 0), told("the ship off the quay", 0))
    again = [one for one in twins(nameless(ship(100, 100), texts=texts)) if one.direction == "forward"]
    assert again == []
