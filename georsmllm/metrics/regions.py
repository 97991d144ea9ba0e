"""Masks given as shapes, compared pixel by pixel: what gIoU, cIoU, pixel F1, N-acc and T-acc are made of.

Shapes become pixels by the pixel-centre rule at the view's own size (never a resized one); the shapes of one side are
united first. Source of the rules: the evaluation scripts of LISA and of SegEarth-R1, without their smoothing terms.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from georsmllm import masks
from georsmllm.geometry import bounds
from georsmllm.metrics.match import Matrix
from georsmllm.types import PointSet, Ring


class Overlap(NamedTuple):
    """Pixel counts of one sample: in both, in either, in the answer, in the gold."""

    intersection: int
    union: int
    predicted: int
    gold: int


def overlap(predicted: tuple[PointSet, ...], gold: tuple[PointSet, ...], size_wh: tuple[int, int]) -> Overlap:
    """The united answer laid over the united gold; no shapes: no pixels. For an unreadable answer pass no shapes."""
    p, g = _pixels(predicted, size_wh), _pixels(gold, size_wh)
    return Overlap(int((p & g).sum()), int((p | g).sum()), int(p.sum()), int(g.sum()))


def iou(parts: Overlap) -> float:
    """Intersection over union of one sample; no pixel on either side: 1; on one side only: 0."""
    return parts.intersection / parts.union if parts.union else 1.0


def pixel_f1(parts: Overlap) -> float:
    """F1 of the foreground pixels of one sample; both sides empty: 1."""
    both = parts.predicted + parts.gold
    return 2 * parts.intersection / both if both else 1.0


def generalised_iou(samples: Iterable[Overlap]) -> float:
    """GIoU (also called mIoU): the mean IoU over all samples, empty ones included as `iou` says; no sample: 0."""
    values = [iou(parts) for parts in samples]
    return sum(values) / len(values) if values else 0.0


def cumulative_iou(samples: Iterable[Overlap]) -> float:
    """CIoU (also called oIoU): all intersections over all unions, unsmoothed.

    Both empty adds (0, 0); an answer where nothing is adds (0, |P|); nothing answered, or nothing readable, adds
    (0, |G|). No pixel anywhere: 0.
    """
    total = [(parts.intersection, parts.union) for parts in samples]
    union = sum(u for _, u in total)
    return sum(i for i, _ in total) / union if union else 0.0


def precision_at(samples: Iterable[Overlap], threshold: float) -> float:
    """P@X: the share of *all* samples with IoU > threshold, strictly; unreadable answers stay in the denominator."""
    values = [iou(parts) > threshold for parts in samples]
    return sum(values) / len(values) if values else 0.0


def object_ious(predicted: tuple[PointSet, ...], gold: tuple[PointSet, ...], size_wh: tuple[int, int]) -> Matrix:
    """P x G pixel IoU object by object; a shape that covers no pixel centre has IoU 0 with everything."""
    p, g = [_patch(shape, size_wh) for shape in predicted], [_patch(shape, size_wh) for shape in gold]
    matrix = np.zeros((len(p), len(g)))
    for row, one in enumerate(p):
        for column, other in enumerate(g):
            matrix[row, column] = _patch_iou(one, other)
    return matrix


class _Patch(NamedTuple):
    """The pixels of one shape inside its own bounds, and the scene column and row of the first of them."""

    x: int
    y: int
    pixels: np.ndarray[tuple[int, int], np.dtype[np.bool_]]
    area: int


def _patch(shape: PointSet, size_wh: tuple[int, int]) -> _Patch:
    x1, y1, x2, y2 = bounds(shape)
    left, top = max(0, int(np.floor(x1))), max(0, int(np.floor(y1)))
    width = min(size_wh[0], int(np.ceil(x2))) - left
    height = min(size_wh[1], int(np.ceil(y2))) - top
    if width <= 0 or height <= 0:
        return _Patch(left, top, np.zeros((0, 0), dtype=np.bool_), 0)
    moved = tuple(Ring(tuple((x - left, y - top) for x, y in ring.points), ring.sign) for ring in shape.rings)
    pixels = masks.from_rings(moved, (width, height))
    return _Patch(left, top, pixels, int(pixels.sum()))


def _patch_iou(a: _Patch, b: _Patch) -> float:
    left, top = max(a.x, b.x), max(a.y, b.y)
    right = min(a.x + a.pixels.shape[1], b.x + b.pixels.shape[1])
    bottom = min(a.y + a.pixels.shape[0], b.y + b.pixels.shape[0])
    if right <= left or bottom <= top:
        return 0.0
    part_a = a.pixels[top - a.y : bottom - a.y, left - a.x : right - a.x]
    part_b = b.pixels[top - b.y : bottom - b.y, left - b.x : right - b.x]
    inter = int((part_a & part_b).sum())
    return inter / (a.area + b.area - inter) if inter else 0.0


def _pixels(shapes: tuple[PointSet, ...], size_wh: tuple[int, int]) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    return masks.from_rings(tuple(ring for shape in shapes for ring in shape.rings), size_wh)
