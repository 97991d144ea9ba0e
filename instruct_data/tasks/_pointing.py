"""How a region is pointed at: which targets make a fair region, and in which form they are said."""

from __future__ import annotations

import math
from collections.abc import Callable
from random import Random

from georsmllm.contracts import AskOptions
from georsmllm.errors import CannotSay
from georsmllm.geometry import area, bounds, centre, to_box, to_rbox
from georsmllm.keypoints import keypoints
from georsmllm.metrics.match import cover_matrix
from georsmllm.pointtext import encode
from georsmllm.polygons import simplify
from georsmllm.types import PointSet, Said, Sample, box, point

from ._given import phrase_noise
from ._gold import cell_of

MIN_VISIBLE, MIN_SIDE_PX, MIN_AREA_PX, MAX_COVERED = 0.55, 8, 64, 0.6
"""Beyond these a region is noise (methods, section 5.3): too little of it is seen, it is too small, or ambiguous."""


MIN_FILLED = 0.5
"""Of a box; one that is mostly something else does not say what it means."""


def noise(view: Sample, index: int) -> str:
    """The name of what makes a target, or its phrase, an unfair region, "" when nothing does."""
    return unfair(view, index) or phrase_noise(view, index)


def unfair(view: Sample, index: int) -> str:
    """The name of what makes a target an unfair thing to point at, "" when nothing does."""
    target = view.targets[index]
    if target.difficult:
        return "difficult"
    if target.visible < MIN_VISIBLE:
        return "low_visibility"
    if target.shape.kind != "point" and (_min_side(target.shape) < MIN_SIDE_PX or area(target.shape) < MIN_AREA_PX):
        return "too_small"
    return ""


def _min_side(shape: PointSet) -> float:
    if shape.kind == "rbox":
        (ax, ay), (bx, by), (cx, cy), _ = shape.rings[0].points
        return min(math.hypot(bx - ax, by - ay), math.hypot(cx - bx, cy - by))
    x1, y1, x2, y2 = bounds(shape)
    return min(x2 - x1, y2 - y1)


def is_ambiguous(view: Sample, index: int, same_class: tuple[int, ...]) -> bool:
    """Whether over 60 % of a target without a phrase of its own is covered by another one of its class."""
    target = view.targets[index]
    if target.phrase:
        return False
    x1, y1, x2, y2 = bounds(target.shape)
    others = tuple(
        other
        for other in (view.targets[i].shape for i in same_class if i != index)
        if (near := bounds(other))[0] < x2 and near[2] > x1 and near[1] < y2 and near[3] > y1
    )
    if not others:
        return False
    size = view.images[target.image].size_wh
    return bool((cover_matrix((target.shape,), others, cell_of(size)) > MAX_COVERED).any())


def pointed(view: Sample, indices: tuple[int, ...], rng: Random, options: AskOptions) -> Said:
    """The targets in one form drawn among those that can be said; raises CannotSay with the last form's reason."""
    targets = tuple(view.targets[i] for i in indices)
    image = targets[0].image
    size = view.images[image].size_wh
    forms = _forms(tuple(target.shape for target in targets), size, options)
    if "point" in options.kinds:
        forms["point"] = lambda shape: point(*_middle(shape, size))
    reason = CannotSay("no_form", "no form of region fits these targets")
    for form in rng.sample(list(forms), len(forms)):
        if form == "point" and len(forms) > 1 and _is_shared(view, indices, size):
            continue
        try:
            shapes = tuple(forms[form](target.shape) for target in targets)
            encode(shapes, size, options.limits)
        except CannotSay as error:
            reason = error
        else:
            return Said(shapes, tuple(target.label for target in targets), image)
    raise reason


def _forms(
    shapes: tuple[PointSet, ...], size_wh: tuple[int, int], options: AskOptions
) -> dict[str, Callable[[PointSet], PointSet]]:
    """How the shapes may be pointed at, points apart: a bare box only at what fills at least half of it, unless an upright
    one is all that the dialect can put around what is turned."""
    kinds = {shape.kind for shape in shapes}
    if "point" in kinds:
        return {}
    forms: dict[str, Callable[[PointSet], PointSet]] = {}
    for form, boxed in (("box", to_box), ("rbox", to_rbox)):
        meant = form in options.kinds and (form == "box" or "box" not in kinds or "box" not in options.kinds)
        judged = {"polygon"} | {"rbox"} & set(options.kinds)
        if meant and all(
            shape.kind not in judged or area(shape) >= MIN_FILLED * area(boxed(shape)) for shape in shapes
        ):
            forms[form] = boxed
    if kinds == {"polygon"} and "box" in options.kinds and options.num_keypoints != 0:
        forms["box_keypoints"] = lambda shape: _with_keypoints(shape, size_wh, options.num_keypoints)
    if kinds == {"polygon"} and "polygon" in options.kinds:
        forms["polygon"] = lambda shape: simplify(shape, size_wh, limits=options.limits).shape
    return forms


def _is_shared(view: Sample, indices: tuple[int, ...], size_wh: tuple[int, int]) -> bool:
    """Whether a single point inside one of the targets might as well mean another target of the view."""
    cell_w, cell_h = cell_of(size_wh)
    for i in indices:
        x, y = _middle(view.targets[i].shape, size_wh)
        for j, other in enumerate(view.targets):
            x1, y1, x2, y2 = bounds(other.shape)
            near = x1 - cell_w <= x <= x2 + cell_w and y1 - cell_h <= y <= y2 + cell_h
            if j != i and other.image == view.targets[i].image and near:
                return True
    return False


def _middle(shape: PointSet, size_wh: tuple[int, int]) -> tuple[float, float]:
    """A point inside the shape: the safest keypoint of an area, else the middle of its bounds."""
    safest = keypoints(shape, size_wh, count=1) if shape.kind == "polygon" else ()
    return safest[0] if safest else centre(shape)


def _with_keypoints(shape: PointSet, size_wh: tuple[int, int], count: int | None) -> PointSet:
    return box(*bounds(shape), keypoints=keypoints(shape, size_wh, count=count))
