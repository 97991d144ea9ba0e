from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from georsmllm.metrics.text import head_noun, lemma, names, phrases_match, token_f1, tokens


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ()),
        ("The  Harbour-Cranes, at 3!", ("harbour", "cranes", "at", "3")),
        ("a ship’s ｄeck", ("ship", "s", "deck")),
        ("the captain's boat", ("captain's", "boat")),
    ],
)
def test_tokens(text: str, expected: tuple[str, ...]) -> None:
    assert tokens(text) == expected


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("ships", "ship"), ("ship", "ship"), ("bridges", "bridge"), ("lies", "lie"), ("factories", "factory"),
        ("crosses", "cross"), ("boxes", "box"), ("beaches", "beach"), ("glass", "glass"), ("bus", "bus"),
        ("buses", "bus"), ("aircraft", "aircraft"), ("tennis", "tennis"), ("houses", "house"), ("gas", "gas"),
    ],
)  # fmt: skip
def test_lemma(word: str, expected: str) -> None:
    assert lemma(word) == expected


@pytest.mark.parametrize(
    ("answer", "gold", "expected"),
    [
        ("", "", 1),
        ("ship", "", 0),
        ("", "ship", 0),
        ("a ship", "The ship.", 1),
        ("red ship", "ship", 2 / 3),
        ("a car", "ship", 0),
    ],
)
def test_token_f1(answer: str, gold: str, expected: float) -> None:
    assert token_f1(answer, gold) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("phrase", "head"),
    [
        ("", ""),
        ("A large ship.", "ship"),
        ("the red roofs near the road", "roof"),
        ("storage tanks in a row", "tank"),
        ("on", "on"),
    ],
)
def test_head_noun(phrase: str, head: str) -> None:
    assert head_noun(phrase) == head


@pytest.mark.parametrize(
    ("answer", "gold", "expected"),
    [
        ("two ships by the quay", "a ship", True),
        ("a car", "a ship", False),
        ("large grey container vessel", "a large grey container ship", True),
        ("", "", True),
    ],
)
def test_phrases_match_by_head_or_by_half_the_words(answer: str, gold: str, expected: bool) -> None:
    assert phrases_match(answer, gold) is expected


@pytest.mark.parametrize(
    ("answer", "noun", "expected"),
    [
        ("Three small vehicles.", "small vehicle", True),
        ("A small red vehicle.", "small vehicle", False),
        ("ships", "", False),
    ],
)
def test_naming_needs_the_whole_noun_side_by_side(answer: str, noun: str, expected: bool) -> None:
    assert names(answer, noun) is expected


@given(st.text(), st.text())
def test_token_f1_is_symmetric_and_a_share(a: str, b: str) -> None:
    assert 0 <= token_f1(a, b) <= 1
    assert token_f1(a, b) == token_f1(b, a)
    assert token_f1(a, a) == 1
