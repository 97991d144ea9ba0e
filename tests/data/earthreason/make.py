"""Writes world/: an invented EarthReason root of 64-pixel images, one without a target, exactly one broken record."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

from PIL import Image, ImageDraw

LAND, RUNWAY, WATER = (132, 122, 92), (74, 74, 78), (54, 92, 118)
Box = tuple[int, int, int, int]
LANDING = [
    "Where could a plane land?",
    "Which area is kept free of everything for departures?",
    "If a pilot had to come down here, what would be the safe place?",
    "What in this image was built long and flat on purpose?",
    "Where does a flight from here begin?",
    "Which part is made to carry heavy wheels at high speed?",
]
DROUGHT = [
    "Where would one take water from in a dry summer?",
    "Which area could hold fish?",
    "What mirrors the sky here?",
    "Where would a canoe be of use?",
    "Which part would freeze over first?",
    "What would a fire engine drive to for its tank?",
]


def scene(size_wh: tuple[int, int], seed: int, things: list[tuple[Box, tuple[int, int, int]]]) -> Image.Image:
    rng = random.Random(seed)
    image = Image.new("RGB", size_wh)
    image.putdata([tuple(c + rng.choice((-6, 0, 6)) for c in LAND) for _ in range(size_wh[0] * size_wh[1])])
    for box, colour in things:
        ImageDraw.Draw(image).rectangle(box, colour)
    return image


def mask(size_wh: tuple[int, int], boxes: list[Box], value: int) -> Image.Image:
    image = Image.new("L", size_wh, 0)
    for box in boxes:
        ImageDraw.Draw(image).rectangle(box, value)
    return image


def make(world: Path) -> None:
    shutil.rmtree(world, ignore_errors=True)
    runway: Box = (4, 26, 59, 35)
    ponds: list[Box] = [(8, 8, 27, 21), (38, 40, 55, 57)]
    rows: list[tuple[str, tuple[int, int], list[Box], list[str], list[str], int]] = [
        (
            "train/1",
            (64, 64),
            [runway],
            LANDING,
            ["The runway.", "The runway: long, flat and free.", "The airstrip."],
            255,
        ),
        ("train/2", (64, 64), ponds, DROUGHT, ["The two ponds.", "Both ponds.", "The ponds, as they hold water."], 1),
        ("val/1", (64, 64), [], DROUGHT, [], 255),
        ("test/3", (80, 64), [runway], LANDING, ["The runway.", "The strip.", "The runway."], 255),
        ("test/4", (64, 64), [], LANDING, ["The runway.", "The strip.", "The runway."], 255),  # the broken one
    ]
    for seed, (name, size_wh, boxes, questions, answers, value) in enumerate(rows):
        split, stem = name.split("/")
        for side in ("images", "labels", "QAs"):
            (world / split / side).mkdir(parents=True, exist_ok=True)
        colour = RUNWAY if questions is LANDING else WATER
        scene(size_wh, seed, [(box, colour) for box in boxes]).save(world / split / "images" / f"{stem}.jpg")
        mask(size_wh, boxes, value).save(world / split / "labels" / f"{stem}.png")
        text = json.dumps({"questions": questions, "answer": answers}, indent=1)
        (world / split / "QAs" / f"{stem}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    make(Path(__file__).parent / "world")
