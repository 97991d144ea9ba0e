"""Masks given as shapes, compared pixel by pixel: what gIoU, cIoU, pixel F1, N-acc and T-acc are made of.

Shapes become pixels by the pixel-centre rule at the view's own size (never a resized one); the shapes of one side are
united first. Source of the rules: the evaluation scripts of LISA and of SegEarth-R1, without their smoothing terms.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from georsmllm import masks
from georsmllm.metrics.match import Matrix
from georsmllm.types import PointSet


class Overlap(NamedTuple):
    """Pixel counts of one sample: in both, in either, in the answer, in the gold."""

    intersection: int
    union: int
    predicted: int
    gold: int


def overlap(predicted: tuple[PointSet, ...], gold: tuple[PointSet, ...], size_wh: tuple[int, int]) -> Overlap:
    """The united answer laid over the united gold; no shapes: no pixels. For an unreadable answer pass no shapes."""
    p, g = _pixels(predicted, size_wh), _pixels(gold, size_wh)
    both, num_p, num_g = (int(np.count_nonzero(pixels)) for pixels in (p & g, p, g))
    return Overlap(both, num_p + num_g - both, num_p, num_g)


def iou(parts: Overlap) -> float:
    """Intersection over union of one sample; no pixel on either side: 1; on one side only: 0."""
    return parts.intersection / parts.union if parts.union else 1.0


def pixel_f1(parts: Overlap) -> float:
    """F1 of the foreground pixels of one sample; both sides empty: 1."""
    both = parts.predicted + parts.gold
    return 2 * parts.intersection / both if both else 1.0


def object_ious(predicted: tuple[PointSet, ...], gold: tuple[PointSet, ...], size_wh: tuple[int, int]) -> Matrix:
    """P x G pixel IoU object by object; a shape that covers no pixel centre has IoU 0 with everything."""
    p, g = [masks.crop(shape, size_wh) for shape in predicted], [masks.crop(shape, size_wh) for shape in gold]
    matrix = np.zeros((len(p), len(g)))
    for row, one in enumerate(p):
        for column, other in enumerate(g):
            matrix[row, column] = _crop_iou(one, other)
    return matrix


def _crop_iou(a: masks.Crop, b: masks.Crop) -> float:
    left, top = max(a.x, b.x), max(a.y, b.y)
    right = min(a.x + a.array.shape[1], b.x + b.array.shape[1])
    bottom = min(a.y + a.array.shape[0], b.y + b.array.shape[0])
    if right <= left or bottom <= top:
        return 0.0
    part_a = a.array[top - a.y : bottom - a.y, left - a.x : right - a.x]
    part_b = b.array[top - b.y : bottom - b.y, left - b.x : right - b.x]
    inter = int((part_a & part_b).sum())
    return inter / (int(a.array.sum()) + int(b.array.sum()) - inter) if inter else 0.0


def _pixels(shapes: tuple[PointSet, ...], size_wh: tuple[int, int]) -> masks.Bools:
    return masks.from_rings(tuple(ring for shape in shapes for ring in shape.rings), size_wh)
