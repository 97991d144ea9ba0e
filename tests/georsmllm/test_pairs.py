"""Two images of one place: what tells their grids apart, and the second one brought onto the first one's."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
from PIL import Image

from georsmllm import images
from georsmllm.errors import UsageError
from georsmllm.geo import from_map, to_map
from georsmllm.pairs import check, difference, resampled
from georsmllm.scene import Scene
from georsmllm.types import ImageRef, Window, point

UTM = (0.5, 0.0, 500_000.0, 0.0, -0.5, 5_000_000.0)
GRID = ImageRef("a.tif", 100, 80, affine=UTM, crs="EPSG:32633")


def smooth(height: int, width: int) -> np.ndarray:
    """Waves, so that a shift of a pixel shows and linear resampling hardly does."""
    y, x = np.mgrid[0:height, 0:width] / 12
    waves = np.stack([np.sin(x) + np.cos(y), np.sin(x + y), np.cos(x - 2 * y)])
    return (waves * 50 + 120).astype(np.uint8)


def tiff(
    path: Path, bands: np.ndarray, affine: tuple[float, ...] = UTM, crs: str = "EPSG:32633", **options: object
) -> Scene:
    count, height, width = bands.shape
    profile = {"width": width, "height": height, "count": count, "dtype": bands.dtype, "crs": crs, **options}
    with rasterio.open(path, "w", driver="GTiff", transform=rasterio.Affine(*affine), **profile) as data:
        data.write(bands)
    return Scene(path)


@pytest.mark.parametrize(
    ("b", "words"),
    [
        (GRID, ""),
        (ImageRef("b.tif", 100, 80), ""),
        (ImageRef("b.tif", 100, 80, affine=(0.5, 0, 500_000.1, 0, -0.5, 5_000_000.0), crs="EPSG:32633"), ""),
        (ImageRef("b.tif", 100, 81, affine=UTM, crs="EPSG:32633"), "100 x 80 px and 100 x 81 px"),
        (ImageRef("b.tif", 100, 80, affine=UTM, crs="EPSG:32634"), "EPSG:32633 and EPSG:32634"),
        (
            ImageRef("b.tif", 100, 80, affine=(0.5, 0, 500_000.2, 0, -0.5, 5_000_000.0), crs="EPSG:32633"),
            "0.40 px apart",
        ),
        (
            ImageRef("b.tif", 100, 80, affine=(0.505, 0, 500_000.0, 0, -0.5, 5_000_000.0), crs="EPSG:32633"),
            "1.00 px apart",
        ),
        (
            ImageRef("b.tif", 100, 80, affine=(0.5, 0.003, 500_000.0, 0, -0.5, 5_000_000.0), crs="EPSG:32633"),
            "0.48 px apart",
        ),
    ],
)
def test_what_tells_two_grids_apart_is_named(b: ImageRef, words: str) -> None:
    assert words in difference(GRID, b)
    assert bool(difference(GRID, b)) == bool(words)


def test_one_crs_by_two_names_is_one() -> None:
    wkt = rasterio.crs.CRS.from_epsg(32633).to_wkt()
    assert difference(GRID, ImageRef("b.tif", 100, 80, affine=UTM, crs=wkt)) == ""


def test_the_check_passes_or_says_the_way_out(tmp_path: Path) -> None:
    a, b = tiff(tmp_path / "a.tif", smooth(80, 100)), tiff(tmp_path / "b.tif", smooth(80, 90))
    check(a, a)
    with pytest.raises(UsageError, match=r"a\.tif and b\.tif .*100 x 80 px and 90 x 80 px; --resample") as caught:
        check(a, b)
    assert "\n" not in str(caught.value)


def test_what_lies_on_the_grid_is_left_as_it_is(tmp_path: Path) -> None:
    a, b = tiff(tmp_path / "a.tif", smooth(80, 100)), tiff(tmp_path / "b.tif", smooth(80, 100))
    assert resampled(b, like=a) is b


@pytest.mark.parametrize("kind", ["uint8", "uint16", "float32"])
def test_a_shifted_and_finer_image_is_brought_onto_the_grid(tmp_path: Path, kind: str) -> None:
    truth = smooth(400, 500).astype(kind) * (1 if kind == "uint8" else 11)
    fine = tiff(tmp_path / "b.tif", truth, (0.5, 0, 500_000, 0, -0.5, 5_000_000))
    a = tiff(tmp_path / "a.tif", smooth(100, 120), (1.0, 0, 500_020, 0, -1.0, 4_999_960))
    found = resampled(fine, like=a)
    assert found.image == ImageRef("b.tif", 120, 100, affine=a.image.affine, crs="EPSG:32633")
    part = fine.read(Window(40, 80, 240, 200)).reshape(100, 2, 120, 2, 3).astype(float).mean(axis=(1, 3))
    assert np.abs(found.read() - part).max() <= 3  # the same limits as those of the whole of B
    assert (found.read(Window(30, 20, 50, 60)) == found.read()[20:80, 30:80]).all()
    assert "resampled onto the grid of a.tif" in found.notices[-1]


@pytest.mark.parametrize(
    "affine",
    [
        (0.5 * math.cos(0.3), 0.5 * math.sin(0.3), 500_010, 0.5 * math.sin(0.3), -0.5 * math.cos(0.3), 4_999_960),
        (0.5, 0, 500_020, 0, 0.5, 4_999_900),
    ],
)
def test_a_place_in_b_is_where_it_is_in_a_on_turned_and_upside_down_grids(tmp_path: Path, affine) -> None:
    b = tiff(tmp_path / "b.tif", smooth(400, 500))
    a = tiff(tmp_path / "a.tif", smooth(90, 110), affine)
    on_a, on_b = resampled(b, like=a).read(), b.read()
    for x, y in ((20, 30), (55, 45), (90, 70)):
        ((there, *_), *_) = (ring.points for ring in from_map(to_map(point(x + 0.5, y + 0.5), affine), UTM).rings)
        near = on_b[int(there[1]) - 1 : int(there[1]) + 2, int(there[0]) - 1 : int(there[0]) + 2].reshape(-1, 3)
        assert (near.min(axis=0) - 1 <= on_a[y, x]).all()
        assert (on_a[y, x] <= near.max(axis=0) + 1).all()


def test_another_crs_is_warped_and_what_b_does_not_show_is_black(tmp_path: Path) -> None:
    b = tiff(tmp_path / "b.tif", smooth(400, 500) + 20)
    x, y = (value[0] for value in rasterio.warp.transform("EPSG:32633", "EPSG:3857", [499_975], [5_000_010])[:2])
    a = tiff(tmp_path / "a.tif", smooth(120, 150), (1.0, 0, x, 0, -1.0, y), "EPSG:3857")
    found = resampled(b, like=a)
    rgb = found.read()
    assert (rgb[:10] == 0).all()
    assert (rgb[40:, 60:] > 0).all()
    assert "covers" in found.notices[-1]
    assert "black" in found.notices[-1]


def test_palettes_keep_their_colours(tmp_path: Path) -> None:
    path = tmp_path / "p.tif"
    profile = {"width": 100, "height": 80, "count": 1, "dtype": "uint8", "crs": "EPSG:32633"}
    with rasterio.open(path, "w", driver="GTiff", transform=rasterio.Affine(*UTM), **profile) as data:
        data.write_colormap(1, {0: (255, 0, 0), 1: (0, 255, 0), 2: (0, 0, 255)})
        data.write(np.kron(np.array([[0, 2], [2, 0]], np.uint8), np.ones((40, 50), np.uint8)), 1)
    a = tiff(tmp_path / "a.tif", smooth(60, 70), (0.6, 0, 500_001.3, 0, -0.6, 4_999_999))
    colours = {tuple(int(v) for v in colour) for colour in resampled(Scene(path), like=a).read().reshape(-1, 3)}
    assert colours == {(255, 0, 0), (0, 0, 255)}


def test_images_of_different_ground_are_refused(tmp_path: Path) -> None:
    a, b = (
        tiff(tmp_path / "a.tif", smooth(80, 100)),
        tiff(tmp_path / "b.tif", smooth(80, 100), (0.5, 0, 6e5, 0, -0.5, 5e6)),
    )
    with pytest.raises(UsageError, match=r"b\.tif shows none of the ground of a\.tif"):
        resampled(b, like=a)


@pytest.mark.parametrize("size_wh", [(50, 40), (100, 160), (130, 90)])
def test_pictures_without_a_place_are_scaled_and_say_so(tmp_path: Path, size_wh: tuple[int, int]) -> None:
    rgb = smooth(80, 100).transpose(1, 2, 0)
    Image.fromarray(rgb).save(tmp_path / "a.png")
    b = Scene(np.array(Image.fromarray(rgb).resize(size_wh, Image.Resampling.BICUBIC)))
    a = Scene(tmp_path / "a.png")
    with pytest.raises(UsageError, match="--resample"):
        check(a, b)
    found = resampled(b, like=a)
    check(a, found)
    assert found.read().shape == rgb.shape
    inner = np.abs(found.read().astype(int) - rgb)[3:-3, 3:-3]
    assert inner.mean() < 4
    part = found.read(Window(20, 10, 60, 50))
    assert np.abs(part.astype(int) - found.read()[10:60, 20:80])[2:-2, 2:-2].max() <= 6
    assert found.read(None, (25, 20)).shape == (20, 25, 3)
    assert "was scaled from" in found.notices[-1]
    assert found.content != b.content


def test_real_pictures_of_two_years_lie_on_one_grid_after_resampling(real: Callable[[str], Path]) -> None:
    a, b = (Scene(path) for path in sorted((real("geotiff") / "naip").glob("*.tif")))
    with pytest.raises(UsageError, match="934 x 724 px and 934 x 723 px"):
        check(a, b)
    found = resampled(b, like=a)
    check(a, found)
    # B lies 1 m (0.2 px) to the left and 1 m (0.2 px) higher: the same row and column within a pixel
    whole = images.read_rgb(b.path)
    rgb = found.read()
    off = np.abs(rgb[1:-2].astype(int) - whole[: len(rgb) - 3][:, : rgb.shape[1]]).mean()
    on = np.abs(rgb[: len(whole) - 2].astype(int)[1:] - whole[1 : len(whole) - 2]).mean()
    assert on < off
