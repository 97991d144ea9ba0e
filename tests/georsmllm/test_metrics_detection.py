from __future__ import annotations

import numpy as np
import pytest

from georsmllm.metrics.detection import Matched, macro_rates, matched, mean_iou

EMPTY = Matched(0, 0, ())
INVENTED = Matched(2, 0, ())
MISSED = Matched(0, 3, ())
MIXED = matched(np.array([[0.9, 0.0], [0.0, 0.6], [0.0, 0.3]]))


def test_matching_keeps_counts_and_pairs() -> None:
    assert Matched(3, 2, ((0, 0, 0.9), (1, 1, 0.6))) == MIXED


@pytest.mark.parametrize(
    ("match", "threshold", "expected"),
    [
        (EMPTY, 0.5, (1, 1, 1)),
        (INVENTED, 0.5, (0, 0, 0)),
        (MISSED, 0.5, (0, 0, 0)),
        (MIXED, 0.5, (2 / 3, 1, 0.8)),
        (MIXED, 0.7, (1 / 3, 1 / 2, 0.4)),
        (MIXED, 0.6, (2 / 3, 1, 0.8)),  # a tie with the threshold counts
        (MIXED, 0.95, (0, 0, 0)),
    ],
)
def test_rates_of_one_sample(match: Matched, threshold: float, expected: tuple[float, ...]) -> None:
    assert macro_rates(match, threshold) == pytest.approx(expected)


@pytest.mark.parametrize(("match", "expected"), [(EMPTY, 1), (INVENTED, 0), (MISSED, 0), (MIXED, 1.5 / 3)])
def test_mean_iou_divides_by_the_longer_side(match: Matched, expected: float) -> None:
    assert mean_iou(match) == pytest.approx(expected)
