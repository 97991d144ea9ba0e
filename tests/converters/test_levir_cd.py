from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from reading import read_all

from georsmllm import masks
from georsmllm.converters.levir_cd import CONVERTER
from georsmllm.errors import BadRecord, UsageError
from georsmllm.types import Ring, polygon

HOUSE = polygon(Ring(((10, 20), (30, 20), (30, 32), (10, 32))))


def mask(*houses: tuple[int, int, int, int], value: int = 255) -> Image.Image:
    array = np.zeros((48, 64), dtype=np.uint8)
    for x1, y1, x2, y2 in houses:
        array[y1:y2, x1:x2] = value
    return Image.fromarray(array)


HOUSE_MASK = mask((10, 20, 30, 32))


def pair(root: Path, name: str, label: Image.Image | None, *, b_size: tuple[int, int] = (64, 48)) -> Path:
    """One pair below root, as root/A/name.png ... ; None: no label file, yet a label folder."""
    for side, image in (("A", Image.new("RGB", (64, 48))), ("B", Image.new("RGB", b_size)), ("label", label)):
        path = root / side / (name if "." in name else f"{name}.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        if image is not None:
            image.save(path)
    return root


def one_bad(root: Path) -> BadRecord:
    """The only bad record, beside one good pair that is added here."""
    pair(root, "val_9_0000_0000", HOUSE_MASK)
    samples, (error,) = read_all(CONVERTER, root)
    assert [(sample.id, len(sample.targets)) for sample in samples] == [("levir_cd/val_9_0000_0000", 1)]
    return error


def test_the_invented_world_is_read_whole(data: Path) -> None:
    samples, bad = read_all(CONVERTER, data / "levir_cd" / "world")
    assert [(sample.id, sample.split, sample.scene) for sample in samples] == [
        ("levir_cd/train/train_1", "train", "levir_cd/train_1"),
        ("levir_cd/train/train_2", "train", "levir_cd/train_2"),
        ("levir_cd/val/val_1", "val", "levir_cd/val_1"),
    ]
    assert [image.path for image in samples[0].images] == ["train/A/train_1.png", "train/B/train_1.png"]
    built, demolished, same = samples
    assert [target.shape for target in built.targets] == [
        polygon(Ring(((40, 10), (62, 10), (62, 26), (40, 26)))),
        polygon(Ring(((70, 60), (96, 60), (96, 80), (70, 80)))),
    ]
    assert {(t.image, t.label, t.attributes, t.ignore) for t in (*built.targets, *demolished.targets)} == {
        (1, "building", (("change", "any"),), None)
    }
    assert (same.targets, same.exhaustive) == ((), ("building",))
    assert [str(error) for error in bad] == [
        "test/B/test_113.png: expected two images of one size, A is 96 x 96, B is 96 x 95 [pair_size]"
    ]


def test_crops_of_one_tile_are_one_scene_and_the_name_gives_the_split(tmp_path: Path) -> None:
    for name in ("train_386_0512_0768", "train_386_0000_0000", "test_2_0000_0512", "tile 7 ü"):
        pair(tmp_path, name, HOUSE_MASK)
    (tmp_path / "list").mkdir()
    (tmp_path / "list" / "train.txt").write_text("train_386_0512_0768.png\n")
    samples, bad = read_all(CONVERTER, tmp_path)
    assert bad == []
    assert [(sample.split, sample.scene) for sample in samples] == [
        ("test", "levir_cd/test_2"),
        ("", "levir_cd/tile 7 ü"),
        ("train", "levir_cd/train_386"),
        ("train", "levir_cd/train_386"),
    ]
    assert all(sample.targets[0].shape == HOUSE for sample in samples)


def test_in_levir_cd_plus_the_folder_decides_and_not_the_name(tmp_path: Path) -> None:
    pair(tmp_path / "train", "train_1", HOUSE_MASK)
    pair(tmp_path / "test", "train_638", HOUSE_MASK)
    assert [(ref.key, ref.split) for ref in CONVERTER.find(tmp_path)] == [
        ("test/train_638", "test"),
        ("train/train_1", "train"),
    ]


def test_a_root_with_the_letter_a_in_it_still_pairs(tmp_path: Path) -> None:
    root = pair(tmp_path / "DATA" / "A", "train_1_0000_0000", HOUSE_MASK)
    (sample,), bad = read_all(CONVERTER, root)
    assert bad == []
    assert [image.path for image in sample.images] == ["A/train_1_0000_0000.png", "B/train_1_0000_0000.png"]


def test_without_a_label_folder_nothing_is_said(tmp_path: Path) -> None:
    pair(tmp_path, "test_1_0000_0000", None)
    (tmp_path / "label").rmdir()
    (sample,), _ = read_all(CONVERTER, tmp_path)
    assert (sample.targets, sample.exhaustive, sample.tags) == ((), (), ("unlabelled",))


def test_a_mask_saved_as_jpeg_is_read_at_128(tmp_path: Path) -> None:
    pair(tmp_path, "train_1_0000_0000", None)
    HOUSE_MASK.save(tmp_path / "label" / "train_1_0000_0000.jpg", quality=90)
    (sample,), bad = read_all(CONVERTER, tmp_path)
    assert bad == []
    assert [target.shape for target in sample.targets] == [HOUSE]


@pytest.mark.parametrize(
    ("label", "reason", "message"),
    [
        (None, "label_missing", "no such label file"),
        (mask((0, 0, 3, 1), value=254), "unknown_value", "expected values of 0, 255, got 254 (3 px)"),
        (HOUSE_MASK.resize((64, 49)), "mask_size", "expected 64 x 48 as the image, the label is 64 x 49"),
        (Image.merge("RGB", (HOUSE_MASK, mask(), mask())), "image_mode", "expected one label channel"),
    ],
)
def test_a_bad_label_is_named_and_nothing_else_is_lost(
    tmp_path: Path, label: Image.Image | None, reason: str, message: str
) -> None:
    error = one_bad(pair(tmp_path, "train_1_0000_0000", label))
    assert (error.reason, error.where) == (reason, "label/train_1_0000_0000.png")
    assert error.message.startswith(message)


def test_a_grey_label_in_three_equal_channels_is_read(tmp_path: Path) -> None:
    pair(tmp_path, "train_1_0000_0000", Image.merge("RGB", (HOUSE_MASK,) * 3))
    assert read_all(CONVERTER, tmp_path)[0][0].targets[0].shape == HOUSE


def test_two_sizes_in_a_pair_are_named_before_its_missing_label(tmp_path: Path) -> None:
    error = one_bad(pair(tmp_path, "test_113_0256", None, b_size=(64, 47)))
    assert (error.reason, error.where) == ("pair_size", "B/test_113_0256.png")
    assert error.message == "expected two images of one size, A is 64 x 48, B is 64 x 47"


@pytest.mark.parametrize("side", ["A", "B"])
def test_half_a_pair_is_named(tmp_path: Path, side: str) -> None:
    pair(tmp_path, "train_1_0000_0000", HOUSE_MASK)
    (tmp_path / side / "train_1_0000_0000.png").unlink()
    error = one_bad(tmp_path)
    assert (error.reason, error.where) == ("image_missing", f"{side}/train_1_0000_0000.png")


@pytest.mark.parametrize("side", ["A", "B", "label"])
def test_a_png_cut_short_is_named(tmp_path: Path, side: str) -> None:
    pair(tmp_path, "train_1_0000_0000", HOUSE_MASK)
    path = tmp_path / side / "train_1_0000_0000.png"
    path.write_bytes(path.read_bytes()[:20])
    assert one_bad(tmp_path).where == f"{side}/train_1_0000_0000.png"


def test_junk_files_are_no_pairs(tmp_path: Path) -> None:
    pair(tmp_path, "train_1_0000_0000", HOUSE_MASK)
    for junk in ("A/._train_1_0000_0000.png", "B/.DS_Store", "label/Thumbs.db"):
        (tmp_path / junk).write_bytes(b"junk")
    (tmp_path / "A" / "loop").symlink_to(tmp_path)
    samples, bad = read_all(CONVERTER, tmp_path)
    assert (len(samples), bad) == (1, [])


def test_two_images_of_one_name_are_one_line_that_names_both(tmp_path: Path) -> None:
    pair(tmp_path, "train_1", HOUSE_MASK)
    Image.new("RGB", (64, 48)).save(tmp_path / "A" / "train_1.jpg")
    with pytest.raises(UsageError, match=r"A/train_1\.jpg and A/train_1\.png; keep one"):
        list(CONVERTER.find(tmp_path))


@pytest.mark.parametrize("missing", [True, False])
def test_a_wrong_folder_says_what_was_expected(tmp_path: Path, missing: bool) -> None:
    with pytest.raises(UsageError, match="train/A"):
        list(CONVERTER.find(tmp_path / "nothing" if missing else tmp_path))


@pytest.mark.parametrize(
    ("made", "given", "told"),
    [
        ("x/images/train", "", "A and B lie in {x}/images/train: give {x}/images"),
        ("x/images", "", "A and B lie in {x}/images: give {x}/images"),
        ("x/images/train", "images/train/A", "A and B lie in {x}/images/train: give {x}/images"),
        ("y", "", "expected A, B and label (before, after, mask) there, or in its train, val and test"),
    ],
)
def test_a_folder_too_high_or_too_deep_says_where_the_pairs_lie(
    tmp_path: Path, made: str, given: str, told: str
) -> None:
    pair(tmp_path / made, "1", HOUSE_MASK)
    (tmp_path / "x").mkdir(exist_ok=True)
    with pytest.raises(UsageError) as error:
        list(CONVERTER.find(tmp_path / "x" / given))
    assert str(error.value).endswith("; " + told.format(x=tmp_path / "x"))


def test_real_crops_give_back_their_masks_exactly(real: Callable[[str], Path]) -> None:
    root = real("levir_cd_256")
    samples, bad = read_all(CONVERTER, root)
    assert [error.message for error in bad] == ["expected two images of one size, A is 768 x 384, B is 768 x 383"]
    assert len(samples) == 8
    assert {sample.split for sample in samples} == {"train", "val", "test"}
    for sample in samples:
        stored = np.asarray(Image.open(root / sample.images[0].path.replace("A/", "label/"))) == 255
        drawn = np.zeros(stored.shape, dtype=bool)
        for target in sample.targets:
            drawn |= masks.from_rings(target.shape.rings, (256, 256))
        assert (drawn == stored).all()
