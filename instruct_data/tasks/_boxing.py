"""Targets as the boxes that an answer says: rotated ones, or upright ones where a dataset has no others."""

from __future__ import annotations

import math
from itertools import combinations

from georsmllm.contracts import Limits
from georsmllm.errors import CannotSay
from georsmllm.geometry import area, clip, to_rbox
from georsmllm.metrics.detection import Matched, matched
from georsmllm.metrics.match import iou_matrix
from georsmllm.pointtext import decode, encode
from georsmllm.tiling import MIN_FIT
from georsmllm.types import Kind, PointSet, Said, Sample

from ._gold import cell_of

UPRIGHT = " Use upright boxes."
"""Ends the question where a dataset has upright boxes only: the words must tell which form of answer is wanted."""

SURE_CELLS = 16
"""A quad of so many grid cells' thickness keeps an IoU of 0.8 when it is rounded: no trial needed. Each corner moves by
under 0.71 cells, so along a perimeter of at most 4 lengths no more than 4 * 0.71 / 16 = 18 % of its area comes or goes."""


def answer_kind(view: Sample) -> Kind:
    """Upright boxes only where all targets are that; where nothing is, rotated boxes."""
    kinds = {target.shape.kind for target in view.targets}
    return "box" if kinds == {"box"} else "rbox"


def boxed(view: Sample, indices: tuple[int, ...], kind: Kind, limits: Limits) -> Said:
    """The targets of an image as they can be said; raises CannotSay, also where the grid is too coarse for one of them
    (below_grid)."""
    targets = tuple(view.targets[i] for i in indices)
    shapes = tuple(target.shape for target in targets)
    if any(shape.kind == "point" for shape in shapes):
        raise CannotSay("no_extent", "a point has no box")
    size = view.images[0].size_wh
    if kind == "rbox":
        shapes = tuple(_rbox(shape, size) for shape in shapes)
    text = encode(shapes, size, limits)
    said = Said(shapes, tuple(target.label for target in targets))
    if min(map(_thickness, shapes), default=math.inf) >= SURE_CELLS * max(cell_of(size)):
        return said
    match = laid_over(decode(text, size, (kind,)), shapes, size)
    if sum(iou > 0.5 for _, _, iou in match.pairs) < len(shapes):
        raise CannotSay("below_grid", "an object is too small for the grid: what is said has no IoU over 0.5 with it")
    return said


def laid_over(predicted: tuple[PointSet, ...], gold: tuple[PointSet, ...], size_wh: tuple[int, int]) -> Matched:
    """An answer matched one-to-one with its gold."""
    return matched(iou_matrix(predicted, gold, cell_of(size_wh)))


def _thickness(shape: PointSet) -> float:
    """Area over length, in px: of a rectangle nearly its shorter side, of a flat rhombus far less than any of its sides."""
    length = max(math.dist(p, q) for p, q in combinations(shape.rings[0].points, 2))
    return area(shape) / length if length else 0.0


def _rbox(shape: PointSet, size_wh: tuple[int, int]) -> PointSet:
    """The rotated box of a shape, brought back into the view where the rectangle around an outline sticks out of it."""
    if shape.kind != "polygon":
        return to_rbox(shape)
    inside, _, fit = clip(to_rbox(shape), (0, 0, *size_wh))
    if inside is None or fit < MIN_FIT:
        raise CannotSay("clipped_beyond_shape", "the rotated box does not fit into the view")
    return inside
