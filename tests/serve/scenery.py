"""An invented place seen from above: a river with ships, tanks, a lake with an island; as a picture and as a GeoTIFF."""

from __future__ import annotations

import math
from functools import lru_cache
from pathlib import Path

import numpy as np
import rasterio
from PIL import Image, ImageDraw, ImageFilter
from rasterio import Affine

from georsmllm.types import Point, PointSet, Ring, box, polygon, rbox

SIZE_WH = (960, 720)
PIXEL_M = 0.5


def _rectangle(x: float, y: float, length: float, width: float, degrees: float) -> tuple[Point, ...]:
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    corners = ((-length, -width), (length, -width), (length, width), (-length, width))
    return tuple((round(x + (u * c - v * s) / 2, 1), round(y + (u * s + v * c) / 2, 1)) for u, v in corners)


def _circle(x: float, y: float, radius: float, count: int = 24) -> tuple[Point, ...]:
    turns = [2 * math.pi * i / count for i in range(count)]
    return tuple((round(x + radius * math.cos(t), 1), round(y + radius * math.sin(t), 1)) for t in turns)


SHIPS = tuple(
    rbox(_rectangle(x, y, length, width, degrees))
    for x, y, length, width, degrees in (
        (418, 120, 74, 17, 78), (470, 262, 60, 15, 84), (392, 300, 84, 19, 80), (430, 470, 66, 16, 96), (362, 600, 78, 18, 104),
    )
)  # fmt: skip
TANKS = tuple(box(x - r, y - r, x + r, y + r, ((x, y),)) for x, y, r in (
    (640, 150, 30), (720, 150, 30), (800, 150, 30), (640, 232, 22), (704, 232, 22),
))  # fmt: skip
RIVER: tuple[Point, ...] = (
    (360, 0), (520, 0), (536, 140), (512, 300), (500, 430), (470, 580), (430, 720), (280, 720), (318, 590), (356, 430),
    (372, 280), (366, 140),
)  # fmt: skip
LAKE = polygon(Ring(_circle(760, 520, 118, 48)), Ring(_circle(782, 508, 36, 24), "-"))
NEW_HOUSES = tuple(box(x, y, x + 46, y + 34) for x, y in ((90, 120), (168, 128), (96, 208)))


def mask_points(shape: PointSet) -> list[tuple[float, float]]:
    return [point for ring in shape.rings for point in ring.points]


@lru_cache(maxsize=2)
def painted(*, later: bool = False) -> Image.Image:
    """The place; later: with three houses more."""
    rng = np.random.default_rng(7)
    width, height = SIZE_WH
    fields = Image.fromarray(rng.integers(0, 255, (12, 16), dtype=np.uint8)).resize(SIZE_WH, Image.Resampling.BICUBIC)
    grain = np.asarray(fields, float) / 255 + rng.normal(0, 0.07, (height, width))
    land = np.stack([96 + 34 * grain, 118 + 26 * grain, 72 + 24 * grain], axis=-1)
    picture = Image.fromarray(np.clip(land, 0, 255).astype(np.uint8))
    pen = ImageDraw.Draw(picture)
    for x in range(30, 330, 74):
        pen.line([(x, 0), (x - 30, height)], fill=(112, 122, 84), width=2)
    pen.polygon(RIVER, fill=(46, 74, 92))
    (outer, island) = LAKE.rings
    pen.polygon(outer.points, fill=(40, 68, 84))
    pen.polygon(island.points, fill=(104, 124, 80))
    pen.rectangle((600, 96, 850, 282), fill=(150, 146, 136))
    picture = picture.filter(ImageFilter.GaussianBlur(1.4))
    pen = ImageDraw.Draw(picture)
    for tank in TANKS:
        (x1, y1), (x2, y2) = tank.rings[0].points
        pen.ellipse((x1 + 5, y1 + 6, x2 + 7, y2 + 8), fill=(92, 92, 88))
        pen.ellipse((x1, y1, x2, y2), fill=(226, 226, 220), outline=(190, 190, 184))
    for ship in SHIPS:
        pen.polygon(ship.rings[0].points, fill=(206, 204, 196), outline=(120, 118, 112))
    for house in NEW_HOUSES if later else ():
        (x1, y1), (x2, y2) = house.rings[0].points
        pen.rectangle((x1 + 4, y1 + 5, x2 + 4, y2 + 5), fill=(70, 78, 56))
        pen.rectangle((x1, y1, x2, y2), fill=(178, 92, 74))
    return picture.filter(ImageFilter.GaussianBlur(0.6))


def write_png(path: Path, *, later: bool = False) -> Path:
    painted(later=later).save(path)
    return path


def write_geotiff(path: Path, *, times: int = 1) -> Path:
    """On UTM 33 N. times: larger by so much, every pixel repeated."""
    rgb = np.asarray(painted()).repeat(times, axis=0).repeat(times, axis=1)
    transform = Affine(PIXEL_M / times, 0, 392_000, 0, -PIXEL_M / times, 5_820_000)
    with rasterio.open(
        path, "w", driver="GTiff", width=rgb.shape[1], height=rgb.shape[0], count=3, dtype="uint8",
        crs="EPSG:32633", transform=transform, tiled=True, blockxsize=256, blockysize=256, compress="deflate",
        photometric="RGB",
    ) as out:  # fmt: skip
        out.write(rgb.transpose(2, 0, 1))
    return path
