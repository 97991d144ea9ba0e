from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from georsmllm.contracts import AskOptions, Built, Refusal
from georsmllm.errors import UsageError
from georsmllm.instruct_data.tasks.cls import TASK
from georsmllm.types import ImageRef, Instruction, Record, Sample, Text, Window

CLASSES = (
    "airplane",
    "beach",
    "dense residential",
    "forest",
    "golf course",
    "harbor",
    "lake",
    "river",
    "runway",
    "ship",
)

Recorder = Callable[[Instruction], Record]


def view(*scenes: str, classes: tuple[str, ...] = CLASSES) -> Sample:
    texts = tuple(Text("scene", scene) for scene in scenes)
    return Sample("aid/1", "aid", "", "aid/1", (ImageRef("1.png", 256, 256),), texts=texts, classes=classes)


def built(sample: Sample, seed: int = 0, options: AskOptions | None = None) -> Built:
    return TASK.build(sample, Random(seed), options or AskOptions())


def test_a_view_without_a_scene_class_is_not_asked() -> None:
    assert built(view()) == Built()


def test_a_scene_is_asked_freely_and_with_candidates() -> None:
    asked = built(view("GolfCourse")).instructions
    assert [(one.id, one.form, one.answer, one.labels) for one in asked] == [
        ("aid/1#cls-open:golf_course", "open", ("golf course",), ("golf course",)),
        ("aid/1#cls-candidates:golf_course", "candidates", ("golf course",), ("golf course",)),
    ]
    assert not any(one.negative or one.targets or one.gold or one.direction for one in asked)


def test_the_same_seed_gives_the_same_words_and_another_seed_others() -> None:
    assert built(view("river"), seed=3) == built(view("river"), seed=3)
    assert len({built(view("river"), seed).instructions[0].prompt for seed in range(40)}) > 6


@pytest.mark.parametrize("seed", range(30))
def test_the_candidates_hold_the_right_class_once_among_others_of_the_dataset(seed: int) -> None:
    options = AskOptions(templates=("One of {candidates}?",))
    (prompt,) = built(view("harbor"), seed, options).instructions[1].prompt
    assert isinstance(prompt, str)
    names = prompt.removeprefix("One of ").removesuffix("?").split(", ")
    assert names.count("harbor") == 1
    assert len(names) == len(set(names))
    assert set(names) <= set(CLASSES)
    assert len(names) in (4, 8, len(CLASSES))


def test_the_right_class_stands_at_every_place_among_the_candidates() -> None:
    options = AskOptions(templates=("{candidates}",))
    prompts = [built(view("harbor"), seed, options).instructions[1].prompt[0] for seed in range(200)]
    places = {prompt.split(", ").index("harbor") for prompt in prompts if isinstance(prompt, str)}
    assert places == set(range(len(CLASSES)))


@pytest.mark.parametrize(
    ("sample", "refusals", "forms"),
    [
        (view("river", "lake"), (("lake", "several_scenes"), ("river", "several_scenes")), ()),
        (view("12"), (("12", "unspeakable_label"),), ()),
        (view("???"), (("???", "unspeakable_label"),), ()),
        (view("st. ives etc."), (("st. ives etc.", "unspeakable_label"),), ()),
        (view("canyon " * 10), (("canyon " * 9 + "canyon", "unspeakable_label"),), ()),
        (view("river", classes=("river", "12", "★")), (("river", "too_few_classes"),), ("open",)),
        (view("canyon"), (("canyon", "not_in_classes"),), ("open",)),
        (view("river", classes=()), (("river", "not_in_classes"),), ("open",)),
        (view("sea, ice", classes=("sea, ice", "river", "lake")), (("sea, ice", "not_in_classes"),), ("open",)),
        (view("river", classes=("sea, ice", "river")), (("river", "too_few_classes"),), ("open",)),
        (view("river", classes=("river",)), (("river", "too_few_classes"),), ("open",)),
        (replace(view("river"), images=view().images * 2), (("river", "two_images"),), ()),
        (
            replace(view("river"), images=(ImageRef("1.png", 64, 64, Window(0, 0, 64, 64)),)),
            (("river", "cut_view"),),
            (),
        ),
    ],
)
def test_what_must_not_be_asked_is_refused_by_name(
    sample: Sample, refusals: tuple[tuple[str, str], ...], forms: tuple[str, ...]
) -> None:
    result = built(sample)
    assert result.refusals == tuple(Refusal(label, reason, ()) for label, reason in refusals)
    assert tuple(one.form for one in result.instructions) == forms


def test_the_same_scene_named_twice_is_one_scene() -> None:
    assert len(built(view("golf_course", "golffield")).instructions) == 2


def test_a_wording_with_a_foreign_slot_is_the_persons_error() -> None:
    with pytest.raises(UsageError, match="fits no form"):
        built(view("river"), options=AskOptions(templates=("What is {this}?",)))


@pytest.mark.parametrize(
    ("text", "verdict", "value"),
    [
        ("", "empty", 0.0),
        (" . ", "empty", 0.0),
        ("golf course", "ok", 1.0),
        ("Golf Course.", "ok", 1.0),
        (" golf_course\n", "ok", 1.0),
        ("GolfCourse", "ok", 1.0),
        ("golf field", "ok", 1.0),
        ("The scene is golf course", "ok", 0.0),
        ("a golf course", "ok", 0.0),
        ("golf course..", "ok", 0.0),
        ("beach", "ok", 0.0),
        ("golf\ncourse", "not_a_name", 0.0),
        ("123", "not_a_name", 0.0),
        ("golf course " * 6, "not_a_name", 0.0),
    ],
)
def test_an_answer_is_judged_by_its_canonical_name(text: str, verdict: str, value: float, record_of: Recorder) -> None:
    sample = view("golf course")
    judged = TASK.score(text, record_of(built(sample).instructions[0]))
    assert (judged.verdict, judged.value) == (verdict, value)


@pytest.mark.parametrize("name", CLASSES)
def test_the_gold_scores_one(name: str, record_of: Recorder) -> None:
    sample = view(name)
    for instruction in built(sample).instructions:
        record = record_of(instruction)
        assert TASK.score(record.gold_text, record).value == 1.0


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # the fixture is a pure function
@given(text=st.text())
def test_any_text_is_judged(text: str, record_of: Recorder) -> None:
    sample = view("golf course")
    judged = TASK.score(text, record_of(built(sample).instructions[0]))
    assert judged.value in (0.0, 1.0)
    assert judged.verdict in ("ok", "empty", "not_a_name")


def test_every_wording_is_a_clean_sentence() -> None:
    assert len(set(TASK.templates)) == len(TASK.templates)
    for form in (lambda t: "{candidates}" in t, lambda t: "{" not in t):
        assert sum(map(form, TASK.templates)) == 12
    for template in TASK.templates:
        said = template.format(candidates="lake, river")
        assert said[-1] in ".?"
        assert "  " not in said
        assert said[0].isupper()
