"""Referring expressions for datasets that have none: what the annotation proves of some objects of a class and of no other.

Every condition is measured on all targets of the class twice: which ones surely fulfil it, and which ones possibly do. Only
where both are the same is there an expression; whatever is near a tie leaves none. Classes are asked of which every
object is annotated and none is ignored, and anchors are the one object of such a class.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import combinations
from random import Random
from typing import NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray

from georsmllm.classes import is_countable, plural
from georsmllm.geometry import to_box, to_rbox
from georsmllm.measures import Measured
from georsmllm.relations import SIDES, between, holds, region_shares
from georsmllm.types import Sample

from ._asking import NUMBER_WORDS, divide, number_word, singular
from ._given import Expression
from ._origin import shows_areas
from ._pointing import is_ambiguous, noise

SURE, POSSIBLE = 0.5, 1.5
"""Slacks of a relation that surely holds, and of one that possibly does."""
IN, OUT = 0.9, 0.1
"""Shares of an object in a region of the image where it surely lies, and where it possibly does."""
SIZE_MARGIN, SIDE_MARGIN = 1.5, 1.2
"""The largest has this many times the area of any other; of upright boxes, which prove no area, both sides are so much
longer."""
GAP_MARGIN = 1.5
"""The nearest one's gap fits so often into any other's, and ALOOF of the diagonal besides."""
ALOOF = 0.02
"""Shares of the view's side, or diagonal, by which an outermost or nearest one stands apart from the others."""
CONE = 1.5
"""What is surely to the left lies so many times farther left than up or down."""
LEVEL_DEG, SLANTED_DEG = 10.0, 30.0
"""What lies horizontally is surely turned by no more than the one, and possibly by no more than the other."""
MOST_ANCHORS = 6

Bools = NDArray[np.bool_]

_OUTERMOST = {"left_of": "leftmost", "right_of": "rightmost", "above": "topmost", "below": "bottommost"}
_BESIDE = {
    "left_of": "to the left of {}", "right_of": "to the right of {}", "above": "above {}", "below": "below {}",
}  # fmt: skip
_RELATED = {
    "near": "near {}", "adjacent_to": "right next to {}", "touches": "touching {}", "inside": "inside {}",
    "contains": "with {} inside", "along": "alongside {}", "parallel_to": "parallel to {}",
}  # fmt: skip


class Condition(NamedTuple):
    """words: with a place for the noun; which targets of the class surely fulfil them, and which possibly do."""

    rule: str
    words: str
    sure: Bools
    possible: Bools


class _Class(NamedTuple):
    """The targets of one class of a view, measured; anchors: names and measures of other classes' only objects.
    is_boxes: the shapes are upright boxes."""

    view: Sample
    label: str
    indices: tuple[int, ...]
    own: Measured
    anchors: tuple[tuple[str, Measured], ...]
    is_boxes: bool


@lru_cache(maxsize=8)
def generate(view: Sample) -> tuple[Expression, ...]:
    """All expressions that a view proves, by class and rule; () for pairs and for areas, which nobody counts."""
    if len(view.images) != 1 or shows_areas(view):
        return ()
    whole = {label: indices for label, indices in divide(view).whole.items() if is_countable(label)}
    names = {target.label for target in view.targets}
    size = view.images[0].size_wh
    is_boxes = draws_boxes(view)
    found: list[Expression] = []
    lone = {label: indices[0] for label, indices in whole.items() if len(indices) == 1 and not noise(view, indices[0])}
    anchors = {label: Measured([view.targets[i].shape], size) for label, i in lone.items()}
    for label, indices in whole.items():
        if any(is_rival(label, other) for other in names):
            continue
        own = Measured([view.targets[i].shape for i in indices], size)
        others = [(f"the {singular(other)}", one) for other, one in anchors.items() if other != label][:MOST_ANCHORS]
        found.extend(_expressions(_Class(view, label, indices, own, tuple(others), is_boxes)))
    return tuple(found)


def drawn(view: Sample, rng: Random) -> tuple[Expression, ...]:
    """For each class one expression of a single object and one of several, where there are any; the rule is drawn first,
    so that the many expressions of one rule are no more frequent."""
    groups: dict[tuple[str, bool], dict[str, list[Expression]]] = {}
    for one in generate(view):
        key = view.targets[one.targets[0]].label, len(one.targets) > 1
        groups.setdefault(key, {}).setdefault(one.rule, []).append(one)
    return tuple(rng.choice(rules[rng.choice(sorted(rules))]) for rules in groups.values())


def conditions(view: Sample, indices: tuple[int, ...]) -> Iterator[Condition]:
    """What the shapes of some targets of one image say of each by itself and among the others: places, sizes, directions."""
    own = Measured([view.targets[i].shape for i in indices], view.images[0].size_wh)
    one = _Class(view, "", indices, own, (), draws_boxes(view))
    for rules in (_outermost, _placed, _sized, _oriented):
        yield from rules(one)


def is_rival(label: str, other: str) -> bool:
    """Whether one name could mean the other class, too: a small vehicle is a vehicle."""
    return label.endswith(f" {other}") or other.endswith(f" {label}")


def _expressions(one: _Class) -> Iterator[Expression]:
    fair: dict[int, bool] = {}

    def is_fair(i: int) -> bool:
        if i not in fair:
            fair[i] = not noise(one.view, i) and not is_ambiguous(one.view, i, one.indices)
        return fair[i]

    for rules in _RULES:
        for condition in rules(one):
            targets = tuple(i for i, sure in zip(one.indices, condition.sure, strict=True) if sure)
            if not targets or bool((condition.possible & ~condition.sure).any()):
                continue
            is_group = len(targets) > 1
            if is_group and (condition.rule == "place" or not len(targets) < min(len(one.indices), len(NUMBER_WORDS))):
                continue
            if all(map(is_fair, targets)):
                noun = f"{number_word(len(targets))} {plural(one.label)}" if is_group else singular(one.label)
                yield Expression(f"the {condition.words.format(noun)}", targets, condition.rule)


def _single(count: int, index: int) -> Bools:
    single: Bools = np.arange(count) == index
    return single


def _alone(one: _Class) -> Iterator[Condition]:
    if len(one.indices) == 1:
        yield Condition("alone", "only {} in the image", np.ones(1, bool), np.ones(1, bool))


def _outermost(one: _Class) -> Iterator[Condition]:
    """The one that lies clearly farther to a side of the image than every other, and that none reaches beyond."""
    count = len(one.indices)
    for side, towards in SIDES.items() if count > 1 else ():
        at = one.own.centres @ towards
        first = int(at.argmax())
        ahead = holds(side, one.own.only(first), one.own, slack=SURE)[0]
        length = one.own.size_wh[0 if towards[0] else 1]
        rest = ~_single(count, first)
        reach = one.own.reaches(towards)
        if bool((ahead & (at[first] - at >= ALOOF * length) & (reach[first] >= reach))[rest].all()):
            yield Condition("outermost", f"{_OUTERMOST[side]} {{}}", ~rest, ~rest)


def _placed(one: _Class) -> Iterator[Condition]:
    for region, share in region_shares(one.own).items():
        yield Condition("place", f"{{}} in the {region} of the image", share >= IN, share > OUT)


def _sized(one: _Class) -> Iterator[Condition]:
    """By area, of which a target at the border of a tile may have more than it shows."""
    count = len(one.indices)
    if count < 2:
        return
    targets = [one.view.targets[i] for i in one.indices]
    most = one.own.areas / np.array([max(target.visible, 0.01) for target in targets])
    sides = np.sort([(x2 - x1, y2 - y1) for x1, y1, x2, y2 in shapely.bounds(one.own.surfaces)], axis=1)
    for word, i in (("largest", int(one.own.areas.argmax())), ("smallest", int(one.own.areas.argmin()))):
        rest = ~_single(count, i)
        if word == "largest":
            apart = one.own.areas[i] >= SIZE_MARGIN * most[rest]
            longer = sides[i] >= SIDE_MARGIN * sides[rest]
        else:
            apart = SIZE_MARGIN * most[i] <= one.own.areas[rest]
            longer = SIDE_MARGIN * sides[i] <= sides[rest]
        if bool(apart.all()) and (not one.is_boxes or bool(longer.all())):
            yield Condition("size", f"{word} {{}}", ~rest, ~rest)


def _nearest(one: _Class) -> Iterator[Condition]:
    count, aloof = len(one.indices), ALOOF * one.own.diagonal
    for name, anchor in one.anchors if count > 1 else ():
        gaps = shapely.distance(one.own.surfaces, anchor.surfaces[0])
        for word, i in (
            (f"{{}} nearest to {name}", int(gaps.argmin())),
            (f"{{}} farthest from {name}", int(gaps.argmax())),
        ):
            rest = ~_single(count, i)
            low, high = (gaps[i], gaps[rest]) if "nearest" in word else (gaps[rest], gaps[i])
            if bool((GAP_MARGIN * low + aloof <= high).all()):
                yield Condition("distance", word, ~rest, ~rest)


def _beside(one: _Class) -> Iterator[Condition]:
    """Whatever lies, or reaches, a hair farther to that side than the anchor possibly is beside it, however far up or
    down."""
    aloof = ALOOF * min(one.own.size_wh)
    for name, anchor in one.anchors:
        for side, towards in SIDES.items():
            away = one.own.centres - anchor.centres[0]
            ahead, across = away @ towards, np.abs(away @ (towards[1], towards[0]))
            sure = holds(side, one.own, anchor, slack=SURE)[:, 0] & (ahead >= CONE * across)
            beyond = one.own.reaches(towards) > anchor.reaches(towards)
            yield Condition("relation", f"{{}} {_BESIDE[side].format(name)}", sure, (ahead > -aloof) | beyond)


def _related(one: _Class) -> Iterator[Condition]:
    for name, anchor in one.anchors:
        for relation, words in _RELATED.items():
            if relation != "near" and one.is_boxes:
                continue  # what two upright boxes share may be empty corners
            if relation in ("along", "parallel_to") and bool(np.isnan(one.own.directions).any()):
                continue
            sure, possible = bracketed(relation, one.own, anchor)
            yield Condition("relation", f"{{}} {words.format(name)}", sure[:, 0], possible[:, 0])


def bracketed(relation: str, own: Measured, anchors: Measured) -> tuple[Bools, Bools]:
    """[i, j]: what surely stands in a relation, and what possibly does. Along an anchor is what runs as the anchor does
    nearby, and the wider one looks the other way that may be: so all slacks must agree."""
    sure, possible = (holds(relation, own, anchors, slack=slack) for slack in (SURE, POSSIBLE))
    if relation != "along":
        return sure, possible
    held = holds(relation, own, anchors)
    return sure & held & possible, sure | held | possible


def _between(one: _Class) -> Iterator[Condition]:
    for (name, first), (other, second) in combinations(one.anchors, 2):
        sure, possible = (
            between(one.own, first.centres[0], second.centres[0], slack=slack) for slack in (SURE, POSSIBLE)
        )
        yield Condition("relation", f"{{}} between {name} and {other}", sure, possible)


def _oriented(one: _Class) -> Iterator[Condition]:
    """Only of shapes that prove it: an upright box may hold a slanted thing, and what is not elongated lies any way."""
    if one.is_boxes:
        return
    for word, degrees in (("horizontally", 0.0), ("vertically", 90.0)):
        turned = np.abs((one.own.directions - degrees + 90) % 180 - 90)
        yield Condition("orientation", f"{{}} lying {word} in the image", turned <= LEVEL_DEG, ~(turned > SLANTED_DEG))


@lru_cache(maxsize=8)
def draws_boxes(view: Sample) -> bool:
    """Whether targets are upright boxes, as they are where all outlines are: those prove no outline and no direction."""
    shapes = [target.shape for target in view.targets if target.shape.kind != "point"]
    return any(shape.kind == "box" for shape in shapes) or all(
        len(shape.rings) == 1 and set(shape.rings[0].points) == set(to_rbox(to_box(shape)).rings[0].points)
        for shape in shapes
    )


_RULES: Sequence[Callable[[_Class], Iterator[Condition]]] = (
    _alone, _outermost, _placed, _sized, _nearest, _beside, _related, _between, _oriented,
)  # fmt: skip
