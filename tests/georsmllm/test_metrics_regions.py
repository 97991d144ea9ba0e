from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from georsmllm.metrics.regions import iou, object_ious, overlap, pixel_f1
from georsmllm.types import PointSet, Ring, polygon

SIZE = (20, 10)


def rectangle(x1: float, y1: float, x2: float, y2: float) -> PointSet:
    return polygon(Ring(((x1, y1), (x2, y1), (x2, y2), (x1, y2))))


FOUR = rectangle(0, 0, 2, 2)
FRAME = polygon(*rectangle(4, 0, 8, 4).rings, Ring(((5, 1), (7, 1), (7, 3), (5, 3)), "-"))


# the edge table of methods section 2: (answer, gold) -> counts, IoU, pixel F1
@pytest.mark.parametrize(
    ("predicted", "gold", "counts", "value", "f1"),
    [
        ((), (), (0, 0, 0, 0), 1.0, 1.0),
        ((FOUR,), (), (0, 4, 4, 0), 0.0, 0.0),
        ((), (FOUR,), (0, 4, 0, 4), 0.0, 0.0),
        ((FOUR,), (FOUR,), (4, 4, 4, 4), 1.0, 1.0),
        ((FOUR,), (rectangle(1, 0, 3, 2),), (2, 6, 4, 4), 1 / 3, 0.5),
        ((FOUR, FOUR), (FOUR,), (4, 4, 4, 4), 1.0, 1.0),  # the union counts a pixel once
        ((FRAME,), (FRAME, rectangle(5, 1, 7, 3)), (12, 16, 12, 16), 0.75, 24 / 28),  # a hole is its own part's alone
        ((rectangle(0.6, 0, 1.4, 1),), (FOUR,), (0, 4, 0, 4), 0.0, 0.0),  # no pixel centre inside: no pixel
        ((rectangle(-5, -5, 2, 2),), (FOUR,), (4, 4, 4, 4), 1.0, 1.0),  # outside the view is nothing
    ],
)
def test_overlap_of_one_sample(
    predicted: tuple[PointSet, ...], gold: tuple[PointSet, ...], counts: tuple[int, ...], value: float, f1: float
) -> None:
    found = overlap(predicted, gold, SIZE)
    assert found == counts
    assert iou(found) == pytest.approx(value)
    assert pixel_f1(found) == pytest.approx(f1)


def test_object_ious() -> None:
    assert object_ious((), (FOUR,), SIZE).shape == (0, 1)
    found = object_ious(
        (FOUR, rectangle(15, 5, 25, 10), rectangle(0.6, 0, 1.4, 1)), (rectangle(0, 0, 4, 2), FRAME), SIZE
    )
    assert found.tolist() == [[0.5, 0.0], [0.0, 0.0], [0.0, 0.0]]


corners = st.tuples(st.integers(0, 15), st.integers(0, 8), st.integers(1, 5), st.integers(1, 5))
rectangles = corners.map(lambda c: rectangle(c[0], c[1], c[0] + c[2], c[1] + c[3]))


@given(st.lists(rectangles, max_size=4), st.lists(rectangles, max_size=4))
def test_iou_is_symmetric_a_share_and_deaf_to_order(p: list[PointSet], g: list[PointSet]) -> None:
    there, back = overlap(tuple(p), tuple(g), SIZE), overlap(tuple(g[::-1]), tuple(p[::-1]), SIZE)
    assert 0 <= iou(there) == iou(back) <= 1


@given(rectangles, rectangles)
def test_object_iou_agrees_with_pycocotools(a: PointSet, b: PointSet) -> None:
    mask = pytest.importorskip("pycocotools.mask")

    def rle(shape: PointSet) -> object:
        pixels = np.zeros((SIZE[1], SIZE[0]), dtype=np.uint8)
        (x1, y1), _, (x2, y2), _ = shape.rings[0].points
        pixels[int(y1) : int(y2), int(x1) : int(x2)] = 1
        return mask.encode(np.asfortranarray(pixels))

    assert object_ious((a,), (b,), SIZE)[0, 0] == pytest.approx(mask.iou([rle(a)], [rle(b)], [0])[0, 0])
