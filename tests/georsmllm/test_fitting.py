"""What rounding costs, by the size of the objects, stands beside what theory expects of it."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hand_made_set import gold, record

from georsmllm.fitting import Fit, FitTally, SideTally
from georsmllm.hearing import hear
from georsmllm.pointtext import encode
from georsmllm.spreads import SideBin, quantile, side_bin, side_bins, side_edges, spread
from georsmllm.types import PointSet, Record, Ring, ViewFacts, box, point, polygon


def said(shape: PointSet, size: tuple[int, int]) -> Record:
    from dataclasses import replace

    line = record("det", "Where?", encode((shape,), size), golds=(gold("ship", shape),))
    view = ViewFacts("a.png", *size, (), (), "", "", "")
    return replace(line, provenance=replace(line.provenance, views=(view,)))


def fit(*records: Record) -> Fit:
    tally = FitTally()
    for line in records:
        tally.add(line, hear(line, "answer"))
    return tally.fit()


@pytest.mark.parametrize("side", [12, 30, 120])
def test_rounding_costs_what_theory_says(side: int) -> None:
    random, view = Random(side), 2000
    lines = []
    for _ in range(400):
        x, y = random.uniform(0, view - side), random.uniform(0, view - side)
        lines.append(said(box(x, y, x + side, y + side), (view, view)))
    (size,) = fit(*lines).sizes
    assert size.theory == pytest.approx(1 - 2 / side, abs=1e-4)
    assert size.mean == pytest.approx(size.theory, abs=0.35 * 2 / side)
    assert size.low <= side < size.high


def test_the_step_is_that_of_each_axis() -> None:
    (size,) = fit(said(box(100, 100, 200, 120), (2000, 500))).sizes
    assert size.theory == pytest.approx(1 - 2 / 200 - 0.5 / 40)


def test_a_flat_box_is_measured_as_one_step_wide() -> None:
    (size,) = fit(said(box(100, 50, 200, 50), (1000, 1000))).sizes
    assert size.theory == pytest.approx(1 - 1 / 200 - 0.5)


def test_sides_are_counted_by_kind_and_points_have_none() -> None:
    tally = SideTally()
    ring = Ring(((0, 0), (8, 0), (8, 8)))
    tally.add(
        record("det", "?", "none", golds=tuple(gold("x", s) for s in (box(0, 0, 16, 16), point(1, 1), polygon(ring))))
    )
    assert {kind: side_bins(counts) for kind, counts in tally.counts.items()} == {
        "box": (SideBin(16.0, 22.63, 1),),
        "polygon": (SideBin(8.0, 11.31, 1),),
    }


@pytest.mark.parametrize(("width", "height"), [(0, 0), (0.2, 3), (1, 1), (16, 16), (15.9, 16), (5000, 3000)])
def test_a_side_lies_in_its_bin(width: float, height: float) -> None:
    low, high = side_edges(side_bin(width, height))
    assert low - 0.01 <= max(1.0, (width * height) ** 0.5) <= high + 0.01


def test_bins_of_sides_leave_no_gap() -> None:
    assert side_bins({}) == ()
    assert [b.count for b in side_bins({4: 2, 7: 1})] == [2, 0, 0, 1]


def test_a_spread_is_exact() -> None:
    found = spread(Counter({1: 80, 7: 12, 300: 8}))
    assert (found.count, found.mean, found.median, found.p90, found.p95, found.most) == (100, 25.6, 1, 7, 300, 300)
    assert [(b.low, b.high, b.count) for b in found.bins if b.count] == [(1, 1, 80), (5, 9, 12), (200, 300, 8)]
    assert quantile(Counter({3: 1}), 0.9) == 3
