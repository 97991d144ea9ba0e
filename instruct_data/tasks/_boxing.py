"""Targets as the boxes that an answer says: rotated ones, or upright ones where a dataset has no others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from georsmllm.constrain.form import Question
from georsmllm.contracts import Limits
from georsmllm.errors import CannotSay
from georsmllm.geometry import clip, to_box, to_rbox
from georsmllm.metrics.detection import Matched, matched
from georsmllm.metrics.match import iou_matrix
from georsmllm.metrics.quads import clockwise, convex_quads, own_ious
from georsmllm.phrasing import UPRIGHT as UPRIGHT
from georsmllm.pointtext import decode, encode
from georsmllm.tiling import MIN_FIT
from georsmllm.types import KINDS, Kind, PointSet, Said, Sample

from ._gold import cell_of

SURE = 0.8
"""Boxes that each keep so much of themselves once they are said need no trial by matching."""


def answer_kind(view: Sample, sayable: Sequence[Kind] = KINDS) -> Kind:
    """Upright boxes only where all targets are that; where nothing is, rotated boxes."""
    return kind_of({target.shape.kind for target in view.targets}, sayable)


def kind_of(kinds: set[Kind], sayable: Sequence[Kind]) -> Kind:
    """The boxes in which targets of these kinds are said. A dialect that cannot say the one sort gets the other: the words of
    the question tell which is wanted."""
    both: tuple[Kind, Kind] = ("box", "rbox") if kinds == {"box"} else ("rbox", "box")
    wanted, other = both
    return other if wanted not in sayable and other in sayable else wanted


def asked_boxes(question: Question) -> tuple[Kind, ...]:
    """The boxes that the words of a question want."""
    return ("box",) if question.text.rstrip().endswith(UPRIGHT.strip()) else ("rbox",)


def boxed(view: Sample, indices: tuple[int, ...], kind: Kind, limits: Limits) -> Said:
    """The targets of an image as they can be said; raises CannotSay, also where the grid is too coarse for one of them
    (below_grid)."""
    targets = tuple(view.targets[i] for i in indices)
    shapes = tuple(target.shape for target in targets)
    if any(shape.kind == "point" for shape in shapes):
        raise CannotSay("no_extent", "a point has no box")
    size = view.images[0].size_wh
    shapes = tuple(_rbox(shape, size) if kind == "rbox" else to_box(shape) for shape in shapes)
    text = encode(shapes, size, limits)
    said = Said(shapes, tuple(target.label for target in targets))
    if _is_sure(shapes, size):
        return said
    match = laid_over(decode(text, size, (kind,)), shapes, size)
    if sum(iou > 0.5 for _, _, iou in match.pairs) < len(shapes):
        raise CannotSay("below_grid", "an object is too small for the grid: what is said has no IoU over 0.5 with it")
    return said


def laid_over(predicted: tuple[PointSet, ...], gold: tuple[PointSet, ...], size_wh: tuple[int, int]) -> Matched:
    """An answer matched one-to-one with its gold."""
    return matched(iou_matrix(predicted, gold, cell_of(size_wh)))


def _is_sure(shapes: tuple[PointSet, ...], size_wh: tuple[int, int]) -> bool:
    """Whether every rotated box keeps an IoU of SURE with itself once its corners are on the grid."""
    exact = convex_quads(shapes)
    if exact is None:
        return False
    cell = np.array(cell_of(size_wh))
    said = clockwise(np.floor(exact / cell + 0.5) * cell)
    return said is not None and bool((own_ious(exact, said) >= SURE).all())


def _rbox(shape: PointSet, size_wh: tuple[int, int]) -> PointSet:
    """The rotated box of a shape, brought back into the view where the rectangle around an outline sticks out of it."""
    if shape.kind != "polygon":
        return to_rbox(shape)
    inside, _, fit = clip(to_rbox(shape), (0, 0, *size_wh))
    if inside is None or fit < MIN_FIT:
        raise CannotSay("clipped_beyond_shape", "the rotated box does not fit into the view")
    return inside
