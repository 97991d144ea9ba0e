"""Set-valued detection: precision, recall and F1 at an IoU threshold, mean matched IoU, and first-answer accuracy."""

from __future__ import annotations

from collections.abc import Iterable
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
    return _rates(true_positives(match, threshold), match.predicted, match.gold)


def micro_rates(matches: Iterable[Matched], threshold: float) -> Rates:
    """The rates of all objects pooled. An empty sample adds nothing; nothing at all on either side gives 0, 0, 0."""
    hits = predicted = gold = 0
    for match in matches:
        hits += true_positives(match, threshold)
        predicted += match.predicted
        gold += match.gold
    return _rates(hits, predicted, gold)


def mean_iou(match: Matched) -> float:
    """The sum of matched IoU over max(|P|, |G|): what is missed and what is invented both cost; both empty: 1."""
    most = max(match.predicted, match.gold)
    return sum(iou for _, _, iou in match.pairs) / most if most else 1.0


def first_answer_hits(iou: Matrix, threshold: float) -> bool:
    """REC Acc@threshold for one gold object: IoU > threshold (strictly) of the *first* predicted object.

    The order is part of the answer, so later objects neither help nor hurt; no prediction is a miss. Raises ValueError
    unless there is exactly one gold object.
    """
    if iou.shape[1] != 1:
        raise ValueError(f"referring accuracy is defined for one gold object, got {iou.shape[1]}")
    return iou.shape[0] > 0 and bool(iou[0, 0] > threshold)


def _rates(hits: int, predicted: int, gold: int) -> Rates:
    precision = hits / predicted if predicted else 0.0
    recall = hits / gold if gold else 0.0
    f1 = 2 * hits / (predicted + gold) if predicted + gold else 0.0
    return Rates(precision, recall, f1)
