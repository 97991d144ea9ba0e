"""Writes world/: an invented DIOR-RSVG root of 64-pixel images, one image in two splits, exactly one broken record."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

from PIL import Image, ImageDraw

SEA, LAND, WHITE, TANK = (46, 78, 104), (120, 126, 92), (232, 232, 228), (206, 196, 176)
Box = tuple[int, int, int, int]


def picture(path: Path, colour: tuple[int, int, int], things: list[Box], seed: int) -> None:
    rng = random.Random(seed)
    image = Image.new("RGB", (64, 64))
    image.putdata([tuple(c + rng.choice((-6, 0, 6)) for c in colour) for _ in range(64 * 64)])
    for thing in things:
        ImageDraw.Draw(image).rectangle(thing, WHITE if colour == SEA else TANK)
    image.save(path)


def item(name: str, box: Box, description: str) -> str:
    sides = "".join(f"<{k}>{v}</{k}>" for k, v in zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True))
    return (
        f"\t<object>\n\t\t<name>{name}</name>\n\t\t<pose>Unspecified</pose>\n\t\t<bndbox>{sides}</bndbox>\n"
        f"\t\t<description>{description}</description>\n\t</object>\n"
    )


def xml(name: str, *items: str) -> str:
    return (
        f"<annotation>\n\t<folder>JPEGImages</folder>\n\t<filename>{name}.jpg</filename>\n"
        f"\t<size>\n\t\t<width>64</width>\n\t\t<height>64</height>\n\t\t<depth>3</depth>\n\t</size>\n{''.join(items)}</annotation>\n"
    )


def make(world: Path) -> None:
    shutil.rmtree(world, ignore_errors=True)
    labels, pictures = world / "Annotations", world / "JPEGImages"
    labels.mkdir(parents=True)
    pictures.mkdir()
    ships: list[Box] = [(6, 8, 20, 14), (40, 44, 58, 50)]
    picture(pictures / "00007.jpg", SEA, ships, 1)
    tanks: list[Box] = [(8, 8, 24, 24), (34, 36, 50, 52), (44, 6, 56, 18)]
    picture(pictures / "00012.jpg", LAND, tanks, 2)
    picture(pictures / "11800.jpg", SEA, [(20, 28, 44, 36)], 3)
    (labels / "00007.xml").write_text(
        xml(
            "00007",
            item("ship", ships[0], "The ship on the upper left"),
            item("ship", ships[1], "A ship below another"),
        ),
        encoding="utf-8",
    )
    (labels / "00012.xml").write_text(
        xml(
            "00012",
            item("storagetank", tanks[0], "A storage tank &amp; its shadow"),
            item("storagetank", tanks[1], "The storage tank in the\n middle"),
            item("storagetank", tanks[2], "The small storage tank on the upper right"),
        ),
        encoding="utf-8",
    )
    (labels / "11800.xml").write_text(xml("11800", item("ship", (20, 28, 44, 36), "A long ship")), encoding="utf-8")
    # the broken one: an object that nothing is said of
    picture(pictures / "11900.jpg", SEA, [(10, 10, 30, 18)], 4)
    (labels / "11900.xml").write_text(xml("11900", item("ship", (10, 10, 30, 18), "")), encoding="utf-8")
    (world / "train.txt").write_text("0\n1\n2\n4\n", encoding="utf-8")
    (world / "val.txt").write_text("3\n", encoding="utf-8")
    (world / "test.txt").write_text("5\n6\n", encoding="utf-8")


if __name__ == "__main__":
    make(Path(__file__).parent / "world")
