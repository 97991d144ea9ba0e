from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from reading import read_all

from georsmllm import masks
from georsmllm.converters.loveda import CLASSES, CONVERTER
from georsmllm.errors import BadRecord, UsageError

ALL = ("agricultural land", "bare land", "building", "forest", "road", "water")


def world(root: Path, tiles: dict[str, np.ndarray | None], *, size_wh: tuple[int, int] = (64, 48)) -> Path:
    """Tiles by "Train/Rural/0" with their masks; None is a tile without mask in a folder that has masks_png."""
    for key, mask in tiles.items():
        part, _, name = key.rpartition("/")
        for folder in ("images_png", "masks_png"):
            (root / part / folder).mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size_wh, (90, 110, 70)).save(root / part / "images_png" / f"{name}.png")
        if mask is not None:
            Image.fromarray(mask).save(root / part / "masks_png" / f"{name}.png")
    return root


def ground(*areas: tuple[int, int, int, int, int], size_wh: tuple[int, int] = (64, 48)) -> np.ndarray:
    """Background with areas (value, x1, y1, x2, y2) on it."""
    mask = np.full(size_wh[::-1], 1, dtype=np.uint8)
    for value, x1, y1, x2, y2 in areas:
        mask[y1:y2, x1:x2] = value
    return mask


def one_bad(root: Path) -> BadRecord:
    """The only bad record; the tile Train/Rural/1 was read all the same."""
    samples, (error,) = read_all(CONVERTER, root)
    assert [sample.id for sample in samples] == ["loveda/Train/Rural/1"]
    return error


def test_the_invented_world_is_read_whole(data: Path) -> None:
    samples, bad = read_all(CONVERTER, data / "loveda" / "world")
    assert [(sample.id, sample.split, sample.scene, sample.tags) for sample in samples] == [
        ("loveda/Test/Urban/5167", "test", "loveda/5167", ("urban", "unlabelled")),
        ("loveda/Train/Rural/0", "train", "loveda/0", ("rural",)),
        ("loveda/Train/Urban/1366", "train", "loveda/1366", ("urban",)),
        ("loveda/Val/Urban/3514", "val", "loveda/3514", ("urban",)),
    ]
    test, country, town, bare = samples
    assert (test.targets, test.exhaustive, test.classes) == ((), (), ALL)
    assert [(t.label, t.ignore, len(t.shape.rings)) for t in country.targets] == [
        ("agricultural land", None, 1),
        ("road", None, 1),
        ("building", "under_size", 1),
        ("forest", None, 2),  # with the pond as its hole
        ("building", None, 2),  # two that touch by a corner
        ("water", None, 1),
    ]
    assert country.exhaustive == ALL
    assert town.exhaustive == ()  # it has no-data pixels
    assert (bare.targets, bare.exhaustive) == ((), ALL)
    assert [str(error) for error in bad] == [
        "Val/Rural/masks_png/2522.png: expected values of 0, 1, 2, 3, 4, 5, 6, 7, got 9 (12 px) [unknown_value]"
    ]


LABELS = {2: "building", 3: "road", 4: "water", 5: "bare land", 6: "forest", 7: "agricultural land"}


@pytest.mark.parametrize(("value", "label"), list(LABELS.items()))
def test_values_start_at_no_data_so_building_is_two(tmp_path: Path, value: int, label: str) -> None:
    root = world(tmp_path, {"Train/Rural/0": ground((value, 0, 0, 10, 10))})
    (target,) = read_all(CONVERTER, root)[0][0].targets
    assert target.label == label


def test_other_words_of_the_source_are_kept(tmp_path: Path) -> None:
    root = world(tmp_path, {"Train/Urban/0": ground((7, 0, 0, 10, 10), (2, 20, 0, 30, 10))})
    field, house = read_all(CONVERTER, root)[0][0].targets
    assert field.attributes == (("source_label", "agricultural"),)
    assert house.attributes == ()


def test_targets_give_back_the_mask_exactly(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    mask = rng.integers(0, 8, (6, 8)).astype(np.uint8).repeat(8, axis=0).repeat(8, axis=1)
    (sample,), _ = read_all(CONVERTER, world(tmp_path, {"Train/Rural/0": mask}))
    drawn = np.where(mask > 1, 1, mask)
    values = {label: value for value, label in LABELS.items()}
    for target in sample.targets:
        drawn[masks.from_rings(target.shape.rings, (64, 48))] = values[target.label]
    assert (drawn == mask).all()


def test_a_piece_under_64_pixels_is_ignored_by_name(tmp_path: Path) -> None:
    root = world(tmp_path, {"Train/Rural/0": ground((2, 0, 0, 8, 8), (2, 20, 0, 29, 7))})
    assert [target.ignore for target in read_all(CONVERTER, root)[0][0].targets] == [None, "under_size"]


@pytest.mark.parametrize(
    ("mask", "reason", "message"),
    [
        (None, "label_missing", "no such label file"),
        (ground(size_wh=(64, 47)), "mask_size", "expected 64 x 48 as the image, the label is 64 x 47"),
        (ground((255, 0, 0, 3, 1)), "unknown_value", "expected values of 0, 1, 2, 3, 4, 5, 6, 7, got 255 (3 px)"),
        (np.dstack([ground(), ground((2, 0, 0, 1, 1)), ground()]), "image_mode", "expected one label channel"),
    ],
)
def test_a_bad_mask_is_named_and_nothing_else_is_lost(
    tmp_path: Path, mask: np.ndarray | None, reason: str, message: str
) -> None:
    error = one_bad(world(tmp_path, {"Train/Rural/0": mask, "Train/Rural/1": ground()}))
    assert (error.reason, error.where) == (reason, "Train/Rural/masks_png/0.png")
    assert error.message.startswith(message)


@pytest.mark.parametrize("folder", ["images_png", "masks_png"])
def test_a_png_cut_short_is_named_and_nothing_else_is_lost(tmp_path: Path, folder: str) -> None:
    root = world(tmp_path, {"Train/Rural/0": ground((2, 3, 3, 40, 40)), "Train/Rural/1": ground()})
    path = root / "Train/Rural" / folder / "0.png"
    path.write_bytes(path.read_bytes()[:20])
    assert one_bad(root).where == f"Train/Rural/{folder}/0.png"


def test_a_mask_without_its_image_is_named(tmp_path: Path) -> None:
    root = world(tmp_path, {"Train/Rural/0": ground(), "Train/Rural/1": ground()})
    (root / "Train/Rural/images_png/0.png").unlink()
    assert (one_bad(root).reason, one_bad(root).where) == ("image_missing", "Train/Rural/images_png/0.png")


def test_junk_is_left_out_and_odd_names_are_kept(tmp_path: Path) -> None:
    root = world(tmp_path, {"Train/Rural/1 ü": ground()})
    for junk in ("Train/Rural/masks_png/._1 ü.png", "Train/Rural/images_png/.DS_Store", "Train/._Rural"):
        (root / junk).write_bytes(b"junk")
    (root / "Train/Rural/images_png/loop").symlink_to(root)
    assert [sample.id for sample in read_all(CONVERTER, root)[0]] == ["loveda/Train/Rural/1 ü"]


@pytest.mark.parametrize("missing", [True, False])
def test_a_wrong_folder_says_what_was_expected(tmp_path: Path, missing: bool) -> None:
    with pytest.raises(UsageError, match="Train/Rural/images_png"):
        list(CONVERTER.find(tmp_path / "nothing" if missing else tmp_path))


@pytest.mark.parametrize("given", ["", "data/Train/Rural/images_png"])
def test_a_folder_too_high_or_too_deep_says_where_the_tiles_lie(tmp_path: Path, given: str) -> None:
    world(tmp_path / "x/data", {"Train/Rural/0": ground()})
    with pytest.raises(UsageError) as error:
        list(CONVERTER.find(tmp_path / "x" / given))
    assert str(error.value).endswith(f"; these lie in {tmp_path}/x/data: give that")


def test_real_tiles_give_back_their_masks_exactly(real: Callable[[str], Path]) -> None:
    root = real("loveda")
    samples, bad = read_all(CONVERTER, root)
    assert bad == []
    assert [sample.id for sample in samples] == ["loveda/Train/Rural/0", "loveda/Train/Rural/1"]
    for sample in samples:
        path = root / sample.images[0].path.replace("images_png", "masks_png")
        mask = np.asarray(Image.open(path))
        for value, name in CLASSES.items():
            drawn = np.zeros(mask.shape, dtype=bool)
            for target in sample.targets:
                if dict(target.attributes).get("source_label", target.label) == name:
                    drawn |= masks.from_rings(target.shape.rings, (1024, 1024))
            assert (drawn == (mask == value)).all()
