"""Which objects of a class stand in a relation to an object that is pointed at, where the shapes leave no doubt."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from random import Random
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from georsmllm.classes import is_countable
from georsmllm.measures import Measured
from georsmllm.relations import COMPASS, SIDES, bearing, between, compass, holds, within_distance
from georsmllm.types import UNNAMED, ImageRef, Sample

from ._asking import askable, by_class, divide, is_speakable
from ._expressions import ALOOF, CONE, POSSIBLE, SURE, bracketed, draws_boxes, is_rival
from ._pointing import is_ambiguous, noise

Bools = NDArray[np.bool_]

_SIDE_WORDS = {
    "left_of": "to the left of", "right_of": "to the right of", "above": "above", "below": "below",
    "north_of": "north of", "east_of": "east of", "south_of": "south of", "west_of": "west of",
}  # fmt: skip
_SHAPE_WORDS = {
    "adjacent_to": "right next to", "touches": "touching", "inside": "inside", "along": "alongside",
    "parallel_to": "parallel to", "surrounded_by": "surrounded by",
}  # fmt: skip
METRES = (20, 50, 100, 200, 500)
NEARER, FARTHER = 0.8, 1.25
"""Within a distance is surely what is within 0.8 of it, and possibly what is within 1.25."""
MOST_ANCHORS = 6
BETWEEN = "between"


class Related(NamedTuple):
    """The targets of a class that stand in a relation to the anchors; none where surely none does."""

    label: str
    words: str
    anchors: tuple[int, ...]
    targets: tuple[int, ...]


class Case(NamedTuple):
    """A relation of some targets to anchors: which ones surely stand in it, and which ones possibly do."""

    words: str
    anchors: tuple[int, ...]
    sure: Bools
    possible: Bools


def related(view: Sample, rng: Random, *, max_objects: int) -> Iterator[Related]:
    """What is beyond doubt, by class in alphabetical order; of each class the objects other than the anchor itself.

    Classes: countable, annotated in full, none ignored, and whose name means no other class of the view. Anchors: a few
    drawn objects that can be pointed at. Nothing is in the grey zone between what surely and what possibly holds.
    """
    names = {target.label for target in view.targets}
    anchors = _anchors(view, rng)
    for label, indices in divide(view).whole.items():
        if not is_countable(label) or any(is_rival(label, other) for other in names):
            continue
        own = Measured([view.targets[i].shape for i in indices], view.images[0].size_wh)
        for case in cases(view, own, anchors):
            others = np.array([i not in case.anchors for i in indices])
            if not others.any() or bool((case.possible & ~case.sure & others).any()):
                continue
            targets = tuple(i for i, is_in in zip(indices, case.sure & others, strict=True) if is_in)
            if not targets and case.words in _SHAPE_WORDS.values():
                continue  # nobody would ask which harbors are inside a ship
            if len(targets) <= max_objects:
                yield Related(label, case.words, case.anchors, targets)


def _anchors(view: Sample, rng: Random) -> tuple[int, ...]:
    classes = by_class(view)
    pool = [
        i
        for label, indices in classes.items()
        if label != UNNAMED and is_speakable(label)
        for i in askable(view, indices)
        if view.targets[i].shape.kind != "point"
    ]
    found: list[int] = []
    for i in rng.sample(pool, len(pool)):
        if len(found) == MOST_ANCHORS:
            break
        if not noise(view, i) and not is_ambiguous(view, i, classes[view.targets[i].label]):
            found.append(i)
    return tuple(sorted(found))


def cases(view: Sample, own: Measured, anchors: tuple[int, ...]) -> Iterator[Case]:
    """Every relation of some targets of a view to each of the anchors, or to two of them."""
    if not anchors:
        return
    there = Measured([view.targets[i].shape for i in anchors], own.size_wh)
    is_boxes = draws_boxes(view)
    for words, sure, possible in (
        *_directions(own, there, view.images[0]),
        *_distances(own, there, view.images[0]),
        *(() if is_boxes else _forms(own, there)),  # what two upright boxes share may be empty corners
    ):
        yield from (Case(words, (i,), sure[:, j], possible[:, j]) for j, i in enumerate(anchors))
    near = holds("near", there, there)
    for one, other in combinations(range(len(anchors)), 2):
        sure, possible = (
            between(own, there.centres[one], there.centres[other], slack=slack) for slack in (SURE, POSSIBLE)
        )
        if bool(sure.any()) or not near[one, other]:  # nobody would ask what lies between neighbours
            yield Case(BETWEEN, (anchors[one], anchors[other]), sure, possible)


def _directions(own: Measured, there: Measured, image: ImageRef) -> Iterator[tuple[str, Bools, Bools]]:
    """The sides of the image, and of the compass where it has a map. What lies, or reaches, a hair farther to a side than the
    anchor is possibly there, however far off; surely there is only what is not more across than ahead."""
    towards = dict(SIDES)
    if image.crs is not None:
        towards |= {side: vector for side in COMPASS if (vector := bearing(side, image)) is not None}
    away = own.centres[:, None, :] - there.centres[None, :, :]
    for side, (x, y) in towards.items():
        ahead, across = away @ (x, y), np.abs(away @ (y, -x))
        if side in SIDES:
            clear = holds(side, own, there, slack=SURE)
        else:
            found = compass(side, own, there, image, slack=SURE)
            assert found is not None, "a bearing comes from an affine"
            clear = found
        beyond = own.reaches((x, y))[:, None] > there.reaches((x, y))[None, :]
        yield _SIDE_WORDS[side], clear & (ahead >= CONE * across), (ahead > -ALOOF * min(own.size_wh)) | beyond


def _distances(own: Measured, there: Measured, image: ImageRef) -> Iterator[tuple[str, Bools, Bools]]:
    yield "near", holds("near", own, there, slack=SURE), holds("near", own, there, slack=POSSIBLE)
    for metres in METRES:
        sure = within_distance(own, there, metres * NEARER, image)
        possible = within_distance(own, there, metres * FARTHER, image)
        if sure is not None and possible is not None:
            yield f"within {metres} m of", sure, possible


def _forms(own: Measured, there: Measured) -> Iterator[tuple[str, Bools, Bools]]:
    for relation, words in _SHAPE_WORDS.items():
        is_turned = relation in ("along", "parallel_to")
        if is_turned and bool(np.isnan(own.directions).any()):
            continue  # what is as long as it is wide lies any way
        yield words, *bracketed(relation, own, there)
