"""Writes world/: an invented scene set, CamelCase folders around 64-pixel images; exactly one broken record."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

from PIL import Image, ImageDraw


def ground(colour: tuple[int, int, int], seed: int) -> Image.Image:
    rng = random.Random(seed)
    image = Image.new("RGB", (64, 64))
    shades = [rng.randint(-9, 9) for _ in range(64 * 64)]
    image.putdata([tuple(channel + shade for channel in colour) for shade in shades])
    return image


def suburb(seed: int, step: int) -> Image.Image:
    """Roofs in rows, `step` pixels apart."""
    image, rng = ground((92, 112, 74), seed), random.Random(seed)
    draw = ImageDraw.Draw(image)
    for y in range(4, 60, step):
        for x in range(4, 60, step):
            draw.rectangle((x, y, x + 6, y + 5), (150 + rng.randint(0, 50), 84, 70))
    return image


def river(seed: int) -> Image.Image:
    image, rng = ground((84, 120, 66), seed), random.Random(seed)
    course = [(x, 32 + rng.randint(-10, 10)) for x in range(-8, 80, 12)]
    ImageDraw.Draw(image).line(course, (52, 84, 110), width=9, joint="curve")
    return image


def make(world: Path) -> None:
    shutil.rmtree(world, ignore_errors=True)
    for name, image in (
        ("train/residential_land/DenseResidential/dense_1.png", suburb(1, 9)),
        ("train/residential_land/DenseResidential/dense 2.png", suburb(2, 8)),
        ("train/residential_land/SparseResidential/sparse_1.png", suburb(3, 22)),
        ("train/water_area/River/river_1.PNG", river(4)),
        ("test/water_area/River/río_2.png", river(5)),
    ):
        (world / name).parent.mkdir(parents=True, exist_ok=True)
        image.save(world / name, "PNG")
    (world / "test/water_area/River/river_3.png").write_bytes(b"this is no image\n")  # the broken one


if __name__ == "__main__":
    make(Path(__file__).parent / "world")
