"""Steps in the words of the tasks: classes by their plural, other phrases as expressions, and the form of the answer."""

from __future__ import annotations

import pytest

from georsmllm.constrain.form import Points
from georsmllm.discover import task
from georsmllm.phrasing import as_it_is, changed, found, label_of, marked, plain, tagged


@pytest.mark.parametrize(
    ("phrase", "as_area", "expected"),
    [
        ("planes", False, ("det", "Where are the airplanes?", "airplane")),
        ("planes", True, ("seg", "Segment all airplanes in this image.", "airplane")),
        ("the river", True, ("seg", "Segment all rivers in this image.", "river")),
        ("the parking lot", False, ("det", "Where are the parking lots?", "parking lot")),
        ("the fenced parking lot", False, ("refer", "Where is the fenced parking lot?", "fenced parking lot")),
        ("the fenced parking lot", True, ("seg", "Segment the fenced parking lot.", "fenced parking lot")),
        ("the harbor walls", False, ("refer", "Where are the harbor walls?", "harbor wall")),
        ("all lakes", True, ("seg", "Segment all lakes in this image.", "lake")),
        ("terminal gates", False, ("det", "Where are the terminal gates?", "terminal gate")),
        ("open ground", True, ("seg", "Segment open ground.", "open ground")),
        ("Storage  Tanks", False, ("det", "Where are the storage tanks?", "storage tank")),
    ],
)
def test_a_phrase_becomes_a_question_of_a_task(phrase, as_area, expected):
    worded = found(phrase, as_area=as_area, upright=False, task_of=task)
    assert (worded.task, worded.words, worded.label) == expected
    assert worded.form == Points(("box",) if as_area else ("rbox",), with_keypoints=as_area)
    assert worded.prompt(1) == f"<image>\n[{expected[0]}] {expected[1]}"


def test_upright_boxes_are_asked_in_words_and_wanted_in_the_answer():
    worded = found("ships", as_area=False, upright=True, task_of=task)
    assert worded.words == "Where are the ships? Use upright boxes."
    assert worded.kinds == ("box",)
    assert worded.form == Points(("box",))


@pytest.mark.parametrize(
    ("noun", "label"),
    [("", ""), ("planes", "airplane"), ("buses", "bus"), ("water bodies", "water body"), ("river", "river")],
)
def test_a_noun_of_any_number_is_a_class(noun, label):
    assert label_of(noun) == label


def test_a_change_is_asked_of_two_images_and_answered_by_polygons():
    worded = changed("buildings", task_of=task)
    assert worded.prompt(2) == "<image>\n<image>\n[change] Outline all buildings that changed between the two images."
    assert worded.kinds == ("polygon",)
    assert changed("any object", task_of=task).label == "object"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", None),
        ("ships", None),
        ("[det Where?", None),
        ("[Det] Where?", None),
        ("[caption] Describe it.", ("caption", "Describe it.")),
        ("  [vqa]Is it day?\nOr night?", ("vqa", "Is it day?\nOr night?")),
    ],
)
def test_a_tag_at_the_head_names_a_task(query, expected):
    assert tagged(query) == expected


def test_own_words_keep_the_kinds_of_their_task():
    assert as_it_is("seg", "Segment all roads.", task_of=task).kinds == ("box",)
    assert as_it_is("caption", "Describe it.", task_of=task).kinds == ()


@pytest.mark.parametrize(
    ("query", "num_images", "words"),
    [
        ("Describe the scene", 1, "Describe this image in a few sentences."),
        ("what does this image show?", 1, "Describe this image in a few sentences."),
        ("Describe what happened", 2, "Describe how the two images differ."),
        ("Is it winter?", 1, "Is it winter? Answer in a few words."),
    ],
)
def test_a_question_without_a_condition_is_a_description_or_a_short_answer(query, num_images, words):
    assert plain(query, num_images=num_images, task_of=task).words == words


def test_a_marked_place_is_asked_by_its_points():
    assert marked("[(1,2),(3,4)]", num_images=1, task_of=task).words == "Describe [(1,2),(3,4)]."
    assert "the two images" in marked("[(1,2),(3,4)]", num_images=2, task_of=task).words
