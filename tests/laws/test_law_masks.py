"""Law: array, runs and rings are one mask; the rings are GDAL's; simplification keeps area and IoU."""

from __future__ import annotations

import numpy as np
import rasterio.features
import shapely
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from georsmllm import collapse, masks
from georsmllm.errors import CannotSay
from georsmllm.keypoints import keypoints
from georsmllm.masks import BadMask
from georsmllm.polygons import LEAST_IOU, simplify
from georsmllm.tracing import label_polygons
from georsmllm.types import polygon


@st.composite
def label_maps(draw: st.DrawFn) -> NDArray[np.uint8]:
    """Small maps: noise of every density, blocks, and sums of both, so that corners, holes and pinches abound."""
    height, width = draw(st.integers(1, 12)), draw(st.integers(1, 12))
    most = draw(st.integers(1, 3))
    cells = draw(st.lists(st.integers(0, most), min_size=height * width, max_size=height * width))
    label_map = np.array(cells, dtype=np.uint8).reshape(height, width)
    scale = draw(st.integers(1, 3))
    return np.kron(label_map, np.ones((scale, scale), dtype=np.uint8))


arrays = label_maps().map(lambda label_map: label_map > 0)


def size_of(array: NDArray[np.bool_]) -> tuple[int, int]:
    return array.shape[1], array.shape[0]


@given(arrays)
def test_rings_and_back_is_the_identity(array):
    rings = masks.to_rings(array)
    assert (masks.from_rings(rings, size_of(array)) == array).all()
    assert all(collapse.is_simple(np.array(ring.points)) for ring in rings)
    assert all(collapse.signed_area(np.array(ring.points)) > 0 for ring in rings)


@given(arrays)
def test_runs_are_those_of_pycocotools_and_back_is_the_identity(array):
    mask = masks.encode(array)
    theirs = coco_mask.encode(np.asfortranarray(array.astype(np.uint8)))
    assert masks.to_counts_text(mask) == theirs["counts"].decode()
    assert masks.from_coco(theirs) == masks.from_counts(mask.counts, size_of(array)) == mask
    assert (masks.decode(mask) == array).all()
    assert masks.encode_crop(masks.decode_crop(mask), size_of(array)) == mask


@given(label_maps())
def test_the_polygons_of_a_label_map_are_those_of_gdal(label_map):
    found = label_polygons(label_map)
    ours = shapely.from_ragged_array(
        shapely.GeometryType.POLYGON, found.coords, (found.ring_offsets, found.polygon_offsets)
    )
    pairs = list(rasterio.features.shapes(label_map, connectivity=4))
    theirs = [shapely.Polygon(s["coordinates"][0], s["coordinates"][1:]).normalize().wkb for s, _ in pairs]
    mine = sorted(zip(found.values.tolist(), shapely.to_wkb(shapely.normalize(ours)), strict=True))
    assert mine == sorted(zip((int(v) for _, v in pairs), theirs, strict=True))


@given(label_maps())
def test_the_components_of_a_label_map_cover_it_once(label_map):
    counted = np.zeros(label_map.shape, dtype=int)
    for found in masks.components(label_map):
        pixels = masks.from_rings(found.shape.rings, size_of(label_map))
        assert (label_map[pixels] == found.value).all()
        assert np.count_nonzero(pixels) == found.area_px
        counted += pixels
    assert (counted == 1).all()


@given(arrays)
def test_filled_pixels_are_those_of_gdal_on_integer_rings(array):
    found = label_polygons(array.view(np.uint8), ignore=(0,))
    ours = shapely.from_ragged_array(
        shapely.GeometryType.POLYGON, found.coords, (found.ring_offsets, found.polygon_offsets)
    )
    burnt = rasterio.features.rasterize(ours, array.shape) if len(ours) else np.zeros(array.shape)
    assert (masks.from_rings(masks.to_rings(array), size_of(array)) == (burnt == 1)).all()


@given(st.one_of(st.text(max_size=40), st.binary(max_size=40)), st.integers(-1, 5), st.integers(-1, 5))
def test_any_text_is_a_mask_or_refused(text, width, height):
    try:
        mask = masks.from_counts_text(text, (width, height))
    except BadMask:
        return
    assert sum(mask.counts) == width * height
    assert masks.from_counts_text(masks.to_counts_text(mask), (width, height)) == mask


@given(arrays)
def test_a_simplified_object_keeps_its_area_and_stays_in_the_view(array):
    refused: set[str] = set()
    for found in masks.components(array.view(np.uint8), ignore=(0,)):
        try:
            simplified = simplify(found.shape, size_of(array))
        except CannotSay as error:
            refused.add(error.reason)
            continue
        assert LEAST_IOU <= simplified.iou <= 1 + 1e-9
        rings = simplified.shape.rings
        assert sum(len(ring.points) for ring in rings) <= 256
        for ring in rings:
            assert collapse.is_simple(np.array(ring.points))
            assert all(0 <= x <= array.shape[1] and 0 <= y <= array.shape[0] for x, y in ring.points)
    assert refused <= {"ring_over_budget", "over_budget", "rings_cross"}


@given(arrays, st.sampled_from([1, 7, 40]))
def test_keypoints_are_inside_before_and_after_the_grid(array, scale):
    shape = polygon(*masks.to_rings(array))
    size_wh = (array.shape[1] * scale, array.shape[0] * scale)
    points = keypoints(shape, size_wh, count=4) if shape.rings else ()
    assert bool(points) == bool(array.any())
    for x, y in points:
        assert array[int(y), int(x)]
        back = [np.floor(np.floor(v * 1000 / s + 0.5) * s / 1000) for v, s in zip((x, y), size_wh, strict=True)]
        assert len(points) == 1 or array[int(back[1]), int(back[0])]
