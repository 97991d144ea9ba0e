from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from georsmllm.metrics.text import (
    common_subsequence,
    head_noun,
    lemma,
    names,
    phrases_match,
    rouge_l,
    same_words,
    token_f1,
    tokens,
    words,
)


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


def test_words_keep_their_articles() -> None:
    assert words("") == ()
    assert words("The pier, a quay.") == ("the", "pier", "a", "quay")


@pytest.mark.parametrize(
    ("answer", "gold", "expected"),
    [
        ("", "", True),
        ("", "ship", False),
        ("The ships.", "a ship", True),
        ("ship red", "red ship", False),
        ("tennis courts", "tennis-court", True),
    ],
)
def test_same_words(answer: str, gold: str, expected: bool) -> None:
    assert same_words(answer, gold) is expected


@pytest.mark.parametrize(
    ("answer", "references", "expected"),
    [
        ("", ("",), 1),
        ("", ("a ship",), 0),
        ("a ship", ("",), 0),
        ("a ship", (), 0),
        ("a ship", ("A ship.",), 1),
        ("a car", ("the ship",), 0),
        # LCS "a ship" of 3 and 4 words: P 2/3, R 2/4; (1 + 1.44) P R / (R + 1.44 P)
        ("a red ship", ("a ship at anchor",), 2.44 * (2 / 3) * 0.5 / (0.5 + 1.44 * 2 / 3)),
        # the best precision comes from one reference, the best recall from the other
        ("a red ship", ("a ship at anchor", "red"), 2.44 * (2 / 3) * 1 / (1 + 1.44 * 2 / 3)),
    ],
)
def test_rouge_l(answer: str, references: tuple[str, ...], expected: float) -> None:
    assert rouge_l(answer, references) == pytest.approx(expected)


@given(st.lists(st.sampled_from("abcd"), max_size=12), st.lists(st.sampled_from("abcd"), max_size=12))
def test_the_longest_common_subsequence_is_that_of_the_textbook_table(first: list[str], second: list[str]) -> None:
    table = [[0] * (len(second) + 1) for _ in range(len(first) + 1)]
    for i, a in enumerate(first):
        for j, b in enumerate(second):
            table[i + 1][j + 1] = table[i][j] + 1 if a == b else max(table[i][j + 1], table[i + 1][j])
    assert common_subsequence(first, second) == table[-1][-1]
