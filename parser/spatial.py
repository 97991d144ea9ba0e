"""The rules of the relations between outlines, each for all subjects of a set at once; methods section 4.3 has most of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from georsmllm.relations import ADJACENT, ADJACENT_PX, ALONG, NEAR

from .frame import Frame, Unsaid, span
from .plan import Relation
from .portions import number_in

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from georsmllm.measures import Measured

    Bools = NDArray[np.bool_]
    Floats = NDArray[np.float64]
    Numbers = NDArray[np.int64]

BOTH = ("both", "either", "each")
"""Sides that are all of the banks."""
VERSUS = ("same", "opposite")
"""Sides that are told by another thing than the one whose sides they are."""
MOST_WAYS = 2000
"""Pairs of anchors that something is looked for between; more are a mistake of the plan."""


class Case(NamedTuple):
    """One relation of subjects to all anchors. sets: the anchors step by step. least: how many anchors it must hold of."""

    relation: Relation
    subjects: Measured
    anchors: Measured
    sets: tuple[Measured, ...]
    are_areas: bool
    frame: Frame
    least: int


class Found(NamedTuple):
    """numbers: of each subject, how many anchors the relation holds of (1 where all of them together do). values: what was
    measured of each subject, said with its unit in front of which `{}` stands for the span of those that are kept."""

    numbers: Numbers | Bools
    values: Floats | None = None
    words: str = "{}"


def rule_of(name: str) -> Callable[[Case], Found]:
    if name not in _RULES:
        raise Unsaid("NOT_GEOMETRIC", f"outlines alone do not tell what is {name.replace('_', ' ')} what")
    return _RULES[name]


def within(subjects: Measured, anchors: Measured, *, reach: float, told: tuple[float, str]) -> Found:
    """The gap is at most so long, in the unit of the frame in which they are measured. told: by which factor and in which
    unit it is told."""
    from georsmllm.arrangements import gaps

    by, unit = told
    return Found(
        _number(lambda these, those: these.pairs_within(those, reach), subjects, anchors),
        gaps(subjects, anchors) * by,
        f"the gap to the nearest anchor is {{}} {unit}, at most {reach * by:.4g} {unit} are asked for",
    )


def _number(test: Callable[[Measured, Measured], Bools], subjects: Measured, anchors: Measured) -> Numbers:
    """Of each subject, the anchors other than itself that a test of pairs holds of."""
    from georsmllm.arrangements import number

    def but_itself(these: Measured, those: Measured) -> Bools:
        found = test(these, those)
        for i, j in these.same(those):
            found[i, j] = False
        return found

    return number(but_itself, subjects, anchors)


def _gaps(case: Case) -> Floats:
    from georsmllm.arrangements import gaps

    return gaps(case.subjects, case.anchors)


def _towards(case: Case) -> Found:
    """Left of, north of ...: farther in that direction by a quarter of the mean extent, or on that side of a river."""
    from georsmllm.arrangements import farther, number, on_side
    from georsmllm.relations import displaced

    direction = case.frame.direction(case.relation.name)
    assert direction is not None
    if case.least > 1:
        return Found(number(lambda a, b: displaced(a, b, direction.towards), case.subjects, case.anchors))
    far = on_side(case.subjects, case.anchors, direction.towards)
    words = f"the middle lies {{}} px {_SAID[case.relation.name]} the nearest anchor{_taken(direction.note)}"
    return Found(farther(case.subjects, case.anchors, direction.towards), far, words)


def _on_side(case: Case) -> Found:
    """On that side of the line of a river or road, or of whatever else is nearest."""
    import numpy as np

    from georsmllm.arrangements import on_side

    side = (case.relation.side or "").lower().strip()
    if side in BOTH:
        return Found(~_inside(case).numbers.astype(bool))  # on the banks, not in the river
    if side in VERSUS and len(case.sets) > 1:
        return _versus(case, same=side == VERSUS[0])
    direction = case.frame.direction(side)
    if direction is None:
        raise Unsaid("NOT_GEOMETRIC", f"{side[:30]!r} is neither a side of the image nor of the compass")
    far = on_side(case.subjects, case.anchors, direction.towards)
    words = f"the middle lies {{}} px {side} of the line of the nearest anchor{_taken(direction.note)}"
    return Found(np.nan_to_num(far) > 1e-6 * case.subjects.diagonal, far, words)


def _versus(case: Case, *, same: bool) -> Found:
    """On the same side of the line of the first anchors as one of the last, or on the other side than all of them."""
    import numpy as np

    from georsmllm.arrangements import alike

    line, others = case.sets[0], case.sets[-1]
    beside = alike(case.subjects, line, others)
    return Found(beside > 0 if same else np.asarray((beside <= 0) & ~np.isnan(beside)))


def _taken(note: str) -> str:
    return f" ({note})" if note else ""


def _inside(case: Case) -> Found:
    from georsmllm.arrangements import number_that
    from georsmllm.covering import inside, shares

    if case.relation.side and case.relation.name != "on_side_of":
        whole = inside(case.subjects, case.anchors)
        there = number_in(case.subjects, case.anchors, case.relation.side, case.frame)
        return Found(whole * there)
    if case.least > 1:
        return Found(number_that("inside", case.subjects, case.anchors))
    return Found(
        inside(case.subjects, case.anchors), 100 * shares(case.subjects, case.anchors), "{} % lie in the anchors"
    )


def _overlaps(case: Case) -> Found:
    from georsmllm.arrangements import number_that
    from georsmllm.covering import overlaps, shares

    if case.least > 1:
        return Found(number_that("overlaps", case.subjects, case.anchors))
    return Found(
        overlaps(case.subjects, case.anchors), 100 * shares(case.subjects, case.anchors), "{} % lie in the anchors"
    )


def _pairs(relation: str, words: str) -> Callable[[Case], Found]:
    def rule(case: Case) -> Found:
        from georsmllm.arrangements import number_that

        return Found(number_that(relation, case.subjects, case.anchors), _gaps(case), words)

    return rule


def _contains(case: Case) -> Found:
    from georsmllm.arrangements import number_that

    numbers = number_that("contains", case.subjects, case.anchors)
    return Found(numbers, numbers.astype(float), "each contains {} of the anchors")


def _parallel(case: Case) -> Found:
    from georsmllm.arrangements import number_that

    return Found(number_that("parallel_to", case.subjects, case.anchors))


def _along(case: Case) -> Found:
    from georsmllm.arrangements import along

    words = f"the gap is {{}} px, and {ALONG * case.subjects.diagonal:.4g} px are close enough"
    return Found(along(case.subjects, case.anchors, enough=case.least), _gaps(case), words)


def _crosses(case: Case) -> Found:
    from georsmllm.arrangements import crossings

    return Found(crossings(case.subjects, case.anchors))


def _connected(case: Case) -> Found:
    """Linked end to end: no more apart than what is adjacent, where one of them is a line or an area of a way. What links
    compact things, such as a cable, is no outline of theirs."""
    import numpy as np

    from georsmllm.ribbons import extent

    lines = extent(case.anchors).are_ribbons, extent(case.subjects).are_ribbons
    if not (case.are_areas or lines[0].any() or lines[1].any()):
        raise Unsaid("NOT_GEOMETRIC", "neither side is a road or another line, so outlines do not tell what links them")
    far = np.maximum(ADJACENT_PX, ADJACENT * np.sqrt(case.subjects.areas))

    def test(these: Measured, those: Measured) -> Bools:
        own = np.maximum(ADJACENT_PX, ADJACENT * np.sqrt(these.areas))
        return these.pairs_within(those, own)

    return Found(
        _number(test, case.subjects, case.anchors),
        _gaps(case),
        f"the gap is {{}} px, and {span(far)} px are close enough",
    )


def _surrounded(case: Case) -> Found:
    from georsmllm.arrangements import surrounded_by_things
    from georsmllm.covering import surrounded_by_areas

    holds = surrounded_by_areas(case.subjects, case.anchors)
    return Found(holds if case.are_areas else holds | surrounded_by_things(case.subjects, case.anchors))


def _flanked(case: Case) -> Found:
    from georsmllm.arrangements import flanked

    return Found(flanked(case.subjects, case.anchors) * case.least)  # both sides are two anchors at least


def _facing(case: Case) -> Found:
    from georsmllm.arrangements import facing

    return Found(facing(case.subjects, case.anchors), _gaps(case), "nothing in between, {} px away")


def _between(case: Case) -> Found:
    """Between an anchor of one set and one of another, or between two of one set."""
    import numpy as np

    from georsmllm.arrangements import amid

    sets = [group for group in case.sets if len(group)]
    found = np.zeros(len(case.subjects), dtype=bool)
    if len(sets) < 2 and len(sets[0]) < 2:
        raise Unsaid("ANCHOR_NOT_FOUND", "between needs two anchors, one was found")
    pairs = [(a, b) for i, a in enumerate(sets) for b in sets[i + 1 :]] or [(sets[0], sets[0])]
    for first, second in pairs:
        if len(first) * len(second) > MOST_WAYS:
            raise Unsaid("NOT_GEOMETRIC", f"{len(first)} x {len(second)} pairs of anchors are no two")
        found |= amid(case.subjects, first, second)
    return Found(found)


_SAID = {
    "left_of": "left of", "right_of": "right of", "above": "above", "below": "below", "north_of": "north of",
    "south_of": "south of", "east_of": "east of", "west_of": "west of",
}  # fmt: skip
_RULES: Mapping[str, Callable[[Case], Found]] = MappingProxyType(
    dict.fromkeys(_SAID, _towards)
    | {
        "on_side_of": _on_side,
        "inside": _inside,
        "on": _inside,  # seen from above, what stands on something covers a part of it
        "under": _inside,
        "overlaps": _overlaps,
        "contains": _contains,
        "touches": _pairs("touches", "the gap is {} px"),
        "adjacent_to": _pairs("adjacent_to", "the gap is {} px"),
        "near": _pairs("near", f"the gap is {{}} px, and {NEAR:.0%} of the diagonal are near"),
        "along": _along,
        "parallel_to": _parallel,
        "crosses": _crosses,
        "connected_to": _connected,
        "surrounded_by": _surrounded,
        "flanked_by": _flanked,
        "facing": _facing,
        "between": _between,
    }
)
"""Relation -> its rule. Not here: behind, upstream_of, downstream_of, which no outline tells."""
