"""A view is saved as the pixels that its facts are about, whatever file they came from."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from georsmllm.images import Stretch, content_hash, read_rgb, size_wh
from georsmllm.instruct_data.pictures import Picture
from georsmllm.types import ImageRef


def source(folder: Path, name: str, mode: str) -> ImageRef:
    Image.effect_noise((40, 30), 20).convert(mode).save(folder / name)
    return ImageRef(name, *size_wh(folder / name))


@pytest.mark.parametrize(("name", "mode"), [("a.png", "RGB"), ("a.jpg", "RGB"), ("a.png", "L"), ("a.tif", "RGB")])
@pytest.mark.parametrize("stretch", [Stretch(), Stretch(kind="percentile")])
def test_a_whole_view_has_the_pixels_of_its_hash(tmp_path: Path, name: str, mode: str, stretch: Stretch) -> None:
    view = source(tmp_path, name, mode)
    picture = Picture(tmp_path, view, stretch)
    saved = tmp_path / f"saved{picture.suffix(view)}"
    picture.save(view, saved, "copy")
    assert content_hash(read_rgb(saved)) == picture.facts(view).content != ""
