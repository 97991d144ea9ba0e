"""A tag stands above its object where that is free, else where it hides least, and never outside the picture."""

from __future__ import annotations

import pytest

from georsmllm.placing import Box, place

TAG, PICTURE = (20, 16), (200, 100)


@pytest.mark.parametrize(
    ("box", "taken", "others", "spot"),
    [
        ((50, 50, 90, 70), [], [], (50, 32)),
        ((50, 50, 90, 70), [(50, 32, 70, 48)], [], (70, 32)),
        ((50, 50, 90, 70), [], [(40, 20, 100, 49)], (92, 50)),
        ((50, 50, 90, 70), [], [(40, 20, 150, 49), (91, 45, 150, 75)], (28, 50)),
        ((50, 0, 90, 20), [], [], (92, 1)),
        ((0, 0, 200, 80), [], [], (1, 82)),
        ((0, 0, 200, 100), [], [], (1, 1)),
        ((195, 50, 199, 60), [], [], (179, 32)),
    ],
)
def test_a_tag_stands_where_it_hides_least(
    box: Box, taken: list[Box], others: list[Box], spot: tuple[float, float]
) -> None:
    x1, y1, x2, y2 = place(box, TAG, PICTURE, taken=taken, boxes=[box, *others])
    assert ((x1, y1), (x2 - x1, y2 - y1)) == (spot, TAG)


def test_tags_of_a_row_of_objects_stand_apart() -> None:
    row: list[Box] = [(x, 50, x + 12, 70) for x in range(10, 190, 14)]
    taken: list[Box] = []
    for box in row:
        taken.append(place(box, (12, 16), PICTURE, taken=taken, boxes=row))
    shared = [(a, b) for a in taken for b in taken if a < b and a[2] > b[0] and a[1] < b[3] and b[1] < a[3]]
    assert shared == []
