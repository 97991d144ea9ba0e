"""Relations between sets of findings, computed from their outlines: which hold, of how many anchors, and by how much."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from georsmllm.found import Finding

from . import spatial
from .amounts import Amount, amount
from .frame import Frame, Unsaid, is_area, label_of, span
from .plan import Relation
from .spatial import Case, Found

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Bools = NDArray[np.bool_]


class Verdict(NamedTuple):
    """keep: of each input. why: what was measured, in words with numbers, of those that the relation holds of."""

    keep: Bools
    why: str


def related(relation: Relation, inputs: tuple[Finding, ...], sets: list[tuple[Finding, ...]], frame: Frame) -> Verdict:
    """Which of the inputs stand in the relation to the anchors. Raises Unsaid where geometry does not tell."""
    anchors = tuple({one.id: one for group in sets for one in group}.values())
    least, reach = _value(relation)
    case = Case(
        relation,
        frame.measured(inputs),
        frame.measured(anchors),
        tuple(frame.measured(group) for group in sets),
        all(is_area(label_of(one.label)) for one in anchors),
        frame,
        least,
    )
    found = _within(reach, inputs, anchors, frame) if reach is not None else None
    if found is None or relation.name not in ("near", "within_distance"):
        found = _and(found, spatial.rule_of(relation.name)(case))
    holds = found.numbers >= case.least
    return Verdict(~holds if relation.negated else holds, _why(found, holds, case))


def _within(reach: Amount, inputs: tuple[Finding, ...], anchors: tuple[Finding, ...], frame: Frame) -> Found:
    there = frame.suited(reach)
    told = there.told(reach, there.unit)
    return spatial.within(there.measured(inputs), there.measured(anchors), reach=there.lengths(reach), told=told)


def _and(first: Found | None, second: Found) -> Found:
    if first is None:
        return second
    return Found(second.numbers * (first.numbers > 0), second.values, second.words)


def _value(relation: Relation) -> tuple[int, Amount | None]:
    """(the least number of anchors, the longest distance or None)."""
    if relation.value is None:
        if relation.name == "within_distance":
            raise Unsaid("NOT_GEOMETRIC", "the plan says no distance")
        return 1, None
    if relation.unit == "count_min":
        least = amount(relation.value)
        if least is None:
            raise Unsaid("NOT_GEOMETRIC", f"{str(relation.value)[:30]!r} is no number of anchors")
        return max(1, round(least.number)), None
    said = amount(relation.value, relation.unit)
    if said is None or said.unit == "%":
        raise Unsaid("NOT_GEOMETRIC", f"{f'{relation.value} {relation.unit}'[:40]!r} is no distance")
    return 1, said


def _why(found: Found, holds: Bools, case: Case) -> str:
    """What was measured of those that are kept, or of all where none is; of what does not hold, that it is not enough."""
    words, denied = "", case.relation.negated
    kept = ~holds if denied else holds
    if found.values is not None and len(holds):
        words = found.words.replace("{}", span(found.values[kept] if kept.any() else found.values))
        words += ", which is not enough" if denied == kept.any() else ""
    if case.least > 1:
        words = f"at least {case.least} anchors are asked for, there are {span(found.numbers.astype(float))}"
    return words
