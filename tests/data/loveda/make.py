"""Writes world/: an invented LoveDA root of 128-pixel tiles; every part of the layout once, exactly one broken record."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

from PIL import Image, ImageDraw

SIZE = 128
NO_DATA, BACKGROUND, BUILDING, ROAD, WATER, BARREN, FOREST, FIELD = range(8)
COLOURS = {
    NO_DATA: (0, 0, 0),
    BACKGROUND: (128, 122, 110),
    BUILDING: (170, 70, 55),
    ROAD: (190, 190, 186),
    WATER: (38, 66, 92),
    BARREN: (176, 150, 110),
    FOREST: (40, 76, 40),
    FIELD: (120, 146, 70),
}
Shape = tuple[int, str, list[int]]


def tile(shapes: list[Shape], seed: int) -> tuple[Image.Image, Image.Image]:
    """Image and mask of shapes (value, "rectangle" or "ellipse", inclusive pixel corners) drawn over background."""
    rng = random.Random(seed)
    mask = Image.new("L", (SIZE, SIZE), BACKGROUND)
    for value, form, corners in shapes:
        draw = ImageDraw.Draw(mask)
        (draw.rectangle if form == "rectangle" else draw.ellipse)(corners, fill=value)
    colours = [COLOURS[min(value, FIELD)] for value in mask.tobytes()]
    image = Image.new("RGB", (SIZE, SIZE))
    shades = [rng.choice((-6, 0, 6)) for _ in colours]
    image.putdata(
        [tuple(c + shade for c in rgb) if any(rgb) else rgb for rgb, shade in zip(colours, shades, strict=True)]
    )
    return image, mask


COUNTRY: list[Shape] = [
    (FIELD, "rectangle", [0, 0, 59, 59]),
    (FOREST, "ellipse", [70, 70, 120, 120]),
    (WATER, "ellipse", [84, 84, 104, 104]),  # a pond: a hole in the forest
    (ROAD, "rectangle", [60, 0, 65, 127]),
    (BUILDING, "rectangle", [10, 80, 29, 95]),
    (BUILDING, "rectangle", [30, 96, 45, 110]),  # touches the one before by a corner: one object
    (BUILDING, "rectangle", [110, 10, 116, 16]),  # 49 px: under size
]
TOWN: list[Shape] = [
    (ROAD, "rectangle", [0, 60, 127, 67]),
    (BUILDING, "rectangle", [8, 8, 40, 40]),
    (BUILDING, "rectangle", [20, 20, 29, 29]),
    (BARREN, "rectangle", [70, 80, 110, 110]),
    (NO_DATA, "rectangle", [120, 0, 127, 127]),
]
BROKEN: list[Shape] = [(BUILDING, "rectangle", [8, 8, 40, 40]), (9, "rectangle", [50, 50, 52, 53])]


def make(world: Path) -> None:
    shutil.rmtree(world, ignore_errors=True)
    for seed, (part, number, shapes, has_mask) in enumerate(
        (
            ("Train/Rural", 0, COUNTRY, True),
            ("Train/Urban", 1366, TOWN, True),
            ("Val/Rural", 2522, BROKEN, True),  # the value 9 is none of LoveDA's
            ("Val/Urban", 3514, [], True),
            ("Test/Urban", 5167, TOWN, False),
        )
    ):
        image, mask = tile(shapes, seed)
        (world / part / "images_png").mkdir(parents=True)
        image.save(world / part / "images_png" / f"{number}.png")
        if has_mask:
            (world / part / "masks_png").mkdir()
            mask.save(world / part / "masks_png" / f"{number}.png")


if __name__ == "__main__":
    make(Path(__file__).parent / "world")
