"""Writes world/: an invented DeepGlobe land-cover root of 96-pixel tiles; exactly one broken record."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

from PIL import Image, ImageDraw

SIZE = 96
MASK = {
    "urban": (0, 255, 255),
    "agriculture": (255, 255, 0),
    "rangeland": (255, 0, 255),
    "forest": (0, 255, 0),
    "water": (0, 0, 255),
    "barren": (255, 255, 255),
    "unknown": (0, 0, 0),
    "none": (255, 0, 0),
}
PAINT = {
    "urban": (150, 130, 124),
    "agriculture": (124, 150, 72),
    "rangeland": (150, 156, 96),
    "forest": (42, 80, 42),
    "water": (38, 66, 96),
    "barren": (176, 152, 112),
    "unknown": (0, 0, 0),
    "none": (120, 120, 120),
}
# class and inclusive pixel corners; what comes later covers what comes before
Area = tuple[str, tuple[int, int, int, int]]
COUNTRY: list[Area] = [
    ("agriculture", (0, 0, 95, 95)),
    ("forest", (50, 10, 90, 50)),
    ("water", (60, 20, 80, 40)),
    ("urban", (4, 60, 40, 90)),
    ("rangeland", (50, 60, 56, 66)),  # 49 px: under size
]
EDGE: list[Area] = [("rangeland", (0, 0, 95, 95)), ("barren", (20, 20, 60, 60)), ("unknown", (0, 80, 95, 95))]
ODD: list[Area] = [("forest", (0, 0, 95, 95)), ("none", (30, 30, 34, 34))]
BROKEN: list[Area] = [("forest", (0, 0, 95, 95)), ("none", (30, 30, 60, 60))]


def plan(areas: list[Area], colours: dict[str, tuple[int, int, int]], seed: int, spread: int) -> Image.Image:
    """The areas in these colours, every channel off by up to `spread`, as lossy tools leave them."""
    rng = random.Random(seed)
    picture = Image.new("RGB", (SIZE, SIZE))
    for name, corners in areas:
        ImageDraw.Draw(picture).rectangle(corners, colours[name])
    noise = [rng.choice((-spread, 0, spread)) for _ in range(SIZE * SIZE)]
    pixels = picture.tobytes()
    noisy = bytes(min(255, max(0, value + noise[i // 3])) for i, value in enumerate(pixels))
    return Image.frombytes("RGB", (SIZE, SIZE), noisy)


def make(world: Path) -> None:
    shutil.rmtree(world, ignore_errors=True)
    for seed, (split, number, areas) in enumerate(
        (
            ("train", 119, COUNTRY),
            ("train", 2334, EDGE),
            ("train", 266, ODD),
            ("train", 4, BROKEN),  # a tenth of it is red, which is no class
            ("valid", 38, COUNTRY),
        )
    ):
        (world / split).mkdir(parents=True, exist_ok=True)
        plan(areas, PAINT, seed, 6).save(world / split / f"{number}_sat.jpg", quality=90)
        if split == "train":
            plan(areas, MASK, seed, 3).save(world / split / f"{number}_mask.png")


if __name__ == "__main__":
    make(Path(__file__).parent / "world")
