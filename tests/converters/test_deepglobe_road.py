from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from reading import read_all

from georsmllm import masks
from georsmllm.converters.deepglobe_road import CONVERTER
from georsmllm.types import Ring, polygon


def tile(root: Path, key: str, label: np.ndarray | None) -> Path:
    path = root / f"{key}_sat.jpg"
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (64, 48), (90, 110, 70)).save(path)
    if label is not None:
        Image.fromarray(label).save(root / f"{key}_mask.png")
    return root


def street(value: int) -> np.ndarray:
    array = np.zeros((48, 64), dtype=np.uint8)
    array[20:26] = value
    return array


def test_the_invented_world_is_read_whole(data: Path) -> None:
    samples, bad = read_all(CONVERTER, data / "deepglobe_road" / "world")
    assert [(s.id, s.split, s.tags, s.exhaustive, [t.ignore for t in s.targets]) for s in samples] == [
        ("deepglobe_road/test/6", "test", ("unlabelled",), (), []),
        ("deepglobe_road/train/100034", "train", (), ("road",), [None]),
        ("deepglobe_road/train/100081", "train", (), ("road",), [None, "under_size"]),
        ("deepglobe_road/train/100129", "train", (), ("road",), []),
    ]
    assert samples[1].scene == "deepglobe_road/100034"
    assert [str(error) for error in bad] == [
        "train/100703_mask.png: expected 96 x 96 as the image, the label is 96 x 95 [mask_size]"
    ]


@pytest.mark.parametrize(("value", "roads"), [(0, 0), (127, 0), (128, 1), (255, 1)])
def test_a_road_counts_from_128(tmp_path: Path, value: int, roads: int) -> None:
    (sample,), _ = read_all(CONVERTER, tile(tmp_path, "train/1", street(value)))
    assert len(sample.targets) == roads
    assert all(t.shape == polygon(Ring(((0, 20), (64, 20), (64, 26), (0, 26)))) for t in sample.targets)


@pytest.mark.parametrize("channels", [1, 3])
def test_grey_is_read_in_one_channel_or_three(tmp_path: Path, channels: int) -> None:
    label = street(255) if channels == 1 else np.dstack([street(255)] * 3)
    (sample,), _ = read_all(CONVERTER, tile(tmp_path, "train/1", label))
    assert (masks.from_rings(sample.targets[0].shape.rings, (64, 48)) == (street(255) > 0)).all()


def test_a_mask_in_colours_is_another_dataset_s(tmp_path: Path) -> None:
    _, (error,) = read_all(CONVERTER, tile(tmp_path, "train/1", np.dstack([street(255), street(0), street(0)])))
    assert (error.reason, error.where) == ("image_mode", "train/1_mask.png")
