"""Writes world/: an invented RefSegRS root of 64-pixel images, exactly one broken record."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

from PIL import Image, ImageDraw

GRASS, ROAD, CAR, ROOF = (96, 124, 72), (128, 128, 130), (206, 44, 40), (168, 92, 70)
Box = tuple[int, int, int, int]


def street(cars: list[Box], roofs: list[Box], seed: int) -> Image.Image:
    rng = random.Random(seed)
    image = Image.new("RGB", (64, 64))
    image.putdata([tuple(c + rng.choice((-6, 0, 6)) for c in GRASS) for _ in range(64 * 64)])
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 26, 63, 37), ROAD)
    for boxes, colour in ((cars, CAR), (roofs, ROOF)):
        for box in boxes:
            draw.rectangle(box, colour)
    return image


def mask(boxes: list[Box]) -> Image.Image:
    """Three equal channels, 0 and 255 (inclusive pixel corners)."""
    grey = Image.new("L", (64, 64), 0)
    for box in boxes:
        ImageDraw.Draw(grey).rectangle(box, 255)
    return Image.merge("RGB", (grey, grey, grey))


def make(world: Path) -> None:
    shutil.rmtree(world, ignore_errors=True)
    (world / "images").mkdir(parents=True)
    (world / "masks").mkdir()
    cars: list[Box] = [(6, 28, 17, 34), (40, 28, 51, 34)]
    roofs: list[Box] = [(8, 6, 27, 19), (36, 44, 59, 59)]
    marked = [cars, [roofs[0]], roofs, [(0, 26, 63, 37)], []]
    for number, boxes in enumerate(marked):
        street(cars, roofs, number // 2).save(world / "images" / f"{number}.tif")
        mask(boxes).save(world / "masks" / f"{number}.tif")
    (world / "output_phrase_train.txt").write_bytes(
        b"0 red vehicle on the road\r\n1 building on the upper left\r\n1 smaller building\r\n"
    )
    (world / "output_phrase_val.txt").write_bytes(b"2 building\n")
    # nothing is marked in 4: the broken one
    (world / "output_phrase_test.txt").write_bytes(b"3 road from left to right\n4 bus\n")


if __name__ == "__main__":
    make(Path(__file__).parent / "world")
