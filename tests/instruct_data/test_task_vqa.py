from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

import pytest

from georsmllm.contracts import AskOptions, Built, Refusal
from georsmllm.instruct_data.tasks.vqa import TASK, Quantity, quantity
from georsmllm.types import ImageRef, Instruction, Mention, Record, Sample, Target, Text, Window, rbox

Recorder = Callable[[Instruction], Record]
SHIP = Target(0, "ship", rbox(((100, 60), (160, 100), (140, 130), (80, 90))))
TANK = Target(0, "storage tank", rbox(((500, 500), (540, 500), (540, 540), (500, 540))))
BOX = "[(100,60),(160,100),(140,130),(80,90)]"


def view(*texts: Text, targets: tuple[Target, ...] = (), **more: object) -> Sample:
    image = (ImageRef("a.png", 1000, 1000),)
    return replace(Sample("d/a", "d", "train", "d/a", image, targets, texts), **more)  # type: ignore[arg-type]


def ask(question: str, answer: str, *mentions: Mention, topic: str = "") -> Text:
    return Text("question", question, answer, mentions, topic)


def built(sample: Sample, seed: int = 0) -> Built:
    return TASK.build(sample, Random(seed), AskOptions())


def one(*texts: Text, **more: object) -> Instruction:
    (instruction,) = built(view(*texts, **more)).instructions  # type: ignore[arg-type]
    return instruction


def test_a_view_without_questions_is_not_asked() -> None:
    assert built(view(targets=(SHIP,))) == Built()


@pytest.mark.parametrize(
    ("question", "answer", "form", "written"),
    [
        ("Is there a ship?", "Yes.", "yes_no", "yes"),
        ("Are there less ships than tanks", "no", "yes_no", "no"),
        ("How many ships are there?", "403", "number", "403"),
        ("How many ships are there?", "Two", "number", "Two"),
        ("What is the area covered by water?", "1,200m2", "number", "1,200m2"),
        ("Is it a rural or an urban area", "urban", "choice", "urban"),
        ("Is it rural, or urban?", "rural", "choice", "rural"),
        ("Which? (A) a ship (B) a tank (C) none", "A C", "choice", "A C"),
        ("Which ship class is this?", "A", "open", "A"),
        ("How many ships?", "between 10 and 100", "open", "between 10 and 100"),
        ("What is at the quay?", "a  long ship", "open", "a long ship"),
        ("Why is it there?", "because the quay is too short for it", "long", "Because the quay is too short for it."),
    ],
)
def test_the_form_follows_from_the_answer(
    question: str, answer: str, form: str, written: str, record_of: Recorder
) -> None:
    instruction = one(ask(question, answer))
    record = record_of(instruction)
    assert (instruction.form, record.gold_text) == (form, written)
    assert TASK.score(record.gold_text, record).value == 1
    assert instruction.labels == ()
    assert not instruction.negative


def test_the_topic_stands_in_the_id() -> None:
    sample = view(ask("Is there a ship?", "yes", topic="object existence"), ask("Is it wet?", "no"))
    assert [i.id for i in built(sample).instructions] == ["d/a#vqa-yes_no:0:object_existence", "d/a#vqa-yes_no:1"]


@pytest.mark.parametrize(
    ("question", "written"),
    [
        ("is there a ship", "Is there a ship? "),
        ("count the ships", "Count the ships. "),
        ("Where  is it ?", "Where is it? "),
    ],
)
def test_a_question_gets_its_stop(question: str, written: str) -> None:
    assert written in str(one(ask(question, "yes")).prompt)


def test_a_region_in_a_question_stands_where_it_is_mentioned(record_of: Recorder) -> None:
    question = ask("What is this thing?", "a ship", Mention("text", 18, (0,)))
    sample = view(question, targets=(SHIP, TANK))
    said = {record_of(built(sample, seed).instructions[0]).messages[0].content for seed in range(20)}
    assert all("What is this thing [(" in prompt and "]? " in prompt for prompt in said)
    assert any(BOX in prompt for prompt in said)
    instruction = built(sample).instructions[0]
    assert instruction.targets == (0,)
    assert [gold.shapes for gold in instruction.gold] == [(SHIP.shape,)]


def test_an_answer_may_point_at_what_it_names(record_of: Recorder) -> None:
    question = ask("What lies there?", "a ship off the quay", Mention("answer", 6, (0,)))
    record = record_of(one(question, targets=(SHIP,)))
    assert record.gold_text == f"A ship {BOX} off the quay."
    assert "rotated boxes" in record.messages[0].content
    assert TASK.score(record.gold_text, record).value == 1
    assert TASK.score("A ship off the quay.", record).value == 0.5


def test_the_same_question_is_asked_once() -> None:
    twice = (ask("Is there a ship?", "yes"), ask("is there a ship", "Yes"))
    result = built(view(*twice))
    assert len(result.instructions) == 1
    assert result.refusals == (Refusal("question", "repeated_sentence", ()),)


def test_a_question_with_two_answers_is_not_asked() -> None:
    result = built(view(ask("Is there a ship?", "yes"), ask("Is there a ship ?", "no"), ask("Is it wet?", "no")))
    assert [i.id for i in result.instructions] == ["d/a#vqa-yes_no:2"]
    assert result.refusals == (Refusal("question", "contradictory_answers", ()),) * 2


def test_the_same_words_about_other_objects_are_another_question() -> None:
    these = [ask("What is this?", name, Mention("text", 12, (i,))) for i, name in enumerate(("ship", "tank"))]
    assert len(built(view(*these, targets=(SHIP, TANK))).instructions) == 2


@pytest.mark.parametrize(
    ("text", "more", "reason"),
    [
        (ask("Is it wet?", "yes"), {"images": (ImageRef("a.png", 9, 9, Window(0, 0, 9, 9)),)}, "cut_view"),
        (ask("???", "yes"), {}, "no_words"),
        (ask("What is it?", ""), {}, "no_words"),
        (ask("What is at (3, 4)?", "a ship"), {}, "coordinates_in_text"),
        (ask("Where is it?", "at [(3,4)]"), {}, "coordinates_in_text"),
        (ask("What is it?", "x", Mention("text", 3, ())), {}, "mentions_nothing"),
        (
            ask("What is it?", "x", Mention("text", 3, (0,))),
            {"targets": (replace(SHIP, ignore="difficult"),)},
            "mentions_ignored",
        ),
        (ask("What is it?", "It: a ship", Mention("answer", 4, (0,))), {"targets": (SHIP,)}, "unheard"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_name(text: Text, more: dict[str, object], reason: str) -> None:
    assert built(view(text, **more)) == Built(refusals=(Refusal("question", reason, ()),))  # type: ignore[arg-type]


def test_a_pair_may_be_asked_about(record_of: Recorder) -> None:
    pair = (ImageRef("A/a.png", 256, 256), ImageRef("B/a.png", 256, 256))
    record = record_of(one(ask("Are there more houses now?", "yes"), images=pair))
    assert record.messages[0].content.startswith("<image>\n<image>\n[vqa] ")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        ("403", Quantity(403, "")),
        (" 7. ", Quantity(7, "")),
        ("1,200.5 m²", Quantity(1200.5, "m2")),
        ("12m2", Quantity(12, "m2")),
        ("40%", Quantity(40, "%")),
        ("Three", Quantity(3, "")),
        ("zero", Quantity(0, "")),
        ("no", None),
        ("12,00", None),
        ("3 ships", None),
        ("about 3", None),
        ("1" * 40, None),
        ("٣", None),
    ],
)
def test_numbers(text: str, expected: Quantity | None) -> None:
    assert quantity(text) == expected


@pytest.mark.parametrize(
    ("question", "answer", "text", "verdict", "value"),
    [
        ("Is there a ship?", "no", "", "empty", 0.0),
        ("Is there a ship?", "no", "No.", "ok", 1.0),
        ("Is there a ship?", "no", "No, there is none", "ok", 1.0),
        ("Is there a ship?", "no", "not sure", "not_yes_or_no", 0.0),
        ("Is there a ship?", "no", "yes", "ok", 0.0),
        ("Is there a ship?", "yes", "Yes and no", "not_yes_or_no", 0.0),
        ("How many?", "3", "3", "ok", 1.0),
        ("How many?", "3", "-3", "not_a_number", 0.0),
        ("How many?", "1,200", "1200.0", "ok", 1.0),
        ("How many?", "3", "three", "ok", 1.0),
        ("How many?", "3", "33", "ok", 0.0),
        ("How many?", "3", "3 ships", "not_a_number", 0.0),
        ("How large?", "120m2", "120", "ok", 1.0),
        ("How large?", "120m2", "120 m²", "ok", 1.0),
        ("How large?", "120m2", "120 km2", "ok", 0.0),
        ("(A) x (B) y (C) z?", "A C", "C, A", "ok", 1.0),
        ("(A) x (B) y (C) z?", "A C", "A", "ok", 0.0),
        ("(A) x (B) y (C) z?", "A C", "A Chair", "ok", 0.0),
        ("A. x B. y", "B", "B. y", "ok", 1.0),
        ("A. x B. y", "B", "(B) y", "ok", 1.0),
        ("A. x B. y", "B", "A. x B. y", "ok", 0.0),
        ("A. x B. y", "B", "A. B", "ok", 0.0),
        ("Rural or urban?", "urban", "An urban.", "ok", 1.0),
        ("Rural or urban?", "urban", "urban area", "ok", 0.0),
        ("What?", "a long ship", "Long ships", "ok", 1.0),
        ("What?", "a long ship", "ship", "ok", 2 / 3),
        ("What?", "a long ship", "a ship at (3, 4)", "coordinates", 0.0),
        ("What?", "a long ship", "\0", "empty", 0.0),
    ],
)
def test_scores(question: str, answer: str, text: str, verdict: str, value: float, record_of: Recorder) -> None:
    score = TASK.score(text, record_of(one(ask(question, answer))))
    assert (score.verdict, score.value) == (verdict, pytest.approx(value))
