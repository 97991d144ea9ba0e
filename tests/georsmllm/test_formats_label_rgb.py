from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from georsmllm.errors import BadRecord
from georsmllm.formats import label_rgb

COLOURS = {(0, 0, 0): 0, (255, 255, 0): 1, (0, 100, 155): 2}


def saved(folder: Path, rows: list[list[tuple[int, ...]]], name: str = "label.png") -> str:
    Image.fromarray(np.array(rows, dtype=np.uint8)).save(folder / name)
    return name


def test_every_colour_becomes_its_value(tmp_path: Path) -> None:
    name = saved(tmp_path, [[(0, 0, 0), (255, 255, 0)], [(0, 100, 155), (0, 0, 0)], [(0, 0, 0), (0, 0, 0)]])
    assert label_rgb.read(tmp_path, name, (2, 3), colours=COLOURS).tolist() == [[0, 1], [2, 0], [0, 0]]


def test_a_palette_image_is_its_colours(tmp_path: Path) -> None:
    name = saved(tmp_path, [[(0, 0, 0), (255, 255, 0)]])
    Image.open(tmp_path / name).convert("P", palette=Image.Palette.ADAPTIVE).save(tmp_path / "p.png")
    assert label_rgb.read(tmp_path, "p.png", (2, 1), colours=COLOURS).tolist() == [[0, 1]]


def test_other_colours_are_named_with_their_pixels_the_commonest_first(tmp_path: Path) -> None:
    name = saved(tmp_path, [[(1, 2, 3), (255, 255, 0), (4, 5, 6), (4, 5, 6)]])
    with pytest.raises(BadRecord) as caught:
        label_rgb.read(tmp_path, name, (4, 1), colours=COLOURS)
    assert (caught.value.reason, caught.value.where) == ("unknown_colour", "label.png")
    assert caught.value.message == (
        "expected colours of (0, 0, 0), (255, 255, 0), (0, 100, 155), got (4, 5, 6) (2 px), (1, 2, 3) (1 px)"
    )


def test_packed_is_red_first(tmp_path: Path) -> None:
    name = saved(tmp_path, [[(1, 2, 3), (255, 255, 255)]])
    assert label_rgb.read_packed(tmp_path, name, (2, 1)).tolist() == [[1 + 2 * 256 + 3 * 65536, 0xFFFFFF]]


def test_bright_channels_count_from_128(tmp_path: Path) -> None:
    name = saved(tmp_path, [[(0, 127, 0), (128, 0, 0), (0, 200, 0), (3, 9, 255), (250, 251, 130)]])
    assert label_rgb.read_bright(tmp_path, name, (5, 1)).tolist() == [[0, 4, 2, 1, 7]]


@pytest.mark.parametrize(
    ("size_wh", "reason", "message"),
    [
        ((1, 2), "mask_size", "expected 1 x 2 as the image, the label is 2 x 1"),
        ((2, 1), "label_missing", "no such label file"),
    ],
)
def test_a_label_of_another_size_or_none_is_named(
    tmp_path: Path, size_wh: tuple[int, int], reason: str, message: str
) -> None:
    name = saved(tmp_path, [[(0, 0, 0), (0, 0, 0)]]) if reason == "mask_size" else "gone.png"
    with pytest.raises(BadRecord) as caught:
        label_rgb.read(tmp_path, name, size_wh, colours=COLOURS)
    assert (caught.value.reason, caught.value.message, caught.value.where) == (reason, message, name)


def test_a_label_cut_short_is_named(tmp_path: Path) -> None:
    name = saved(tmp_path, [[(0, 0, 0), (255, 255, 0)]])
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:40])
    with pytest.raises(BadRecord) as caught:
        label_rgb.read(tmp_path, name, (2, 1), colours=COLOURS)
    assert caught.value.reason == "image_truncated"
