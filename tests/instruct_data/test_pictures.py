"""A view is saved as the pixels that its facts are about, whatever file they came from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from georsmllm import imagefile
from georsmllm.errors import BadRecord
from georsmllm.images import Stretch, content_hash, file_hash, read_rgb, size_wh
from georsmllm.instruct_data.pictures import Picture, view_path
from georsmllm.looks import looks
from georsmllm.tiling import view, windows
from georsmllm.types import ImageRef, Window


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


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
@pytest.mark.parametrize("at_once", [40 * 12, 100])  # whole rows of a tile fit, or single tiles only
def test_tiles_of_a_file_too_large_to_hold_are_those_of_the_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, at_once: int
) -> None:
    image = source(tmp_path, name, "RGB")
    whole = read_rgb(tmp_path / name)
    monkeypatch.setattr(imagefile, "MAX_PIXELS_AT_ONCE", at_once)
    picture = Picture(tmp_path, image, Stretch())
    for window in windows(40, 30, size=10, overlap=3):
        picture.save(view(image, window), tmp_path / "tile.png", "copy")
        crop = whole[window.y : window.y + window.height, window.x : window.x + window.width]
        assert (read_rgb(tmp_path / "tile.png") == crop).all()


def test_a_file_too_large_to_hold_is_no_view_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = source(tmp_path, "a.tif", "RGB")
    monkeypatch.setattr(imagefile, "MAX_PIXELS_AT_ONCE", 100)
    with pytest.raises(BadRecord, match="image_bomb"):
        Picture(tmp_path, image, Stretch()).save(image, tmp_path / "view.png", "copy")


def test_a_large_file_that_is_cut_short_is_refused_before_anything_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = source(tmp_path, "a.tif", "RGB")
    (tmp_path / "a.tif").write_bytes((tmp_path / "a.tif").read_bytes()[:-900])
    monkeypatch.setattr(imagefile, "MAX_PIXELS_AT_ONCE", 100)
    with pytest.raises(BadRecord, match=r"a\.tif: .*\[image_(truncated|unreadable)\]"):
        Picture(tmp_path, image, Stretch())


def test_no_two_views_meet_in_one_name_and_none_leaves_the_set() -> None:
    def path(name: str, suffix: str = ".png", window: Window | None = None) -> str:
        return view_path("s", ImageRef(name, 8, 8, window), suffix)

    tile = Window(4, 0, 8, 8)
    names = [
        path("a.png"),
        path("a.tif"),
        path("a.jpg", ".jpg"),
        path("../a.png"),
        path("/a.png"),
        path("a.png", window=tile),
        path("a.jpg", window=tile),
        path("b/a.png"),
    ]
    assert names[0] == names[4] == "images/s/a.png"
    assert len(set(names)) == len(names) - 1
    assert all(name.startswith("images/s/") and ".." not in name for name in names)
    assert names[5] == "images/s/a__8x8__4___0.png"


def test_a_view_tells_the_looks_of_its_source_and_none_of_a_file_too_large_to_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    patches = np.random.default_rng(0).integers(0, 256, (10, 12), dtype=np.uint8)
    Image.fromarray(patches.repeat(9, axis=0).repeat(8, axis=1)).save(tmp_path / "a.tif")
    image = ImageRef("a.tif", *size_wh(tmp_path / "a.tif"))
    tile = view(image, Window(5, 5, 30, 20))
    said = looks(read_rgb(tmp_path / "a.tif"))
    picture = Picture(tmp_path, image, Stretch())
    assert picture.facts(tile).looks == picture.facts(image).looks == said != ""
    monkeypatch.setattr(imagefile, "MAX_PIXELS_AT_ONCE", 100)
    large = Picture(tmp_path, image, Stretch())
    assert (large.facts(tile).looks, large.facts(tile).content) == ("", file_hash(tmp_path / "a.tif"))
