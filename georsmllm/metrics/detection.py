"""Set-valued detection: precision, recall and F1 at an IoU threshold, and mean matched IoU."""

from __future__ import annotations

from typing import NamedTuple

from georsmllm.metrics.match import Matrix, assign


class Matched(NamedTuple):
    """One answer laid over its gold: how many objects each has, and (predicted, gold, IoU) of the one-to-one pairs."""

    predicted: int
    gold: int
    pairs: tuple[tuple[int, int, float], ...]


class Rates(NamedTuple):
    precision: float
    recall: float
    f1: float


def matched(iou: Matrix) -> Matched:
    """The Hungarian matching of a P x G IoU matrix; it does not depend on any threshold."""
    pairs = tuple((p, g, float(iou[p, g])) for p, g in assign(iou))
    return Matched(iou.shape[0], iou.shape[1], pairs)


def true_positives(match: Matched, threshold: float) -> int:
    """Pairs with IoU >= threshold (a tie with the threshold counts)."""
    return sum(iou >= threshold for _, _, iou in match.pairs)


def macro_rates(match: Matched, threshold: float) -> Rates:
    """The rates of one sample, to be averaged over samples. Both sides empty: 1, 1, 1. One side empty: 0, 0, 0."""
    if match.predicted == match.gold == 0:
        return Rates(1.0, 1.0, 1.0)
    hits = true_positives(match, threshold)
    return Rates(
        precision=hits / match.predicted if match.predicted else 0.0,
        recall=hits / match.gold if match.gold else 0.0,
        f1=2 * hits / (match.predicted + match.gold),
    )


def mean_iou(match: Matched) -> float:
    """The sum of matched IoU over max(|P|, |G|): what is missed and what is invented both cost; both empty: 1."""
    most = max(match.predicted, match.gold)
    return sum(iou for _, _, iou in match.pairs) / most if most else 1.0
