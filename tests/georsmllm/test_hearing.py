"""Every stretch of point text in a record's words is heard, and nothing that only looks like it is passed over."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hand_made_set import LAKE, POND, SHIP, SHIP_2, SIZE, record
from hypothesis import given
from hypothesis import strategies as st

from georsmllm.hearing import Where, answer, hear, prompt, stretches
from georsmllm.pointtext import decode, encode
from georsmllm.types import Message, Record


def said(record: Record, where: Where = "answer") -> list[tuple[str, str]]:
    """(label, the text where it stands) of every object."""
    text = answer(record) if where == "answer" else prompt(record)
    return [(o.label, text[o.start : o.end]) for o in hear(record, where).objects]


@pytest.mark.parametrize(
    ("text", "where", "expected"),
    [
        ("", "answer", ()),
        ("none", "answer", ("none",)),
        ("none of them", "answer", ()),
        ("A ship.", "answer", ()),
        ("[det] Where are the ships?", "prompt", ()),
        ("[(1,2)]", "answer", ("[(1,2)]",)),
        ("[(1,2)];", "answer", ("[(1,2)];",)),
        ("ship: [(1,2)];[(3,4)]\nplane: none", "answer", ("[(1,2)];[(3,4)]", "none")),
        ("[region] What is at [(1,2),(3,4)]?", "prompt", ("[(1,2),(3,4)]",)),
        ("Look at [(1,2),(3,4)]|[(2,3)], then at [(5,6)].", "prompt", ("[(1,2),(3,4)]|[(2,3)]", "[(5,6)]")),
        ("[[(1,2)]", "answer", ("[[(1,2)]",)),
    ],
)
def test_a_stretch_ends_where_its_words_go_on(text: str, where: Where, expected: tuple[str, ...]) -> None:
    found = stretches(text, where)
    assert tuple(s.text for s in found) == expected
    assert all(text[s.start : s.end] == s.text for s in found)


def test_objects_have_the_label_of_their_line_and_their_place_in_the_text() -> None:
    ship = encode((SHIP,), SIZE)
    both = record("det", "Find all.", f"ship: {ship}\nairplane: none\nlake: {encode((LAKE,), SIZE)}", labels=("a", "b"))
    assert said(both) == [("ship", ship), ("lake", encode((LAKE,), SIZE))]
    assert hear(both, "answer").troubles == ()


def test_a_label_may_hold_a_colon() -> None:
    text = "vehicle:car: [(1,2)]\nnote: vehicle: bus: none"
    assert [(s.label, s.text) for s in stretches(text, "answer")] == [
        ("vehicle:car", "[(1,2)]"),
        ("note: vehicle: bus", "none"),
    ]


def test_several_objects_of_one_stretch_each_have_their_own_piece() -> None:
    text = encode((SHIP, SHIP_2), SIZE)
    assert said(record("det", "Where?", text)) == [("ship", piece) for piece in text.split(";")]


def test_shapes_come_from_the_text_in_pixels_of_the_view() -> None:
    text = encode((POND,), SIZE)
    (heard,) = hear(record("change", "What?", text, pair=True), "answer").objects
    assert (heard.shape,) == decode(text, SIZE)
    assert heard.image == 1


@pytest.mark.parametrize(
    ("answer_text", "reason"),
    [
        ("[(1,2),(3", "syntax"),
        ("[(1,2),(3,4)] and more", "syntax"),
        ("[(1,2), (3,4)]", "syntax"),
        ("[(900,2),(3,4)]", "reversed_box"),
        ("[(1,2),(3,4000)]", "out_of_range"),
        ("ship: (1,2),(3,4)", "stray_coordinates"),
        ("It lies at (12, 30).", "stray_coordinates"),
        ("[(1,2),(3,4)];", "syntax"),
    ],
)
def test_what_does_not_parse_is_a_trouble_with_its_reason(answer_text: str, reason: str) -> None:
    heard = hear(record("det", "Where?", answer_text), "answer")
    assert heard.objects == ()
    assert {t.reason for t in heard.troubles} == {reason}


def test_degrees_of_the_earth_are_no_trouble_in_the_answer_that_they_are() -> None:
    line = record("geoloc", "Where is this?", "Köln, (50.9413, 6.9583)")
    assert hear(line, "answer") == ((), ())
    assert [t.reason for t in hear(line, "prompt").troubles] == []
    asked = record("geoloc", "Is it at (50.9, 6.9)?", "(50.9413, 6.9583)")
    assert [t.reason for t in hear(asked, "prompt").troubles] == ["stray_coordinates"]


def test_gold_in_an_image_that_is_not_there_is_a_trouble() -> None:
    damaged = record("det", "Where?", "[(1,2)]")
    damaged = replace(damaged, images=(), provenance=replace(damaged.provenance, views=()))
    assert [t.reason for t in hear(damaged, "answer").troubles] == ["no_view"]


@given(st.text(alphabet="[]()0123456789,;+-| noe:.\nship", max_size=200))
def test_hearing_any_text_ends_and_its_places_lie_in_the_text(text: str) -> None:
    line = replace(record("det", "Where?", ""), messages=(Message("user", text), Message("assistant", text)))
    for where in ("prompt", "answer"):
        heard = hear(line, where)  # type: ignore[arg-type]
        for start, end in [(o.start, o.end) for o in heard.objects] + [(t.start, t.end) for t in heard.troubles]:
            assert 0 <= start <= end <= len(text)
