"""A scene is read by windows and sizes as the whole is, from files, arrays and pictures; what is none is told in one line."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
from PIL import Image
from rasterio.control import GroundControlPoint
from rasterio.enums import ColorInterp, Resampling
from rasterio.errors import NotGeoreferencedWarning

from georsmllm import images
from georsmllm.errors import UsageError
from georsmllm.images import Stretch
from georsmllm.scene import Scene
from georsmllm.types import ImageRef, Window

NORTH_UP = rasterio.Affine(0.5, 0, 500_000, 0, -0.5, 5_000_000)


def noise(bands: int, height: int, width: int, kind: str = "uint8") -> np.ndarray:
    rng = np.random.default_rng(7)
    if kind.startswith("float"):
        return rng.normal(0, 3, (bands, height, width)).astype(kind)
    return rng.integers(0, min(np.iinfo(kind).max, 4000), (bands, height, width)).astype(kind)


def tiff(path: Path, bands: np.ndarray, **profile: object) -> Path:
    count, height, width = bands.shape
    settings = {"crs": "EPSG:32633", "transform": NORTH_UP} | profile
    colours = settings.pop("colours", None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(
            path, "w", driver="GTiff", width=width, height=height, count=count, dtype=bands.dtype, **settings
        ) as data:
            data.write(bands)
            if colours:
                data.colorinterp = colours
    return path


@pytest.mark.parametrize("kind", ["uint8", "uint16", "int16", "float32"])
@pytest.mark.parametrize("bands", [1, 3, 4])
@pytest.mark.parametrize("tiled", [True, False])
def test_a_window_is_the_window_of_the_whole(tmp_path: Path, kind: str, bands: int, tiled: bool) -> None:
    blocks = {"tiled": True, "blockxsize": 64, "blockysize": 64} if tiled else {}
    path = tiff(tmp_path / "s.tif", noise(bands, 150, 210, kind), **blocks)
    with Scene(path) as scene:
        whole = scene.read()
        assert whole.shape == (150, 210, 3)
        assert whole.dtype == np.uint8
        assert (whole == images.read_rgb(path)).all()
        assert (scene.read(Window(33, 71, 100, 60)) == whole[71:131, 33:133]).all()


def test_near_infrared_is_left_out_and_nodata_is_black(tmp_path: Path) -> None:
    bands = noise(4, 40, 50, "uint16") + 100
    bands[:, :10] = 0
    path = tiff(tmp_path / "n.tif", bands, nodata=0)
    scene = Scene(path)
    assert (scene.read()[:10] == 0).all()
    three = tiff(tmp_path / "t.tif", bands[:3], nodata=0)
    assert (scene.read() == Scene(three).read()).all()
    assert (scene.read(Window(0, 10, 50, 30)) == scene.read()[10:]).all()  # limits are those of the whole file
    assert (scene.read(None, (25, 20))[:5] == 0).all()


def test_bands_that_say_their_colours_are_shown_by_them(tmp_path: Path) -> None:
    bands = noise(4, 30, 30)
    colours = [ColorInterp.blue, ColorInterp.green, ColorInterp.red, ColorInterp.undefined]
    path = tiff(tmp_path / "b.tif", bands, colours=colours, photometric="MINISBLACK")
    assert (Scene(path).read() == bands[[2, 1, 0]].transpose(1, 2, 0)).all()


def test_a_palette_is_shown_in_its_colours_at_every_size(tmp_path: Path) -> None:
    path = tmp_path / "p.tif"
    indices = np.kron(np.array([[0, 1], [2, 1]], np.uint8), np.ones((20, 20), np.uint8))
    with rasterio.open(path, "w", driver="GTiff", width=40, height=40, count=1, dtype="uint8") as data:
        data.write_colormap(1, {0: (255, 0, 0), 1: (0, 255, 0), 2: (0, 0, 255)})
        data.write(indices, 1)
    expected = [[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [0, 255, 0]]]
    assert Scene(path).read(None, (2, 2)).tolist() == expected
    assert Scene(path).read()[::20, ::20].tolist() == expected


@pytest.mark.parametrize("form", ["tif", "png", "array", "picture", "wide array"])
def test_a_smaller_size_is_the_mean_of_the_pixels(tmp_path: Path, form: str) -> None:
    rgb = noise(3, 120, 160).transpose(1, 2, 0)
    scene = Scene(as_form(rgb, form, tmp_path))
    mean = scene.read().reshape(30, 4, 40, 4, 3).astype(float).mean(axis=(1, 3))
    assert np.abs(scene.read(None, (40, 30)) - mean).max() <= 1
    half = scene.read(Window(40, 20, 80, 60), (20, 15))
    assert np.abs(half - mean[5:20, 10:30]).max() <= 1
    assert scene.read(Window(0, 0, 10, 10), (35, 20)).shape == (20, 35, 3)


def as_form(rgb: np.ndarray, form: str, folder: Path) -> Path | np.ndarray | Image.Image:
    if form == "tif":
        return tiff(folder / "s.tif", rgb.transpose(2, 0, 1))
    if form == "png":
        Image.fromarray(rgb).save(folder / "s.png")
        return folder / "s.png"
    if form == "wide array":
        return rgb.astype(np.uint16) * 17
    return Image.fromarray(rgb) if form == "picture" else rgb


def test_a_small_size_of_a_large_array_is_read_without_the_whole(tmp_path: Path) -> None:
    path = tmp_path / "large.npy"
    np.save(path, np.broadcast_to(np.arange(1600, dtype=np.uint16)[None, :, None], (1200, 1600, 3)))
    scene = Scene(np.load(path, mmap_mode="r"))
    small = scene.read(None, (40, 30))
    assert np.abs(small[15, :, 0].astype(int) - np.linspace(-3, 258, 40).clip(0, 255)).max() < 9


def test_overviews_are_used_where_there_are_some(tmp_path: Path) -> None:
    path = tiff(tmp_path / "o.tif", np.zeros((3, 256, 256), np.uint8), tiled=True, blockxsize=64, blockysize=64)
    with rasterio.open(path, "r+") as data:
        data.build_overviews([4], Resampling.average)
    with rasterio.open(path, "r+", OVERVIEW_LEVEL=0) as overview:
        assert overview.width == 64
    assert Scene(path).read(None, (64, 64)).shape == (64, 64, 3)


def test_image_has_size_affine_and_crs_of_the_file(tmp_path: Path) -> None:
    path = tiff(tmp_path / "a.tif", noise(3, 30, 40))
    scene = Scene(path)
    assert scene.image == ImageRef("a.tif", 40, 30, affine=NORTH_UP[:6], crs="EPSG:32633")
    assert (scene.size_wh, scene.name, scene.has_place, scene.notices) == ((40, 30), "a", True, ())
    assert repr(scene) == "Scene('a.tif', 40 x 30 px, EPSG:32633)"


@pytest.mark.parametrize(
    "affine", [(0.4, 0.3, 5e5, 0.3, -0.4, 5e6), (0.5, 0.0, 5e5, 0.0, 0.5, 5e6), (-0.5, 0.0, 5e5, 0.0, -0.5, 5e6)]
)
def test_turned_and_upside_down_grids_are_kept_as_they_are(tmp_path: Path, affine: tuple[float, ...]) -> None:
    bands = noise(3, 20, 30)
    scene = Scene(tiff(tmp_path / "r.tif", bands, transform=rasterio.Affine(*affine)))
    assert scene.image.affine == pytest.approx(affine)
    assert (scene.read() == bands.transpose(1, 2, 0)).all()


def test_an_image_without_a_place_says_so(tmp_path: Path) -> None:
    bare = tiff(tmp_path / "bare.tif", noise(3, 8, 8), crs=None, transform=None)
    no_crs = tiff(tmp_path / "no_crs.tif", noise(3, 8, 8), crs=None)
    gcps = [GroundControlPoint(r, c, 5e5 + c, 5e6 - r) for r, c in ((0, 0), (0, 8), (8, 0), (8, 8))]
    points = tiff(tmp_path / "gcps.tif", noise(3, 8, 8), transform=None, gcps=gcps)
    Image.new("RGB", (8, 8)).save(tmp_path / "plain.png")
    for picture, words in (
        (bare, "no affine and no CRS"),
        (no_crs, "no CRS: answers are in pixels"),
        (points, "ground control points"),
        (tmp_path / "plain.png", "no affine and no CRS"),
        (np.zeros((8, 8), np.uint8), "no affine and no CRS"),
    ):
        scene = Scene(picture)
        assert not scene.has_place
        assert len(scene.notices) == 1
        assert words in scene.notices[0]
        assert "answers are in pixels" in scene.notices[0]


def test_the_stored_grid_is_read_whatever_exif_says_and_a_notice_tells(tmp_path: Path) -> None:
    picture = Image.fromarray(noise(3, 16, 32).transpose(1, 2, 0))
    exif = Image.Exif()
    exif[0x0112] = 6
    picture.save(tmp_path / "turned.jpg", exif=exif)
    scene = Scene(tmp_path / "turned.jpg")
    assert scene.size_wh == (32, 16)
    assert scene.read().shape == (16, 32, 3)
    assert any("EXIF" in line for line in scene.notices)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "F"])
def test_every_mode_of_a_picture_is_shown(mode: str) -> None:
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16)
    picture = Image.fromarray(ramp.astype(np.uint16)) if mode == "I;16" else Image.fromarray(ramp).convert(mode)
    rgb = Scene(picture).read()
    assert rgb.shape == (16, 16, 3)
    assert rgb.max() > rgb.min()
    assert Scene(picture).image.path == "picture"


@pytest.mark.parametrize("kind", ["bool", "uint8", "int8", "uint16", "int64", "float16", "float64"])
@pytest.mark.parametrize("shape", [(12, 20), (12, 20, 1), (12, 20, 3), (12, 20, 4)])
def test_every_kind_of_array_is_shown(kind: str, shape: tuple[int, ...]) -> None:
    array = (np.arange(np.prod(shape)).reshape(shape) // 4 % 2).astype(kind)
    rgb = Scene(array).read()
    assert rgb.shape == (12, 20, 3)
    assert set(np.unique(rgb)) == ({0, 1} if kind == "uint8" else {0, 255})


def test_an_array_is_neither_copied_nor_changed_nor_handed_out() -> None:
    array = noise(3, 10, 10).transpose(1, 2, 0).copy()
    before = array.copy()
    scene = Scene(array)
    scene.read()[:] = 0
    scene.read(Window(0, 0, 5, 5))[:] = 0
    assert (array == before).all()
    assert scene.image.path == scene.name == "array"


def test_not_a_number_is_black() -> None:
    array = np.linspace(0, 1, 100, dtype=np.float32).reshape(10, 10)
    array[0] = np.nan
    assert (Scene(array).read()[0] == 0).all()
    assert Scene(array).read()[9].max() == 255


def test_a_stretch_is_that_of_the_whole_file(tmp_path: Path) -> None:
    rgb = (noise(3, 40, 40) // 4).transpose(1, 2, 0)
    Image.fromarray(rgb).save(tmp_path / "dark.png")
    for picture in (tmp_path / "dark.png", tiff(tmp_path / "dark.tif", rgb.transpose(2, 0, 1)), rgb):
        scene = Scene(picture, stretch=Stretch("percentile", 0, 100))
        assert scene.read().max() == 255
        assert (scene.read(Window(3, 5, 20, 20)) == scene.read()[5:25, 3:23]).all()
        assert scene.key() != Scene(picture).key()


def test_content_is_of_the_bytes_of_files_and_of_the_values_of_arrays(tmp_path: Path) -> None:
    array = noise(3, 12, 12).transpose(1, 2, 0)
    changed = array.copy()
    changed[5, 5, 1] ^= 1
    assert Scene(array).content == Scene(array.copy()).content != Scene(changed).content
    assert Scene(array).content != Scene(array.astype(np.uint16)).content
    first, second = tmp_path / "a.tif", tmp_path / "b.tif"
    tiff(first, array.transpose(2, 0, 1))
    tiff(second, changed.transpose(2, 0, 1))
    os.utime(second, ns=(first.stat().st_mtime_ns,) * 2)
    assert first.stat().st_size == second.stat().st_size
    assert Scene(first).content != Scene(second).content
    assert Scene(first).content == images.file_hash(first)


def test_equal_keys_are_equal_pixels(tmp_path: Path) -> None:
    scene = Scene(tiff(tmp_path / "a.tif", noise(3, 30, 40)))
    assert scene.key() == scene.key(Window(0, 0, 40, 30), (40, 30))
    assert (
        len({scene.key(), scene.key(Window(0, 0, 20, 30)), scene.key(None, (20, 15)), scene.key(None, (20, 30))}) == 4
    )


def test_a_closed_scene_opens_again_when_it_is_read(tmp_path: Path) -> None:
    path = tiff(tmp_path / "a.tif", noise(3, 30, 40))
    Image.fromarray(images.read_rgb(path)).save(tmp_path / "a.png")
    for picture in (path, tmp_path / "a.png"):
        with Scene(picture) as scene:
            before = scene.read()
        assert (scene.read() == before).all()
        scene.close()
        scene.close()


def test_threads_read_one_scene(tmp_path: Path) -> None:
    bands = noise(3, 512, 512)
    scene = Scene(tiff(tmp_path / "a.tif", bands, tiled=True, blockxsize=64, blockysize=64, compress="deflate"))
    rgb = bands.transpose(1, 2, 0)
    wrong: list[int] = []

    def read(number: int) -> None:
        rng = np.random.default_rng(number)
        for _ in range(20):
            x, y = (int(v) for v in rng.integers(0, 400, 2))
            if (scene.read(Window(x, y, 100, 100)) != rgb[y : y + 100, x : x + 100]).any():
                wrong.append(number)

    threads = [threading.Thread(target=read, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.parametrize(
    ("picture", "words"),
    [
        ("https://example.org/a.tif", "nothing is fetched"),
        ("s3://bucket/a.tif", "nothing is fetched"),
        ("/vsicurl/https://example.org/a.tif", "nothing is fetched"),
        ("/vsimem/a.tif", "nothing is fetched"),
        ("data:image/png;base64,AAAA", "nothing is fetched"),
        (Path("https://example.org/a.tif"), "nothing is fetched"),
        ("missing.tif", "no such image file"),
        (".", "no such image file"),
        ("", "no such image file"),
        ("a\0b.tif", "null character"),
        (np.zeros((3, 8, 8)), "transpose(1, 2, 0)"),
        (np.zeros((8, 8, 2)), "got an array of 8 x 8 x 2"),
        (np.zeros((8,)), "got an array of 8"),
        (np.zeros((0, 8)), "without pixels"),
        (np.zeros((8, 8), complex), "complex128"),
        (np.array([["a"]]), "whole or real numbers"),
        (3, "got int"),
        (None, "got NoneType"),
    ],
)
def test_what_is_no_picture_is_told_in_one_line(picture: object, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        Scene(picture)  # type: ignore[arg-type]
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize("suffix", ["tif", "png", "jpg"])
def test_a_cut_file_is_told_at_once_or_when_its_missing_part_is_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"cut.{suffix}"
    if suffix == "tif":
        tiff(path, noise(3, 300, 300), tiled=True, blockxsize=64, blockysize=64, compress="deflate")
    else:
        Image.fromarray(noise(3, 300, 300).transpose(1, 2, 0)).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(UsageError, match="image_truncated"):
        Scene(path).read()


@pytest.mark.parametrize(
    "start", [b"", b"hello", b"%PDF-1.4", b"<VRTDataset rasterXSize='2'>", b"II*\0garbage", b"\x89PNG\r\n\x1a\n"]
)
def test_a_file_that_is_no_image_is_told(tmp_path: Path, start: bytes) -> None:
    path = tmp_path / "x.tif"
    path.write_bytes(start)
    with pytest.raises(UsageError, match=r"x\.tif: "):
        Scene(path)


def test_a_bomb_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "bomb.tif"
    with rasterio.open(
        path, "w", driver="GTiff", width=60_000, height=60_000, count=1, dtype="uint8", sparse_ok=True, tiled=True
    ):
        pass
    with pytest.raises(UsageError, match="image_bomb"):
        Scene(path)


@pytest.mark.parametrize("suffix", ["tif", "png", "jpg"])
def test_above_the_limit_only_windows_and_smaller_sizes_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    rgb = noise(3, 150, 200).transpose(1, 2, 0)
    path = tmp_path / f"large.{suffix}"
    if suffix == "tif":
        tiff(path, rgb.transpose(2, 0, 1), tiled=True, blockxsize=64, blockysize=64)
    else:
        Image.fromarray(rgb if suffix == "png" else rgb // 64 + np.uint8(100)).save(path)
    expected = Scene(path).read()
    monkeypatch.setattr("georsmllm.imagefile.MAX_PIXELS_AT_ONCE", 10_000)
    scene = Scene(path)
    with pytest.raises(UsageError, match="read by window"):
        scene.read()
    off = np.abs(scene.read(Window(110, 60, 90, 90)).astype(int) - expected[60:, 110:])
    assert off.mean() <= (
        3 if suffix == "jpg" else 0
    )  # GDAL and Pillow spread the colours of a JPEG in ways of their own
    assert scene.read(None, (20, 15)).shape == (15, 20, 3)


def test_a_file_in_one_piece_says_that_it_will_be_slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("georsmllm.scene._BLOCK_BYTES", 10_000)
    path = tiff(tmp_path / "one.tif", noise(3, 100, 100), blockysize=100, compress="deflate")
    assert "gdal_translate" in Scene(path).notices[0]


def test_real_rasters_are_read_as_they_are_for_training(real: Callable[[str], Path]) -> None:
    for path in sorted(real("geotiff").rglob("*.tif")):
        scene = Scene(path)
        rgb = images.read_rgb(path)
        assert (scene.read() == rgb).all()
        assert (scene.image.affine, scene.image.crs) == images.geo(path)
        width, height = scene.size_wh
        part = Window(width // 3, height // 3, max(1, width // 4), max(1, height // 4))
        assert (scene.read(part) == rgb[part.y :, part.x :][: part.height, : part.width]).all()
        assert scene.read(None, (32, 32)).shape == (32, 32, 3)
