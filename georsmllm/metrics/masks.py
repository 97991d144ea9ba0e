"""Scores of masks against gold outlines: gIoU, cIoU, and how empty answers are told; the rules of empty sides once.

A sample's masks are united, and so are its gold shapes; I and U are the pixels of both and of either, at the view's own size.
An answer that failed (could not be read, or is missing) is wrong, also where nothing is there: it has no pixel, IoU 0, and is
not an answer of "none". Rules of empty sides otherwise: both empty, IoU 1, nothing is added to cIoU's sums; gold empty, IoU 0
and the answer's pixels are added to the union; answer empty, IoU 0 and the gold's pixels are added.

Source: the evaluation scripts of LISA and of SegEarth-R1, without their smoothing terms. That of Think2Seg-RS takes any answer
to an empty gold for an empty one in cIoU: `ciou_lenient`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from georsmllm import masks
from georsmllm.metrics.regions import Overlap, iou
from georsmllm.types import Mask, PointSet


class Compared(NamedTuple):
    """One sample. failed: the answer could not be read or is missing; its parts then have no predicted pixel."""

    parts: Overlap
    failed: bool = False


class MaskScores(NamedTuple):
    """n: samples, failed: of them. none_accuracy: the share of samples without gold that were answered "none";
    target_accuracy: of those with gold, answered with a mask. None: no such sample."""

    n: int
    failed: int
    giou: float
    ciou: float
    ciou_lenient: float
    none_accuracy: float | None
    target_accuracy: float | None


def compare(predicted: Iterable[Mask], gold: Sequence[PointSet], size_wh: tuple[int, int]) -> Overlap:
    """The united masks laid over the united gold shapes."""
    width, height = size_wh
    p = np.zeros((height, width), dtype=np.bool_)
    for mask in predicted:
        part = masks.decode_crop(mask)
        p[part.y : part.y + part.array.shape[0], part.x : part.x + part.array.shape[1]] |= part.array
    g = masks.from_rings(tuple(ring for shape in gold for ring in shape.rings), size_wh)
    both, num_p, num_g = (int(np.count_nonzero(pixels)) for pixels in (p & g, p, g))
    return Overlap(both, num_p + num_g - both, num_p, num_g)


def scores(samples: Sequence[Compared]) -> MaskScores:
    """Of all samples; of none every score is 0."""
    n = len(samples)
    without = [one for one in samples if not one.parts.gold]
    having = [one for one in samples if one.parts.gold]
    return MaskScores(
        n=n,
        failed=sum(one.failed for one in samples),
        giou=sum(sample_iou(one) for one in samples) / n if n else 0.0,
        ciou=_pooled(one.parts for one in samples),
        ciou_lenient=_pooled(one.parts for one in having),
        none_accuracy=_share([not one.parts.predicted and not one.failed for one in without]),
        target_accuracy=_share([one.parts.predicted > 0 for one in having]),
    )


def sample_iou(sample: Compared) -> float:
    """Of one sample; 0 for a failed one."""
    return 0.0 if sample.failed else iou(sample.parts)


def _pooled(parts: Iterable[Overlap]) -> float:
    """Intersections over unions, summed first; no union at all: 0, for nothing was segmented right or wrong."""
    intersection = union = 0
    for one in parts:
        intersection += one.intersection
        union += one.union
    return intersection / union if union else 0.0


def _share(right: Sequence[bool]) -> float | None:
    return sum(right) / len(right) if right else None
