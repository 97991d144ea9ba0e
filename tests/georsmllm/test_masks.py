"""Masks as runs, arrays and rings; COCO's forms as pycocotools writes them; hostile run lengths."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from georsmllm import masks
from georsmllm.masks import BadMask
from georsmllm.types import Mask, Ring, Window, polygon, rbox


def drawn(text: str) -> NDArray[np.bool_]:
    return np.array([[c == "1" for c in line] for line in text.split()])


TABLE = {
    "empty": "000 000",
    "full": "111 111",
    "one pixel": "000 010",
    "first pixel": "100 000",
    "last pixel": "000 001",
    "full column": "010 010 010",
    "two full columns": "110 110",
    "diagonal": "100 010 001",
    "hole": "111 101 111",
    "hole in the hole": "11111 10001 10101 10001 11111",
    "pinch": "110 101 111",
    "two holes that touch": "1111 1011 1101 1111",
    "checkerboard": "1010 0101 1010",
    "one row": "1101",
    "one column": "1 1 0 1",
}


@pytest.fixture(params=TABLE.values(), ids=TABLE.keys())
def array(request) -> NDArray[np.bool_]:
    return drawn(request.param)


def size_of(array: NDArray[np.bool_]) -> tuple[int, int]:
    return array.shape[1], array.shape[0]


def test_rings_and_back_is_the_identity(array):
    assert (masks.from_rings(masks.to_rings(array), size_of(array)) == array).all()


def test_runs_and_back_is_the_identity(array):
    assert (masks.decode(masks.encode(array)) == array).all()


def test_runs_are_those_of_pycocotools(array):
    theirs = coco_mask.encode(np.asfortranarray(array.astype(np.uint8)))
    assert masks.to_coco(masks.encode(array)) == {"size": theirs["size"], "counts": theirs["counts"].decode()}
    assert masks.from_coco(theirs) == masks.encode(array)


def test_a_crop_and_back_is_the_identity(array):
    mask = masks.encode(array)
    assert masks.encode_crop(masks.decode_crop(mask), size_of(array)) == mask


def test_the_shape_of_a_mask_has_its_runs(array):
    mask = masks.encode(array)
    if array.any():
        assert masks.from_shape(masks.to_shape(mask), size_of(array)) == mask
    else:
        assert masks.to_shape(mask) == polygon()


def test_runs_go_down_the_columns():
    assert masks.encode(drawn("01 11")) == Mask(2, 2, (1, 3))
    assert masks.encode(drawn("11 01")) == Mask(2, 2, (0, 1, 1, 2))
    assert masks.encode(drawn("00 00")) == Mask(2, 2, (4,))
    assert masks.encode(drawn("11 11")) == Mask(2, 2, (0, 4))


def test_rings_are_clockwise_and_holes_follow_their_part():
    assert masks.to_rings(drawn("1110 1010 1110 0001")) == (
        Ring(((0.0, 0.0), (3.0, 0.0), (3.0, 3.0), (0.0, 3.0))),
        Ring(((1.0, 1.0), (2.0, 1.0), (2.0, 2.0), (1.0, 2.0)), "-"),
        Ring(((3.0, 3.0), (4.0, 3.0), (4.0, 4.0), (3.0, 4.0))),
    )


def test_no_components_in_an_empty_map():
    assert masks.components(np.zeros((3, 3), dtype=np.uint8), ignore=(0,)) == ()


def test_components_that_touch_by_a_corner_are_parts_of_one_object():
    found = masks.components(np.array([[5, 0, 0, 7], [0, 5, 0, 7]], dtype=np.uint8), ignore=(0,))
    assert [(c.value, c.area_px, c.window) for c in found] == [(5, 2, Window(0, 0, 2, 2)), (7, 2, Window(3, 0, 1, 2))]
    assert [ring.sign for ring in found[0].shape.rings] == ["+", "+"]


def test_parts_and_holes_of_an_object_stand_in_order_though_another_object_lies_between():
    found = masks.components(drawn("11100 10101 11101 00010").astype(np.uint8), ignore=(0,))
    assert [[ring.sign for ring in c.shape.rings] for c in found] == [["+", "-", "+", "+"]]
    shapes = {c.value: c.shape for c in masks.components(np.array([[1, 2, 1], [2, 1, 2]], dtype=np.uint8))}
    assert [len(shapes[v].rings) for v in (1, 2)] == [3, 3]


def test_the_components_cover_the_map_once():
    rng = np.random.default_rng(2)
    label_map = rng.integers(0, 4, (40, 50)).astype(np.uint8)
    counted = np.zeros((40, 50), dtype=int)
    for found in masks.components(label_map):
        pixels = masks.from_rings(found.shape.rings, (50, 40))
        assert (label_map[pixels] == found.value).all()
        assert pixels.sum() == found.area_px
        counted += pixels
    assert (counted == 1).all()


def test_a_crop_is_cut_to_the_view():
    crop = masks.crop(rbox(((-2.0, -2.0), (3.0, -2.0), (3.0, 2.0), (-2.0, 2.0))), (10, 10))
    assert (crop.array.shape, crop.x, crop.y, bool(crop.array.all())) == ((2, 3), 0, 0, True)


def test_a_shape_outside_the_view_has_no_pixels():
    far = rbox(((20.0, 20.0), (30.0, 20.0), (30.0, 30.0), (20.0, 30.0)))
    assert masks.from_shape(far, (10, 10)) == Mask(10, 10, (100,))


def test_runs_of_zero_inside_a_list_are_merged():
    assert masks.from_counts([1, 0, 1, 2, 0], (2, 2)) == Mask(2, 2, (2, 2))
    assert masks.from_counts([0, 4], (2, 2)) == Mask(2, 2, (0, 4))
    assert masks.from_counts([0, 0, 4], (2, 2)) == Mask(2, 2, (4,))


@pytest.mark.parametrize(
    ("segmentation", "reason"),
    [
        ({}, "bad_size"),
        ({"size": [2], "counts": [4]}, "bad_size"),
        ({"size": [2.0, 2], "counts": [4]}, "bad_size"),
        ({"size": [0, 2], "counts": []}, "bad_size"),
        ({"size": [10**6, 10**6], "counts": [10**12]}, "bad_size"),
        ({"size": [2, 2], "counts": None}, "bad_count"),
        ({"size": [2, 2], "counts": [-1, 5]}, "bad_count"),
        ({"size": [2, 2], "counts": [1.5, 2.5]}, "bad_count"),
        ({"size": [2, 2], "counts": [True, 3]}, "bad_count"),
        ({"size": [2, 2], "counts": [1, 2]}, "wrong_total"),
        ({"size": [2, 2], "counts": []}, "wrong_total"),
        ({"size": [2, 2], "counts": [3, 3]}, "wrong_total"),
        ({"size": [2, 2], "counts": ""}, "wrong_total"),
        ({"size": [2, 2], "counts": "4 "}, "bad_text"),
        ({"size": [2, 2], "counts": "\u20ac"}, "bad_text"),
        ({"size": [2, 2], "counts": "\ud800"}, "bad_text"),
        ({"size": [2, 2], "counts": "P"}, "bad_text"),
        ({"size": [2, 2], "counts": "o" * 1000}, "bad_text"),
        ({"size": [2, 2], "counts": b"\xff\xfe"}, "bad_text"),
    ],
)
def test_run_lengths_that_are_no_mask_are_refused_by_name(segmentation, reason):
    with pytest.raises(BadMask) as refused:
        masks.from_coco(segmentation)
    assert refused.value.reason == reason
    assert "\n" not in str(refused.value)


@given(st.integers(0, 2**32), st.integers(1, 40))
def test_a_shape_filled_in_strips_is_the_shape_filled_whole(seed: int, strip_px: int) -> None:
    rng = np.random.default_rng(seed)
    ring = Ring(tuple((float(x), float(y)) for x, y in rng.integers(-4, 26, (5, 2)) / 2))
    with pytest.MonkeyPatch.context() as patch:
        whole = masks.from_shape(polygon(ring), (12, 9))
        patch.setattr(masks, "_STRIP_PX", strip_px)
        assert masks.from_shape(polygon(ring), (12, 9)) == whole
    assert whole == masks.encode(masks.from_rings((ring,), (12, 9)))


def test_a_shape_as_large_as_a_great_scene_costs_a_strip() -> None:
    import tracemalloc

    tracemalloc.start()
    mask = masks.from_shape(polygon(Ring(((0, 10), (9000, 10), (9000, 8000), (0, 8000)))), (9000, 9000))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sum(mask.counts[1::2]) == 9000 * 7990
    assert peak < 40e6, f"{peak / 1e6:.0f} MB; its pixels are 72 MB, and their differences twice that"
