"""Which of a few given objects fulfil a condition in words, where their shapes leave no doubt of any of them.

Candidates and anchors are part of the question, so nothing hangs on whether a class is annotated in full: what a condition
says is a fact of the shapes that are listed. Relations to several anchors are those that one of them is enough for.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from random import Random
from typing import NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray

from georsmllm.classes import is_countable
from georsmllm.geometry import to_rbox
from georsmllm.measures import Measured
from georsmllm.selecting import ANCHORS
from georsmllm.types import PointSet, Sample

from ._asking import askable, by_class, number_word
from ._expressions import ALOOF, GAP_MARGIN, SIDE_MARGIN, SIZE_MARGIN, conditions, draws_boxes
from ._origin import shows_areas
from ._pointing import unfair
from ._related import cases

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]

RANKS = frozenset({"outermost", "size", "rank", "distance"})
"""Rules that compare the candidates with one another: what they name is so many of them, and never none."""
MOST_RANKED = 5
MOST_ANCHORS, MOST_CLASSES = 6, 2
"""Anchors of one class that are listed together; classes of a view that give anchors."""
_ANY = ("near", "right next to", "touching", "inside", "within ")
"""Relations that hold of a set of anchors where they hold of one."""


class Choice(NamedTuple):
    """words: with a place for the noun. kept: whether of each candidate, in their order. anchors: indices of targets."""

    rule: str
    words: str
    kept: tuple[bool, ...]
    anchors: tuple[int, ...] = ()


class Anchors(NamedTuple):
    """Objects of one class that others are related to; some: those of them that are drawn one by one."""

    every: tuple[int, ...]
    some: tuple[int, ...]


def choices(view: Sample, candidates: tuple[int, ...], anchors: tuple[Anchors, ...]) -> tuple[Choice, ...]:
    """All that is beyond doubt of these targets of one class, none of them and all of them included."""
    own = Measured([view.targets[i].shape for i in candidates], view.images[0].size_wh)
    found: dict[tuple[str, tuple[int, ...]], Choice] = {}
    for one in (*_alone(view, candidates), *_ranked(view, candidates, own)):
        found[one.words, one.anchors] = one
    for theirs in anchors:
        for one in (*_related(view, own, theirs), *_nearest(view, own, theirs)):
            found[one.words, one.anchors] = one
    return tuple(found.values())


def drawn_anchors(view: Sample, label: str, rng: Random) -> tuple[Anchors, ...]:
    """Of a few other classes of a view some objects that can be pointed at."""
    fair: dict[str, list[int]] = {}
    for other, indices in by_class(view).items():
        theirs = [i for i in askable(view, indices) if view.targets[i].shape.kind != "point" and not unfair(view, i)]
        if other != label and theirs:
            fair[other] = theirs
    found: list[Anchors] = []
    for other in rng.sample(sorted(fair), min(len(fair), MOST_CLASSES)):
        every = tuple(sorted(rng.sample(fair[other], min(len(fair[other]), MOST_ANCHORS))))
        found.append(Anchors(every, every if len(every) < 3 else tuple(sorted(rng.sample(every, 2)))))
    return tuple(found)


def _alone(view: Sample, candidates: tuple[int, ...]) -> Iterator[Choice]:
    for one in conditions(view, candidates):
        if not _is_doubtful(one.sure, one.possible):
            yield Choice(one.rule, one.words, tuple(one.sure.tolist()))


def _ranked(view: Sample, candidates: tuple[int, ...], own: Measured) -> Iterator[Choice]:
    """The few largest by area, and the longest; upright boxes prove neither length nor, for several, area."""
    if len(candidates) < 2 or draws_boxes(view):
        return
    visible = np.array([max(view.targets[i].visible, 0.01) for i in candidates])
    yield from _top("largest", own.areas, own.areas / visible, SIZE_MARGIN)
    if bool((visible >= 1).all()) and not (shows_areas(view) and is_countable(view.targets[candidates[0]].label)):
        lengths = np.array([_length(view.targets[i].shape) for i in candidates])
        yield from _top("longest", lengths, lengths, SIDE_MARGIN)


def _top(word: str, least: Floats, most: Floats, margin: float) -> Iterator[Choice]:
    """The n that surely have more than all the rest; least, most: what each has at least and at most."""
    order = np.argsort(-least, kind="stable")
    for n in range(1, min(len(order), MOST_RANKED + 1)):
        top, rest = order[:n], order[n:]
        if least[top].min() >= margin * most[rest].max():
            kept = np.isin(np.arange(len(order)), top)
            yield Choice("rank", f"{number_word(n)} {word} {{}}" if n > 1 else f"{word} {{}}", tuple(kept.tolist()))


def _length(shape: PointSet) -> float:
    a, b, c, _ = to_rbox(shape).rings[0].points
    return max(math.dist(a, b), math.dist(b, c))


def _related(view: Sample, own: Measured, anchors: Anchors) -> Iterator[Choice]:
    """To one of the drawn anchors, between two of them, and to all that are listed."""
    sure: dict[str, Bools] = {}
    possible: dict[str, Bools] = {}
    for case in cases(view, own, anchors.every):
        if set(case.anchors) <= set(anchors.some) and not _is_doubtful(case.sure, case.possible):
            yield Choice("relation", f"{{}} {case.words} {ANCHORS}", tuple(case.sure.tolist()), case.anchors)
        if case.words.startswith(_ANY):
            sure[case.words] = sure.get(case.words, np.zeros(len(own), bool)) | case.sure
            possible[case.words] = possible.get(case.words, np.zeros(len(own), bool)) | case.possible
    for words in sure if len(anchors.every) > 1 else ():
        if not _is_doubtful(sure[words], possible[words]):
            yield Choice("relation", f"{{}} {words} {ANCHORS}", tuple(sure[words].tolist()), anchors.every)


def _nearest(view: Sample, own: Measured, anchors: Anchors) -> Iterator[Choice]:
    """The one whose gap to the nearest anchor is clearly the least, and the one whose gap to a single anchor is greatest."""
    aloof = ALOOF * own.diagonal
    for some in dict.fromkeys((*((i,) for i in anchors.some), anchors.every)) if len(own) > 1 else ():
        theirs = Measured([view.targets[i].shape for i in some], own.size_wh)
        gaps = shapely.distance(own.surfaces[:, None], theirs.surfaces[None, :]).min(axis=1)
        order = np.argsort(gaps, kind="stable")
        for word, one, low, high in (
            ("nearest to", order[0], gaps[order[0]], gaps[order[1]]),
            ("farthest from", order[-1], gaps[order[-2]], gaps[order[-1]]),
        ):
            if GAP_MARGIN * low + aloof <= high and (word == "nearest to" or len(some) == 1):
                kept = np.arange(len(own)) == one
                yield Choice("distance", f"{{}} {word} {ANCHORS}", tuple(kept.tolist()), some)


def _is_doubtful(sure: Bools, possible: Bools) -> bool:
    return bool((possible & ~sure).any())
