"""Counting: how many objects of a class there are, answered in digits, zero included."""

from __future__ import annotations

import re
from random import Random

from georsmllm.classes import is_countable, plural
from georsmllm.constrain.form import Form, Question, whole_number
from georsmllm.contracts import AskOptions, Built, Refusal, Score, Task
from georsmllm.errors import BadAnswer
from georsmllm.types import Instruction, Record, Sample

from ._asking import absent, divide, fill, identity, lines, pick, refuse_all
from ._origin import shows_areas

TEMPLATES = lines("""
    How many {plural} are there? Answer in digits.
    How many {plural} can you see in this image? Give the number in digits.
    Count the {plural}. Reply with digits only.
    What is the number of {plural} in this image? Answer with digits.
    Please count all {plural} and give the total in digits.
    Tell me how many {plural} the image shows, in digits.
    Give the count of {plural} as a number in digits.
    How many {plural} does this scene contain? Write the number in digits.
    Count every one of the {plural} you can find and answer in digits.
    What is the total number of {plural} here? Use digits.
    Are there any {plural}, and how many? Answer with one number in digits, 0 for none.
    State the number of {plural} in the picture, digits only.
    I need a count of the {plural} in this view. Answer in digits.
    Look over the whole image: how many {plural} are in it? Reply in digits.
""")

MAX_DIGITS = 6  # as in the point text: an answer of thousands of digits is no number

_SLOTS = frozenset({"plural"})
_NUMBER = re.compile(r"[0-9]+")


def build(view: Sample, rng: Random, options: AskOptions) -> Built:
    """Per countable class that is exhaustively labelled and has no ignored target "number"; per view one "none"."""
    if len(view.images) != 1:
        return Built(refusals=refuse_all(view, "two_images"))
    if shows_areas(view):
        return Built(refusals=refuse_all(view, "areas"))
    whole, refusals = divide(view)
    asked: list[Instruction] = []
    refused = list(refusals)
    for label, indices in whole.items():
        if not is_countable(label):
            refused.append(Refusal(label, "not_countable", indices))
        elif label not in view.exhaustive:
            refused.append(Refusal(label, "not_exhaustive", indices))
        else:
            asked.append(_instruction(view, label, indices, pick(rng, options, TEMPLATES, _SLOTS)))
    negatives = tuple(label for label in absent(view) if is_countable(label))
    if negatives:
        asked.append(_instruction(view, rng.choice(negatives), (), pick(rng, options, TEMPLATES, _SLOTS)))
    return Built(tuple(asked), tuple(refused))


def _instruction(view: Sample, label: str, indices: tuple[int, ...], template: str) -> Instruction:
    form = "number" if indices else "none"
    return Instruction(
        id=identity(view, "count", form, label),
        task="count",
        form=form,
        images=view.images,
        prompt=fill(template, {"plural": plural(label)}),
        answer=(str(len(indices)),),
        labels=(label,),
        targets=indices,
        negative=not indices,
    )


def read(text: str) -> int:
    """The number of an answer; raises BadAnswer (empty, not_a_number, too_long).

    ASCII digits, with white space around them and one full stop behind them let pass. Number words are not read: every
    wording asks for digits.
    """
    digits = text.strip().removesuffix(".").rstrip()
    if not digits:
        raise BadAnswer("empty", text, expected="digits")
    if not _NUMBER.fullmatch(digits):
        raise BadAnswer("not_a_number", text, expected="digits only")
    if len(digits) > MAX_DIGITS:
        raise BadAnswer("too_long", text, expected=f"at most {MAX_DIGITS} digits")
    return int(digits)


def score(text: str, record: Record) -> Score:
    gold = int(record.gold_text)
    try:
        error = abs(read(text) - gold)
    except BadAnswer as unreadable:
        return Score(unreadable.reason, 0.0, {"abs_error": float(max(gold, 1)), "within_one": 0.0})
    return Score("ok", float(error == 0), {"abs_error": float(error), "within_one": float(error <= 1)})


def form(_: Question) -> Form:
    return whole_number(MAX_DIGITS)


TASK = Task(
    title="Counting",
    templates=TEMPLATES,
    build=build,
    score=score,
    form=form,
    metrics=(
        "Value: exact accuracy. Parts: abs_error (its mean is the MAE) and within_one. Read strictly as ASCII digits; "
        "number words, signs, decimals and sentences are unreadable: value and within_one 0, abs_error that of the "
        "answer 0, but at least 1, so that silence is never right."
    ),
)
