"""Writes world/: an invented DeepGlobe road root of 96-pixel tiles; exactly one broken record."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

from PIL import Image, ImageDraw

SIZE = 96
FIELD, ROAD = (112, 130, 84), (176, 172, 164)
Box = tuple[int, int, int, int]
CROSSING: list[Box] = [(0, 40, 95, 46), (50, 0, 56, 95)]
LANE: list[Box] = [(0, 10, 95, 13), (10, 60, 15, 65)]  # the second is of 36 px: under size


def drawn(roads: list[Box], ground: tuple[int, int, int], colour: tuple[int, int, int], seed: int) -> Image.Image:
    """Roads (inclusive pixel corners) on the ground, with a little noise in equal channels."""
    rng = random.Random(seed)
    picture = Image.new("RGB", (SIZE, SIZE), ground)
    for box in roads:
        ImageDraw.Draw(picture).rectangle(box, colour)
    noise = [rng.choice((-5, 0, 5)) for _ in range(SIZE * SIZE)]
    noisy = bytes(min(255, max(0, value + noise[i // 3])) for i, value in enumerate(picture.tobytes()))
    return Image.frombytes("RGB", (SIZE, SIZE), noisy)


def make(world: Path) -> None:
    shutil.rmtree(world, ignore_errors=True)
    for seed, (split, number, roads) in enumerate(
        (
            ("train", 100034, CROSSING),
            ("train", 100081, LANE),
            ("train", 100129, []),
            ("train", 100703, LANE),  # its mask is a row short
            ("test", 6, LANE),
        )
    ):
        (world / split).mkdir(parents=True, exist_ok=True)
        drawn(roads, FIELD, ROAD, seed).save(world / split / f"{number}_sat.jpg", quality=90)
        if split == "train":
            mask = drawn(roads, (0, 0, 0), (255, 255, 255), seed)
            if number == 100703:
                mask = mask.crop((0, 0, SIZE, SIZE - 1))
            mask.save(world / split / f"{number}_mask.png")


if __name__ == "__main__":
    make(Path(__file__).parent / "world")
