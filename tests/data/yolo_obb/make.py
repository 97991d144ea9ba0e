"""Writes world/: an invented YOLO-OBB dataset of small images; every form of line once, exactly one broken record."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

from PIL import Image, ImageDraw

SEA, HULL, QUAY = (44, 74, 98), (226, 226, 222), (150, 140, 120)
Corners = list[tuple[float, float]]


def water(size_wh: tuple[int, int], seed: int, *shapes: tuple[Corners, tuple[int, int, int]]) -> Image.Image:
    rng = random.Random(seed)
    image = Image.new("RGB", size_wh)
    image.putdata([tuple(c + rng.choice((-6, 0, 6)) for c in SEA) for _ in range(size_wh[0] * size_wh[1])])
    for corners, colour in shapes:
        ImageDraw.Draw(image).polygon(corners, colour)
    return image


def line(number: int, corners: Corners, size_wh: tuple[int, int]) -> str:
    """Shares of width and height, as Ultralytics' converters write them."""
    shares = [f"{v:.6g}" for x, y in corners for v in (x / size_wh[0], y / size_wh[1])]
    return " ".join([str(number), *shares])


def make(world: Path) -> None:
    shutil.rmtree(world, ignore_errors=True)
    for split in ("train", "val"):
        (world / "images" / split).mkdir(parents=True)
        (world / "labels" / split).mkdir(parents=True)
    (world / "images" / "test").mkdir()
    size = (80, 64)
    ship: Corners = [(16, 10), (40, 22), (36, 30), (12, 18)]
    edge: Corners = [(60, 40), (80.4, 40), (80.4, 50), (60, 50)]
    quay: Corners = [(4, 60), (4, 40), (24, 40), (24, 50), (14, 50), (14, 60)]
    water(size, 1, (ship, HULL), (edge, HULL), (quay, QUAY)).save(world / "images" / "train" / "port_1.png")
    rows = [line(0, ship, size), line(0, edge, size), line(1, quay, size), line(0, ship, size)]
    (world / "labels" / "train" / "port_1.txt").write_text("\n".join(rows) + "\n", encoding="utf-8")
    water((64, 64), 2).save(world / "images" / "train" / "open_sea.png")  # no label file at all
    water((64, 64), 3, ([(20, 20), (44, 20), (44, 32), (20, 32)], HULL)).save(world / "images" / "val" / "P0009.png")
    (world / "labels" / "val" / "P0009.txt").write_text("0 0.5 0.40625 0.375 0.1875\n", encoding="utf-8")
    water((64, 64), 4).save(world / "images" / "val" / "pixels.png")
    (world / "labels" / "val" / "pixels.txt").write_text("0 20 20 44 20 44 32 20 32\n", encoding="utf-8")  # broken
    water((64, 64), 5).save(world / "images" / "test" / "unknown.png")
    (world / "dataset.yaml").write_text(
        "path: ../datasets/port\ntrain: images/train\nval: images/val\ntest: images/test\nnames:\n  0: ship\n  1: Quay_Wall\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    make(Path(__file__).parent / "world")
