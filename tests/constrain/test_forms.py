from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hand_made_set import record

from georsmllm.classes import canonical, is_countable, of_plural, plural
from georsmllm.constrain.automaton import accepts
from georsmllm.constrain.form import Points, bare, by_class, of, of_words, whole_number
from georsmllm.discover import task, task_names

BOXES, ROTATED = Points(("box",)), Points(("rbox",))


@pytest.mark.parametrize(
    ("name", "words", "form"),
    [
        ("det", "Find all ships in this image.", ROTATED),
        ("det", "Where are the storage tanks, please?", ROTATED),
        ("det", "Find all ships in this image. Use upright boxes.", BOXES),
        ("det", "Locate ships, storage tanks and bare land areas in this image, one class a line.",
         by_class(("ship", "storage tank", "bare land"), ("rbox",))),
        ("det", "Box all ships and airplanes, class by class. Use upright boxes.", by_class(("ship", "airplane"), ("box",))),
        ("refer", "Where is the long ship?", ROTATED),
        ("refer", "the long ship. Use upright boxes.", BOXES),
        ("relation", "Which ships are near the harbor at [(1,2)]?", ROTATED),
        ("relation", "What lies off the quay? Answer in words.", None),
        ("seg", "Segment all roads in this image.", Points(("box",), with_keypoints=True)),
        ("change", "What is new?", Points(("polygon",))),
        ("count", "How many ships are there? Answer in digits.", whole_number(6)),
        ("cls", "What kind of scene is this? Answer with the class name only.", None),
        ("caption", "Describe this image in one sentence.", None),
        ("region", "What is at [(1,2)]?", None),
        ("vqa", "What is this? Answer in a few words.", None),
        ("geoloc", "Where is this?", None),
    ],
)  # fmt: skip
def test_the_words_of_a_question_tell_the_form(name: str, words: str, form: object) -> None:
    assert of_words(task(name), words) == form
    assert of_words(task(name), f"<image>\n[{name}] {words}") == form


@pytest.mark.parametrize(
    ("name", "words", "good", "bad"),
    [
        ("cls", "Options: river, dense residential. Which one does the image show? Answer with that option alone.",
         ("river", "dense residential"), ("harbor", "river.")),
        ("tags", "Possible tags: road, water. Give those that hold for 1 % of the image or more, by area, with commas between, "
         "or none.", ("none", "water, road", "road"), ("forest", "road, road")),
        ("vqa", "Is there a ship? Answer yes or no.", ("yes", "no"), ("Yes", "maybe", "yes.")),
        ("vqa", "How large is it? Answer with a number.", ("3", "1,200 m2", "12.5 km²", "Two", "zero", "40%", "7."),
         ("none", "3 ships", "m2", "1,20")),
        ("geoloc", "Where is this? Give (latitude, longitude) in decimal degrees.",
         ("(1.0000, -2.5000)",), ("A, (1.0000, 2.0000)",)),
        ("geoloc", "Where is this? Give City, (latitude, longitude) in decimal degrees.",
         ("A, (1.0000, -2.5000)",), ("(1.0000, 2.0000)",)),
    ],
)  # fmt: skip
def test_what_the_words_offer_is_what_may_be_answered(
    name: str, words: str, good: tuple[str, ...], bad: tuple[str, ...]
) -> None:
    form = of_words(task(name), words)
    assert form is not None
    assert [text for text in good if not accepts(form, text)] == []
    assert [text for text in bad if accepts(form, text)] == []


def test_the_form_of_a_record_does_not_look_at_its_gold() -> None:
    one = record(
        "det", "Find all ships and cars, one line for each class.", "ship: none", labels=("ship", "car"), form="several"
    )
    for other in (
        replace(one, gold=(), gold_text="?", references=("?",)),
        replace(one, messages=(one.messages[0], replace(one.messages[1], content="?"))),
        replace(one, provenance=replace(one.provenance, negative=True)),
    ):
        assert of(task("det"), other) == of(task("det"), one) == by_class(("ship", "car"), ("rbox",))


@pytest.mark.parametrize("name", task_names())
def test_labels_of_a_record_that_are_its_answer_tell_nothing(name: str) -> None:
    one = record(name, "What is it?", "x", labels=("river",))
    assert of(task(name), one) == of(task(name), replace(one, provenance=replace(one.provenance, labels=("harbor",))))


def test_a_record_of_another_dialect_is_free() -> None:
    one = record("det", "Find all ships in this image.", "none")
    assert of(task("det"), replace(one, provenance=replace(one.provenance, dialect="qwen2_5_vl"))) is None


def test_words_without_tokens_and_tag() -> None:
    assert bare("<image>\n<image>\n[change] What is at [(1,2)]?") == "What is at [(1,2)]?"
    assert bare("[(1,2)] is what?") == "[(1,2)] is what?"


def test_the_classes_of_a_question_are_found_by_their_plurals(data: Path) -> None:
    lists: dict[str, list[str]] = json.loads((data / "class_lists.json").read_text())
    names = {canonical(name) for classes in lists.values() for name in classes}
    countable = {name for name in names if is_countable(name)}
    assert len(countable) > 100
    assert {name: of_plural(plural(name)) for name in countable} == {name: name for name in countable}
    assert of_plural("Xyz") == ""
