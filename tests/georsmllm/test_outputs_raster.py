"""A label raster lies on its image pixel by pixel, holds what the masks hold, and takes no memory of the scene's size."""

from __future__ import annotations

import tracemalloc
import warnings
from pathlib import Path

import numpy as np
import pytest
import rasterio
from answers import BOX, FINDINGS, GRIDS, RING, SIZE, masked, result, scene, tif, written
from hypothesis import given
from hypothesis import strategies as st
from rasterio.errors import NotGeoreferencedWarning

from georsmllm import masks
from georsmllm.errors import UsageError
from georsmllm.found import Finding
from georsmllm.geometry import to_polygon
from georsmllm.outputs import raster
from georsmllm.outputs.burning import Index, mask_rect, sampled
from georsmllm.pen import colours
from georsmllm.types import Mask, Window, box, point


def pixels(finding: Finding, size=SIZE) -> np.ndarray:
    """Its mask or shape as the library fills it, at once."""
    if finding.mask_scene is not None:
        return masks.decode(finding.mask_scene)
    return masks.decode(masks.from_shape(to_polygon(finding.shape_scene), size))


@pytest.mark.parametrize("grid", GRIDS)
def test_it_has_the_grid_of_the_image_to_the_last_number(tmp_path: Path, grid: str) -> None:
    image = tif(tmp_path / "a.tif", grid)
    path = result(image).save(tmp_path / "labels.tif")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(image) as given_, rasterio.open(path) as found:
            assert (found.transform, found.crs, found.shape) == (given_.transform, given_.crs, given_.shape)


def test_classes_are_codes_with_names_and_the_colours_of_the_picture(tmp_path: Path) -> None:
    path = result(tif(tmp_path / "a.tif", "rotated")).save(tmp_path / "labels.tif")
    with rasterio.open(path) as found:
        values = found.read(1)
        assert found.dtypes == ("uint8",) and found.nodata == 0 and found.descriptions == ("classes",)
        assert found.tags()["classes"] == '{"1":"lake","2":"ship","3":"tree"}' and found.tags()["query"] == "everything"
        assert found.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        lake = colours(["lake", "ship", "tree"])["lake"]
        assert "#{:02x}{:02x}{:02x}".format(*found.colormap(1)[1][:3]) == lake
    expected = np.zeros(SIZE[::-1], np.uint8)
    for code, index in ((1, 0), (2, 1), (2, 2)):
        expected[pixels(FINDINGS[index])] = code
    expected[50, 100] = 3  # the point's pixel
    assert (values == expected).all()


def test_instances_are_ids_and_the_smaller_lies_above(tmp_path: Path) -> None:
    small, large = masked(7, "car", box(12, 12, 18, 18)), masked(300, "field", box(0, 0, 60, 60))
    made = result(tif(tmp_path / "a.tif", "north up"), findings=(small, large))
    raster.write(made, tmp_path / "i.tif", kind="instances")
    with rasterio.open(tmp_path / "i.tif") as found:
        values = found.read(1)
        assert found.dtypes == ("uint16",) and found.tags()["instances"] == '{"7":"car","300":"field"}'
    assert values[15, 15] == 7 and values[30, 30] == 300 and values[70, 100] == 0
    assert (values == 7).sum() == 36


def test_scores_are_of_masks_and_nothing_else(tmp_path: Path) -> None:
    raster.write(result(tif(tmp_path / "a.tif", "north up")), tmp_path / "s.tif", kind="scores")
    with rasterio.open(tmp_path / "s.tif") as found:
        values = found.read(1)
        assert np.isnan(found.nodata) and found.dtypes == ("float32",)
    assert values[15, 15] == np.float32(0.9) and values[70, 20] == np.float32(0.5)
    assert np.isnan(values[30, 30]) and np.isnan(values[25, 75])  # a hole; a ship without a mask


def test_the_highest_score_is_seen(tmp_path: Path) -> None:
    two = (masked(1, "x", box(0, 0, 20, 20), score=0.3), masked(2, "x", box(10, 10, 14, 14), score=0.2))
    raster.write(result(tif(tmp_path / "a.tif", "north up"), findings=two), tmp_path / "s.tif", kind="scores")
    with rasterio.open(tmp_path / "s.tif") as found:
        assert found.read(1)[12, 12] == np.float32(0.3)


def test_an_answer_without_findings_is_an_empty_raster(tmp_path: Path) -> None:
    path = result(tif(tmp_path / "a.tif", "north up"), findings=()).save(tmp_path / "labels.tif")
    with rasterio.open(path) as found:
        assert not found.read(1).any()


def test_a_pair_needs_one_grid(tmp_path: Path) -> None:
    one, other = scene(None, None), scene(None, None, (50, 50))
    with pytest.raises(UsageError, match="120 x 80 and 50 x 50"):
        result(one, other).save(tmp_path / "labels.tif")
    late = masked(1, "house", BOX, image=1)
    path = result(one, scene(None, None), findings=(late,)).save(tmp_path / "labels.tif")
    with rasterio.open(path) as found:
        assert (found.read(1) == pixels(late)).all()


def test_the_same_answer_gives_the_same_bytes(tmp_path: Path) -> None:
    image = tif(tmp_path / "a.tif", "rotated")
    first, second = (result(image).save(tmp_path / f"{n}.tif").read_bytes() for n in (1, 2))
    assert first == second


def test_memory_is_flat_on_a_scene_of_400_megapixels(tmp_path: Path) -> None:
    size = (20000, 20000)
    coast = Mask(*size, (10, 20000 * 2000, 20000 * 18000 - 10))
    bit = masked(2, "ship", box(12000, 9000, 12030, 9040), size=size)
    made = result(scene(*GRIDS["rotated"], size), findings=(Finding(1, "sea", box(0, 0, *size), 0, coast), bit))
    tracemalloc.start()
    made.save(tmp_path / "labels.tif")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 40e6
    with rasterio.open(tmp_path / "labels.tif") as found:
        values = found.read(1, window=rasterio.windows.Window(11990, 8990, 60, 60))
        assert values[15, 15] == 2 and values[5, 5] == 0
        assert found.read(1, window=rasterio.windows.Window(0, 0, 1, 12))[:, 0].tolist() == [0] * 10 + [1] * 2


# --- laws ------------------------------------------------------------------------------------------------------------

MASKS = st.integers(0, 2**32).map(lambda seed: np.random.default_rng(seed).random((23, 31)) < (seed % 10) / 10)


@given(MASKS, st.integers(0, 30), st.integers(0, 22), st.integers(1, 40), st.integers(1, 40))
def test_a_window_of_a_mask_is_that_part_of_it(array, x: int, y: int, width: int, height: int) -> None:
    mask = masks.encode(array)
    window = Window(x, y, min(width, 31 - x), min(height, 23 - y))
    out = np.zeros((window.height, window.width), bool)
    for burnt in Index([Finding(1, "x", RING, 0, mask)], (31, 23)).within(window):
        at = burnt.inside
        out[at.y - y : at.y - y + at.height, at.x - x : at.x - x + at.width] |= burnt.pixels
    assert (out == array[y : y + window.height, x : x + window.width]).all()
    assert (sampled(mask, window, (window.width, window.height)) == out).all()


@given(MASKS)
def test_the_window_of_a_mask_holds_it_and_no_row_or_column_more(array) -> None:
    x1, y1, x2, y2 = (int(v) for v in mask_rect(masks.encode(array)))
    assert array[y1:y2, x1:x2].sum() == array.sum()
    wraps = any(array[-1, c] and array[0, c + 1] for c in range(array.shape[1] - 1))
    if array.any() and not wraps:  # a run over the foot of a column may make it as high as the view
        assert array[y1].any() and array[y2 - 1].any() and array[:, x1].any() and array[:, x2 - 1].any()


@given(st.lists(st.tuples(st.floats(-5, 30), st.floats(-5, 25)), min_size=3, max_size=7))
def test_a_shape_in_windows_is_the_shape_at_once(points) -> None:
    from georsmllm.types import Ring, polygon

    finding = Finding(1, "x", polygon(Ring(tuple(points))))
    out = np.zeros((23, 31), bool)
    for y in range(0, 23, 7):
        for x in range(0, 31, 9):
            for burnt in Index([finding], (31, 23)).within(Window(x, y, min(9, 31 - x), min(7, 23 - y))):
                at = burnt.inside
                out[at.y : at.y + at.height, at.x : at.x + at.width] |= burnt.pixels
    assert (out == masks.from_rings(finding.shape_scene.rings, (31, 23))).all()


def test_a_point_outside_and_an_empty_mask_burn_nothing() -> None:
    gone = [Finding(1, "x", point(-3, 5)), Finding(2, "x", RING, 0, masks.encode(np.zeros((23, 31), bool)))]
    assert list(Index(gone, (31, 23)).within(Window(0, 0, 31, 23))) == []
    assert list(Index([], (31, 23)).within(Window(0, 0, 31, 23))) == []


def test_a_file_of_many_blocks_is_burnt_across_their_seams(tmp_path: Path) -> None:
    size = (1300, 1100)
    image = written(tmp_path / "a.tif", *GRIDS["rotated"], size)
    finding = masked(1, "lake", box(500, 480, 1040, 1030), size=size)
    with rasterio.open(result(image, findings=(finding,)).save(tmp_path / "l.tif")) as found:
        assert (found.read(1) == pixels(finding, size)).all()
