from __future__ import annotations

import time
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from georsmllm.dialects import fit_rs, geochat
from georsmllm.errors import BadAnswer
from georsmllm.formats import boxed_text
from georsmllm.formats.boxed_text import Heard, Place, Words, words
from georsmllm.types import UNNAMED, Mention, Text, box

A, B = "{<10><20><30><40>|<30>}", "{<50><50><70><70>|<90>}"
UPRIGHT = "{<10><20><30><40>}"


@pytest.mark.parametrize(
    ("raw", "text", "places"),
    [
        ("", "", []),
        ("none", "none", []),  # the dialect's word for nothing is a word in a sentence
        ("<image>\nHow many ships\n  are there ?", "How many ships are there?", []),
        ("<p> 3 airplanes </p>", "3 airplanes", []),
        (A, "", [Place(0, A, "")]),
        (f"The object in {A} is", "The object in is", [Place(13, A, "")]),
        (f"Are <p>two ships</p> {A}<delim>{B} here?", "Are two ships here?", [Place(13, f"{A}<delim>{B}", "two ships")]),
        (f"A car{A}is at {B}.", "A car is at.", [Place(5, A, ""), Place(11, B, "")]),
        (f"<p>a b</p>\n{A} {B} , c", "a b, c", [Place(3, A, "a b"), Place(3, B, "")]),
        (f"{A} first", "first", [Place(0, A, "")]),
    ],
)  # fmt: skip
def test_a_sentence_loses_its_boxes_and_keeps_their_places(raw: str, text: str, places: list[Place]) -> None:
    assert words(raw, geochat.DIALECT) == Words(text, tuple(places))


@given(st.lists(st.sampled_from(["a ship", " ", "\n", "<p>", "</p>", ".", ",", A, B, "<delim>", "x<3", "(", ")"])))
def test_places_are_the_ends_of_words_inside_the_sentence(pieces: list[str]) -> None:
    text, places = words("".join(pieces), geochat.DIALECT)
    assert text == text.strip()
    assert "  " not in text
    for place in places:
        assert 0 <= place.at <= len(text)
        assert place.at == len(text[: place.at].rstrip())


def test_a_hundred_thousand_characters_take_no_time() -> None:
    for piece in ("<p>", "{<1>", " ", "classes ", "all ", "answer in a word ", "<p>a</p> ", f"{A} "):
        began = time.perf_counter()
        said = words(piece * (100_000 // len(piece)), geochat.DIALECT)
        boxed_text.asks_caption(said.text)
        boxed_text.scene_choices(said.text)
        boxed_text.without_brevity(said.text + "?")
        assert time.perf_counter() - began < 2, piece


@pytest.mark.parametrize(
    ("question", "bare"),
    [
        ("", ""),
        ("Is it rural?", "Is it rural?"),
        ("Is it rural?\nAnswer the question using a single word or phrase.", "Is it rural?"),
        ("What class? Answer in one word or a short phrase.", "What class?"),
        ("Answer in one word: is it rural?", "Answer in one word: is it rural?"),
    ],
)
def test_the_wish_for_a_short_answer_is_no_part_of_a_question(question: str, bare: str) -> None:
    assert boxed_text.without_brevity(question) == bare


@pytest.mark.parametrize(
    ("question", "answer", "name"),
    [
        ("", "harbor", ""),
        ("Classify the image.", "harbor", "harbor"),
        ("What is the category of this scene?", "Dense residential.", "Dense residential"),
        ("Classify the image.", "It shows a harbor, ships and a quay", ""),
        ("How many ships are there?", "3", ""),
    ],
)
def test_a_scene_s_class_is_a_short_answer_to_a_question_for_one(question: str, answer: str, name: str) -> None:
    assert boxed_text.scene_class(question, answer) == name


def test_the_classes_that_a_question_offers_stand_after_a_colon() -> None:
    assert boxed_text.scene_choices("Classify it.\nClasses: airport, dense residential, port.\nIn a word.") == (
        "airport",
        "dense residential",
        "port",
    )
    assert boxed_text.scene_choices("Classify it: a, b") == ()


def heard(mended: Counter[str] | None = None) -> Heard:
    return Heard((100, 50), geochat.DIALECT, Counter() if mended is None else mended)


def test_a_box_is_one_target_however_often_it_is_spoken_of_and_gets_its_class_when_one_is_told() -> None:
    one = heard()
    assert one.mentions([Place(0, A, ""), Place(3, A + B, "")], "text") == (
        Mention("text", 0, (0,)),
        Mention("text", 3, (0, 1)),
    )
    assert one.mentions([Place(0, B, "")], "answer", ["Small_Vehicle"]) == (Mention("answer", 0, (1,)),)
    assert one.mentions([Place(0, B, "")], "answer", ["ship"]) == (Mention("answer", 0, (2,)),)
    assert one.mentions([Place(0, B, "")], "answer") == (Mention("answer", 0, (1,)),)
    assert [(target.label, target.attributes) for target in one.targets] == [
        (UNNAMED, ()),
        ("small vehicle", (("source_label", "Small_Vehicle"),)),
        ("ship", ()),
    ]


def test_a_phrase_is_that_of_one_target_alone_and_the_first_one_stays() -> None:
    one = heard()
    boxed_text.expression("two ships", [Place(0, A + B, "")], one, topic="refer")
    boxed_text.expression("the left ship", [Place(0, A, "")], one, topic="refer")
    boxed_text.expression("the grey ship", [Place(0, A, "")], one, topic="refer")
    assert [target.phrase for target in one.targets] == ["the left ship", ""]


def test_what_leaves_the_image_is_cut_once_and_counted_once() -> None:
    mended: Counter[str] = Counter()
    one = heard(mended)
    for _ in range(2):
        one.mentions([Place(0, "{<-10><20><30><40>|<0>}", "")], "text")
    assert one.targets[0].shape.rings[0].points == ((0, 10), (30, 10), (30, 20), (0, 20))
    assert (one.targets[0].visible, mended) == (0.75, {"clipped_to_image": 1})


def test_an_upright_box_stays_one() -> None:
    one = heard()
    boxed_text.region([Place(0, UPRIGHT, "")], "a ship", one, topic="")
    assert one.targets[0].shape == box(10, 10, 30, 20)


@pytest.mark.parametrize("stretch", ["{<10><20><30>|<40>}", "{<10><20><30><40>|<95>}", "{<40><20><30><40>|<5>}"])
def test_boxes_that_cannot_be_read_leave_no_target_behind(stretch: str) -> None:
    one = heard()
    with pytest.raises(BadAnswer):
        boxed_text.caption(Words("two ships", (Place(3, A, ""), Place(9, stretch, ""))), one, topic="")
    assert one.targets == []


@pytest.mark.parametrize("say", [boxed_text.expression, boxed_text.region])
def test_what_needs_boxes_and_has_none_cannot_be_read(say: object) -> None:
    with pytest.raises(BadAnswer):
        if say is boxed_text.region:
            boxed_text.region([], "a ship", heard(), topic="")
        else:
            boxed_text.expression("a ship", [], heard(), topic="")


def test_sentences_are_kept_once_and_empty_ones_not_at_all() -> None:
    one = heard()
    pointing = Text("region", "", "a ship", (Mention("text", 0, (0,)),))
    texts = [
        Text("caption", "A ship."),
        Text("caption", "A ship."),
        Text("caption", ""),
        Text("question", "How many?"),
        pointing,
    ]
    assert boxed_text.once(texts, one) == (Text("caption", "A ship."), pointing)
    assert one.mended == {"repeated_text_dropped": 1, "empty_text_dropped": 2}


def test_the_other_dialect_s_tagged_boxes_are_places_too() -> None:
    raw = "1 car<rbox>({<25.00><50.00><12.50><6.25>|<90>})</rbox> is <rel>near</rel> it."
    text, places = words(raw, fit_rs.DIALECT)
    assert (text, [place.at for place in places]) == ("1 car is near it.", [5])


@pytest.mark.parametrize("has_objects", [False, True])
def test_a_scene_is_one_where_no_class_of_objects_is_to_be_confused_with_it(has_objects: bool) -> None:
    one = heard()
    said = boxed_text.plain(Words("Classify it. Classes: port, Airport"), Words("Port."), one, topic="")
    if has_objects:
        one.mentions([Place(0, A, "")], "text", ["ship"])
        assert boxed_text.once([said], one) == (
            Text("question", "Classify it. Classes: port, Airport", "Port", topic="scene"),
        )
        assert one.classes(["car"]) == ("car", "object", "ship")
    else:
        assert boxed_text.once([said], one) == (Text("scene", "port"),)
        assert one.classes(["car"]) == ("airport", "port")
