from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from georsmllm.relations import IMAGE_REGIONS, region_share
from georsmllm.types import PointSet, Ring, box, point, polygon, rbox

SIZE = (100, 50)


@pytest.mark.parametrize(
    ("shape", "region", "expected"),
    [
        (box(0, 0, 50, 50), "left half", 1.0),
        (box(0, 0, 50, 50), "right half", 0.0),
        (box(40, 0, 60, 10), "right half", 0.5),
        (box(40, 20, 60, 30), "top left quarter", 0.25),
        (rbox(((45, 10), (50, 5), (55, 10), (50, 15))), "left half", 0.5),
        (polygon(Ring(((0, 20), (10, 20), (10, 40), (0, 40)))), "bottom half", 0.75),
        (point(50, 10), "left half", 1.0),
        (point(50, 10), "right half", 1.0),
        (point(51, 10), "left half", 0.0),
        (box(10, 30, 10, 40), "bottom left quarter", 1.0),
    ],
)
def test_share_of_a_shape_in_a_region(shape: PointSet, region: str, expected: float) -> None:
    assert region_share(shape, region, SIZE) == pytest.approx(expected)


@given(st.tuples(*[st.integers(0, 49)] * 2), st.tuples(*[st.integers(1, 50)] * 2))
def test_opposite_halves_and_the_quarters_share_everything(corner: tuple[int, int], sides: tuple[int, int]) -> None:
    shape = box(corner[0], corner[1], min(100, corner[0] + sides[0]), min(50, corner[1] + sides[1]))
    for regions in (
        ("left half", "right half"),
        ("top half", "bottom half"),
        [r for r in IMAGE_REGIONS if "quarter" in r],
    ):
        assert sum(region_share(shape, region, SIZE) for region in regions) == pytest.approx(1)
