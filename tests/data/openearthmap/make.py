"""Writes world/: an invented OpenEarthMap root of georeferenced 64-pixel tiles; exactly one broken record."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import rasterio
from rasterio import Affine

SIZE = 64
COLOURS = [
    (0, 0, 0), (160, 140, 110), (150, 160, 90), (150, 150, 150), (200, 200, 196), (44, 84, 44), (40, 70, 100),
    (120, 150, 70), (170, 84, 66),
]  # fmt: skip
# value, x1, y1, x2, y2; what comes later covers what comes before
Area = tuple[int, int, int, int, int]
COUNTRY: list[Area] = [
    (7, 0, 0, 64, 64),
    (5, 40, 0, 64, 24),
    (6, 46, 6, 58, 18),
    (4, 0, 30, 64, 36),
    (8, 8, 40, 24, 52),
]
TOWN: list[Area] = [(3, 0, 0, 64, 64), (8, 6, 6, 26, 26), (8, 36, 6, 58, 26), (4, 0, 32, 64, 40), (1, 8, 46, 9, 47)]
EDGE: list[Area] = [(2, 0, 0, 64, 64), (8, 10, 10, 30, 26), (0, 48, 0, 64, 64)]


def label(areas: list[Area]) -> np.ndarray:
    values = np.zeros((SIZE, SIZE), dtype=np.uint8)
    for value, x1, y1, x2, y2 in areas:
        values[y1:y2, x1:x2] = value
    return values


def save(bands: np.ndarray, path: Path, origin: tuple[float, float], crs: str) -> None:
    """C x H x W as a GeoTIFF of 0.5 m pixels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    profile = {"driver": "GTiff", "width": SIZE, "height": SIZE, "count": len(bands), "dtype": "uint8"}
    transform = Affine(0.5, 0.0, origin[0], 0.0, -0.5, origin[1])
    with rasterio.open(path, "w", **profile, crs=crs, transform=transform, compress="deflate") as out:
        out.write(bands)


def make(world: Path) -> None:
    shutil.rmtree(world, ignore_errors=True)
    rng = np.random.default_rng(0)
    for region, number, areas, origin, crs, has_label in (
        ("koeln", 1, COUNTRY, (355000.0, 5645000.0), "EPSG:25832", True),
        ("koeln", 3, TOWN, (356000.0, 5645000.0), "EPSG:25832", False),  # of the test, whose labels are withheld
        ("new_york", 2, EDGE, (583000.0, 4506000.0), "EPSG:32618", True),  # with unknown pixels
        ("new_york", 10, TOWN, (584000.0, 4506000.0), "EPSG:32618", True),
    ):
        values = label(areas)
        image = np.array(COLOURS)[values] + rng.choice((-6, 0, 6), (SIZE, SIZE, 1))
        bands = np.clip(image, 0, 255).astype(np.uint8).transpose(2, 0, 1)
        tile = f"{region}_{number}.tif"
        save(bands, world / region / "images" / tile, origin, crs)
        if has_label:
            save(values[None], world / region / "labels" / tile, origin, crs)
    # As the regions of xBD come: a label, and no image under it.
    save(label(TOWN)[None], world / "little_rock" / "labels" / "little_rock_5.tif", (0.0, 0.0), "EPSG:4326")
    for split, tiles in (
        ("train", ["koeln_1.tif", "little_rock_5.tif"]),
        ("val", ["new_york_2.tif"]),
        ("test", ["koeln_3.tif"]),
    ):
        (world / f"{split}.txt").write_text("\r\n".join(tiles), encoding="utf-8")


if __name__ == "__main__":
    make(Path(__file__).parent / "world")
