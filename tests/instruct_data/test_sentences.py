from __future__ import annotations

import pytest

from georsmllm.instruct_data.tasks._sentences import as_question, as_sentence, interleave, sentence, tidy, unsayable
from georsmllm.types import Part, Said, point

HERE, THERE = Said((point(1, 1),), ("ship",)), Said((point(9, 9),), ("quay",))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        (" there is  no difference . ", "there is no difference."),
        ("ships , and quays ;\nall !", "ships, and quays; all!"),
        ("at 0 .5 m", "at 0 .5 m"),
    ],
)
def test_tidy(text: str, expected: str) -> None:
    assert tidy(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"), [("a ship .", "A ship."), ("Why?", "Why?"), ("ships at sea", "Ships at sea."), ("x!", "X!")]
)
def test_sentence(text: str, expected: str) -> None:
    assert sentence(text) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no_words"),
        ("?!", "no_words"),
        ("a", ""),
        ("a pier (12 m)", ""),
        ("a pier (12, 5)", "coordinates_in_text"),
        ("a pier (-1.5, 5)", "coordinates_in_text"),
        ("a pier [(", "coordinates_in_text"),
    ],
)
def test_unsayable(text: str, reason: str) -> None:
    assert unsayable(text) == reason


@pytest.mark.parametrize(
    ("text", "pointers", "parts"),
    [
        ("a ship", (), ("a ship",)),
        ("a ship", ((6, HERE),), ("a ship ", HERE)),
        ("a ship.", ((6, HERE),), ("a ship ", HERE, ".")),
        ("a ship , there", ((6, HERE),), ("a ship ", HERE, ", there")),
        ("a ship lies there", ((6, HERE),), ("a ship ", HERE, " lies there")),
        ("a ship lies there", ((7, HERE),), ("a ship ", HERE, " lies there")),
        ("it lies", ((0, HERE),), (HERE, " it lies")),
        ("it lies", ((2, HERE), (2, THERE)), ("it ", HERE, " ", THERE, " lies")),
        ("it lies", ((2, HERE), (99, THERE)), ("it ", HERE, " lies ", THERE)),
        ("", ((0, HERE),), (HERE,)),
    ],
)
def test_shapes_stand_among_words(text: str, pointers: tuple[tuple[int, Said], ...], parts: tuple[Part, ...]) -> None:
    assert interleave(text, pointers) == parts


def test_words_and_shapes_as_a_sentence() -> None:
    assert as_sentence(("a ship ", HERE)) == ("A ship ", HERE, ".")
    assert as_sentence((HERE, " lies there")) == (HERE, " lies there.")


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (("is it wet",), ("Is it wet?",)),
        (("count them",), ("Count them.",)),
        (("where is ", HERE), ("Where is ", HERE, "?")),
        ((HERE, " is what"), (HERE, " is what.")),
    ],
)
def test_as_question(parts: tuple[Part, ...], expected: tuple[Part, ...]) -> None:
    got = as_question(parts)
    assert "".join(p if isinstance(p, str) else "@" for p in got) == "".join(
        p if isinstance(p, str) else "@" for p in expected
    )
