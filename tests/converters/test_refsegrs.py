from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from reading import read_all

from georsmllm import geometry, masks
from georsmllm.converters.refsegrs import CONVERTER
from georsmllm.errors import UsageError
from georsmllm.types import UNNAMED, Mention, Text


@pytest.fixture
def root(data: Path, tmp_path: Path) -> Path:
    return shutil.copytree(data / "refsegrs" / "world", tmp_path / "world")


def test_the_invented_world_is_read_whole(data: Path) -> None:
    samples, (bad,) = read_all(CONVERTER, data / "refsegrs" / "world")
    assert [(s.id, s.split, [t.text for t in s.texts], len(s.targets)) for s in samples] == [
        ("refsegrs/test/3", "test", ["road from left to right"], 1),
        ("refsegrs/train/0", "train", ["red vehicle on the road"], 2),
        ("refsegrs/train/1", "train", ["building on the upper left", "smaller building"], 1),
        ("refsegrs/val/2", "val", ["building"], 2),
    ]
    cars, roof = samples[1], samples[2]
    assert cars.texts == (Text("expression", "red vehicle on the road", mentions=(Mention("answer", 0, (0, 1)),)),)
    assert [geometry.bounds(t.shape) for t in cars.targets] == [(6, 28, 18, 35), (40, 28, 52, 35)]
    assert {t.label for s in samples for t in s.targets} == {UNNAMED}
    assert (roof.targets[0].phrase, cars.targets[0].phrase) == ("building on the upper left", "")
    assert all(s.exhaustive == () for s in samples)
    assert (bad.reason, bad.where) == ("empty_mask", "masks/4.tif")


def test_risbench_writes_names_with_suffixes_in_other_folders(tmp_path: Path) -> None:
    for side, mode, suffix in (("img_rgb", "RGB", "jpg"), ("mask", "L", "png")):
        (tmp_path / side).mkdir()
        Image.new(mode, (32, 32), 255 if mode == "L" else 0).save(tmp_path / side / f"a.1.{suffix}")
    (tmp_path / "output_phrase_val.txt").write_text("\ufeffa.1.jpg The ship at the rght edge\n", encoding="utf-8")
    (sample,), bad = read_all(CONVERTER, tmp_path)
    assert bad == []
    assert (sample.id, sample.texts[0].text) == ("refsegrs/val/a.1", "The ship at the rght edge")
    assert geometry.bounds(sample.targets[0].shape) == (0, 0, 32, 32)


def test_a_mask_saved_as_jpeg_is_cut_at_128(root: Path) -> None:
    grey = Image.open(root / "masks" / "1.tif").convert("L")
    (root / "masks" / "1.tif").unlink()
    grey.save(root / "masks" / "1.jpg", quality=90)
    sample = next(s for s in read_all(CONVERTER, root)[0] if s.id == "refsegrs/train/1")
    assert [geometry.bounds(t.shape) for t in sample.targets] == [(8, 6, 28, 20)]


@pytest.mark.parametrize(
    ("lines", "reason", "where"),
    [
        (b"0 road\n2\n", "no_expression", "output_phrase_val.txt@7"),
        (b"2 \xff\xfe\n", "not_text", "output_phrase_val.txt@0"),
        (b"9 road\n", "image_missing", "images/9.tif"),
    ],
)
def test_a_bad_line_is_named_with_its_byte(root: Path, lines: bytes, reason: str, where: str) -> None:
    (root / "output_phrase_val.txt").write_bytes(lines)
    bad = [(error.reason, error.where) for error in read_all(CONVERTER, root)[1]]
    assert bad == [("empty_mask", "masks/4.tif"), (reason, where)]


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (Image.new("L", (64, 63), 255), "mask_size"),
        (Image.new("L", (64, 64), 7), "unknown_value"),
        (Image.new("RGB", (64, 64), (255, 0, 0)), "image_mode"),
        (None, "label_missing"),
    ],
)
def test_a_bad_mask_is_named(root: Path, broken: Image.Image | None, reason: str) -> None:
    (root / "masks" / "2.tif").unlink()
    if broken is not None:
        broken.save(root / "masks" / "2.tif")
    assert [error.reason for error in read_all(CONVERTER, root)[1]] == ["empty_mask", reason]


@pytest.mark.parametrize("missing", ["images", "masks", "output_phrase_*.txt"])
def test_a_missing_part_is_one_line(root: Path, missing: str) -> None:
    for path in root.glob(missing):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(UsageError, match="expected images"):
        list(CONVERTER.find(root))


def test_an_empty_list_is_one_line(root: Path) -> None:
    (root / "output_phrase_val.txt").write_text("\n \n", encoding="utf-8")
    with pytest.raises(UsageError, match="is empty; expected an image's name"):
        list(CONVERTER.find(root))


@pytest.mark.parametrize(("name", "count"), [("risbench_recovered", 24), ("rrsis_d_recovered", 16)])
def test_real_masks_are_given_back_exactly(real: Callable[[str], Path], name: str, count: int) -> None:
    root = real(name)
    samples, bad = read_all(CONVERTER, root)
    assert (len(samples), bad) == (count, [])
    for sample in samples:
        stored = (
            np.asarray(Image.open(root / sample.images[0].path.replace("img_rgb", "mask").replace(".jpg", ".png"))) > 0
        )
        drawn = np.zeros(stored.shape, dtype=bool)
        for target in sample.targets:
            drawn |= masks.from_rings(target.shape.rings, sample.images[0].size_wh)
        assert (drawn == stored).all()
        assert sample.texts[0].mentions[0].targets == tuple(range(len(sample.targets)))
