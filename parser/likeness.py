"""How like two plans are: their steps in post-order, the slots that these fill, and the edges between aligned steps.

Texts, ids and roles are not compared; what is compared is what an executor reads. F1 is over counts of three kinds, so
that many plans can be added up before the ratio is taken (micro).
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from typing import NamedTuple

import msgspec

from georsmllm.metrics.text import lemma

from .plan import Plan, Step

Slot = tuple[str, str]
"""(field, value): ("relation.name", "north of"), ("target", "storage tank"); values as lemmas."""
Edge = tuple[int, int, str]
"""(from, to, "input" or "anchor"), places in post-order: the result of one step goes into another."""

SLOTTED = ("target", "attribute", "relation", "compare")
"""The fields whose leaves are slots (methods, section 4.4)."""
_CONDITIONS = (*SLOTTED, "change", "combine")
_PIECE = re.compile(r"[<>]=?|[0-9]+(?:\.[0-9]+)?|[^\W\d_]+")
_DETERMINERS = frozenset(("a", "all", "an", "any", "each", "every", "some", "the"))


class Hits(NamedTuple):
    """matched: in both; made: in the plan; wanted: in the ideal one."""

    matched: int
    made: int
    wanted: int

    @property
    def f1(self) -> float:
        """2 matched / (made + wanted); nothing made and nothing wanted: 1."""
        return 2 * self.matched / (self.made + self.wanted) if self.made + self.wanted else 1.0


def post_order(plan: Plan | None) -> tuple[Step, ...]:
    """The steps from the answer backwards: before a step its inputs, then its anchors, as listed, each step once. The
    order in which a planner happened to number independent steps is gone from it. No plan has no steps."""
    if plan is None:
        return ()
    by_id = {step.id: step for step in plan.steps}
    done: dict[str, Step] = {}

    def visit(name: str) -> None:
        if name not in done:
            step = by_id[name]
            for before in (*step.inputs, *step.anchors):
                visit(before)
            done[name] = step

    visit(plan.answer_from)
    return tuple(done.values())


def types(plan: Plan | None) -> tuple[str, ...]:
    """The types of the steps in post-order."""
    return tuple(step.type for step in post_order(plan))


def lemmas(value: object) -> str:
    """A value as lower-case lemmas, determiners apart: "The storage tanks" is "storage tank", 50.0 is "50", and
    "north_of" is "north of"; the signs < and > stay."""
    if isinstance(value, float | int) and not isinstance(value, bool):
        return f"{value:g}"
    pieces = _PIECE.findall(unicodedata.normalize("NFKC", str(value)).lower())
    return " ".join(lemma(piece) for piece in pieces if piece not in _DETERMINERS)


def slots(step: Step, fields: tuple[str, ...] = SLOTTED) -> Counter[Slot]:
    """What a step fills: one slot a leaf of these fields that is not null. `negated` is a slot only where it is true: a
    slot that every condition has would lift all scores."""
    filled = msgspec.to_builtins(step)
    found: Counter[Slot] = Counter()
    for field in fields:
        content = filled[field]
        leaves = content.items() if isinstance(content, dict) else [("", content)]
        for name, value in leaves:
            if value is not None and value is not False:
                found[(f"{field}.{name}" if name else field, lemmas(value))] += 1
    return found


def slots_of(plan: Plan | None) -> Counter[Slot]:
    """The bag of the slots of all steps."""
    return sum((slots(step) for step in post_order(plan)), Counter[Slot]())


def edges(steps: tuple[Step, ...]) -> frozenset[Edge]:
    """Which result goes where, and as what."""
    place = {step.id: i for i, step in enumerate(steps)}
    return frozenset(
        (place[source], place[step.id], kind)
        for step in steps
        for kind, sources in (("input", step.inputs), ("anchor", step.anchors))
        for source in sources
    )


def slot_hits(made: Plan | None, wanted: Plan | None) -> Hits:
    """Slots of two plans as bags. Where neither has any, F1 is 1."""
    ours, theirs = slots_of(made), slots_of(wanted)
    return Hits((ours & theirs).total(), ours.total(), theirs.total())


def edge_hits(made: Plan | None, wanted: Plan | None) -> Hits:
    """Edges that lead between aligned steps and are of the same kind. Where neither has any (single steps), F1 is 1."""
    ours, theirs = post_order(made), post_order(wanted)
    partner = dict(aligned(ours, theirs))
    moved = {(partner.get(source), partner.get(target), kind) for source, target, kind in edges(ours)}
    return Hits(len(moved & edges(theirs)), len(edges(ours)), len(edges(theirs)))


def aligned(ours: tuple[Step, ...], theirs: tuple[Step, ...]) -> tuple[tuple[int, int], ...]:
    """Pairs of places of the same type, at most one each, whose likeness in sum is the greatest (Hungarian method).

    The likeness of two steps is 1 + the F1 of their slots (change, combine and image included); of steps of different
    types, 0. Between equals decides what led to them (a tenth of the F1 of the slots of all steps before), then the place
    in post-order: so a plan is aligned with itself step by step also where two of its steps say the same.
    """
    if not ours or not theirs:
        return ()
    import numpy as np
    from scipy.optimize import linear_sum_assignment

    histories = _histories(ours), _histories(theirs)
    likeness = np.zeros((len(ours), len(theirs)))
    for i, one in enumerate(ours):
        for j, other in enumerate(theirs):
            if one.type == other.type:
                own, before = _f1(_labels(one), _labels(other)), _f1(histories[0][i], histories[1][j])
                likeness[i, j] = 1 + own + before / 10 - abs(i - j) / 10_000
    rows, columns = linear_sum_assignment(likeness, maximize=True)
    return tuple((int(i), int(j)) for i, j in zip(rows, columns, strict=True) if ours[i].type == theirs[j].type)


def _labels(step: Step) -> Counter[Slot]:
    return slots(step, _CONDITIONS) + Counter([("image", step.image)])


def _histories(steps: tuple[Step, ...]) -> list[Counter[Slot]]:
    """The labels of every step before each one, of any distance, as a bag of roads."""
    known: dict[str, Counter[Slot]] = {}
    for step in steps:
        before = (known[name] for name in (*step.inputs, *step.anchors))
        known[step.id] = _capped(sum(before, _labels(step)))
    return list(known.values())


def _capped(bag: Counter[Slot]) -> Counter[Slot]:
    """Counts of at most 99: a diamond in each of thirty steps would double them thirty times."""
    return Counter({slot: min(number, 99) for slot, number in bag.items()})


def _f1(one: Counter[Slot], other: Counter[Slot]) -> float:
    return Hits((one & other).total(), one.total(), other.total()).f1
