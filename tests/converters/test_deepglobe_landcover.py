from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from reading import read_all

from georsmllm import masks
from georsmllm.converters.deepglobe_landcover import CONVERTER
from georsmllm.errors import BadRecord, UsageError
from georsmllm.types import Sample

ALL = ("agricultural land", "bare land", "forest", "rangeland", "urban land", "water")
COLOURS = {
    "urban land": (0, 255, 255),
    "agricultural land": (255, 255, 0),
    "rangeland": (255, 0, 255),
    "forest": (0, 255, 0),
    "water": (0, 0, 255),
    "bare land": (255, 255, 255),
}
RED = (255, 0, 0)


def mask(ground: tuple[int, int, int], *areas: tuple[tuple[int, int, int], int, int, int, int]) -> np.ndarray:
    array = np.zeros((50, 64, 3), dtype=np.uint8)
    array[:] = ground
    for colour, x1, y1, x2, y2 in areas:
        array[y1:y2, x1:x2] = colour
    return array


def tile(root: Path, key: str, label: np.ndarray | None) -> Path:
    path = root / f"{key}_sat.jpg"
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (64, 50), (90, 110, 70)).save(path)
    if label is not None:
        Image.fromarray(label).save(root / f"{key}_mask.png")
    return root


def only(root: Path) -> Sample:
    (sample,), bad = read_all(CONVERTER, root)
    assert bad == []
    return sample


def one_bad(root: Path) -> BadRecord:
    samples, (error,) = read_all(CONVERTER, root)
    assert samples == []
    return error


def test_the_invented_world_is_read_whole(data: Path) -> None:
    samples, bad = read_all(CONVERTER, data / "deepglobe_landcover" / "world")
    assert [(s.id, s.split, s.scene, s.tags, len(s.exhaustive), s.mended) for s in samples] == [
        ("deepglobe_landcover/train/119", "train", "deepglobe_landcover/119", (), 6, ()),
        ("deepglobe_landcover/train/2334", "train", "deepglobe_landcover/2334", (), 0, ()),
        ("deepglobe_landcover/train/266", "train", "deepglobe_landcover/266", (), 0, (("odd_colour_unknown", 25),)),
        ("deepglobe_landcover/valid/38", "valid", "deepglobe_landcover/38", ("unlabelled",), 0, ()),
    ]
    assert [(t.label, t.ignore, "".join(r.sign for r in t.shape.rings)) for t in samples[0].targets] == [
        ("agricultural land", None, "+---"),
        ("forest", None, "+-"),  # with the lake as its hole
        ("water", None, "+"),
        ("urban land", None, "+"),
        ("rangeland", "under_size", "+"),
    ]
    assert samples[0].targets[0].attributes == (("source_label", "agriculture"),)
    assert [str(error) for error in bad] == [
        "train/4_mask.png: expected the seven colours of DeepGlobe, 961 of 9216 px are red, which is none of them "
        "[unknown_colour]"
    ]


@pytest.mark.parametrize(("label", "colour"), list(COLOURS.items()))
@pytest.mark.parametrize("spread", [0, 100])
def test_each_channel_counts_from_128(tmp_path: Path, label: str, colour: tuple[int, int, int], spread: int) -> None:
    impure = tuple(value + spread if value == 0 else value - spread for value in colour)
    sample = only(tile(tmp_path, "train/7", mask(impure)))  # type: ignore[arg-type]
    assert [target.label for target in sample.targets] == [label]
    assert (sample.classes, sample.exhaustive) == (ALL, ALL)


def test_targets_give_back_the_mask_exactly(tmp_path: Path) -> None:
    names = list(COLOURS)
    values = np.random.default_rng(0).integers(0, 6, (5, 8)).repeat(10, axis=0).repeat(8, axis=1)
    sample = only(tile(tmp_path, "train/7", np.array(list(COLOURS.values()), dtype=np.uint8)[values]))
    drawn = np.full(values.shape, -1)
    for target in sample.targets:
        drawn[masks.from_rings(target.shape.rings, (64, 50))] = names.index(target.label)
    assert (drawn == values).all()


@pytest.mark.parametrize(
    ("ground", "sure", "mended"),
    [((0, 0, 0), (), ()), (RED, (), (("odd_colour_unknown", 30),)), (COLOURS["water"], ALL, ())],
)
def test_unknown_ground_proves_no_absence(
    tmp_path: Path, ground: tuple[int, int, int], sure: tuple[str, ...], mended: tuple[tuple[str, int], ...]
) -> None:
    sample = only(tile(tmp_path, "train/7", mask(COLOURS["forest"], (ground, 0, 0, 6, 5))))
    assert (sample.exhaustive, sample.mended) == (sure, mended)


def test_more_than_one_per_cent_of_no_colour_is_refused(tmp_path: Path) -> None:
    error = one_bad(tile(tmp_path, "train/7", mask(COLOURS["forest"], (RED, 0, 0, 33, 1))))
    assert (error.reason, error.where) == ("unknown_colour", "train/7_mask.png")
    assert "33 of 3200 px are red" in error.message


def test_a_missing_mask_is_named_where_others_are_there(tmp_path: Path) -> None:
    tile(tile(tmp_path, "train/7", mask(COLOURS["water"])), "train/8", None)
    tile(tmp_path, "test/9", None)
    samples, (error,) = read_all(CONVERTER, tmp_path)
    assert (error.reason, error.where) == ("label_missing", "train/8_mask.png")
    assert [(sample.id, sample.tags) for sample in samples] == [
        ("deepglobe_landcover/test/9", ("unlabelled",)),
        ("deepglobe_landcover/train/7", ()),
    ]


def test_a_mask_without_its_image_is_named(tmp_path: Path) -> None:
    (tile(tmp_path, "train/7", mask(COLOURS["water"])) / "train/7_sat.jpg").unlink()
    assert (one_bad(tmp_path).reason, one_bad(tmp_path).where) == ("image_missing", "train/7_sat.jpg")


def test_a_mask_of_another_size_is_named(tmp_path: Path) -> None:
    error = one_bad(tile(tmp_path, "train/7", mask(COLOURS["water"])[:40]))
    assert (error.reason, error.message) == ("mask_size", "expected 64 x 50 as the image, the label is 64 x 40")


def test_the_root_may_be_a_split(tmp_path: Path) -> None:
    sample = only(tile(tmp_path, "7", mask(COLOURS["water"])))
    assert (sample.id, sample.split) == ("deepglobe_landcover/7", "")


def test_two_images_of_one_number_are_one_line_that_names_both(tmp_path: Path) -> None:
    tile(tmp_path, "train/7", None)
    Image.new("RGB", (64, 50)).save(tmp_path / "train" / "7_sat.png")
    with pytest.raises(UsageError, match=r"train/7_sat\.jpg and train/7_sat\.png; keep one"):
        list(CONVERTER.find(tmp_path))


@pytest.mark.parametrize("missing", [True, False])
def test_a_wrong_folder_says_what_was_expected(tmp_path: Path, missing: bool) -> None:
    with pytest.raises(UsageError, match=r"train/104_sat\.jpg"):
        list(CONVERTER.find(tmp_path / "nothing" if missing else tmp_path))


def test_torchgeo_s_layout_is_read(real: Callable[[str], Path]) -> None:
    samples, bad = read_all(CONVERTER, real("torchgeo_layouts") / "deepglobelandcover")
    assert bad == []
    assert [(sample.id, sample.split, len(sample.targets)) for sample in samples] == [
        ("deepglobe_landcover/data/test_data/10", "test", 1),
        ("deepglobe_landcover/data/test_data/8", "test", 1),
        ("deepglobe_landcover/data/test_data/9", "test", 1),
        ("deepglobe_landcover/data/training_data/1", "train", 1),
        ("deepglobe_landcover/data/training_data/2", "train", 1),
        ("deepglobe_landcover/data/training_data/3", "train", 1),
    ]
