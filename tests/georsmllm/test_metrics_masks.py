"""Mask scores by hand: four samples of 10 x 10 pixels, every rule of empty sides once."""

from __future__ import annotations

import numpy as np
import pytest

from georsmllm import masks
from georsmllm.metrics.masks import Compared, MaskScores, compare, sample_iou, scores
from georsmllm.metrics.regions import Overlap
from georsmllm.types import Mask, Ring, polygon

SQUARE = polygon(Ring(((0, 0), (4, 0), (4, 4), (0, 4))))  # 16 pixels


def rectangle(x1: int, y1: int, x2: int, y2: int) -> Mask:
    array = np.zeros((10, 10), dtype=bool)
    array[y1:y2, x1:x2] = True
    return masks.encode(array)


NOTHING = Mask(10, 10, (100,))


@pytest.mark.parametrize(
    ("predicted", "gold", "expected"),
    [
        ((), (), Overlap(0, 0, 0, 0)),
        ((NOTHING,), (), Overlap(0, 0, 0, 0)),
        ((rectangle(0, 0, 4, 4),), (SQUARE,), Overlap(16, 16, 16, 16)),
        ((rectangle(0, 0, 4, 2), rectangle(0, 1, 4, 3)), (SQUARE,), Overlap(12, 16, 12, 16)),
        ((rectangle(2, 0, 6, 4),), (SQUARE,), Overlap(8, 24, 16, 16)),
        ((rectangle(8, 8, 10, 10),), (), Overlap(0, 4, 4, 0)),
        ((), (SQUARE, SQUARE), Overlap(0, 16, 0, 16)),
    ],
)
def test_sides_are_united_before_they_are_laid_over_each_other(predicted, gold, expected: Overlap) -> None:
    assert compare(predicted, gold, (10, 10)) == expected


def test_holes_of_the_gold_are_no_gold() -> None:
    ring = polygon(Ring(((0, 0), (4, 0), (4, 4), (0, 4))), Ring(((1, 1), (3, 1), (3, 3), (1, 3)), "-"))
    assert compare((rectangle(0, 0, 4, 4),), (ring,), (10, 10)) == Overlap(12, 16, 16, 12)


def test_all_rules_of_empty_sides() -> None:
    half = Compared(Overlap(8, 24, 16, 16))  # 1/3
    both_empty = Compared(Overlap(0, 0, 0, 0))  # 1
    invented = Compared(Overlap(0, 4, 4, 0))  # 0, 4 to the union
    missed = Compared(Overlap(0, 16, 0, 16))  # 0, 16 to the union
    broken = Compared(Overlap(0, 0, 0, 0), failed=True)  # 0, and no answer of "none"
    assert [sample_iou(one) for one in (half, both_empty, invented, missed, broken)] == [
        pytest.approx(1 / 3),
        1,
        0,
        0,
        0,
    ]
    found = scores((half, both_empty, invented, missed, broken))
    assert found == MaskScores(
        n=5,
        failed=1,
        giou=pytest.approx((1 / 3 + 1) / 5),
        ciou=pytest.approx(8 / (24 + 4 + 16)),
        ciou_lenient=pytest.approx(8 / (24 + 16)),
        none_accuracy=pytest.approx(1 / 3),
        target_accuracy=1 / 2,
    )


def test_no_sample_and_nothing_but_empty_ones() -> None:
    assert scores(()) == MaskScores(0, 0, 0.0, 0.0, 0.0, None, None)
    assert scores((Compared(Overlap(0, 0, 0, 0)),)) == MaskScores(1, 0, 1.0, 0.0, 0.0, 1.0, None)
    assert scores((Compared(Overlap(16, 16, 16, 16)),)) == MaskScores(1, 0, 1.0, 1.0, 1.0, None, 1.0)
