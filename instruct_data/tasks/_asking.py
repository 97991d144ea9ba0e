"""What the tasks share when they ask: which classes of a view may be asked, and how a wording becomes a prompt."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from random import Random
from string import Formatter
from typing import NamedTuple

from georsmllm.classes import is_countable, plural, with_article
from georsmllm.contracts import AskOptions, Refusal
from georsmllm.errors import UsageError
from georsmllm.metrics.text import tokens
from georsmllm.types import Part, Said, Sample

from ._origin import shows_areas

COORDINATES = re.compile(r"\(\s*\d+\s*,\s*\d+\s*\)")
NUMBER_WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


CLASS_HAS_IGNORED = "class_has_ignored"
"""Another object of the class is ignored in this view, so "all" of it, or its number, would not be a fact."""


class Divided(NamedTuple):
    """The classes of one image of a view: those of which every target may be asked, and the others' refusals."""

    whole: dict[str, tuple[int, ...]]
    refusals: tuple[Refusal, ...]


class Found(NamedTuple):
    """Targets of a view, by their indices, and how they are said."""

    said: Said
    targets: tuple[int, ...] = ()


def lines(block: str) -> tuple[str, ...]:
    """The non-empty lines of a block of wordings, one wording a line."""
    return tuple(line.strip() for line in block.splitlines() if line.strip())


def by_class(view: Sample, *, image: int = 0) -> dict[str, tuple[int, ...]]:
    """Label -> indices of all its targets in that image, ignored ones included; labels in alphabetical order."""
    found: dict[str, list[int]] = {}
    for index, target in enumerate(view.targets):
        if target.image == image:
            found.setdefault(target.label, []).append(index)
    return {label: tuple(found[label]) for label in sorted(found)}


def is_speakable(label: str) -> bool:
    """Whether a class name can stand in a sentence: it has a word besides articles, and nothing like coordinates.

    Tasks refuse any other (unspeakable_label): a sentence made of it names nothing, or is heard as a place.
    """
    return bool(tokens(label)) and not COORDINATES.search(label)


def divide(view: Sample, *, image: int = 0) -> Divided:
    """Exhaustively labelled classes without an ignored target, and a refusal for each other class.

    Its reason is unspeakable_label, class_has_ignored, or not_exhaustive: "all" of a class is a fact only
    where every instance of it is annotated.
    """
    whole: dict[str, tuple[int, ...]] = {}
    refusals: list[Refusal] = []
    for label, indices in by_class(view, image=image).items():
        reasons = [view.targets[i].ignore for i in indices]
        ignored = [reason for reason in reasons if reason is not None]
        if len(ignored) == len(indices):
            continue
        if not is_speakable(label):
            refusals.append(Refusal(label, "unspeakable_label", askable(view, indices)))
        elif not ignored and label in view.exhaustive:
            whole[label] = indices
        else:
            reason = CLASS_HAS_IGNORED if ignored else "not_exhaustive"
            refusals.append(Refusal(label, reason, askable(view, indices)))
    return Divided(whole, tuple(refusals))


def askable(view: Sample, indices: Sequence[int]) -> tuple[int, ...]:
    return tuple(i for i in indices if view.targets[i].ignore is None)


def unfit(view: Sample, label: str, candidates: tuple[int, ...]) -> str:
    """Why the areas of a class cannot be asked for, "" when they can."""
    if not is_speakable(label):
        return "unspeakable_label"
    if any(view.targets[i].shape.kind != "polygon" for i in candidates):
        return "no_polygon"
    return "" if label in view.exhaustive else "not_exhaustive"


def absent(view: Sample, *, image: int = 0) -> tuple[str, ...]:
    """Speakable classes whose absence is a fact: exhaustively labelled, without any target, ignored or not; sorted."""
    present = {target.label for target in view.targets if target.image == image}
    return tuple(label for label in sorted(set(view.exhaustive) - present) if is_speakable(label))


def refuse_all(view: Sample, reason: str) -> tuple[Refusal, ...]:
    """One refusal per class for a view that the task cannot ask about at all; ignored targets keep their own reason."""
    labels = sorted({target.label for target in view.targets if target.ignore is None})
    return tuple(
        Refusal(label, reason, tuple(i for i, t in enumerate(view.targets) if t.label == label and t.ignore is None))
        for label in labels
    )


def pick(rng: Random, options: AskOptions, defaults: tuple[str, ...], slots: frozenset[str]) -> str:
    """A wording with exactly these slots: a person's where there is one, else the task's own.

    Raises UsageError for a wording whose slots fit no form of the task.
    """
    forms = {_slots(template) for template in defaults}
    for template in options.templates:
        if _slots(template) not in forms:
            known = "; ".join(sorted(", ".join(f"{{{name}}}" for name in sorted(form)) for form in forms))
            raise UsageError(f"the wording {template!r} fits no form of the task: its slots must be one of {known}")
    own = [template for template in options.templates if _slots(template) == slots]
    return rng.choice(own or [template for template in defaults if _slots(template) == slots])


def fill(template: str, values: Mapping[str, Part | tuple[Part, ...]]) -> tuple[Part, ...]:
    """The wording with its slots filled; neighbouring words are joined, so words and shapes alternate."""
    parts: list[Part] = []
    for literal, slot, _, _ in Formatter().parse(template):
        value = () if slot is None else values[slot]
        for part in (literal, *(value if isinstance(value, tuple) else (value,))):
            if isinstance(part, str) and parts and isinstance(parts[-1], str):
                parts[-1] += part
            elif part != "":
                parts.append(part)
    return tuple(parts)


def slots_of(text: str, templates: Sequence[str], slots: frozenset[str]) -> dict[str, str] | None:
    """The words in the slots of the first of the wordings with these slots that a question is; None where it is none."""
    for template in templates:
        if _slots(template) == slots:
            match = _as_pattern(template).fullmatch(text)
            if match is not None:
                return match.groupdict()
    return None


@lru_cache(maxsize=1024)
def _as_pattern(template: str) -> re.Pattern[str]:
    return re.compile(
        "".join(
            re.escape(literal) + (f"(?P<{slot}>.+)" if slot else "")
            for literal, slot, _, _ in Formatter().parse(template)
        ),
        re.DOTALL,
    )


def identity(view: Sample, task: str, form: str, *about: str) -> str:
    """The id of an instruction: unique in the view as long as no form asks twice about the same things."""
    return f"{view.id}#{task}-{form}" + "".join(f":{name.replace(' ', '_')}" for name in about)


def number_word(count: int) -> str:
    """A count in words up to ten, in digits beyond."""
    return NUMBER_WORDS[count] if count < len(NUMBER_WORDS) else str(count)


def counted(view: Sample, label: str, count: int) -> str:
    """More than one target of a class in words; without their number where an area of a class map may be several things."""
    if shows_areas(view) and is_countable(label):
        return plural(label)
    return f"{number_word(count)} {plural(label)}"


def listed(names: Sequence[str]) -> str:
    """Names as in a sentence: ships; ships and harbors; ships, harbors and cranes."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def singular(label: str) -> str:
    """A label as one thing without its article: "ship", "water area"."""
    return with_article(label).partition(" ")[2]


@lru_cache(maxsize=1024)
def _slots(template: str) -> frozenset[str]:
    try:
        return frozenset(slot for _, slot, _, _ in Formatter().parse(template) if slot is not None)
    except ValueError as error:
        raise UsageError(f"the wording {template!r} is no format string: {error}") from None
