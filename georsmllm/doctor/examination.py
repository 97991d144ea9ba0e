"""The examination: answers, sizes and gold in; out comes what they are written in, how sure that is, and what mends it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from georsmllm.contracts import Dialect
from georsmllm.doctor.answers import Common, common, hear
from georsmllm.doctor.ears import SQUARE, Case, Heard, as_corners, as_numbers, listen, spoken_in
from georsmllm.doctor.fitting import Answers
from georsmllm.doctor.verdicts import Option, Part, Verdict, by_gold, by_likelihood

MAX_CASES = 200
MOST_PAIRS = 15_000
READS_REST = 0.9
"""A dialect that reads this share of the answers that were left out speaks there, too."""


class Diagnosis(NamedTuple):
    """form, arity, objects: as written. answers, silent: all, and those without such objects. left_out: objects of another
    form or arity, or beside such; left_read: whether a dialect of the verdict reads these answers, too. heard: dialects by how
    well they read. options: the best first, then what won resamples or, without gold, cannot be told from it. parts: other
    readings of other answers. adrift: the share of the answers that are right but for a shift of their own. by_gold: whether
    gold judged. outside: the share of the objects that the best reading forbids; reach: the shares of its frame from which to
    which they lie, on x and y; both without gold. sizes_known, gold_known: what was there to judge by."""

    form: str
    arity: int
    answers: int
    silent: int
    objects: int
    left_out: int
    left_read: bool
    sizes_known: bool
    gold_known: int
    by_gold: bool
    heard: tuple[Heard, ...]
    options: tuple[Option, ...]
    parts: tuple[Part, ...]
    adrift: float
    outside: float
    reach: tuple[tuple[float, float], tuple[float, float]]


def examine(cases: Sequence[Case], dialects: Mapping[str, Dialect]) -> Diagnosis:
    """At most MAX_CASES of the cases, evenly taken, are looked at, of crowded ones fewer; those with gold, where any has it."""
    with_gold = [case for case in cases if case.gold is not None]
    chosen = _bearable(_evenly(with_gold)) if with_gold else _evenly(list(cases))
    said = common([case.text for case in chosen])
    answers = _arrays(said, chosen)
    sizes_known = all(case.size_wh is not None for case in chosen)
    ears = listen(said, chosen, answers, dialects)
    found = Verdict(())
    if len(answers.numbers) and with_gold:
        found = by_gold(answers, ears)
    is_by_gold = bool(found.options)
    if len(answers.numbers) and not is_by_gold:
        found = by_likelihood(answers, ears, sizes_known=sizes_known)
    best = found.options[0].dialects if found.options else ()
    return Diagnosis(
        form=said.form,
        arity=said.arity,
        answers=len(cases),
        silent=sum(not objects for objects in said.said),
        objects=len(answers.numbers),
        left_out=said.other,
        left_read=any(_reads_rest(dialects[name], said, chosen) for name in best),
        sizes_known=sizes_known,
        gold_known=len(with_gold),
        by_gold=is_by_gold,
        heard=tuple(sorted((ear.heard for ear in ears), key=lambda one: (-(one.iou or 0), -one.share, one.name))),
        options=found.options,
        parts=found.parts,
        adrift=found.adrift,
        outside=found.outside,
        reach=found.reach,
    )


def _bearable(cases: list[Case]) -> list[Case]:
    """As many cases, those with few objects first, as have MOST_PAIRS pairs of an object and gold together; in order."""
    pairs = [len(hear(case.text).objects) * len(case.gold or ()) for case in cases]
    by_size = sorted(range(len(cases)), key=lambda i: (pairs[i], i))
    ends = np.cumsum([pairs[i] for i in by_size])
    kept = sorted(i for i, end in zip(by_size, ends, strict=True) if end <= MOST_PAIRS)
    return [cases[i] for i in kept or by_size[:1]]


def _reads_rest(dialect: Dialect, said: Common, cases: Sequence[Case]) -> bool:
    """Whether a dialect reads the answers whose objects were left out, too."""
    rest = [case for case, objects in zip(cases, said.said, strict=True) if not objects and hear(case.text).objects]
    read = sum(spoken_in(dialect, case.text, case.size_wh or SQUARE) is not None for case in rest)
    return read >= READS_REST * len(rest)


def _evenly(cases: list[Case]) -> list[Case]:
    return [cases[i * len(cases) // MAX_CASES] for i in range(MAX_CASES)] if len(cases) > MAX_CASES else cases


def _arrays(said: Common, cases: Sequence[Case]) -> Answers:
    record = [i for i, objects in enumerate(said.said) for _ in objects]
    sizes = np.array([case.size_wh or SQUARE for case in cases], dtype=np.float64).reshape(-1, 2)
    gold = [(i, as_corners(shape)) for i, case in enumerate(cases) for shape in case.gold or ()]
    gold_record = [i for i, _ in gold]
    return Answers(
        arity=said.arity,
        numbers=as_numbers([numbers for objects in said.said for numbers in objects], said.arity),
        record=np.array(record, dtype=np.intp),
        sizes=sizes[record],
        gold=np.array([quad for _, quad in gold], dtype=np.float64).reshape(-1, 4, 2),
        gold_record=np.array(gold_record, dtype=np.intp),
        gold_sizes=sizes[gold_record],
    )
