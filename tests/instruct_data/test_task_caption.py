from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

import pytest

from georsmllm.contracts import AskOptions, Built, Limits, Refusal
from georsmllm.instruct_data.tasks.caption import TASK
from georsmllm.types import (
    ImageRef,
    Instruction,
    Mention,
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
ONE = (ImageRef("a.png", 1000, 1000),)
PAIR = (ImageRef("A/a.png", 256, 256), ImageRef("B/a.png", 256, 256))
SHIP = Target(0, "ship", rbox(((100, 60), (160, 100), (140, 130), (80, 90))))
POND = Target(0, "water", polygon(Ring(((300, 300), (400, 300), (400, 380), (300, 380)))))
CAR = Target(0, "car", box(700, 700, 740, 720))
HOUSE = Target(1, "building", polygon(Ring(((30, 30), (40, 30), (40, 38), (30, 38)))))
UNCHANGED = "the scene is the same as before ."


def view(*captions: str | Text, targets: tuple[Target, ...] = (), **more: object) -> Sample:
    texts = tuple(one if isinstance(one, Text) else Text("caption", one) for one in captions)
    return replace(Sample("d/a", "d", "train", "d/a", ONE, targets, texts), **more)  # type: ignore[arg-type]


def built(sample: Sample, seed: int = 0) -> Built:
    return TASK.build(sample, Random(seed), AskOptions())


def asked(sample: Sample, form: str, seed: int = 0) -> Instruction:
    (one,) = [one for one in built(sample, seed).instructions if one.form == form]
    return one


def grounded(*mentions: Mention, text: str = "a long ship lies off the pond .") -> Text:
    return Text("caption", text, mentions=mentions)


AT_SHIP, AT_POND = Mention("text", 11, (0,)), Mention("text", 29, (1,))


def test_a_view_without_captions_is_not_asked() -> None:
    assert built(view(targets=(SHIP,))) == Built()


def test_one_caption_is_drawn_and_the_others_are_its_references(record_of: Recorder) -> None:
    sample = view("a ship at sea .", "one ship", "Water,  and a ship!")
    drawn = {asked(sample, "plain", seed).answer for seed in range(30)}
    assert drawn == {("A ship at sea.",), ("One ship.",), ("Water, and a ship!",)}
    record = record_of(asked(sample, "plain"))
    assert {record.gold_text, *record.references} == {"A ship at sea.", "One ship.", "Water, and a ship!"}
    assert all(TASK.score(text, record).value == 1 for text in (record.gold_text, *record.references))


def test_sentences_that_differ_in_spelling_only_are_one() -> None:
    result = built(view("a ship at sea", "A  ship at sea .", "The ship at sea"))
    assert result.instructions[0].references == ()
    assert result.refusals == (Refusal("caption", "repeated_sentence", ()),) * 2


@pytest.mark.parametrize(
    ("caption", "length"),
    [
        ("a ship at sea", "in one sentence"),
        ("A ship. The sea, at 0.5 m.", "in a few sentences"),
        ("A ship. The sea. A quay. A crane.", "in detail"),
        ("A ship " + "and a ship " * 20, "in detail"),
    ],
)
def test_the_question_tells_how_long_an_answer_is_wanted(caption: str, length: str) -> None:
    assert length in str(asked(view(caption), "plain").prompt)


def test_a_grounded_caption_has_the_shapes_where_they_are_named(record_of: Recorder) -> None:
    sample = view(grounded(AT_SHIP, Mention("text", 29, (0,))), targets=(SHIP,))
    record = record_of(asked(sample, "grounded"))
    shape = "[(100,60),(160,100),(140,130),(80,90)]"
    assert record.gold_text == f"A long ship {shape} lies off the pond {shape}."
    assert "rotated boxes" in record.messages[0].content
    assert [gold.label for gold in record.gold] == ["ship", "ship"]
    assert asked(sample, "plain").answer == ("A long ship lies off the pond.",)


@pytest.mark.parametrize(
    ("targets", "form", "said"),
    [
        ((CAR, CAR), "upright boxes.", "ship [(700,700),(740,720)] lies off the pond [(700,700),(740,720)]."),
        ((SHIP, POND), "rotated boxes", "pond [(300,300),(400,300),(400,380),(300,380)]."),
        ((POND, POND), "upright boxes with points inside them", "pond [(300,300),(400,380)]|[("),
    ],
)
def test_the_form_of_the_boxes_is_that_of_the_targets(
    targets: tuple[Target, ...], form: str, said: str, record_of: Recorder
) -> None:
    options = AskOptions(templates=("Describe this {length} with {boxes}.",))
    sample = view(grounded(AT_SHIP, AT_POND), targets=targets)
    record = record_of(TASK.build(sample, Random(0), options).instructions[1])
    assert form in record.messages[0].content
    assert said in record.gold_text
    assert TASK.score(record.gold_text, record).value == 1


@pytest.mark.parametrize(
    ("caption", "targets", "reason"),
    [
        (grounded(Mention("text", 11, ())), (SHIP,), "mentions_nothing"),
        (grounded(AT_SHIP), (replace(SHIP, ignore="difficult"),), "mentions_ignored"),
        (grounded(Mention("text", 0, (0,))), (SHIP,), "unheard"),
        (grounded(Mention("text", 11, (0,)), text="Here it is: a ship"), (SHIP,), "unheard"),
        (grounded(Mention("text", 11, (0,) * 21)), (SHIP,), "over_budget"),
        (grounded(AT_SHIP, *[Mention("text", 12, (0,))] * 20), (SHIP,), "over_budget"),
    ],
)
def test_a_caption_that_cannot_point_is_refused_by_name(
    caption: Text, targets: tuple[Target, ...], reason: str
) -> None:
    result = built(view(caption, targets=targets))
    assert [one.form for one in result.instructions] == ["plain"]
    assert Refusal("caption", reason, ()) in result.refusals


def test_the_budget_is_that_of_the_whole_answer() -> None:
    sample = view(grounded(AT_SHIP, AT_POND), targets=(SHIP, POND))
    result = TASK.build(sample, Random(0), AskOptions(Limits(max_objects=1)))
    assert Refusal("caption", "over_budget", ()) in result.refusals


def test_what_changed_is_asked_of_a_pair(record_of: Recorder) -> None:
    sample = view("some houses appear .", "a villa is built", images=PAIR, targets=(HOUSE,))
    (one,) = built(sample).instructions
    assert (one.form, one.negative) == ("change", False)
    record = record_of(one)
    assert record.messages[0].content.startswith("<image>\n<image>\n[caption] ")
    assert TASK.score("Nothing changed.", record).parts["change_denied_n"] == 1


def test_of_a_pair_without_change_only_the_sentence_that_says_so_stays(record_of: Recorder) -> None:
    (one,) = built(view("a house is there", UNCHANGED, "trees stand", images=PAIR)).instructions
    assert (one.answer, one.references, one.negative) == (("The scene is the same as before.",), (), True)
    record = record_of(one)
    for text in ("No change has occurred.", "Both images look the same."):
        assert TASK.score(text, record).value == 1
    assert TASK.score("Two houses appear.", record).value < 0.2


@pytest.mark.parametrize(
    ("sample", "reason"),
    [
        (view("a ship", images=(ImageRef("a.png", 9, 9, Window(0, 0, 9, 9)),)), "cut_view"),
        (view("a ship", images=PAIR * 2), "more_than_two_images"),
        (view(UNCHANGED, images=PAIR, targets=(HOUSE,)), "caption_contradicts"),
        (view("..."), "no_words"),
        (view("a ship at (12, 30)"), "coordinates_in_text"),
        (view("a ship at [(12,30)]"), "coordinates_in_text"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_name(sample: Sample, reason: str) -> None:
    assert built(sample) == Built(refusals=(Refusal("caption", reason, ()),))


def test_an_ignored_change_does_not_contradict_that_nothing_changed() -> None:
    hidden = replace(HOUSE, ignore="under_size")
    assert len(built(view(UNCHANGED, images=PAIR, targets=(hidden,))).instructions) == 1


@pytest.mark.parametrize(
    ("text", "verdict", "value"),
    [
        ("", "empty", 0.0),
        ("?!", "empty", 0.0),
        ("A ship at (100, 200).", "coordinates", 0.0),
        ("a ship at sea", "ok", 1.0),
        # the longest common subsequence is 2 of 4 and of 4 words
        ("a boat at anchor", "ok", 0.5),
        ("forest", "ok", 0.0),
    ],
)
def test_scores_of_a_plain_caption(text: str, verdict: str, value: float, record_of: Recorder) -> None:
    score = TASK.score(text, record_of(asked(view("A ship at sea."), "plain")))
    assert (score.verdict, score.value) == (verdict, pytest.approx(value))


BOX = "[(100,60),(160,100),(140,130),(80,90)]"


@pytest.mark.parametrize(
    ("text", "verdict", "value"),
    [
        ("", "empty", 0.0),
        (BOX, "empty", 0.0),
        (f"A long ship {BOX} lies off the pond.", "ok", 1.0),
        ("A long ship lies off the pond.", "ok", 0.5),
        (f"A long ship {BOX} lies off the pond {BOX}.", "ok", (1 + 2 / 3) / 2),
        (f"forest {BOX}.", "ok", 0.5),
        ("A long ship [(1,2),(3 lies off the pond.", "syntax", 0.0),
        ("A long ship [(1,2)] lies off the pond.", "wrong_form", 0.0),
    ],
)
def test_scores_of_a_grounded_caption(text: str, verdict: str, value: float, record_of: Recorder) -> None:
    record = record_of(asked(view(grounded(AT_SHIP), targets=(SHIP,)), "grounded"))
    score = TASK.score(text, record)
    assert (score.verdict, score.value) == (verdict, pytest.approx(value))
    assert score.parts["gold_n"] == 1
