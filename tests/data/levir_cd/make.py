"""Writes world/: an invented LEVIR-CD root of 96-pixel pairs; exactly one broken record."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

from PIL import Image, ImageDraw

GRASS, ROAD, ROOF = (96, 118, 74), (168, 166, 160), (150, 84, 70)
Box = tuple[int, int, int, int]


def scene(houses: list[Box], seed: int, size_wh: tuple[int, int] = (96, 96)) -> Image.Image:
    """A street between lawns with houses on them (inclusive pixel corners)."""
    rng = random.Random(seed)
    plan = Image.new("RGB", size_wh, GRASS)
    draw = ImageDraw.Draw(plan)
    draw.rectangle((0, 44, 95, 51), ROAD)
    for house in houses:
        draw.rectangle(house, ROOF)
    shades = [rng.choice((-6, 0, 6)) for _ in range(size_wh[0] * size_wh[1])]
    plan.frombytes(bytes(channel + shades[i // 3] for i, channel in enumerate(plan.tobytes())))
    return plan


def changed(houses: list[Box]) -> Image.Image:
    mask = Image.new("L", (96, 96), 0)
    for house in houses:
        ImageDraw.Draw(mask).rectangle(house, fill=255)
    return mask


OLD: list[Box] = [(8, 8, 27, 23)]
NEW: list[Box] = [(40, 10, 61, 25), (70, 60, 95, 79)]


def make(world: Path) -> None:
    shutil.rmtree(world, ignore_errors=True)
    for seed, (split, name, before, after, height) in enumerate(
        (
            ("train", "train_1", OLD, OLD + NEW, 96),
            ("train", "train_2", OLD + NEW, NEW, 96),
            ("val", "val_1", OLD, OLD, 96),
            ("test", "test_113", OLD, OLD + NEW, 95),  # B is one row short
        )
    ):
        for side in ("A", "B", "label"):
            (world / split / side).mkdir(parents=True, exist_ok=True)
        scene(before, 2 * seed).save(world / split / "A" / f"{name}.png")
        scene(after, 2 * seed + 1, (96, height)).save(world / split / "B" / f"{name}.png")
        differing = [house for house in [*OLD, *NEW] if (house in before) != (house in after)]
        changed(differing).save(world / split / "label" / f"{name}.png")


if __name__ == "__main__":
    make(Path(__file__).parent / "world")
