"""Writes world/: an invented DOTA root of 64-pixel images; every oddity of the format once, exactly one broken record."""

from __future__ import annotations

import math
import random
import shutil
from pathlib import Path

from PIL import Image, ImageDraw

SEA, APRON, HULL, DECK, WING = (38, 66, 92), (150, 148, 140), (196, 198, 202), (120, 60, 50), (235, 236, 238)
Corners = list[tuple[float, float]]


def ground(colour: tuple[int, int, int], seed: int) -> Image.Image:
    """64 x 64 pixels of one colour with the speckle of water or concrete."""
    rng = random.Random(seed)
    image = Image.new("RGB", (64, 64))
    shades = [rng.randint(-9, 9) for _ in range(64 * 64)]
    image.putdata([tuple(channel + shade for channel in colour) for shade in shades])
    return image


def place(shape: Corners, centre: tuple[float, float], angle_deg: float) -> Corners:
    """The shape, drawn with its head to the right, turned clockwise on the screen and moved."""
    cos, sin = math.cos(math.radians(angle_deg)), math.sin(math.radians(angle_deg))
    return [(centre[0] + x * cos - y * sin, centre[1] + x * sin + y * cos) for x, y in shape]


def ship(image: Image.Image, centre: tuple[float, float], angle_deg: float, length: float = 24) -> Corners:
    """Draws a ship; its four corners clockwise, the first at the bow."""
    half, beam = length / 2, length / 8
    draw = ImageDraw.Draw(image)
    hull = [(half, 0), (half * 0.6, beam), (-half, beam), (-half, -beam), (half * 0.6, -beam)]
    draw.polygon(place(hull, centre, angle_deg), HULL)
    deck = [(0, beam / 2), (-half * 0.8, beam / 2), (-half * 0.8, -beam / 2), (0, -beam / 2)]
    draw.polygon(place(deck, centre, angle_deg), DECK)
    return place([(half, -beam), (half, beam), (-half, beam), (-half, -beam)], centre, angle_deg)


def plane(image: Image.Image, centre: tuple[float, float], angle_deg: float, length: float = 20) -> Corners:
    """Draws a plane; its four corners clockwise, the first at the nose."""
    half = length / 2
    draw = ImageDraw.Draw(image)
    for part in (
        [(half, 0), (half * 0.8, half * 0.15), (-half, half * 0.12), (-half, -half * 0.12), (half * 0.8, -half * 0.15)],
        [
            (half * 0.3, 0),
            (-half * 0.3, half),
            (-half * 0.5, half),
            (-half * 0.1, 0),
            (-half * 0.5, -half),
            (-half * 0.3, -half),
        ],
        [(-half * 0.7, 0), (-half, half * 0.4), (-half, -half * 0.4)],
    ):
        draw.polygon(place(part, centre, angle_deg), WING)
    return place([(half, -half), (half, half), (-half, half), (-half, -half)], centre, angle_deg)


def row(corners: Corners, name: str, *rest: str, digits: int = 0) -> str:
    numbers = [f"{value:.{digits}f}" for corner in corners for value in corner]
    return " ".join([*numbers, name, *rest])


def make(world: Path) -> None:
    shutil.rmtree(world, ignore_errors=True)
    for folder in ("train/images", "train/labelTxt-v1.5", "val/images", "val/labelTxt-v1.5", "test/images"):
        (world / folder).mkdir(parents=True)

    def write(name: str, image: Image.Image, lines: list[str] | None, newline: str = "\n") -> None:
        split, stem = name.split("/")
        image.save(world / split / "images" / f"{stem}.png")
        if lines is not None:
            text = "".join(line + newline for line in lines)
            (world / split / "labelTxt-v1.5" / f"{stem}.txt").write_bytes(text.encode())

    harbour = ground(SEA, 1)
    fleet = [row(ship(harbour, (18, 16), 30), "ship", "0"), row(ship(harbour, (44, 26), 75), "ship", "0")]
    fleet.append(row(ship(harbour, (30, 50), -20, 10), "ship", "1"))
    write("train/P0001", harbour, ["imagesource:GoogleEarth", "gsd:0.31", *fleet, ""], "\r\n")

    apron = ground(APRON, 2)
    parked = [row(plane(apron, (16, 18), -90), "plane"), row(plane(apron, (44, 20), -60), "plane", "0", digits=1)]
    a, b, c, d = plane(apron, (30, 47), 10)
    parked.append(row([a, c, b, d], "plane", "0", digits=1))  # crosses itself
    write("train/P0002", apron, ["gsd:null", *parked])

    write("train/P0003", ground(SEA, 3), [])

    cut = ground(SEA, 4)
    pieces = [row(ship(cut, (58, 30), 0), "ship", "0", digits=1), row(ship(cut, (30, 12), 45), "ship", "2")]
    pieces.append("20 40 20 40 20 40 20 40 small-vehicle 0")  # no area
    write("train/P0010__1__0___0", cut, pieces)

    crane = ground(APRON, 5)
    ImageDraw.Draw(crane).polygon([(20, 20), (44, 26), (42, 32), (18, 26)], (222, 170, 40))
    write("val/P0004", crane, ["20 20 44 26 42 32 18 26 container-crane 0"])

    write(
        "val/P0005", ground(SEA, 6), ["10 10 20 10 20 14 10 14 ship 0", "30 30 40 30 40"]
    )  # cut short: the broken one
    write("test/P0006", ground(SEA, 7), None)


if __name__ == "__main__":
    make(Path(__file__).parent / "world")
