from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from georsmllm.contracts import AskOptions, Built, Refusal
from georsmllm.instruct_data.tasks.count import TASK
from georsmllm.types import ImageRef, Instruction, Record, Sample, Target, box

NAMES = ("forest", "harbor", "large vehicle", "ship")

Recorder = Callable[[Instruction], Record]


def target(label: str, ignore: str | None = None) -> Target:
    return Target(0, label, box(1, 1, 9, 9), ignore=ignore)


def view(*targets: Target, exhaustive: tuple[str, ...] = NAMES) -> Sample:
    return Sample(
        "dota/P1", "dota", "", "dota/P1", (ImageRef("P1.png", 64, 64),), targets, classes=NAMES, exhaustive=exhaustive
    )


def built(sample: Sample, seed: int = 0) -> Built:
    return TASK.build(sample, Random(seed), AskOptions(templates=("How many {plural}?",)))


def facts(result: Built) -> list[tuple[str, tuple[object, ...], tuple[object, ...], tuple[int, ...], bool]]:
    return [(one.form, one.prompt, one.answer, one.targets, one.negative) for one in result.instructions]


def test_a_view_without_targets_and_sure_classes_is_not_asked() -> None:
    assert built(view(exhaustive=())) == Built()


def test_a_view_without_targets_gives_one_zero() -> None:
    (zero,) = built(view(exhaustive=("ship",))).instructions
    assert (zero.id, zero.form, zero.answer, zero.negative) == ("dota/P1#count-none:ship", "none", ("0",), True)
    assert (zero.prompt, zero.labels, zero.targets) == (("How many ships?",), ("ship",), ())


def test_each_class_is_counted_and_one_absent_class_is_zero() -> None:
    result = built(view(target("ship"), target("harbor"), target("ship")))
    assert facts(result) == [
        ("number", ("How many harbors?",), ("1",), (1,), False),
        ("number", ("How many ships?",), ("2",), (0, 2), False),
        ("none", ("How many large vehicles?",), ("0",), (), True),
    ]
    assert result.refusals == ()


@pytest.mark.parametrize("seed", range(20))
def test_a_zero_is_only_said_of_a_countable_class_that_is_sure_to_be_absent(seed: int) -> None:
    sample = view(target("harbor", "difficult"), exhaustive=("forest", "harbor", "large vehicle"))
    (zero,) = built(sample, seed).instructions
    assert zero.labels == ("large vehicle",)


@pytest.mark.parametrize(
    ("sample", "refusals"),
    [
        (
            view(target("ship"), target("ship", "difficult"), exhaustive=("ship",)),
            (Refusal("ship", "class_has_ignored", (0,)),),
        ),
        (view(target("ship"), exhaustive=()), (Refusal("ship", "not_exhaustive", (0,)),)),
        (view(target("forest"), exhaustive=("forest",)), (Refusal("forest", "not_countable", (0,)),)),
        (replace(view(target("ship")), images=view().images * 2), (Refusal("ship", "two_images", (0,)),)),
        (replace(view(target("ship")), dataset="loveda"), (Refusal("ship", "areas", (0,)),)),
        (replace(view(target("ship")), scene="loveda/Urban/1"), (Refusal("ship", "areas", (0,)),)),
        (replace(view(target("ship")), tags=("areas",)), (Refusal("ship", "areas", (0,)),)),
    ],
)
def test_what_must_not_be_counted_is_refused_by_name(sample: Sample, refusals: tuple[Refusal, ...]) -> None:
    assert built(sample) == Built(refusals=refusals)


def test_the_areas_of_a_class_map_give_no_zero_either() -> None:
    assert built(replace(view(), dataset="loveda")) == Built()


@pytest.mark.parametrize(
    ("text", "verdict", "value", "abs_error", "within_one"),
    [
        ("", "empty", 0.0, 3.0, 0.0),
        ("3", "ok", 1.0, 0.0, 1.0),
        (" 3.\n", "ok", 1.0, 0.0, 1.0),
        ("03", "ok", 1.0, 0.0, 1.0),
        ("2", "ok", 0.0, 1.0, 1.0),
        ("4", "ok", 0.0, 1.0, 1.0),
        ("5", "ok", 0.0, 2.0, 0.0),
        ("0", "ok", 0.0, 3.0, 0.0),
        ("three", "not_a_number", 0.0, 3.0, 0.0),
        ("3 ships", "not_a_number", 0.0, 3.0, 0.0),
        ("-3", "not_a_number", 0.0, 3.0, 0.0),
        ("3.0", "not_a_number", 0.0, 3.0, 0.0),
        ("٣", "not_a_number", 0.0, 3.0, 0.0),
        ("1234567", "too_long", 0.0, 3.0, 0.0),
    ],
)
def test_an_answer_is_judged_by_its_digits(
    text: str, verdict: str, value: float, abs_error: float, within_one: float, record_of: Recorder
) -> None:
    sample = view(target("ship"), target("ship"), target("ship"), exhaustive=("ship",))
    judged = TASK.score(text, record_of(built(sample).instructions[0]))
    assert (judged.verdict, judged.value) == (verdict, value)
    assert judged.parts == {"abs_error": abs_error, "within_one": within_one}


@pytest.mark.parametrize(("text", "value", "abs_error"), [("0", 1.0, 0.0), ("none", 0.0, 1.0), ("2", 0.0, 2.0)])
def test_where_nothing_is_there_silence_is_still_an_error(
    text: str, value: float, abs_error: float, record_of: Recorder
) -> None:
    sample = view(exhaustive=("ship",))
    judged = TASK.score(text, record_of(built(sample).instructions[0]))
    assert (judged.value, judged.parts["abs_error"]) == (value, abs_error)


@pytest.mark.parametrize("num", [0, 1, 300])
def test_the_gold_scores_one(num: int, record_of: Recorder) -> None:
    sample = view(*[target("ship")] * num, exhaustive=("ship",))
    record = record_of(built(sample).instructions[0])
    judged = TASK.score(record.gold_text, record)
    assert (judged.verdict, judged.value, judged.parts) == ("ok", 1.0, {"abs_error": 0.0, "within_one": 1.0})


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # the fixture is a pure function
@given(text=st.one_of(st.text(), st.from_regex(r"\s*\d{0,9}\.?\s*", fullmatch=True)))
def test_any_text_is_judged(text: str, record_of: Recorder) -> None:
    sample = view(target("ship"), exhaustive=("ship",))
    judged = TASK.score(text, record_of(built(sample).instructions[0]))
    assert judged.verdict in ("ok", "empty", "not_a_number", "too_long")
    assert judged.value <= judged.parts["within_one"] <= 1.0
    assert judged.verdict == "ok" or judged.value == 0.0


def test_every_wording_is_a_clean_sentence_that_asks_for_digits() -> None:
    assert len(set(TASK.templates)) == len(TASK.templates) >= 12
    for template in TASK.templates:
        said = template.format(plural="small vehicles")
        assert said.count("small vehicles") == 1
        assert "digits" in said
        assert said[-1] in ".?"
        assert "  " not in said
        assert said[0].isupper()
