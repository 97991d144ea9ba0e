"""A sample as a build reads it: whoever made the reader, a GeoTIFF brings its place along."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from PIL import Image
from rasterio import Affine
from worlds import recipe

from georsmllm.instruct_data.build import build
from georsmllm.jsonl import read_lines
from georsmllm.layout import Quarantined
from georsmllm.recipe import Source
from georsmllm.types import Record, ViewFacts

PLACE = (0.5, 0.0, 355000.0, 0.0, -0.5, 5645000.0)


def geotiff(path: Path, *, crs: str | None = "EPSG:25832", affine: tuple[float, ...] = PLACE) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (3, 96, 96)).astype(np.uint8)
    profile = {"driver": "GTiff", "width": 96, "height": 96, "count": 3, "dtype": "uint8", "crs": crs}
    with rasterio.open(path, "w", **profile, transform=Affine(*affine)) as out:
        out.write(pixels)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A DOTA root; its reader says nothing of places."""
    (tmp_path / "dota/train/images").mkdir(parents=True)
    (tmp_path / "dota/train/labelTxt").mkdir()
    (tmp_path / "dota/train/labelTxt/P0001.txt").write_text("10 10 40 10 40 30 10 30 ship 0\n", encoding="utf-8")
    return tmp_path / "dota"


def views(root: Path, out: Path) -> list[ViewFacts]:
    build(recipe(sources=(Source(dataset="dota", path=str(root)),), tasks=("det", "region")), out)
    found = (record for path in sorted((out / "records").iterdir()) for record in read_lines(path, Record))
    return [view for record in found for view in record.provenance.views]


def test_a_geotiff_gives_every_tile_its_affine_and_crs(root: Path, tmp_path: Path) -> None:
    geotiff(root / "train/images/P0001.tif")
    found = views(root, tmp_path / "set")
    assert {view.window for view in found} <= {(x, y, 64, 64) for x in (0, 32) for y in (0, 32)}
    assert {(view.affine, view.crs) for view in found} == {(PLACE, "EPSG:25832")}


def test_a_geotiff_without_a_crs_gives_what_it_has(root: Path, tmp_path: Path) -> None:
    geotiff(root / "train/images/P0001.TIFF", crs=None)
    assert {(view.affine, view.crs) for view in views(root, tmp_path / "set")} == {(PLACE, "")}


@pytest.mark.parametrize("name", ["P0001.tif", "P0001.png"])
def test_other_images_have_no_place(root: Path, tmp_path: Path, name: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (96, 96, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(root / "train/images" / name)
    assert {(view.affine, view.crs) for view in views(root, tmp_path / "set")} == {((), "")}


def test_a_tif_that_is_none_is_set_aside_by_name(root: Path, tmp_path: Path) -> None:
    Image.new("RGB", (96, 96)).save(root / "train/images/P0001.png")
    (root / "train/images/P0002.tif").write_bytes(b"II*\0 no more than this")
    build(recipe(sources=(Source(dataset="dota", path=str(root)),), tasks=("det",)), tmp_path / "set")
    (bad,) = read_lines(tmp_path / "set" / "quarantine.jsonl", Quarantined)
    assert (bad.key, bad.reason) == ("train/P0002", "image_truncated")
