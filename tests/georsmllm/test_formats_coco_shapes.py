from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from georsmllm import geometry, masks
from georsmllm.formats import coco
from georsmllm.formats.coco_shapes import BadShape, Shaped, detectron2_corners, shape_of
from georsmllm.types import Ring, box, polygon, rbox

SIZE_WH = (100, 80)


def shaped(**fields: object) -> Shaped:
    raw = msgspec.json.encode({"image_id": 0, "category_id": 1, **fields})
    return shape_of(msgspec.json.decode(raw, type=coco.Annotation), SIZE_WH)


def test_a_box_of_four_numbers_is_taken_as_pixel_edges() -> None:
    assert shaped(bbox=[10, 20, 30, 40]) == (box(10, 20, 40, 60), 1.0, None, ())


def test_an_angle_turns_counter_clockwise_on_the_screen() -> None:
    half = math.sqrt(2) / 2
    corners = detectron2_corners((50, 50, 20, 0, 45))
    assert corners[1] == pytest.approx((50 + 10 * half, 50 - 10 * half))  # the right end went up
    assert shaped(bbox=[50, 40, 20, 10, 90]).shape == rbox(((45, 30), (55, 30), (55, 50), (45, 50)))


def test_eight_numbers_are_corners_and_crossing_ones_are_reordered() -> None:
    square = rbox(((10, 10), (20, 10), (20, 20), (10, 20)))
    assert shaped(bbox=[20, 10, 20, 20, 10, 20, 10, 10]) == (square, 1.0, None, ())
    assert shaped(bbox=[10, 10, 20, 20, 20, 10, 10, 20]) == (square, 1.0, None, ("reordered_corners",))


@pytest.mark.parametrize(
    ("bbox", "expected"),
    [
        ([90, 10, 12.5, 10], (box(90, 10, 100, 20), 0.8, None, ("clipped_to_image",))),
        ([-20, 10, 25, 10], (box(0, 10, 5, 20), 0.2, "low_visibility", ("clipped_to_image",))),
        ([10, 10, 0, 10], (box(10, 10, 10, 20), 1.0, "collapsed", ())),
        ([200, 10, 10, 10], (box(200, 10, 210, 20), 0.0, "outside_image", ())),
    ],
)
def test_boxes_without_area_or_outside_stay_and_are_ignored_by_name(bbox: list[float], expected: Shaped) -> None:
    assert shaped(bbox=bbox) == expected


def test_a_segmentation_wins_over_the_box_and_parts_are_joined() -> None:
    parts = [[10.5, 10, 30, 10, 30, 20, 10.5, 20], [20, 10, 40, 10, 40, 20, 20, 20, 20, 10]]
    found = shaped(bbox=[0, 0, 1, 1], segmentation=parts)
    assert geometry.bounds(found.shape) == (10.5, 10, 40, 20)
    assert len(found.shape.rings) == 1
    assert found.mended == ()


def test_a_ring_that_crosses_itself_is_mended_and_counted() -> None:
    found = shaped(segmentation=[[0, 0, 10.5, 10, 10.5, 0, 0, 10]])
    assert found.mended == ("self_crossing_mended",)
    assert geometry.area(found.shape) == pytest.approx(52.5)
    assert geometry.to_shapely(found.shape).is_valid


def test_a_part_without_area_is_dropped_by_name_and_a_whole_one_gives_way_to_the_box() -> None:
    square = [1.5, 1, 5, 1, 5, 5, 1.5, 5]
    assert shaped(segmentation=[square, [7, 7, 9, 9]]).mended == ("degenerate_part_dropped",)
    alone = shaped(segmentation=[[7.5, 7, 9, 9]], bbox=[7, 7, 3, 3])
    assert alone == (box(7, 7, 10, 10), 1.0, None, ("degenerate_part_dropped", "box_in_place_of_shape"))


def test_rings_through_pixel_indices_grow_to_the_edges_of_these_pixels() -> None:
    found = shaped(bbox=[10, 20, 6, 4], segmentation=[[10, 20, 15, 20, 15, 23, 10, 23]])
    expected = polygon(Ring(((10, 20), (16, 20), (16, 24), (10, 24))))
    assert found.mended == ("pixels_to_edges",)
    assert geometry.to_shapely(found.shape).equals(geometry.to_shapely(expected))


@pytest.mark.parametrize("ring", [[10, 20], [10, 20, 15, 20], [10, 20, 15, 20, 15, 20]])
def test_one_pixel_or_one_row_of_pixels_is_an_area(ring: list[int]) -> None:
    width = max(ring[::2]) - 10 + 1
    found = shaped(bbox=[10, 20, width, 1], segmentation=[ring])
    assert (geometry.area(found.shape), found.ignore) == (width, None)


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), min_size=3, max_size=9, unique=True))
@settings(deadline=None)
def test_growing_fills_exactly_the_box_of_the_pixels(points: list[tuple[int, int]]) -> None:
    xs, ys = [x for x, _ in points], [y for _, y in points]
    bbox = [min(xs), min(ys), max(xs) - min(xs) + 1, max(ys) - min(ys) + 1]
    found = shaped(bbox=bbox, segmentation=[[n for point in points for n in point]])
    assert geometry.bounds(found.shape) == (bbox[0], bbox[1], bbox[0] + bbox[2], bbox[1] + bbox[3])
    pixels = masks.from_rings(found.shape.rings, SIZE_WH)
    assert all(pixels[y, x] for x, y in points)


def test_whole_numbers_with_a_box_of_the_ring_itself_are_edges_already() -> None:
    found = shaped(bbox=[10, 20, 5, 3], segmentation=[[10, 20, 15, 20, 15, 23, 10, 23]])
    assert (geometry.area(found.shape), found.mended) == (15, ())


def rectangle_mask() -> np.ndarray:
    array = np.zeros((SIZE_WH[1], SIZE_WH[0]), dtype=bool)
    array[20:30, 40:60] = True
    array[24:26, 50:55] = False
    return array


@pytest.mark.parametrize("form", ["list", "text", "list of one"])
def test_run_lengths_become_exact_rings_in_every_form(form: str) -> None:
    mask = masks.encode(rectangle_mask())
    rle = {"size": [80, 100], "counts": list(mask.counts) if form == "list" else masks.to_counts_text(mask)}
    found = shaped(segmentation=[rle] if form == "list of one" else rle, iscrowd=1)
    assert (masks.from_rings(found.shape.rings, SIZE_WH) == rectangle_mask()).all()
    assert [ring.sign for ring in found.shape.rings] == ["+", "-"]


def test_compressed_text_is_read_as_pycocotools_writes_it() -> None:
    coco_mask = pytest.importorskip("pycocotools.mask")
    rle = coco_mask.encode(np.asfortranarray(rectangle_mask().astype(np.uint8)))
    found = shaped(segmentation=[{"size": rle["size"], "counts": rle["counts"].decode()}])
    assert (masks.from_rings(found.shape.rings, SIZE_WH) == rectangle_mask()).all()


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, "no_shape"),
        ({"segmentation": []}, "no_shape"),
        ({"segmentation": [[1, 1, 2, 2]]}, "no_shape"),
        ({"bbox": [1, 2, 3]}, "bad_bbox"),
        ({"bbox": [1, 2, -3, 4]}, "bad_bbox"),
        ({"bbox": [5, 5, 3, -4, 30]}, "bad_bbox"),
        ({"segmentation": [[1, 2, 3, 4, 5]]}, "bad_segmentation"),
        ({"segmentation": [[]]}, "bad_segmentation"),
        ({"segmentation": "poly"}, "bad_segmentation"),
        ({"segmentation": {"size": [80, 100], "counts": [8001]}}, "bad_segmentation"),
        ({"segmentation": {"size": [80, 100], "counts": "\u0001"}}, "bad_segmentation"),
        ({"segmentation": [{"size": [80, 100], "counts": [8000]}] * 2}, "bad_segmentation"),
        ({"segmentation": {"size": [100, 80], "counts": [8000]}}, "mask_size"),
        ({"segmentation": [[0, 0, 1e300, 0, 0, 1e300]]}, "out_of_range"),
        ({"bbox": [1e308, 0, 1e308, 1]}, "out_of_range"),
    ],
)
def test_a_shape_that_cannot_be_read_is_named(fields: dict[str, object], reason: str) -> None:
    with pytest.raises(BadShape) as caught:
        shaped(**fields)
    assert caught.value.reason == reason


def test_a_segmentation_that_is_no_text_is_named() -> None:
    annotation = coco.Annotation(0, 1, segmentation=msgspec.Raw(b'{"size": [80, 100], "counts": "\xff"}'))
    with pytest.raises(BadShape) as caught:
        shape_of(annotation, SIZE_WH)
    assert caught.value.reason == "bad_segmentation"
