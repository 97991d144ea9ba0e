"""What an answer to a question must look like, as a value: the forms, and what a task is told to name one.

A form is known from the question alone, never from its gold answer: from the task, the words, and the classes that the words
name. `None` in place of a form leaves an answer free (captions, descriptions).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from georsmllm.types import KINDS, Kind

if TYPE_CHECKING:
    from georsmllm.contracts import Task
    from georsmllm.types import Record

OWN = "georsmllm"
"""The dialect whose grammar this is; records of any other are answered freely."""
_IMAGE = "<image>\n"
_TAG = re.compile(r"\[[a-z_0-9]+\] ")


@dataclass(frozen=True, slots=True)
class Points:
    """Point text of objects of these kinds, or "none"; with_keypoints: a box may have some."""

    kinds: tuple[Kind, ...] = KINDS
    with_keypoints: bool = False


@dataclass(frozen=True, slots=True)
class Exactly:
    """Just this text."""

    text: str


@dataclass(frozen=True, slots=True)
class Span:
    """least to most of these ASCII characters."""

    characters: str
    least: int = 1
    most: int = 1


@dataclass(frozen=True, slots=True)
class Name:
    """A name of a place or the like: 1 to most characters besides control characters and parentheses, no two spaces in a
    row, none at either end."""

    most: int


@dataclass(frozen=True, slots=True)
class Listed:
    """Some of the options, each at most once and in any order, with ", " between them, or "none"."""

    options: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OneOf:
    options: tuple[Form, ...]


@dataclass(frozen=True, slots=True)
class Then:
    """One part after the other."""

    parts: tuple[Form, ...]


Form = Points | Exactly | Span | Name | Listed | OneOf | Then


class Question(NamedTuple):
    """What is known before there is an answer.

    text: the words, without image tokens and tag. form: the variant of the task, "" where nobody says. labels: those of the
    record's provenance, () where nobody says; a task reads them only where they are the classes that the question names.
    """

    text: str
    form: str = ""
    labels: tuple[str, ...] = ()


def of(task: Task, record: Record) -> Form | None:
    """The form of a record's answer; None for a free one, and for every record that `is_foreign`."""
    if is_foreign(record):
        return None
    asked = next((message.content for message in reversed(record.messages) if message.role == "user"), "")
    origin = record.provenance
    return task.form(Question(bare(asked), origin.form, origin.labels))


def of_words(task: Task, words: str) -> Form | None:
    """The form of an answer to words that a person typed, in our own point text."""
    return task.form(Question(bare(words)))


def is_foreign(record: Record) -> bool:
    """Whether the answer is wanted in a dialect that this grammar does not know."""
    return record.provenance.dialect != OWN


def bare(prompt: str) -> str:
    """The words of a prompt without its image tokens and its tag."""
    while prompt.startswith(_IMAGE):
        prompt = prompt[len(_IMAGE) :]
    tag = _TAG.match(prompt)
    return prompt[tag.end() :] if tag else prompt


# --- forms that tasks share ------------------------------------------------------------------------------------------

_DIGITS = "0123456789"


def texts(options: Sequence[str]) -> Form:
    """One of these texts."""
    return OneOf(tuple(Exactly(option) for option in options))


def by_class(labels: Sequence[str], kinds: tuple[Kind, ...]) -> Form:
    """A line `label: objects` for each class, in the order of the question."""
    parts: list[Form] = []
    for label in labels:
        parts += [Exactly(f"{chr(10) * bool(parts)}{label}: "), Points(kinds)]
    return Then(tuple(parts))


def whole_number(most_digits: int) -> Form:
    """0, or digits without a leading zero."""
    return OneOf((Exactly("0"), Then((Span("123456789"), Span(_DIGITS, 0, most_digits - 1)))))


def digits(least: int, most: int) -> Form:
    return Span(_DIGITS, least, most)


def maybe(*parts: Form) -> Form:
    """The parts, or nothing."""
    return OneOf((Exactly(""), Then(parts)))


def degrees(most: int, decimals: int) -> Form:
    """A number of -most..most with just so many decimals; most: 90 or 180."""
    whole = (Exactly("-"), Exactly(""))
    below: tuple[Form, ...] = (Span(_DIGITS), Then((Span("123456789"[: most // 10 - 1]), Span(_DIGITS))))
    if most > 100:
        below = (
            Span(_DIGITS),
            Then((Span("123456789"), Span(_DIGITS))),
            Then((Exactly("1"), Span("01234567"), Span(_DIGITS))),
        )
    inside = Then((OneOf(below), Exactly("."), digits(decimals, decimals)))
    return Then((OneOf(whole), OneOf((inside, Exactly(f"{most}.{'0' * decimals}")))))


def any_case(word: str) -> Form:
    """A word of ASCII letters in whatever case."""
    return Then(tuple(Span(f"{sign.lower()}{sign.upper()}") for sign in word))
