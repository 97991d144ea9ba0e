from __future__ import annotations

import math
from random import Random

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from georsmllm.metrics.match import assign, cover_matrix, iou_matrix
from georsmllm.types import PointSet, Ring, box, point, polygon, rbox

CELL = (1.0, 1.0)
SQUARE = box(0, 0, 10, 10)
FRAME = polygon(Ring(((0, 0), (10, 0), (10, 10), (0, 10))), Ring(((2, 2), (8, 2), (8, 8), (2, 8)), "-"))


def quad(*corners: tuple[float, float]) -> PointSet:
    return rbox(corners)


@pytest.mark.parametrize(
    ("predicted", "gold", "expected"),
    [
        (SQUARE, SQUARE, 1.0),
        (SQUARE, box(10, 0, 20, 10), 0.0),
        (SQUARE, box(5, 0, 15, 10), 50 / 150),
        (SQUARE, quad((0, 0), (10, 0), (10, 10), (0, 10)), 1.0),
        # the diamond inscribed in the square has half its area
        (SQUARE, quad((5, 0), (10, 5), (5, 10), (0, 5)), 0.5),
        # a ring with a hole: 100 - 36 of 100
        (
            SQUARE,
            polygon(Ring(((0, 0), (10, 0), (10, 10), (0, 10))), Ring(((2, 2), (8, 2), (8, 8), (2, 8)), "-")),
            0.64,
        ),
        # a zero side is one cell wide about its middle: 1 x 10 of 1 x 10, half of it in the square
        (box(0, 0, 0, 10), box(0, 0, 0, 10), 1.0),
        (box(0, 0, 0, 10), SQUARE, 5 / 105),
        (point(5, 5), box(4.5, 4.5, 5.5, 5.5), 1.0),
        # a bow tie covers its two triangles, 25 of 100
        (quad((0, 0), (10, 10), (10, 0), (0, 10)), SQUARE, 0.5),
        # four corners on a line: a strip of one cell
        (quad((0, 5), (3, 5), (6, 5), (10, 5)), box(0, 4.5, 10, 5.5), 1.0),
    ],
)
def test_iou_of_one_pair(predicted: PointSet, gold: PointSet, expected: float) -> None:
    assert iou_matrix((predicted,), (gold,), CELL)[0, 0] == pytest.approx(expected)


@pytest.mark.parametrize(("p", "g"), [(0, 0), (0, 2), (2, 0)])
def test_an_empty_side_gives_an_empty_matrix_and_no_pairs(p: int, g: int) -> None:
    for shape in (SQUARE, quad((5, 0), (10, 5), (5, 10), (0, 5))):
        matrix = iou_matrix((shape,) * p, (shape,) * g, CELL)
        assert matrix.shape == (p, g)
        assert assign(matrix) == ()


def test_cover_is_of_the_row() -> None:
    small, large = box(0, 0, 5, 10), box(0, 0, 20, 10)
    assert cover_matrix((small, large), (large,), CELL).tolist() == [[1.0], [1.0]]
    assert cover_matrix((large,), (small,), CELL).tolist() == [[0.25]]


def test_the_assignment_maximises_the_sum_not_the_first_best() -> None:
    # greedy would take 0.9 and leave 0.1: 1.0 in all; the best sum is 0.8 + 0.7
    assert assign(np.array([[0.9, 0.8], [0.7, 0.1]])) == ((0, 1), (1, 0))


def test_pairs_that_do_not_touch_are_no_pairs() -> None:
    assert assign(np.array([[0.0, 0.0], [0.0, 0.4]])) == ((1, 1),)


numbers = st.floats(0, 100, allow_nan=False, width=32)


@st.composite
def rboxes(draw: st.DrawFn) -> PointSet:
    cx, cy, angle = draw(numbers), draw(numbers), draw(st.floats(0, math.pi))
    w, h = draw(st.floats(0.5, 40)), draw(st.floats(0.5, 40))
    c, s = math.cos(angle), math.sin(angle)
    sides = ((-w, -h), (w, -h), (w, h), (-w, h))
    return rbox(tuple((cx + (x * c - y * s) / 2, cy + (x * s + y * c) / 2) for x, y in sides))


@st.composite
def boxes(draw: st.DrawFn) -> PointSet:
    x, y, w, h = draw(numbers), draw(numbers), draw(st.integers(0, 30)), draw(st.integers(0, 30))
    return box(x, y, x + w, y + h)


anything = st.one_of(
    rboxes(), boxes(), st.lists(st.tuples(numbers, numbers), min_size=4, max_size=4).map(lambda c: rbox(tuple(c)))
)


@given(anything, anything)
def test_iou_is_symmetric_and_a_share(a: PointSet, b: PointSet) -> None:
    there, back = iou_matrix((a,), (b,), CELL)[0, 0], iou_matrix((b,), (a,), CELL)[0, 0]
    assert 0 <= there <= 1
    assert there == pytest.approx(back, abs=1e-9)


@given(anything)
def test_iou_with_itself_is_one(a: PointSet) -> None:
    assert iou_matrix((a,), (a,), CELL)[0, 0] == pytest.approx(1)


@given(st.lists(rboxes(), max_size=5), st.lists(rboxes(), max_size=5), st.integers(0, 999))
def test_iou_does_not_depend_on_the_order_of_objects(p: list[PointSet], g: list[PointSet], seed: int) -> None:
    order = list(range(len(p)))
    Random(seed).shuffle(order)
    matrix = iou_matrix(tuple(p), tuple(g), CELL)
    assert np.allclose(iou_matrix(tuple(p[i] for i in order), tuple(g), CELL), matrix[order])
    total = sum(matrix[i, j] for i, j in assign(matrix))
    assert total == pytest.approx(sum(matrix[order][i, j] for i, j in assign(matrix[order])))


@given(rboxes(), rboxes())
def test_rotated_iou_agrees_with_shapely(a: PointSet, b: PointSet) -> None:
    p, g = (shapely.Polygon(shape.rings[0].points) for shape in (a, b))
    assert iou_matrix((a,), (b,), CELL)[0, 0] == pytest.approx(p.intersection(g).area / p.union(g).area, abs=1e-6)


@given(st.lists(boxes(), min_size=1, max_size=6), st.lists(boxes(), min_size=1, max_size=6))
def test_box_iou_agrees_with_pycocotools(p: list[PointSet], g: list[PointSet]) -> None:
    mask = pytest.importorskip("pycocotools.mask")

    def as_coco(shapes: list[PointSet]) -> np.ndarray:
        sides = np.array([[*s.rings[0].points[0], *s.rings[0].points[1]] for s in shapes], dtype=np.float64)
        sides[:, 2:] -= sides[:, :2]
        return sides

    kept_p, kept_g = ([s for s in shapes if min(as_coco([s])[0, 2:]) > 0] for shapes in (p, g))
    if kept_p and kept_g:
        theirs = mask.iou(as_coco(kept_p), as_coco(kept_g), [0] * len(kept_g))
        assert np.allclose(iou_matrix(tuple(kept_p), tuple(kept_g), CELL), theirs, atol=1e-6)
