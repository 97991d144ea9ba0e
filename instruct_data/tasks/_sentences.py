"""The datasets' own sentences as prompts and answers: their spelling, what makes them unsayable, shapes among their words."""

from __future__ import annotations

import re
from collections.abc import Sequence

from georsmllm.metrics.text import tokens, words
from georsmllm.types import Mention, Part, Said, Text

_STOPS = (".", ",", ";", ":", "?", "!")
_BEFORE_STOP = re.compile(r"\s+(?=[.,;:?!](?:\s|$))")
_POINTS = re.compile(r"\[+\(|\(\s*-?[0-9.]+\s*,\s*-?[0-9.]+\s*\)")
"""What an ear takes for point text, or for coordinates that have strayed from it."""


_INTERROGATIVES = frozenset(
    "are can could did do does has have how in is on should was were what when where which who whose why will would".split()  # noqa: SIM905
)


def tidy(text: str) -> str:
    """The words of a sentence with single spaces, none before a stop."""
    return _BEFORE_STOP.sub("", " ".join(text.split()))


def sentence(text: str) -> str:
    """The words as a sentence: a capital first, a stop last."""
    (said,) = as_sentence((tidy(text),))
    assert isinstance(said, str)
    return said


def as_sentence(parts: Sequence[Part]) -> tuple[Part, ...]:
    """Words and shapes as a sentence: a capital first, a stop last."""
    first, last = parts[0], parts[-1]
    if isinstance(first, str):
        parts = (f"{first[:1].upper()}{first[1:]}", *parts[1:])
    if isinstance(last, str):
        return (*parts[:-1], parts[-1] if last.endswith((".", "?", "!")) else f"{parts[-1]}.")
    return (*parts, ".")


def as_question(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    """The question with a capital first and a stop last, a question mark where it asks."""
    first, last = parts[0], parts[-1]
    if isinstance(last, str) and last.endswith((".", "?", "!")):
        return as_sentence(parts)
    asks = isinstance(first, str) and first.split()[0].lower() in _INTERROGATIVES
    return as_sentence((*parts, "?" if asks else "."))


def unsayable(text: str) -> str:
    """Why the words of a dataset cannot stand in a record, "" when they can."""
    if not words(text):
        return "no_words"
    return "coordinates_in_text" if _POINTS.search(text) else ""


def unspeakable(text: str) -> str:
    """Why the words of a dataset cannot name a thing, "" when they can: as `unsayable`, and articles alone name nothing."""
    return unsayable(text) or ("" if tokens(text) else "no_words")


def pointing(text: Text, side: str) -> tuple[Mention, ...]:
    """The mentions in the sentence, or in its answer, in reading order."""
    return tuple(sorted((one for one in text.mentions if one.side == side), key=lambda one: one.at))


def interleave(text: str, pointers: Sequence[tuple[int, Said]]) -> tuple[Part, ...]:
    """The words with shapes before the characters that they stand at; a space on each side of them, none before a stop.

    pointers: in reading order.
    """
    parts: list[Part] = []
    start = 0
    for at, said in (*pointers, (len(text), None)):
        piece = tidy(text[start:at])
        if piece:
            piece = piece if not parts or piece.startswith(_STOPS) else f" {piece}"
            parts.append(piece if said is None else f"{piece} ")
        elif said is not None and parts:
            parts.append(" ")
        if said is not None:
            parts.append(said)
        start = max(start, at)
    return tuple(parts)
