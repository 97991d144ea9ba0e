"""Invented answers for the tests of what is written of them: shapes, masks, scenes on many grids."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import rasterio
from rasterio.errors import NotGeoreferencedWarning
from rasterio.transform import Affine

from georsmllm import masks
from georsmllm.found import Finding, Outcome, StepTrace
from georsmllm.geometry import to_polygon
from georsmllm.images import AUTO
from georsmllm.result import Maker, Result
from georsmllm.scene import Opened, Scene
from georsmllm.scene_sources import ArrayPixels
from georsmllm.types import ImageRef, Mask, PointSet, Ring, box, polygon, rbox

SIZE = (120, 80)
MAKER = Maker("m" * 64, "a" * 64, "filled shapes (no segmentation model)", "embedded", "1.2.3")
RING = polygon(Ring(((10, 10), (50, 10), (50, 60), (10, 60))), Ring(((20, 20), (40, 20), (40, 40), (20, 40)), "-"))
TURNED = rbox(((70, 10), (90, 20), (80, 40), (60, 30)))
BOX = box(5.5, 62.25, 30.5, 75.75)


def turned(degrees: float, *, pixel: float = 0.5, at: tuple[float, float] = (500000.0, 5000000.0)) -> tuple[float, ...]:
    """A north-up affine turned about its corner."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return pixel * cos, pixel * sin, at[0], pixel * sin, -pixel * cos, at[1]


GRIDS: dict[str, tuple[tuple[float, ...] | None, str | None]] = {
    "north up": ((0.5, 0.0, 500000.0, 0.0, -0.5, 5000000.0), "EPSG:32633"),
    "rotated": (turned(30), "EPSG:32633"),
    "south up": ((0.5, 0.0, 500000.0, 0.0, 0.5, 5000000.0), "EPSG:32633"),
    "mirrored": ((-0.5, 0.0, 500000.0, 0.0, -0.5, 5000000.0), "EPSG:32633"),
    "degrees": ((1e-5, 0.0, 13.4, 0.0, -1e-5, 52.5), "EPSG:4326"),
    "web mercator": ((0.6, 0.0, 1491681.0, 0.0, -0.6, 6891041.0), "EPSG:3857"),
    "feet": ((1.0, 0.0, 3100000.0, 0.0, -1.0, 10100000.0), "EPSG:2277"),
    "northing first": ((0.5, 0.0, 3500000.0, 0.0, -0.5, 5500000.0), "EPSG:31467"),
    "no crs": ((0.5, 0.0, 500.0, 0.0, -0.5, 900.0), None),
    "nothing": (None, None),
}
"""Affine and CRS by what is peculiar about them."""


def tif(path: Path, grid: str, size_wh: tuple[int, int] = SIZE) -> Path:
    return written(path, *GRIDS[grid], size_wh)


def written(path: Path, affine, crs, size_wh: tuple[int, int] = SIZE) -> Path:
    """A grey ramp as a GeoTIFF."""
    import warnings

    width, height = size_wh
    profile = {"driver": "GTiff", "width": width, "height": height, "count": 3, "dtype": "uint8", "crs": crs}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path, "w", **profile, transform=Affine(*affine) if affine else None) as out:
            ramp = np.linspace(0, 200, width * height).reshape(height, width).astype(np.uint8)
            out.write(np.stack([ramp, ramp[::-1], ramp]))
    return path


def masked(
    number: int, label: str, shape: PointSet, *, score: float | None = None, image: int = 0, step: str = "s1", size=SIZE
):
    mask: Mask = masks.from_shape(to_polygon(shape), size)
    return Finding(number, label, shape, image, mask, score, step)


FINDINGS = (
    masked(1, "lake", RING, score=0.9),
    Finding(2, "ship", TURNED, step="s1"),
    masked(3, "ship", BOX, score=0.5),
    Finding(4, "tree", PointSet("point", (Ring(((100.25, 50.5),)),)), step="s1"),
)
STEPS = (
    StepTrace("s1", "detect", "target", "Find everything.", "model", outputs=(1, 2, 3, 4), seconds=1.5),
    StepTrace(
        "s2",
        "filter_relation",
        "target",
        "Among {s1}, keep all.",
        "geometry",
        inputs=(1, 2, 3, 4),
        outputs=(1, 2, 3, 4),
    ),
)


def scene(affine, crs, size_wh: tuple[int, int] = SIZE) -> Scene:
    """A black scene on a grid, not on disk."""
    image = ImageRef("black.tif", *size_wh, affine=affine, crs=crs)
    pixels = np.zeros((min(size_wh[1], 64), min(size_wh[0], 64), 3), np.uint8)
    return Scene.of(Opened(ArrayPixels(pixels, AUTO), image))


def result(*paths: Path | Scene, findings: tuple[Finding, ...] = FINDINGS, **changes: object) -> Result:
    """An answer about images."""
    outcome = Outcome("masks", findings, steps=STEPS, layers=(("s1", findings),))
    said = {
        "query": "everything",
        "outcome": outcome,
        "text": "things",
        "plan": {"steps": []},
        "maker": MAKER,
    }
    said |= changes
    return Result(scenes=tuple(one if isinstance(one, Scene) else Scene(one) for one in paths), **said)
